"""Probability over a range of numbers, and the way to it from the unit interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

_STANDARD = NormalDist()


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution over a range, cut off at its ends.

    Args:
        name: ``uniform``, ``logUniform``, ``normal``, ``logNormal``; anything else is uniform.
        bounds: the smallest and the largest feasible value. A normal distribution has its mean in
            their middle, and three standard deviations to each of them; a log one does so on the
            logarithms.
        range: where values are drawn; a little wider than the bounds when they are rounded
            afterwards, so that both ends get their full share.
    """

    name: str
    bounds: tuple[float, float]
    range: tuple[float, float]

    @property
    def is_log(self) -> bool:
        """Whether it is one over logarithms, so that every value is above zero."""
        return is_log(self.name)

    def value_at(self, share: float) -> float:
        """The value below which lies ``share`` (0 to 1) of the probability."""
        low, high = self._scaled(self.range)
        if not low < high:
            return self.range[0]
        if self._is_normal:
            mean, deviation = self._moments()
            first, last = ((end - mean) / deviation for end in (low, high))
            p = _STANDARD.cdf(first) + share * (_STANDARD.cdf(last) - _STANDARD.cdf(first))
            # At its own ends the inverse has no value.
            scaled = mean + deviation * _STANDARD.inv_cdf(min(max(p, 1e-300), 1 - 1e-16))
        else:
            scaled = low + share * (high - low)
        value = math.exp(scaled) if self.is_log else scaled
        return min(max(value, self.range[0]), self.range[1])

    def share_below(self, value: float) -> float:
        """How much of the probability (0 to 1) lies below ``value``."""
        low, high = self._scaled(self.range)
        if not low < high:
            return 0.5
        value = min(max(value, self.range[0]), self.range[1])
        scaled = math.log(value) if self.is_log else value
        if not self._is_normal:
            return (scaled - low) / (high - low)
        mean, deviation = self._moments()
        first, last, here = (_STANDARD.cdf((end - mean) / deviation) for end in (low, high, scaled))
        return (here - first) / (last - first)

    @property
    def _is_normal(self) -> bool:
        return self.name in ("normal", "logNormal") and self.bounds[0] < self.bounds[1]

    def _moments(self) -> tuple[float, float]:
        low, high = self._scaled(self.bounds)
        return (low + high) / 2, (high - low) / 6

    def _scaled(self, ends: tuple[float, float]) -> tuple[float, float]:
        return (math.log(ends[0]), math.log(ends[1])) if self.is_log else ends


def is_log(name: str) -> bool:
    """Whether the distribution of that name needs numbers above zero."""
    return name in ("logUniform", "logNormal")
