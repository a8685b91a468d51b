"""Where values lie on an axis: numbers, numbers on a logarithmic scale, or words side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from katib.api import names
from katib.api.numbers import parse_number
from katib.client.trial_table import Floats, MetricColumn, ParameterColumn

#: Positive values of a metric lie on a logarithmic scale when most of them span so many times the
#: smallest.
_WIDE = 100.0

#: What is most of the values: those between two quantiles.
_MOST = (0.05, 0.95)

#: Values farther from the median than so many times these quantiles are not looked at first.
_FAR = 3.0


class Scale(Enum):
    """How places follow from values."""

    LINEAR = "linear"
    LOG = "log"
    WORDS = "words"


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """One parameter or metric, ready to be drawn along a line.

    Attributes:
        name: as the user named it.
        scale: of words, each has its place; numbers of a ``discrete`` parameter are words in order.
        places: (n_trials,), the numbers, or the words' indices from 0 on; ``nan`` without a value.
        words: in order; empty when there are numbers.
        is_ordered: whether neighbours are alike: not those of a ``categorical`` parameter.
        bounds: the ends: of the feasible space, and no nearer than the values that there are. They
            are the same when there is but one value.
    """

    name: str
    scale: Scale
    places: Floats
    words: Sequence[str]
    is_ordered: bool
    bounds: tuple[float, float]

    def at(self, rows: NDArray[np.intp]) -> Axis:
        """The same axis, with these trials only."""
        return replace(self, places=self.places[rows])

    @property
    def scaled(self) -> Floats:
        """(n_trials,), what lies evenly along the line: logarithms to the base 10, or places."""
        return np.log10(self.places) if self.scale is Scale.LOG else self.places

    @property
    def scaled_bounds(self) -> tuple[float, float]:
        """The ends, likewise."""
        if self.scale is Scale.LOG:
            return math.log10(self.bounds[0]), math.log10(self.bounds[1])
        return self.bounds

    @property
    def units(self) -> Floats:
        """(n_trials,), from 0 at one end to 1 at the other; words lie in the middle of a share."""
        if self.scale is Scale.WORDS:
            return (self.places + 0.5) / max(len(self.words), 1)
        low, high = self.scaled_bounds
        if low == high:
            return np.where(np.isnan(self.places), np.nan, 0.5)
        return (self.scaled - low) / (high - low)


def axis_of(column: ParameterColumn) -> Axis:
    """The axis of a parameter."""
    if column.type == names.DISCRETE or not column.is_numeric:
        return _worded(column)
    space = column.feasible_space
    ends = [parse_number(space.min), parse_number(space.max)]
    bounds = _bounds(column.numbers, [end for end in ends if end is not None])
    scale = Scale.LOG if column.is_log and bounds[0] > 0 else Scale.LINEAR
    return Axis(column.name, scale, column.numbers, (), True, bounds)


def metric_axis(column: MetricColumn) -> Axis:
    """The axis of a metric's values; logarithmic when they are positive and span much."""
    values = np.where(np.isfinite(column.values), column.values, np.nan)
    scale = Scale.LOG if is_wide(values) else Scale.LINEAR
    return Axis(column.name, scale, values, (), True, _bounds(values))


def is_wide(values: Floats) -> bool:
    """Whether a logarithmic scale serves these values better."""
    finite = values[np.isfinite(values)]
    if not len(finite) or finite.min() <= 0:
        return False
    low, high = np.quantile(finite, _MOST)
    return bool(high >= _WIDE * low)


def main_range(losses: Floats) -> tuple[float, float]:
    """The range that is worth looking at: all of the good values, and of the bad most.

    Args:
        losses: (n_trials,), less is better; on the scale that they are drawn on.
    """
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        return 0.0, 1.0
    low, middle, high = np.quantile(finite, [0.0, 0.5, _MOST[1]])
    end = middle + _FAR * (high - middle)
    return float(low), float(min(finite.max(), end) if end > low else finite.max())


def _bounds(values: Floats, ends: Sequence[float] = ()) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    known = np.concatenate([finite, np.asarray(ends, dtype=np.float64)])
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)


def _worded(column: ParameterColumn) -> Axis:
    """The feasible words, discrete ones by number, then others that trials have nevertheless."""
    feasible = column.feasible_space.list
    if column.is_numeric:
        feasible = tuple(sorted(feasible, key=float))
    words = dict.fromkeys((*feasible, *(text for text in column.texts if text is not None)))
    places = {word: float(index) for index, word in enumerate(words)}
    found = [math.nan if text is None else places[text] for text in column.texts]
    last = max(len(words) - 1, 0)
    array = np.array(found, dtype=np.float64)
    is_ordered = column.type != names.CATEGORICAL
    return Axis(column.name, Scale.WORDS, array, tuple(words), is_ordered, (0.0, float(last)))
