from __future__ import annotations

import numpy as np
import pytest

from katib.client.analysis.curves import curves
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError
from katib.ports.observation_log import MetricEntry
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, a_table


def entries(*texts: str, metric: str = "loss") -> list[MetricEntry]:
    return [MetricEntry(BEGINNING, metric, text) for text in texts]


def table(count: int, type: str = "minimize") -> TrialTable:
    numbers = iter(range(count))
    experiment = an_experiment().with_objective(type=type, additional=["accuracy"]).build()
    return a_table(experiment, count, lambda _: {"loss": next(numbers)})


def test_a_curve_has_the_numbers_of_its_trial_by_report() -> None:
    trials = table(3)
    logs = {
        trials.names[0]: [*entries("3", "nan", "2"), *entries("9", metric="accuracy")],
        trials.names[2]: entries("unavailable"),
        "another": entries("1"),
    }
    found = curves(trials, logs)
    (curve,) = found.curves
    assert (found.metric, found.of_all, curve.row) == ("loss", 1, 0)
    assert curve.steps.tolist() == [1, 3]
    assert curve.values.tolist() == [3, 2]
    (other,) = curves(trials, logs, "accuracy").curves
    assert other.values.tolist() == [9]


@pytest.mark.parametrize(("type", "best"), [("minimize", 0), ("maximize", 499)])
def test_of_many_curves_the_best_and_others_are_shown(type: str, best: int) -> None:
    trials = table(500, type)
    found = curves(trials, {name: entries("1", "2") for name in trials.names}, most=50)
    assert (len(found.curves), found.of_all) == (50, 500)
    rows = [curve.row for curve in found.curves]
    assert rows == sorted(rows)
    assert best in rows


def test_long_curves_lose_some_of_their_steps_but_not_the_ends() -> None:
    trials = table(1)
    (curve,) = curves(trials, {trials.names[0]: entries(*map(str, range(5000)))}).curves
    assert len(curve.steps) == 300
    assert (curve.steps[0], curve.steps[-1]) == (1, 5000)
    np.testing.assert_array_equal(curve.values, curve.steps - 1)


def test_a_metric_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownNameError, match='unknown metric "lss"'):
        curves(table(1), {}, "lss")
