from __future__ import annotations

import numpy as np
import pytest

from katib.api import names
from katib.search.features import Features
from katib.search.space import SearchSpace
from katib.testing.algorithm_contract import search_spaces
from katib.testing.builders import an_experiment


@pytest.mark.parametrize("case", ["all types", "numbers", "steps"])
def test_rounding_leads_to_the_places_of_values(case: str) -> None:
    space = SearchSpace.of(search_spaces()[case])
    features = Features(space)
    units = np.random.default_rng(0).random((50, features.parameters))
    for drawn, rounded in zip(units, features.rounded(units), strict=True):
        point = space.assignments_at(drawn.tolist())
        assert space.assignments_at(rounded.tolist()) == point
        np.testing.assert_allclose(rounded, space.units_of(point), atol=1e-9)


@pytest.mark.parametrize("most", ["300", "100000"])
def test_of_many_values_those_that_are_wide_have_one_place_each(most: str) -> None:
    builder = an_experiment().with_parameter(
        "n", names.INT, min="1", max=most, distribution="logUniform"
    )
    space = SearchSpace.of(builder.build())
    features = Features(space)
    units = np.linspace(0, 1, 3001)[:, None]
    rounded = features.rounded(units)
    assert (np.diff(rounded[:, 0]) >= 0).all()
    np.testing.assert_allclose(rounded, units, atol=0.09)
    texts = [space.assignments_at(unit)[0].value for unit in units.tolist()]
    assert [space.assignments_at(unit)[0].value for unit in rounded.tolist()] == texts
    for wide in ("1", "2", "10", "80"):
        (place,) = {
            unit for unit, text in zip(rounded[:, 0].tolist(), texts, strict=True) if text == wide
        }
        assert place == pytest.approx(space.parameters[0].unit(wide))
    assert features.free == [0]


def test_of_many_values_none_is_moved_where_all_are_close() -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="1000000")
    features = Features(SearchSpace.of(builder.build()))
    units = np.linspace(0, 1, 500)[:, None]
    np.testing.assert_array_equal(features.rounded(units), units)


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
