"""Numbers in texts, by the rules that Katib's users rely on."""

from __future__ import annotations


def parse_number(text: str) -> float | None:
    """The number a metric's text names, by Go's rules; ``None`` for any other text.

    No surrounding blanks, no underscores, no overflow; ``nan`` and ``inf`` are numbers.
    """
    if text != text.strip() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    is_overflow = number in (float("inf"), float("-inf")) and any(c.isdigit() for c in text)
    return None if is_overflow else number
