"""The words of early stopping rules: how they compare, and values that hold several numbers.

A rule has four texts that pass through everything Katib sends one through: a resource, a message, a
flag of a metrics collector. What Katib's rules cannot say is said by more words for ``comparison``
and by more numbers in ``value``, and needs no field that others would drop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from katib.api.numbers import parse_number

EQUAL = "equal"
LESS = "less"
GREATER = "greater"

#: A report is beyond two bounds, or is no finite number. The value: ``lower,upper``.
OUTSIDE = "outside"

#: Nothing improved for a while. The value: ``reports,least improvement``.
STALLED = "stalled"

#: Reports are worse than others, by the signed-rank test. The value: ``p,first report,second,...``.
WORSE = "worse"

COMPARISONS = (EQUAL, LESS, GREATER, OUTSIDE, STALLED, WORSE)

#: How many numbers a value holds at most that are taken from another trial's reports, so that a
#: trial stays small.
MOST_NUMBERS = 100


def write_numbers(numbers: Iterable[float]) -> str:
    """The value that holds some numbers, in order."""
    return ",".join(map(str, numbers))


def read_numbers(value: str) -> tuple[float, ...]:
    """The numbers of a value; none when one of its texts is no number."""
    numbers = [parse_number(text) for text in value.split(",")]
    read = tuple(number for number in numbers if number is not None)
    return read if len(read) == len(numbers) else ()


def write_steps(thresholds: Mapping[int, float]) -> str:
    """The value of ``less``, ``greater`` or ``equal`` that says what holds at which report."""
    return ",".join(f"{step}:{threshold}" for step, threshold in sorted(thresholds.items()))


def read_steps(value: str) -> dict[int, float]:
    """Report → threshold, for a value with steps; none when it is not of that form."""
    thresholds: dict[int, float] = {}
    for text in value.split(","):
        step, _, number = text.partition(":")
        threshold = parse_number(number)
        if not (step.isascii() and step.isdigit()) or threshold is None or math.isnan(threshold):
            return {}
        thresholds[int(step)] = threshold
    return thresholds
