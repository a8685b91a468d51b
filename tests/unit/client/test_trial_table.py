from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from katib.api.codec import to_manifest
from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from trial_manifests import BEGINNING, Metrics, a_trial


def experiment(type: str = "minimize", **more: Any) -> Manifest:
    built = (
        an_experiment()
        .with_objective("loss", type, additional=["accuracy"])
        .with_parameter("lr", min="0.001", max="1", distribution="logUniform")
        .with_parameter("layers", "int", min="1", max="8")
        .with_parameter("size", "discrete", list=["8", "16.5"])
        .with_parameter("kernel", "discrete", list=["3x3", "5x5"])
        .with_parameter("optimizer", "categorical", list=["sgd", "1"])
        .build()
    )
    return {**to_manifest(built), **more}


POINT = {"lr": "0.01", "layers": "3", "size": "16.5", "kernel": "3x3", "optimizer": "1"}


def test_values_have_the_types_of_their_parameters() -> None:
    table = TrialTable.of(experiment(), [a_trial(0, POINT)])
    values = {name: column.values[0] for name, column in table.parameters.items()}
    assert values == {"lr": 0.01, "layers": 3, "size": 16.5, "kernel": "3x3", "optimizer": "1"}
    assert isinstance(values["layers"], int)
    assert [name for name, column in table.parameters.items() if column.is_numeric] == [
        "lr",
        "layers",
        "size",
    ]
    assert [name for name, column in table.parameters.items() if column.is_log] == ["lr"]
    assert table.parameters["lr"].texts == ("0.01",)


def test_numbers_are_missing_where_there_are_none() -> None:
    trials = [a_trial(0, POINT), a_trial(1, {"lr": "much", "optimizer": "sgd"})]
    table = TrialTable.of(experiment(), trials)
    np.testing.assert_equal(table.parameters["lr"].numbers, [0.01, np.nan])
    np.testing.assert_equal(table.parameters["optimizer"].numbers, [np.nan, np.nan])
    assert table.parameters["lr"].values == (0.01, "much")
    assert table.parameters["layers"].values == (3, None)


def test_a_parameter_that_only_trials_have_comes_last() -> None:
    table = TrialTable.of(experiment(), [a_trial(0, {"architecture": "[[1]]", **POINT})])
    assert list(table.parameters)[-1] == "architecture"
    assert table.parameters["architecture"].values == ("[[1]]",)


def test_an_int_that_was_written_with_a_point_is_a_number() -> None:
    table = TrialTable.of(experiment(), [a_trial(0, {**POINT, "layers": "3.0", "size": "8"})])
    assert table.parameters["layers"].values == (3.0,)
    assert table.parameters["size"].values == (8,)


@pytest.mark.parametrize("type", ["minimize", "maximize"])
def test_a_metrics_value_is_the_one_its_strategy_picks(type: str) -> None:
    metrics: Metrics = {"loss": ("0.1", "0.9", "0.5"), "accuracy": ("0.2", "0.8", "0.6"), "x": "7"}
    table = TrialTable.of(experiment(type), [a_trial(0, POINT, metrics)])
    assert list(table.metrics) == ["loss", "accuracy", "x"]
    loss = table.metrics["loss"]
    assert (loss.least[0], loss.largest[0], loss.latest[0]) == (0.1, 0.9, 0.5)
    assert table.values[0] == (0.1 if type == "minimize" else 0.9)
    assert table.metrics["accuracy"].values[0] == (0.2 if type == "minimize" else 0.8)
    assert table.metrics["x"].values[0] == 7


def test_a_metric_without_numbers_has_its_last_value() -> None:
    nan = {"loss": ("unavailable", "unavailable", "inf"), "accuracy": ("unavailable",) * 3}
    table = TrialTable.of(experiment(), [a_trial(0, POINT, nan), a_trial(1, POINT)])
    np.testing.assert_equal(table.values, [np.inf, np.nan])
    np.testing.assert_equal(table.metrics["accuracy"].values, [np.nan, np.nan])
    assert table.best_row is None


STATUSES = [
    "Pending",
    "Running",
    "Succeeded",
    "EarlyStopped",
    "Failed",
    "Killed",
    "MetricsUnavailable",
]


@pytest.mark.parametrize("status", STATUSES)
def test_a_trial_has_the_status_of_its_conditions(status: str) -> None:
    table = TrialTable.of(experiment(), [a_trial(4, POINT, status=status)])
    assert table.statuses == (status,)
    begun, over = BEGINNING + timedelta(seconds=4), BEGINNING + timedelta(seconds=6)
    assert table.started == (None if status == "Pending" else begun,)
    assert table.completed == (None if status in ("Pending", "Running") else over,)


def test_the_reason_is_the_last_conditions() -> None:
    table = TrialTable.of(experiment(), [a_trial(0, POINT, status="Failed")])
    assert table.reasons == ("TrialFailed",)


def test_rows_lie_in_the_order_of_creation_then_of_change() -> None:
    trials = [a_trial(number, POINT) for number in (9, 2, 10, 1)]
    for trial in trials:
        if trial["metadata"]["resourceVersion"] in ("10", "11"):
            trial["metadata"]["creationTimestamp"] = "2026-01-01T12:00:00Z"
    table = TrialTable.of(experiment(), trials)
    assert [name[-2:] for name in table.names] == ["09", "10", "01", "02"]


@pytest.mark.parametrize(
    ("type", "so_far", "best"),
    [
        ("minimize", [np.nan, 3, 3, 1, 1, 1], 3),
        ("maximize", [np.nan, 3, 3, 3, 8, 8], 4),
    ],
)
def test_the_best_is_told_at_every_trial(type: str, so_far: list[float], best: int) -> None:
    values = ["nan", "3", "inf" if type == "maximize" else "-inf", "1", "8", "1"]
    trials = [a_trial(n, POINT, {"loss": value}) for n, value in enumerate(values)]
    table = TrialTable.of(experiment(type), trials)
    np.testing.assert_equal(table.best_so_far, so_far)
    assert table.best_row == best


def test_an_experiment_without_trials_is_an_empty_table() -> None:
    table = TrialTable.of(experiment(), [])
    assert len(table) == 0
    assert table.best_row is None
    assert len(table.best_so_far) == 0
    assert table.parameters["lr"].numbers.shape == (0,)
    assert list(table.metrics) == ["loss", "accuracy"]


def test_a_trial_that_was_only_just_created_is_pending() -> None:
    trial = a_trial(0, POINT)
    del trial["status"]
    assert TrialTable.of(experiment(), [trial]).statuses == ("Pending",)


def test_manifests_are_left_as_they_are() -> None:
    document, trials = experiment(status={"trials": 1}), [a_trial(1, POINT), a_trial(0, POINT)]
    before = copy.deepcopy((document, trials))
    TrialTable.of(document, trials)
    assert (document, trials) == before
