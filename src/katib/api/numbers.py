"""Numbers in texts, by the rules that Katib's users rely on."""

from __future__ import annotations

import math


def parse_number(text: str) -> float | None:
    """The number a metric's text names, by Go's rules; ``None`` for any other text.

    No surrounding blanks, no underscores, no overflow; ``nan`` and ``inf`` are numbers.
    """
    number = _number(text)
    return None if number is None or _is_overflow(number, text) else number


def is_non_finite(text: str) -> bool:
    """Whether a metric's text is ``nan``, infinite, or a number too large to be one."""
    number = _number(text)
    return number is not None and not math.isfinite(number)


def _number(text: str) -> float | None:
    if text != text.strip() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _is_overflow(number: float, text: str) -> bool:
    return math.isinf(number) and any(character.isdigit() for character in text)
