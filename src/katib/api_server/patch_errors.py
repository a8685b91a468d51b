"""What a patch is answered with when it cannot be applied.

These are answers of the server to a request, worded as Kubernetes words them; the handlers turn
them into a ``Status``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class PatchError(Exception):
    """A patch is refused.

    Attributes:
        reason: of the ``Status``, as ``BadRequest``.
        message: of the ``Status``.
        code: of the HTTP answer: 400, 404, 409, 413, 415 or 422.
    """

    def __init__(self, reason: str, message: str, code: int) -> None:
        super().__init__(message)
        self.reason, self.message, self.code = reason, message, code


def bad_request(message: str) -> PatchError:
    """The body is no patch, or contradicts the request."""
    return PatchError("BadRequest", message, 400)


def invalid(message: str) -> PatchError:
    """The body is a patch, and does not fit the resource."""
    return PatchError("Invalid", message, 422)


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that is about to be changed by one manager and belongs to another.

    Attributes:
        manager: the owner in words, as ``"kubectl-edit" using kubeflow.org/v1beta1``.
        field: the place, as ``.spec.maxTrialCount``.
    """

    manager: str
    field: str

    @property
    def cause(self) -> dict[str, str]:
        """The entry of ``details.causes`` of the ``Status``."""
        return {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {self.manager}",
            "field": self.field,
        }


class ApplyConflictError(Exception):
    """Server-side apply would change fields of other managers, and was not told to use force.

    Attributes:
        causes: every such field, sorted by manager and place.
        reason: of the ``Status``.
        message: of the ``Status``, worded as Kubernetes does.
        code: of the HTTP answer, 409.
    """

    reason = "Conflict"
    code = 409

    def __init__(self, causes: Sequence[Conflict]) -> None:
        self.causes = tuple(sorted(causes, key=lambda one: (one.manager, one.field)))
        self.message = _summary(self.causes)
        super().__init__(self.message)


def _summary(causes: Sequence[Conflict]) -> str:
    if len(causes) == 1:
        only = causes[0]
        return f"Apply failed with 1 conflict: conflict with {only.manager}: {only.field}"
    lines: list[str] = []
    previous = ""
    for one in causes:
        if one.manager != previous:
            lines.append(f"conflicts with {one.manager}:")
            previous = one.manager
        lines.append(f"- {one.field}")
    return f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
