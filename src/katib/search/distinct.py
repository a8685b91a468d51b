"""The points of an endless stream, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from katib.api.values import NameValue
from katib.search.space import SearchSpace

#: After so many draws without a new point, those that are left are counted off.
MOST_REPEATS = 1000

Point = tuple[NameValue, ...]


class DistinctPoints:
    """Numbers the points of a stream, leaving out those that came before.

    A space without an end never repeats a point, and each is reached directly. In a finite one the
    points before are gone through once, and kept; when the space is used up, it begins again.

    Args:
        space: what the places of the stream stand for.
        draw: the places of the stream's next points, by number from 0 on.
    """

    def __init__(self, space: SearchSpace, draw: Callable[[int], Sequence[float]]) -> None:
        self._space, self._draw = space, draw
        self._points: list[Point] = []
        self._seen: set[Point] = set()
        self._drawn = self._counted = 0
        self._is_stream_done = False

    def point(self, index: int) -> Point:
        """The point of that number, from 0 on."""
        size = self._space.size
        if size is None:
            return self._space.assignments_at(self._draw(index))
        while len(self._points) <= index % size:
            point = self._next()
            self._points.append(point)
            self._seen.add(point)
        return self._points[index % size]

    def _next(self) -> Point:
        if not self._is_stream_done:
            for _ in range(MOST_REPEATS):
                point = self._space.assignments_at(self._draw(self._drawn))
                self._drawn += 1
                if point not in self._seen:
                    return point
            self._is_stream_done = True
        return self._count_off()

    def _count_off(self) -> Point:
        while True:
            point = self._space.point(self._counted)
            self._counted += 1
            if point not in self._seen:
                return point
