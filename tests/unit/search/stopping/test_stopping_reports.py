from __future__ import annotations

import math

import pytest

from katib.search.stopping.reports import bests

CASES: dict[str, tuple[list[float], list[float]]] = {
    "the largest so far": ([1, 3, 2], [1, 3, 3]),
    "nan is never the best": ([math.nan, 1, math.nan, 2], [math.nan, 1, 1, 2]),
    "infinity only until there is a finite number": ([math.inf, 1, math.inf], [math.inf, 1, 1]),
    "and the latest of several": ([-math.inf, math.inf, math.nan], [-math.inf, math.inf, math.inf]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_best_until_each_report(case: str) -> None:
    numbers, expected = CASES[case]
    found = list(bests(numbers, max))
    assert [str(one) for one in found] == [
        str(float(one)) if math.isinf(one) else str(one) for one in expected
    ]
