"""Experiments, trials, conditions and events as they are told in tables."""

from __future__ import annotations

from katib.api import names
from katib.api.codec import to_manifest
from katib.api.values import Manifest
from katib.testing.builders import an_experiment
from katib.web.comparing import describe_space, experiment_facts, trial_facts
from katib.web.listing import (
    assigned_rows,
    compared_columns,
    compared_rows,
    conditions_of,
    metric_rows,
)
from trial_manifests import a_trial


def an_experiment_of(algorithm: str, **settings: str) -> Manifest:
    builder = an_experiment().with_algorithm(algorithm, **settings).with_trials(40, 4, 2)
    builder.with_objective("loss", names.MINIMIZE, goal=0.1)
    builder.with_parameter("lr", min="0.01", max="1", distribution="logUniform")
    return to_manifest(builder.with_parameter("op", names.CATEGORICAL, list=["a", "b"]).build())


def test_an_experiment_tells_its_settings_its_counts_and_its_optimum() -> None:
    experiment = an_experiment_of("tpe", gamma="0.2")
    optimal = {
        "bestTrialName": "t-1",
        "parameterAssignments": [{"name": "lr", "value": "0.123456789"}],
        "observation": {"metrics": [{"name": "loss", "latest": "0.3", "min": "0.25", "max": "1"}]},
    }
    experiment["status"] = {"trials": 3, "trialsFailed": 1, "currentOptimalTrial": optimal}
    facts = experiment_facts(experiment)
    assert facts["Algorithm"] == "tpe"
    assert facts["Algorithm settings"] == "gamma=0.2"
    assert facts["Trials"] == "3 trials, 1 failed"
    assert (facts["Best value"], facts["Best trial"], facts["Best lr"]) == (
        "0.25",
        "t-1",
        "0.123457",
    )
    assert facts["Space of lr"] == "double: 0.01 to 1, logUniform"
    assert facts["Space of op"] == "categorical: a, b"
    assert (facts["Trials at most"], facts["Goal"]) == ("40", "0.1")


def test_a_step_of_a_space_is_told() -> None:
    space = {"min": "1", "max": "9", "step": "2"}
    told = describe_space({"parameterType": "int", "feasibleSpace": space})
    assert told == "int: 1 to 9, step 2"


def test_a_trial_tells_what_it_was_given_and_what_it_observed() -> None:
    facts = trial_facts(a_trial(1, {"lr": "0.5"}, {"loss": ("1", "3", "2")}))
    assert (facts["Status"], facts["lr"], facts["loss, latest"]) == ("Succeeded", "0.5", "2")
    assert (facts["loss, min"], facts["loss, max"]) == ("1", "3")


def test_what_differs_is_marked_and_what_is_missing_is_no_value() -> None:
    rows = compared_rows([{"lr": "1", "same": "x"}, {"lr": "2", "same": "x", "more": "y"}])
    assert rows == [
        {"name": "lr", "differs": True, "c0": "1", "c1": "2"},
        {"name": "same", "differs": False, "c0": "x", "c1": "x"},
        {"name": "more", "differs": True, "c0": "-", "c1": "y"},
    ]
    columns = compared_columns({"one": "/one", "two": "/two"})
    assert [one.get("address") for one in columns] == [None, "/one", "/two"]


def test_conditions_are_told_the_newest_first() -> None:
    def condition(type: str, time: str) -> Manifest:
        return {"type": type, "status": "True", "lastTransitionTime": time}

    found = [
        condition("Created", "2026-01-01T00:00:00Z"),
        condition("Running", "2026-01-01T00:00:05Z"),
        condition("Succeeded", "2026-01-01T00:00:05Z"),
    ]
    rows = conditions_of({"status": {"conditions": found}})
    assert [row["type"] for row in rows] == ["Succeeded", "Running", "Created"]
    assert conditions_of({}) == []


def test_metrics_and_assignments_are_told_shortly() -> None:
    metrics = [{"name": "loss", "latest": "0.123456789", "min": "", "max": "unavailable"}]
    assert metric_rows(metrics) == [
        {"name": "loss", "latest": "0.123457", "min": "", "max": "unavailable"}
    ]
    assert assigned_rows([{"name": "lr", "value": "1e-9"}]) == [{"name": "lr", "value": "1e-09"}]
