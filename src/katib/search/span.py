"""The numbers that a setting may have: a range that checks a number and says itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """All numbers between two ends; called with one, it says whether that is among them.

    Attributes:
        low: the end below.
        high: the end above.
        has_low: whether ``low`` is one of the numbers.
        has_high: whether ``high`` is one.
    """

    low: float = -math.inf
    high: float = math.inf
    has_low: bool = True
    has_high: bool = True

    def __call__(self, number: float) -> bool:
        """Whether the number lies between the ends; ``nan`` lies nowhere."""
        is_above = self.low <= number if self.has_low else self.low < number
        return is_above and (number <= self.high if self.has_high else number < self.high)

    def __str__(self) -> str:
        """As documents have it: ``from 0 on``, ``above 0 and below 1``; empty for any number."""
        if self.low == -math.inf:
            return ""
        low = f"from {self.low:g}" if self.has_low else f"above {self.low:g}"
        if self.high == math.inf:
            return f"{low} on" if self.has_low else low
        if not self.has_high:
            return f"{low} and below {self.high:g}"
        return f"{low} to {self.high:g}" if self.has_low else f"{low}, at most {self.high:g}"


#: Every number, infinity too; but not one that is no number.
ANY = Span()


def at_least(low: float) -> Span:
    """The finite numbers from ``low`` on."""
    return Span(low, has_high=False)


def above(low: float) -> Span:
    """The finite numbers above ``low``."""
    return Span(low, has_low=False, has_high=False)


def between(low: float, high: float) -> Span:
    """The numbers from ``low`` to ``high``, both of them too."""
    return Span(low, high)


def inside(low: float, high: float) -> Span:
    """The numbers above ``low`` and below ``high``."""
    return Span(low, high, has_low=False, has_high=False)


def above_to(low: float, high: float) -> Span:
    """The numbers above ``low``, up to ``high``, which is one of them."""
    return Span(low, high, has_low=False)
