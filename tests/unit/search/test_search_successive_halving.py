from __future__ import annotations

from fractions import Fraction

import pytest

from katib.search.successive_halving import Schedule

#: R and eta; each bracket's rungs as configurations and resource.
SCHEDULES: dict[str, tuple[Schedule, list[list[tuple[int, str]]], int]] = {
    "R 9, eta 3": (
        Schedule(Fraction(9), Fraction(1), Fraction(3)),
        [[(9, "1"), (3, "3"), (1, "9")], [(5, "3"), (2, "9")], [(3, "9")]],
        23,
    ),
    "R 27, eta 3": (
        Schedule(Fraction(27), Fraction(1), Fraction(3)),
        [
            [(27, "1"), (9, "3"), (3, "9"), (1, "27")],
            [(12, "3"), (4, "9"), (2, "27")],
            [(6, "9"), (2, "27")],
            [(4, "27")],
        ],
        70,
    ),
    "R 81, eta 3": (
        Schedule(Fraction(81), Fraction(1), Fraction(3)),
        [
            [(81, "1"), (27, "3"), (9, "9"), (3, "27"), (1, "81")],
            [(34, "3"), (12, "9"), (4, "27"), (2, "81")],
            [(15, "9"), (5, "27"), (2, "81")],
            [(8, "27"), (3, "81")],
            [(5, "81")],
        ],
        211,
    ),
    "R 64, eta 4": (
        Schedule(Fraction(64), Fraction(1), Fraction(4)),
        [
            [(64, "1"), (16, "4"), (4, "16"), (1, "64")],
            [(22, "4"), (6, "16"), (2, "64")],
            [(8, "16"), (2, "64")],
            [(4, "64")],
        ],
        129,
    ),
    "a resource that is no power": (
        Schedule(Fraction(10), Fraction(1), Fraction(3)),
        [[(9, "10/9"), (3, "10/3"), (1, "10")], [(5, "10/3"), (2, "10")], [(3, "10")]],
        23,
    ),
    "a smallest resource of its own": (
        Schedule(Fraction(90), Fraction(10), Fraction(3)),
        [[(9, "10"), (3, "30"), (1, "90")], [(5, "30"), (2, "90")], [(3, "90")]],
        23,
    ),
    "less than the smallest resource": (
        Schedule(Fraction(1, 2), Fraction(1), Fraction(3)),
        [[(1, "1/2")]],
        1,
    ),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_the_published_schedule_with_numbers_rounded_up(case: str) -> None:
    schedule, brackets, total = SCHEDULES[case]
    rungs = [list(schedule.rungs(bracket)) for bracket in schedule.brackets()]
    assert [[(one.size, str(one.resource)) for one in bracket] for bracket in rungs] == brackets
    assert sum(rung.size for bracket in rungs for rung in bracket) == total
    assert [[rung.number for rung in bracket] for bracket in rungs] == [
        list(range(len(bracket))) for bracket in brackets
    ]
    assert [bracket[0].bracket for bracket in rungs] == list(range(len(brackets)))[::-1]


@pytest.mark.parametrize(("largest", "eta", "most"), [(243, 3, 5), (1000, 10, 3), (242, 3, 4)])
def test_exact_powers_are_counted_whole(largest: int, eta: int, most: int) -> None:
    assert Schedule(Fraction(largest), Fraction(1), Fraction(eta)).most_rungs == most
