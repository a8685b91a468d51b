"""The words of field errors, as Kubernetes has them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable

from katib.errors import FieldError

Problems = Iterable[FieldError]

_LONGEST = 80


def invalid(path: str, found: object, detail: str) -> FieldError:
    """The field holds something that it must not hold; a ``found`` of ``None`` is not shown."""
    return FieldError(path, "Invalid value", detail, None if found is None else printed(found))


def required(path: str, detail: str = "must be specified") -> FieldError:
    """The field is missing or empty."""
    return FieldError(path, "Required value", detail)


def forbidden(path: str, detail: str) -> FieldError:
    """The field must not be changed."""
    return FieldError(path, "Forbidden", detail)


def printed(value: object) -> str:
    """The value as YAML would have it, on one line and not longer than a line."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def is_related(path: str, other: str) -> bool:
    """Whether one path is the other, or lies below or above it."""
    short, long = sorted((path, other), key=len)
    return long.startswith(short) and long[len(short) : len(short) + 1] in ("", ".", "[")
