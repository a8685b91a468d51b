"""What can be seen of a FunctionCall: problems are sentences that name their place inside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from katib.api.values import Manifest
from katib.configuration.quantities import parse_quantity
from katib.errors import printed, suggest

_FIELDS = ("function", "arguments", "timeoutSeconds", "memoryLimit", "suspend")
_HASH = re.compile(r"[0-9a-f]{64}")


def check_call(manifest: Manifest) -> Iterator[str]:
    """What is wrong with a FunctionCall."""
    spec = manifest.get("spec")
    if not isinstance(spec, dict):
        # Its type is the schema's matter.
        if spec is None:
            yield "spec must be specified"
        return
    for name in spec:
        if name not in _FIELDS:
            yield f"spec.{name} is not a field of a FunctionCall{suggest(name, _FIELDS)}"
    function = spec.get("function")
    if not isinstance(function, str) or not _HASH.fullmatch(function):
        yield (
            "spec.function must be the SHA-256 of the function's file in 64 hexadecimal digits, "
            f"found {printed(function)}"
        )
    yield from _check_limits(spec)
    yield from _check_arguments(spec.get("arguments"))
    if not isinstance(spec.get("suspend", False), bool):
        yield "spec.suspend must be true or false"


def _check_limits(spec: Manifest) -> Iterator[str]:
    seconds, memory = spec.get("timeoutSeconds"), spec.get("memoryLimit")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and seconds > 0):
        yield f"spec.timeoutSeconds must be a number above 0, found {printed(seconds)}"
    if memory is not None and not _is_size(memory):
        yield f"spec.memoryLimit must be an amount of memory such as 512Mi, found {printed(memory)}"


def _check_arguments(arguments: Any) -> Iterator[str]:
    if arguments is None:
        return
    if not isinstance(arguments, dict):
        yield "spec.arguments must be a map of strings to strings"
        return
    for name, value in arguments.items():
        if not isinstance(value, str):
            yield f"spec.arguments.{name} must be a string, found {printed(value)}"


def _is_size(text: Any) -> bool:
    try:
        return parse_quantity(text) > 0
    except (TypeError, ValueError):
        return False
