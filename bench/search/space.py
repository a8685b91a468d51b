"""Search spaces in plain data, which every library's driver can translate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Value = float | int | str
Config = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: unique in its space.
        kind: ``double``, ``int`` or ``categorical``.
        low: the smallest number; of no meaning for words.
        high: the largest number, included.
        is_log: whether equal ratios are equally far apart; never together with a step.
        step: the distance of neighbours, from ``low`` on; 0 for any double, 1 for ints as a rule.
        choices: the words.
    """

    name: str
    kind: str
    low: float = 0.0
    high: float = 1.0
    is_log: bool = False
    step: float = 0.0
    choices: tuple[str, ...] = ()

    @property
    def size(self) -> int | None:
        """How many values there are; ``None`` when there is no end of them."""
        if self.kind == "categorical":
            return len(self.choices)
        return round((self.high - self.low) / self.step) + 1 if self.step else None

    def value(self, index: int) -> Value:
        """The value of that index, from 0 on, of a parameter that has a size."""
        if self.kind == "categorical":
            return self.choices[index]
        number = self.low + index * self.step
        return round(number) if self.kind == "int" else round(number, 10)

    def index(self, value: Value) -> int:
        """The index of the nearest value."""
        if self.kind == "categorical":
            return self.choices.index(str(value))
        return round((float(value) - self.low) / self.step)

    def at(self, unit: float) -> Value:
        """The value at a place of the unit interval, on which all values have equal shares."""
        size = self.size
        if size is not None and not self.is_log:
            return self.value(min(int(unit * size), size - 1))
        if not self.is_log:
            return self.low + unit * (self.high - self.low)
        margin = 0.5 if self.kind == "int" else 0.0
        low, high = math.log(self.low - margin), math.log(self.high + margin)
        number = min(max(math.exp(low + unit * (high - low)), self.low), self.high)
        return round(number) if self.kind == "int" else number

    def unit(self, value: Value) -> float:
        """The place of a value: 0 for the lowest, 1 for the highest; words by their index."""
        if self.kind == "categorical":
            return self.index(value) / max(len(self.choices) - 1, 1)
        low, high, number = self.low, self.high, float(value)
        if self.is_log:
            low, high, number = math.log(low), math.log(high), math.log(number)
        return (number - low) / (high - low)


Space = Sequence[Parameter]


def double(
    name: str, low: float, high: float, is_log: bool = False, step: float = 0.0
) -> Parameter:
    """A real number, of a grid when there is a step."""
    return Parameter(name, "double", low, high, is_log, step)


def integer(name: str, low: int, high: int, is_log: bool = False, step: int = 1) -> Parameter:
    """A whole number."""
    return Parameter(name, "int", low, high, is_log, step)


def words(name: str, *choices: str) -> Parameter:
    """One of some words without an order."""
    return Parameter(name, "categorical", choices=choices)


def random_config(space: Space, rng: np.random.Generator) -> Config:
    """A point where chance takes us."""
    return {parameter.name: parameter.at(rng.random()) for parameter in space}
