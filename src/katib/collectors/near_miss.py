"""What was nearly a metric: lines to show a user whose metric was never found."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: How many lines are shown, and how much of each.
MOST_LINES = 5
LONGEST_LINE = 200

_NUMBER = r"[+-]?(?:\d|\.\d|nan\b|inf)"


def near_misses(log_tail: str, metrics: Sequence[str], is_default: bool = True) -> list[str]:
    """Lines that seem to report a metric, but not in the way that is wanted.

    Such as ``Loss: 0.5``, ``loss 0.5`` or ``val_loss=0.5`` where ``loss=number`` is wanted. Of
    lines that differ in their numbers only, the first is given.

    Args:
        log_tail: the end of what the program printed.
        metrics: the names that are wanted.
        is_default: ``name=number`` is what is wanted, and so no near miss.

    Returns:
        At most five lines, in the order they were printed, long ones cut.
    """
    wanted = [(_collected(metric), _resembling(metric)) for metric in metrics]
    found: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", log_tail):
        line = line.strip()[:LONGEST_LINE]
        if any(
            near.search(line) and not (is_default and exact.search(line)) for exact, near in wanted
        ):
            found.setdefault(re.sub(r"[\d.]+", "0", line), line)
    return list(found.values())[:MOST_LINES]


def _collected(metric: str) -> re.Pattern[str]:
    """What the default filter takes."""
    return re.compile(rf"(?<![\w|-]){re.escape(metric)}\s*=\s*(?i:{_NUMBER})", re.ASCII)


def _resembling(metric: str) -> re.Pattern[str]:
    """The name's words in any case, however joined, and a number not far behind."""
    words = [re.escape(word) for word in re.split(r"[\W_]+", metric) if word]
    name = r"[\W_]?".join(words) or re.escape(metric)
    return re.compile(rf"(?i){name}[\w|-]*[^\w.]{{0,4}}(?:is\s+)?{_NUMBER}", re.ASCII)
