"""Failures as Kubernetes words them: ``Status`` objects with a code, a reason and details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from katib.api.values import Manifest
from katib.api_server.resources import ResourceType
from katib.errors import FieldError, list_causes, list_errors


class StatusError(Exception):
    """A request that fails, with the answer to give.

    Args:
        code: of HTTP.
        reason: one word for programs; empty where Kubernetes gives none.
        message: for people.
        details: ``kind``, ``name``, ``causes``.
    """

    def __init__(
        self, code: int, reason: str, message: str, details: Manifest | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = details or {}

    @property
    def body(self) -> Manifest:
        """The ``Status`` object."""
        body: Manifest = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        return {**body, "code": self.code}


def success(type: ResourceType, name: str, uid: str) -> Manifest:
    """What answers a deletion that is done."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {**_details(type, name), "uid": uid},
    }


def no_such_resource() -> StatusError:
    """What a server says of a kind that it does not serve."""
    text = "the server could not find the requested resource"
    return StatusError(404, "NotFound", text)


def not_found(type: ResourceType, name: str) -> StatusError:
    """There is no object of that name."""
    text = f'{type.qualified_name} "{name}" not found'
    return StatusError(404, "NotFound", text, _details(type, name))


def already_exists(type: ResourceType, name: str) -> StatusError:
    """The name is taken."""
    text = f'{type.qualified_name} "{name}" already exists'
    return StatusError(409, "AlreadyExists", text, _details(type, name))


def conflict(type: ResourceType, name: str, problem: str = "") -> StatusError:
    """The object is not the one that was read."""
    problem = problem or (
        "the object has been modified; please apply your changes to the latest version and try "
        "again"
    )
    text = f'Operation cannot be fulfilled on {type.qualified_name} "{name}": {problem}'
    return StatusError(409, "Conflict", text, _details(type, name))


def unmet(field: str, wanted: str, found: str) -> str:
    """The words of a precondition that does not hold; ``field`` is ``UID`` or another."""
    return (
        f"Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {found}"
    )


def bad_request(message: str) -> StatusError:
    """The request is not legal."""
    return StatusError(400, "BadRequest", message)


def invalid(type: ResourceType, name: str, errors: Sequence[FieldError]) -> StatusError:
    """Fields of an object are not legal."""
    kind = f"{type.kind.name}.{type.group}" if type.group else type.kind.name
    found = ", ".join(str(error) for error in errors)
    listed = found if len(errors) == 1 else f"[{found}]"
    causes = list_causes(errors)
    details = {"name": name, "group": type.group, "kind": type.kind.name, "causes": causes}
    return StatusError(
        422, "Invalid", f'{kind} "{name}" is invalid: {listed}', _without_empty(details)
    )


def forbidden(type: ResourceType, name: str, problem: str) -> StatusError:
    """The object may not be treated so."""
    text = f'{type.qualified_name} "{name}" is forbidden: {problem}'
    return StatusError(403, "Forbidden", text, _details(type, name))


def denied(webhook: str, problems: Sequence[FieldError]) -> StatusError:
    """An admission webhook of a cluster would refuse the object with these words."""
    told = f'admission webhook "{webhook}" denied the request: {list_errors(problems)}'
    return StatusError(400, "", told, {"causes": list_causes(problems)})


def unauthorized() -> StatusError:
    """The request carries no token, or another one."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def no_stream(name: str, part: str) -> StatusError:
    """A stream into a pod, as of ``kubectl exec``, is asked for."""
    text = (
        f'pods "{name}" has no {part} here: a container is a process of this machine, so use '
        "kubectl logs, or this machine's own tools and ports"
    )
    return StatusError(501, "NotImplemented", text)


def method_not_allowed() -> StatusError:
    """The resource has no such verb."""
    text = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", text)


def not_acceptable(served: Sequence[str]) -> StatusError:
    """The client wants no format that is served."""
    text = f"only the following media types are accepted: {', '.join(served)}"
    return StatusError(406, "NotAcceptable", text)


def unsupported_media_type(served: Sequence[str]) -> StatusError:
    """The body's format is not read."""
    text = (
        "the body of the request was in an unknown format - accepted media types include: "
        f"{', '.join(served)}"
    )
    return StatusError(415, "UnsupportedMediaType", text)


def too_large(limit: int) -> StatusError:
    """The body is longer than ``limit`` bytes."""
    text = f"Request entity too large: limit is {limit}"
    return StatusError(413, "RequestEntityTooLarge", text)


def too_slow(seconds: float) -> StatusError:
    """The body did not arrive in time."""
    text = f"Timeout: the body of the request did not arrive within {seconds:g} seconds"
    return StatusError(408, "Timeout", text)


def expired(wanted: int, oldest: int) -> StatusError:
    """The changes since a version are not kept any more."""
    return StatusError(410, "Expired", f"too old resource version: {wanted} ({oldest})")


def cut_off() -> StatusError:
    """A watcher reads more slowly than things change."""
    text = "The resourceVersion for the provided watch is too old: the watch is read too slowly"
    return StatusError(410, "Expired", text)


def not_yet(wanted: int, newest: int) -> StatusError:
    """The version lies in the future, as after another store has taken the place of one."""
    text = f"Timeout: Too large resource version: {wanted}, current: {newest}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return StatusError(504, "Timeout", text, {"causes": [cause], "retryAfterSeconds": 1})


def unavailable(message: str) -> StatusError:
    """What stands behind the server refuses for now."""
    return StatusError(503, "ServiceUnavailable", message, {"retryAfterSeconds": 1})


def internal(problem: str) -> StatusError:
    """A fault of ours."""
    text = f"Internal error occurred: {problem}"
    return StatusError(500, "InternalError", text, {"causes": [{"message": problem}]})


def _details(type: ResourceType, name: str) -> Manifest:
    return _without_empty({"name": name, "group": type.group, "kind": type.plural})


def _without_empty(parts: dict[str, Any]) -> Manifest:
    return {name: part for name, part in parts.items() if part}
