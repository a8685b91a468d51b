from __future__ import annotations

import math

import pytest

from katib.search.span import ANY, Span, above, above_to, at_least, between, inside

#: For each: how it says itself, what is in it, and what is not.
SPANS: dict[str, tuple[Span, list[float], list[float]]] = {
    "": (ANY, [-math.inf, -1, 0, 1e300, math.inf], []),
    "from 2 on": (at_least(2), [2, 2.5, 1e300], [1.999, -2, math.inf]),
    "above 0": (above(0), [1e-300, 5], [0, -1, math.inf]),
    "from 0 to 100": (between(0, 100), [0, 50, 100], [-0.1, 100.1]),
    "above 0 and below 1": (inside(0, 1), [0.001, 0.999], [0, 1]),
    "above 0, at most 1": (above_to(0, 1), [0.001, 1], [0, 1.001]),
}


@pytest.mark.parametrize("words", SPANS)
def test_a_span_says_what_it_accepts(words: str) -> None:
    span, right, wrong = SPANS[words]
    assert str(span) == words
    assert all(map(span, right))
    assert not any(map(span, [*wrong, math.nan]))
