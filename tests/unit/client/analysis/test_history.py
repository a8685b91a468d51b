from __future__ import annotations

import numpy as np
import pytest

from katib.api.codec import to_manifest
from katib.client.analysis.history import history
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from trial_manifests import a_trial


@pytest.mark.parametrize(
    ("type", "best", "improvements"),
    [("minimize", [np.nan, 4, 2, 2, 2, 2], [1, 2]), ("maximize", [np.nan, 4, 4, 5, 5, 5], [1, 3])],
)
def test_the_history_tells_every_improvement(
    type: str, best: list[float], improvements: list[int]
) -> None:
    experiment = to_manifest(an_experiment().with_objective(type=type).build())
    values = [None, {"loss": 4}, {"loss": 2}, {"loss": 5}, {"loss": "inf"}, None]
    statuses = ["Failed", *["Succeeded"] * 4, "Running"]
    trials = [
        a_trial(number, {"lr": "0.1"}, metrics, status)
        for number, (metrics, status) in enumerate(zip(values, statuses, strict=True))
    ]
    found = history(TrialTable.of(experiment, trials))
    assert found.numbers.tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_equal(found.values, [np.nan, 4, 2, 5, np.nan, np.nan])
    np.testing.assert_equal(found.best, best)
    assert found.improvements.tolist() == improvements
    assert found.is_valueless.tolist() == [True, False, False, False, True, False]


def test_no_trials_have_no_history() -> None:
    found = history(TrialTable.of(to_manifest(an_experiment().build()), []))
    assert len(found.numbers) == len(found.improvements) == 0
