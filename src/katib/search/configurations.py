"""New configurations: points that were not tried before, drawn at random or as a model advises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import Protocol

from katib.api.values import NameValue
from katib.search.space import SearchSpace

#: After so many draws without a new point, those that are left are counted off.
_MOST_REPEATS = 100

Units = Sequence[float]
Point = tuple[NameValue, ...]


class Adviser(Protocol):
    """A model of where good points are."""

    def advise(self, random: Random, fresh: Sequence[Units]) -> Iterator[Units]:
        """Places on the unit cube, those that promise most first; none when nothing is known.

        Args:
            random: where all randomness comes from.
            fresh: places that are given with this one, or were before and are no trials yet.
        """
        ...


class Chance:
    """Advises nothing, so that all is random."""

    def advise(self, random: Random, fresh: Sequence[Units]) -> Iterator[Units]:
        """None."""
        return iter(())


class Configurations:
    """The points of a search space, and which of them have been tried.

    Args:
        space: whose points.
        seed: where all randomness comes from.
        adviser: asked first; chance has what it has not.
    """

    def __init__(self, space: SearchSpace, seed: int, adviser: Adviser) -> None:
        self.space, self.seed, self.adviser = space, seed, adviser
        self._tried: set[Point] = set()
        self._counted = 0

    def note(self, point: Point) -> None:
        """It has been tried. A space without an end never repeats a point: none is kept of it."""
        if self.space.size is not None:
            self._tried.add(point)

    def batch(self) -> Batch:
        """What draws for one reply."""
        return Batch(self)

    def is_new(self, point: Point) -> bool:
        """Whether it has not been tried."""
        return point not in self._tried

    def is_used_up(self, fresh: int) -> bool:
        """Whether all points have been tried, with so many more that have not been noted."""
        return self.space.size is not None and len(self._tried) + fresh >= self.space.size

    def rest(self) -> Iterator[Point]:
        """The points that have not been tried, counted off; only of a space that has an end."""
        while not self.is_new(self.space.point(self._counted)):
            self._counted += 1
        return filter(
            self.is_new, map(self.space.point, range(self._counted, self.space.size or 0))
        )


class Batch:
    """Draws the new points of one reply: none twice, and none that has been tried.

    Args:
        source: the points.
    """

    def __init__(self, source: Configurations) -> None:
        self._source = source
        self._fresh: dict[Point, Units] = {}

    @property
    def is_used_up(self) -> bool:
        """Whether there are no new points."""
        return self._source.is_used_up(len(self._fresh))

    def draw(self, index: int) -> Point | None:
        """A new point for the assignment of that index; ``None`` when there is none left."""
        if self.is_used_up:
            return None
        point = self._draw(index)
        self._fresh[point] = self._source.space.units_of(point)
        return point

    def repeat(self, index: int) -> Point:
        """Any point."""
        random = self._random(index)
        return next(self._anywhere(random))

    def _draw(self, index: int) -> Point:
        random, space = self._random(index), self._source.space
        advised = self._source.adviser.advise(random, list(self._fresh.values()))
        for point in map(space.assignments_at, advised):
            if self._is_new(point):
                return point
        for _, point in zip(range(_MOST_REPEATS), self._anywhere(random), strict=False):
            if self._is_new(point):
                return point
        return next(filter(self._is_new, self._source.rest()))

    def _anywhere(self, random: Random) -> Iterator[Point]:
        space = self._source.space
        while True:
            yield space.assignments_at([random.random() for _ in space.parameters])

    def _is_new(self, point: Point) -> bool:
        return point not in self._fresh and self._source.is_new(point)

    def _random(self, index: int) -> Random:
        # A text as seed is hashed whole, the same on every machine and in every process.
        return Random(f"{self._source.seed}:{index}")
