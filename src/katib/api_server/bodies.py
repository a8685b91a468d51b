"""The bodies of requests: read up to a limit, in time, and decoded."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from katib.api.codec import load_yaml
from katib.api.values import Manifest
from katib.api_server.protobuf import MEDIA_TYPE as PROTOBUF
from katib.api_server.protobuf import UnreadKindError, read_protobuf
from katib.api_server.statuses import (
    StatusError,
    bad_request,
    too_large,
    too_slow,
    unsupported_media_type,
)
from katib.errors import ManifestError

#: As a Kubernetes API server has it: 3 MiB.
LARGEST_BODY = 3 * 1024 * 1024

#: How long a body may take to arrive, in seconds.
LONGEST_ARRIVAL = 30.0

JSON, YAML = "application/json", "application/yaml"
SERVED_BODIES = (JSON, YAML, PROTOBUF)

#: How deeply a body may be nested; as Kubernetes does.
_DEEPEST = 200

_BRACKET = re.compile(rb"[\[\]{}]")
_LISTS = re.compile(rb"(?m)^[ ]*((?:[-?] ){2,})")


async def read_body(request: Request, seconds: float = LONGEST_ARRIVAL) -> bytes:
    """The whole body.

    Raises:
        StatusError: 413, it is larger than 3 MiB; 408, it takes longer than ``seconds``; 400, the
            client left in between.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise too_large(LARGEST_BODY)
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > LARGEST_BODY:
                    raise too_large(LARGEST_BODY)
                parts.append(part)
    except TimeoutError as error:
        raise too_slow(seconds) from error
    except ClientDisconnect as error:
        raise bad_request("the client left before the body of the request was complete") from error
    return b"".join(parts)


def media_type_of(request: Request) -> str:
    """What the body is said to be; JSON when nothing is said."""
    stated = request.headers.get("content-type", "")
    return stated.partition(";")[0].strip().lower() or JSON


def read_manifest(data: bytes, media_type: str) -> Manifest:
    """The object in a body.

    Raises:
        StatusError: 415, the format is not read; 400, it is no object.
    """
    if media_type == YAML:
        return _from_yaml(data)
    if media_type == PROTOBUF:
        return _from_protobuf(data)
    if media_type != JSON:
        raise unsupported_media_type(SERVED_BODIES)
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error
    if not isinstance(found, dict):
        raise bad_request("the object provided is unrecognized: it must be a JSON object")
    check_depth(found)
    return found


def check_depth(value: Any) -> None:
    """See that data is not nested so deeply that it could be used against us.

    Raises:
        StatusError: 400, it is.
    """
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise bad_request(f"the object provided is nested deeper than {_DEEPEST} levels")
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]


def _from_yaml(data: bytes) -> Manifest:
    # Reading takes longer the deeper it is nested: it is looked at before it is read.
    if _may_be_deep(data):
        raise bad_request(f"the object provided is nested deeper than {_DEEPEST} levels")
    try:
        documents = list(load_yaml(data, "the body"))
    except (ManifestError, RecursionError, ValueError) as error:
        # A ValueError: YAML knows integers that Python does not read.
        raise bad_request(f"the object provided is unrecognized: {error}") from error
    if len(documents) != 1:
        raise bad_request(
            f"the object provided is unrecognized: it has {len(documents)} documents, not one"
        )
    check_depth(documents[0])
    return documents[0]


def _may_be_deep(data: bytes) -> bool:
    """Whether a YAML text opens more brackets, or more lists on one line, than may be nested."""
    depth = 0
    for bracket in _BRACKET.findall(data):
        depth = depth + 1 if bracket in b"[{" else max(0, depth - 1)
        if depth > _DEEPEST:
            return True
    return any(len(found) > 2 * _DEEPEST for found in _LISTS.findall(data))


def _from_protobuf(data: bytes) -> Manifest:
    try:
        return read_protobuf(data)
    except UnreadKindError as error:
        raise StatusError(415, "UnsupportedMediaType", str(error)) from error
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error
