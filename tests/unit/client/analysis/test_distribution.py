from __future__ import annotations

import numpy as np
import pytest

from katib.client.analysis.distribution import distribution
from katib.testing.builders import an_experiment
from trial_manifests import a_table


@pytest.mark.parametrize(
    ("type", "values", "shares"),
    [
        ("minimize", [0, 1, 2, 3], [0.125, 0.5, 0.75, 1]),
        ("maximize", [3, 2, 1, 0], [0.25, 0.5, 0.875, 1]),
    ],
)
def test_shares_are_of_trials_that_are_no_worse(
    type: str, values: list[float], shares: list[float]
) -> None:
    losses = iter([1, 0, 2, 1, 3, 1, 2, 3])
    experiment = an_experiment().with_objective(type=type).build()
    found = distribution(a_table(experiment, 8, lambda _: {"loss": next(losses)}))
    assert found.values.tolist() == values
    np.testing.assert_allclose(found.shares, shares)
    assert found.count == 8


def test_many_trials_are_told_in_fewer_steps() -> None:
    found = distribution(a_table(an_experiment().build(), 3000, lambda p: {"loss": p["lr"]}))
    assert len(found.values) == 500
    assert (np.diff(found.values) > 0).all()
    assert (np.diff(found.shares) > 0).all()
    assert found.shares[-1] == 1


def test_failed_trials_have_no_share() -> None:
    found = distribution(a_table(an_experiment().build(), 4, lambda _: {}, ["Failed"]))
    assert (len(found.values), found.count) == (0, 0)
