"""Points that were not tried before."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from random import Random

from katib.api.values import NameValue
from katib.search.space import SearchSpace

#: How often a point is drawn by chance, until those left are counted off.
_MOST_DRAWS = 100

Point = tuple[NameValue, ...]
Values = tuple[str, ...]


def first_fresh(
    points: Iterable[Point], space: SearchSpace, seen: Collection[Values], random: Random
) -> Point:
    """The first of the points that was not seen before.

    If all were, any other of the space; if the space has no other, the first after all.

    Args:
        points: one at least.
        space: where they are from.
        seen: the texts of the points that were tried.
        random: where another point comes from.
    """
    is_used_up = space.size is not None and len(seen) >= space.size
    first: Point | None = None
    for point in points:
        first = first or point
        if is_used_up or values_of(point) not in seen:
            return point
    assert first is not None
    for _ in range(_MOST_DRAWS):
        point = space.assignments_at([random.random() for _ in space.parameters])
        if values_of(point) not in seen:
            return point
    place = 0
    while space.size is not None and values_of(space.point(place)) in seen:
        place += 1
    return first if space.size is None else space.point(place)


def values_of(point: Point) -> Values:
    """The texts of its assignments."""
    return tuple(pair.value for pair in point)
