"""Answers: in which form a client wants them, and their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from katib.api.values import Manifest
from katib.api_server.statuses import StatusError, not_acceptable

JSON = "application/json"
TABLE_VERSIONS = ("v1", "v1beta1")
SERVED = (
    JSON,
    *(f"application/json;as=Table;v={version};g=meta.k8s.io" for version in TABLE_VERSIONS),
)

_ANY = frozenset((JSON, "application/*", "*/*"))


@dataclass(frozen=True, slots=True)
class Form:
    """How an object is written.

    Attributes:
        table_version: of the Table to make of it; empty for the object itself.
        is_pretty: with line breaks, for people.
    """

    table_version: str = ""
    is_pretty: bool = False

    @property
    def is_table(self) -> bool:
        """Whether columns and rows are wanted."""
        return bool(self.table_version)


def negotiate(request: Request, is_pretty: bool = False) -> Form:
    """The first of the forms a client accepts that is served.

    Raises:
        StatusError: 406, none is.
    """
    accepted = request.headers.get("accept", "") or JSON
    for entry in accepted.split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        if media_type.lower() not in _ANY:
            continue
        stated = dict(_pair(parameter) for parameter in parameters)
        wanted = stated.get("as", "")
        if not wanted:
            return Form(is_pretty=is_pretty)
        is_known = stated.get("v") in TABLE_VERSIONS and stated.get("g") == "meta.k8s.io"
        if wanted == "Table" and is_known:
            return Form(stated["v"], is_pretty)
    raise not_acceptable(SERVED)


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def answer(
    body: Manifest | bytes, form: Form, code: int = 200, warnings: Sequence[str] = ()
) -> Response:
    """An object as an answer."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    if form.is_pretty:
        data = msgspec.json.format(data, indent=2) + b"\n"
    response = Response(data, code, media_type=JSON)
    for warning in warnings:
        response.headers.append("Warning", f"299 - {_quoted(warning)}")
    return response


def failure(error: StatusError) -> Response:
    """A failure as an answer."""
    headers: Mapping[str, str] | None = None
    if "retryAfterSeconds" in error.details:
        headers = {"Retry-After": str(error.details["retryAfterSeconds"])}
    return Response(msgspec.json.encode(error.body), error.code, headers=headers, media_type=JSON)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if " " <= char <= "~" else "?" for char in escaped) + '"'
