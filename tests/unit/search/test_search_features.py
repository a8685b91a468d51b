from __future__ import annotations

import numpy as np
import pytest

from katib.search.features import Features
from katib.search.space import SearchSpace
from katib.testing.algorithm_contract import search_spaces


@pytest.mark.parametrize("case", ["all types", "numbers", "steps"])
def test_rounding_leads_to_the_places_of_values(case: str) -> None:
    space = SearchSpace.of(search_spaces()[case])
    features = Features(space)
    units = np.random.default_rng(0).random((50, features.parameters))
    for drawn, rounded in zip(units, features.rounded(units), strict=True):
        point = space.assignments_at(drawn.tolist())
        assert space.assignments_at(rounded.tolist()) == point
        np.testing.assert_allclose(rounded, space.units_of(point), atol=1e-9)


def test_words_are_as_far_from_each_other_as_the_ends_of_a_range() -> None:
    space = SearchSpace.of(search_spaces()["all types"])
    features = Features(space)
    assert features.groups.tolist() == [0, 1, 2, 3, 4, 4, 4]
    assert features.free == [0]
    (word,) = (n for n in range(5) if not features.is_ordered(n))
    units = np.full((3, 5), 0.5)
    units[:, word] = features.places[word]
    points = features.encode(units)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert ((points[one] - points[other]) ** 2).sum() == pytest.approx(1.0)
