from __future__ import annotations

import numpy as np
import pytest

from katib.api import names
from katib.search.acquisition import ACQUISITIONS
from katib.search.ascent import Ascent, drawn
from katib.search.features import Features
from katib.search.space import SearchSpace
from katib.search.surrogate import learn
from katib.search.warping import warped
from katib.testing.builders import ExperimentBuilder, an_experiment


def reals() -> ExperimentBuilder:
    builder = an_experiment()
    return builder.with_parameter("x", min="0", max="1").with_parameter("y", min="0", max="1")


def grid() -> ExperimentBuilder:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="100")
    return builder.with_parameter("c", names.CATEGORICAL, list=["a", "b", "d"])


def mixed() -> ExperimentBuilder:
    return grid().with_parameter("x", min="0", max="1")


def many() -> ExperimentBuilder:
    builder = an_experiment().with_parameter("x", min="0", max="1")
    return builder.with_parameter("n", names.INT, min="1", max="500", distribution="logUniform")


SPACES = {"reals": reals, "steps and words": grid, "both": mixed, "many steps": many}


def random() -> np.random.Generator:
    return np.random.default_rng(4)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_climbing_leads_to_the_best_point_near_the_best_that_was_drawn(
    space: str, name: str
) -> None:
    features = Features(SearchSpace.of(SPACES[space]().build()))
    known = features.rounded(np.random.default_rng(1).random((25, features.parameters)))
    losses = warped(((known - 0.37) ** 2).sum(1))
    model = learn("GP", features, known, losses, seed=0)
    ascent = Ascent(features, model, ACQUISITIONS[name](model.best))
    ranked = ascent.ranked(drawn(features, known[:3], random()))
    climbed = ascent.climbed(ranked)
    scores = ascent.scores(climbed[:1]), ascent.scores(ranked[:1])
    assert scores[0][0] >= scores[1][0]
    near = np.clip(climbed[0] + random().normal(0, 0.02, (400, climbed.shape[1])), 0, 1)
    assert ascent.scores(features.rounded(near)).max() <= scores[0][0] + 1e-3
    assert ((climbed >= 0) & (climbed <= 1)).all()
    np.testing.assert_array_equal(features.rounded(climbed), climbed)


@pytest.mark.parametrize("space", SPACES)
def test_what_is_drawn_are_values_all_over_the_space_and_near_the_best(space: str) -> None:
    features = Features(SearchSpace.of(SPACES[space]().build()))
    count = features.parameters
    best = features.rounded(np.full((1, count), 0.37))
    found = drawn(features, best, random())
    np.testing.assert_array_equal(features.rounded(found), found)
    assert (np.ptp(found, axis=0) > 0.6).all()
    assert (np.abs(found - best).max(1) < 0.02).sum() > 20
