"""What a diagnosis found: one cause, what was seen of it, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass

from katib.api.values import Resource


@dataclass(frozen=True, slots=True)
class Finding:
    """One cause.

    Attributes:
        cause: in a few words, for people.
        reason: in one word, for programs.
        message: what was seen; may have several lines.
        fix: what to do; empty when there is nothing to do.
        object: what it was seen at, as ``trial/random-8hvktz2q``.
        is_wrong: whether something is to be mended, and not merely told.
    """

    cause: str
    reason: str
    message: str
    fix: str
    object: str
    is_wrong: bool = True

    def to_json(self) -> dict[str, str]:
        """The finding as JSON data."""
        return {
            "cause": self.cause,
            "reason": self.reason,
            "message": self.message,
            "fix": self.fix,
            "object": self.object,
        }


def object_of(resource: Resource) -> str:
    """How a finding names a resource."""
    return f"{resource.kind.lower()}/{resource.metadata.name}"


def shorten(text: str, longest: int) -> str:
    """The text in one line, its end left out when it is long."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
