from __future__ import annotations

from katib.api import names
from katib.search.distinct import MOST_REPEATS, DistinctPoints
from katib.search.space import SearchSpace
from katib.testing.builders import an_experiment

LETTERS = SearchSpace.of(
    an_experiment().with_parameter("c", names.CATEGORICAL, list=["a", "b", "c", "d"]).build()
)
ENDLESS = SearchSpace.of(an_experiment().with_parameter("x", min="0", max="1").build())


def letters(points: DistinctPoints, *indices: int) -> str:
    return "".join(points.point(index)[0].value for index in indices)


def test_what_came_before_is_left_out_and_a_used_up_space_begins_again() -> None:
    stream = [0.9, 0.9, 0.1, 0.9, 0.1, 0.6, 0.3]
    points = DistinctPoints(LETTERS, lambda number: [stream[number]])
    assert letters(points, 0, 1, 2, 3, 4, 5) == "dacbda"


def test_any_number_may_be_asked_for_first() -> None:
    stream = [0.9, 0.9, 0.1, 0.9, 0.1, 0.6, 0.3]
    points = DistinctPoints(LETTERS, lambda number: [stream[number]])
    assert letters(points, 3, 0, 3) == "bdb"


def test_points_that_the_stream_never_reaches_are_counted_off() -> None:
    drawn: list[int] = []

    def draw(number: int) -> list[float]:
        drawn.append(number)
        return [0.6]

    points = DistinctPoints(LETTERS, draw)
    assert letters(points, 0, 1, 2, 3) == "cabd"
    assert len(drawn) == MOST_REPEATS + 1


def test_a_space_without_an_end_is_reached_directly() -> None:
    drawn: list[int] = []

    def draw(number: int) -> list[float]:
        drawn.append(number)
        return [number / 10**6]

    assert DistinctPoints(ENDLESS, draw).point(500_000)[0].value == "0.5"
    assert drawn == [500_000]
