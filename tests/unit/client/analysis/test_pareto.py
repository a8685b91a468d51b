from __future__ import annotations

import numpy as np
import pytest

from katib.api.codec import to_manifest
from katib.client.analysis.pareto import non_dominated, pareto_front
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError
from katib.testing.builders import an_experiment
from trial_manifests import a_trial


def by_definition(losses: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> list[bool]:
    return [
        not any((other <= point).all() and (other < point).any() for other in losses)
        for point in losses
    ]


@pytest.mark.parametrize("metrics", [1, 2, 3])
@pytest.mark.parametrize("levels", [4, 10_000])
def test_the_front_is_what_its_definition_says(metrics: int, levels: int) -> None:
    random = np.random.default_rng(metrics * levels)
    losses = random.integers(levels, size=(700, metrics)).astype(np.float64)
    assert non_dominated(losses).tolist() == by_definition(losses)


def test_all_of_equal_points_are_on_the_front() -> None:
    assert non_dominated(np.array([[1.0, 2.0]] * 3)).tolist() == [True] * 3
    assert non_dominated(np.empty((0, 2))).tolist() == []


def table(type: str = "minimize") -> TrialTable:
    built = an_experiment().with_objective("loss", type, additional=["size", "accuracy"]).build()
    experiment = to_manifest(built)
    experiment["spec"]["objective"]["metricStrategies"] = [
        {"name": "loss", "value": "latest"},
        {"name": "size", "value": "latest"},
        {"name": "accuracy", "value": "max"},
    ]
    rows: list[tuple[float, float, float | str]] = [
        (1, 5, 0.1),
        (2, 4, 0.9),
        (3, 6, 0.5),
        (1, 9, "nan"),
    ]
    trials = [
        a_trial(n, {"lr": "0.1"}, {"loss": loss, "size": size, "accuracy": accuracy})
        for n, (loss, size, accuracy) in enumerate(rows)
    ]
    return TrialTable.of(experiment, [*trials, a_trial(9, {"lr": "0.1"}, status="Failed")])


def test_each_metric_is_better_as_its_strategy_says() -> None:
    found = pareto_front(table())
    assert (found.metrics, found.is_maximised) == (
        ("loss", "size", "accuracy"),
        (False, False, True),
    )
    assert found.rows.tolist() == [0, 1, 2]
    assert found.is_front.tolist() == [True, True, False]
    assert pareto_front(table("maximize")).is_maximised == (True, True, True)


def test_some_metrics_can_be_asked_for() -> None:
    found = pareto_front(table(), ["size", "loss"])
    assert found.values.tolist() == [[5, 1], [4, 2], [6, 3], [9, 1]]
    assert found.is_front.tolist() == [True, True, False, False]


def test_a_metric_that_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownNameError, match='unknown metric "los", did you mean "loss"'):
        pareto_front(table(), ["los"])
