"""New values near those that did well, as population based training explores them.

Jaderberg et al., "Population Based Training of Neural Networks", 2017, section 3 and appendix A.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from katib.api.values import NameValue
from katib.search.parameter import GridParameter, ListParameter, Parameter
from katib.search.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Exploration:
    """How values are changed.

    Attributes:
        space: whose values; what comes out is legal.
        factors: one of them multiplies a number; one above 1 goes up in a list, one below 1 down.
        resample_probability: each parameter is drawn anew with this probability, and otherwise
            kept; ``None`` to multiply all of them.
    """

    space: SearchSpace
    factors: Sequence[float]
    resample_probability: float | None = None

    def draw(self, random: Random) -> tuple[NameValue, ...]:
        """A point of the search space."""
        return self.space.assignments_at([random.random() for _ in self.space.parameters])

    def explore(self, assignments: Sequence[NameValue], random: Random) -> tuple[NameValue, ...]:
        """A point near another one, which has a value for each parameter, in order."""
        pairs = zip(self.space.parameters, assignments, strict=True)
        return tuple(
            NameValue(name=pair.name, value=self._change(parameter, pair.value, random))
            for parameter, pair in pairs
        )

    def _change(self, parameter: Parameter, value: str, random: Random) -> str:
        if self.resample_probability is None:
            return perturb(parameter, value, random.choice(self.factors))
        if random.random() < self.resample_probability:
            return parameter.value_at(random.random())
        return value


def perturb(parameter: Parameter, value: str, factor: float) -> str:
    """The value that a factor other than 1 leads to.

    A number is multiplied and kept within its range. Where there are steps it moves by one at
    least, so that small whole numbers do not stay where they are. In a list it is the next text, or
    the one before; beyond either end the list begins again at the other.

    Raises:
        ValueError: the parameter has no such value.
    """
    if isinstance(parameter, ListParameter):
        place = parameter.values.index(value) + (1 if factor > 1 else -1)
        return parameter.values[place % len(parameter.values)]
    number = float(value)
    moved = number * factor
    if isinstance(parameter, GridParameter):
        step = float(parameter.step)
        is_up = moved > number or (moved == number and factor > 1)
        moved = max(moved, number + step) if is_up else min(moved, number - step)
        low, high = parameter.distribution.bounds
        moved = min(max(moved, low), high)
    return parameter.nearest(moved)
