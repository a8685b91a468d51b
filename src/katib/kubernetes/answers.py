"""What an API server answers, as errors of Katib's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from katib.api.codec import typed
from katib.api.values import Value
from katib.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    KatibError,
    NotFoundError,
    RequestRefusedError,
    StoreAwayError,
)

#: Answers of a server that will do what it is asked when it is asked again.
_AWAY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Target:
    """What a path of the API names.

    Attributes:
        resource: the plural of the kind, as ``trials``.
        namespace: empty when there is none.
        name: empty when all are meant.
    """

    resource: str
    namespace: str
    name: str


class Cause(Value, frozen=True):
    """One thing that is wrong with what was sent."""

    field: str = ""
    message: str = ""
    reason: str = ""


class Details(Value, frozen=True):
    """About what something went wrong."""

    name: str = ""
    kind: str = ""
    uid: str = ""
    causes: tuple[Cause, ...] = ()


class Answer(Value, frozen=True):
    """The API's ``Status``: how a request ended."""

    kind: str = ""
    status: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: Details | None = None

    @property
    def causes(self) -> Sequence[str]:
        """What is wrong, a sentence each, with the field where one is named."""
        found = () if self.details is None else self.details.causes
        return [f"{one.field}: {one.message}" if one.field else one.message for one in found]


def read_answer(body: bytes) -> Answer:
    """The ``Status`` in a body; what is none, as a proxy's page, becomes its message."""
    try:
        found = typed(Answer, body)
    except msgspec.MsgspecError:
        found = Answer()
    return found if found.kind == "Status" else Answer(message=body.decode(errors="replace")[:500])


def parse_path(path: str) -> Target:
    """What a path names: ``/api/v1/namespaces/NS/pods/NAME``, ``/apis/GROUP/VERSION/...``."""
    parts = [part for part in path.split("?")[0].split("/") if part]
    parts = parts[2 if parts[:1] == ["api"] else 3 :]
    namespace = ""
    if len(parts) > 2 and parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    return Target("/".join(parts[:1]), namespace, parts[1] if len(parts) > 1 else "")


def error_of(code: int, body: bytes, method: str, path: str) -> KatibError:
    """The error that an answer means.

    Args:
        code: HTTP's, 400 or more.
        body: the answer's.
        method: of the request.
        path: of the request.
    """
    answer, target = read_answer(body), parse_path(path)
    details = answer.details or Details()
    name = target.name or details.name
    if code == 404:
        return NotFoundError(details.kind or target.resource or path, target.namespace, name)
    if code == 409 and answer.reason == "AlreadyExists":
        return AlreadyExistsError(details.kind or target.resource, target.namespace, name)
    if code == 409:
        return ConflictError(details.kind or target.resource, name, "", "", said=answer.message)
    if code == 410:
        return ExpiredError(said=answer.message)
    message = answer.message or f"HTTP {code}"
    if code in _AWAY:
        return StoreAwayError(path, message)
    return RequestRefusedError(f"{method} {path}", code, message, answer.causes)
