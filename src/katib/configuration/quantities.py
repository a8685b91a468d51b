"""Kubernetes' resource quantities: ``500m``, ``1.5Gi``, ``2e3``."""

from __future__ import annotations

import re
from decimal import Decimal

_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", start=1)}
_DECIMAL = {
    suffix: Decimal(1000) ** power for power, suffix in enumerate("num kMGTPE", start=-3)
} | {"": Decimal(1)}
_SUFFIXES = {**_BINARY, **_DECIMAL}
_QUANTITY = re.compile(
    r"(?P<number>[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+))"
    r"((?P<suffix>[KMGTPE]i|[numkMGTPE])|[eE](?P<exponent>[-+]?[0-9]{1,3}))?"
)


def parse_quantity(text: str) -> Decimal:
    """The number that a quantity stands for, in the resource's own unit: cores or bytes.

    Raises:
        ValueError: the text is no quantity.
    """
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quantity")
    scale = _SUFFIXES[found["suffix"] or ""]
    return Decimal(found["number"]).scaleb(int(found["exponent"] or 0)) * scale
