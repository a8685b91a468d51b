"""The words of field errors, as Kubernetes has them."""

from __future__ import annotations

from collections.abc import Iterable

from katib.errors import FieldError, printed

Problems = Iterable[FieldError]


def invalid(path: str, found: object, detail: str) -> FieldError:
    """The field holds something that it must not hold; a ``found`` of ``None`` is not shown."""
    return FieldError(path, "Invalid value", detail, None if found is None else printed(found))


def required(path: str, detail: str = "must be specified") -> FieldError:
    """The field is missing or empty."""
    return FieldError(path, "Required value", detail)


def forbidden(path: str, detail: str) -> FieldError:
    """The field must not be changed."""
    return FieldError(path, "Forbidden", detail)


def is_related(path: str, other: str) -> bool:
    """Whether one path is the other, or lies below or above it."""
    short, long = sorted((path, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")
