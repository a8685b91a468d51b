"""One parameter: its values, and where they lie on the unit interval.

Algorithms that need a geometry work on the unit interval: a parameter's values fill it in their
order, each with its share of the probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from katib.search.distribution import Distribution


class Parameter(Protocol):
    """What algorithms need of a parameter. Values are the texts that trials are given."""

    @property
    def name(self) -> str:
        """As the user named it."""
        ...

    @property
    def size(self) -> int | None:
        """How many values there are; ``None`` when there is no end of them."""
        ...

    @property
    def is_ordered(self) -> bool:
        """Whether values that are near on the unit interval are alike."""
        ...

    def value(self, index: int) -> str:
        """The value of that index, from 0 on; only of a parameter that has a size."""
        ...

    def value_at(self, unit: float) -> str:
        """The value at a place of the unit interval."""
        ...

    def share(self, value: str) -> tuple[float, float]:
        """Both ends of the places that stand for a value; of a real number they are the same.

        Raises:
            ValueError: a parameter of this kind has no such value.
        """
        ...

    def unit(self, value: str) -> float:
        """The place of a value: the middle of its share.

        Raises:
            ValueError: a parameter of this kind has no such value.
        """
        ...

    def nearest(self, number: float) -> str:
        """The value that is nearest to a number, which may lie outside the range.

        Raises:
            ValueError: the values are words.
        """
        ...


@dataclass(frozen=True, slots=True)
class RealParameter:
    """Any number of a range."""

    name: str
    distribution: Distribution

    @property
    def size(self) -> int | None:
        """There is no end of them."""
        return None

    @property
    def is_ordered(self) -> bool:
        """As numbers are."""
        return True

    def value(self, index: int) -> str:
        """Never: reals cannot be counted."""
        raise TypeError(f"{self.name} has no step, so its values have no index {index}")

    def value_at(self, unit: float) -> str:
        """The number in the shortest text that reads back as the same number."""
        return repr(self.distribution.value_at(unit))

    def share(self, value: str) -> tuple[float, float]:
        """One place."""
        place = self.unit(value)
        return place, place

    def unit(self, value: str) -> float:
        """Its share of the probability below."""
        return self.distribution.share_below(float(value))

    def nearest(self, number: float) -> str:
        """The number itself, or the end of the range that it lies beyond."""
        low, high = self.distribution.bounds
        return repr(min(max(float(number), low), high))


@dataclass(frozen=True, slots=True)
class GridParameter:
    """Numbers with steps: ``low``, ``low + step``, and so on, in exact decimals.

    Attributes:
        name: as the user named it.
        low: the first number.
        step: the distance to the next.
        count: how many there are.
        is_int: they are whole, and printed so.
        distribution: over the range that half a step before the first and after the last widens.
    """

    name: str
    low: Decimal
    step: Decimal
    count: int
    is_int: bool
    distribution: Distribution

    @property
    def size(self) -> int | None:
        """The numbers of the grid."""
        return self.count

    @property
    def is_ordered(self) -> bool:
        """As numbers are."""
        return True

    def value(self, index: int) -> str:
        """An int as an int, a double as Python prints it, without binary noise."""
        number = self._number(index)
        return str(int(number)) if self.is_int else repr(float(number))

    def value_at(self, unit: float) -> str:
        """The nearest number of the grid."""
        return self.value(self._nearest(self.distribution.value_at(unit)))

    def share(self, value: str) -> tuple[float, float]:
        """From half a step before the nearest number of the grid to half a step after it."""
        number = float(self._number(self._nearest(float(value))))
        half = float(self.step) / 2
        share_below = self.distribution.share_below
        return share_below(number - half), share_below(number + half)

    def unit(self, value: str) -> float:
        """The middle of the share of the nearest number of the grid."""
        return sum(self.share(value)) / 2

    def nearest(self, number: float) -> str:
        """The nearest number of the grid; of two that are as near, the larger."""
        return self.value(self._nearest(number))

    def _number(self, index: int) -> Decimal:
        if self.is_int:
            # Whole numbers may have more digits than decimal arithmetic keeps.
            return Decimal(int(self.low) + index * int(self.step))
        return self.low + index * self.step

    def _nearest(self, number: float) -> int:
        index = int((number - float(self.low)) / float(self.step) + 0.5)
        return min(max(index, 0), self.count - 1)


@dataclass(frozen=True, slots=True)
class ListParameter:
    """Texts of a list. Discrete ones lie in the order of their numbers, categorical as listed.

    Attributes:
        name: as the user named it.
        values: the texts, in order.
        is_ordered: whether neighbours are alike.
    """

    name: str
    values: Sequence[str]
    is_ordered: bool

    @property
    def size(self) -> int | None:
        """The length of the list."""
        return len(self.values)

    def value(self, index: int) -> str:
        """The text as it was listed."""
        return self.values[index]

    def value_at(self, unit: float) -> str:
        """The text whose equal share that is."""
        return self.values[min(int(unit * len(self.values)), len(self.values) - 1)]

    def share(self, value: str) -> tuple[float, float]:
        """The text's equal share."""
        index, count = self.values.index(value), len(self.values)
        return index / count, (index + 1) / count

    def unit(self, value: str) -> float:
        """The middle of the text's equal share."""
        return (self.values.index(value) + 0.5) / len(self.values)

    def nearest(self, number: float) -> str:
        """The text whose number is the nearest; of two that are as near, the first listed."""
        return min(self.values, key=lambda text: abs(float(text) - number))
