"""How states, numbers and times look."""

from __future__ import annotations

import math

import pytest

from katib.api.values import Manifest
from katib.web import looks


def an_experiment(*conditions: tuple[str, str], **status: object) -> Manifest:
    found = [{"type": type, "status": truth, "message": type} for type, truth in conditions]
    return {"spec": {}, "status": {"conditions": found, **status}}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ((), "Pending"),
        ((("Created", "True"),), "Created"),
        ((("Created", "True"), ("Running", "True")), "Running"),
        ((("Running", "False"), ("Succeeded", "True")), "Succeeded"),
        ((("Progressing", "False"), ("Created", "True"), ("Restarting", "True")), "Restarting"),
    ],
)
def test_the_decisive_condition_is_the_status(
    conditions: tuple[tuple[str, str], ...], expected: str
) -> None:
    assert looks.status_of(an_experiment(*conditions)) == expected


def test_what_is_waited_for_is_told() -> None:
    assert looks.waiting_of(an_experiment(("Progressing", "False"))) == "Progressing"
    assert looks.waiting_of(an_experiment(("Running", "True"))) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [("0.123456789", "0.123457"), ("1e-9", "1e-09"), ("adam", "adam"), ("nan", "nan"), (3, "3")],
)
def test_numbers_are_short(value: object, text: str) -> None:
    assert looks.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (90_061, "1 d 1 h"), (-5, "0 s")],
)
def test_lengths_of_time_have_two_units_at_most(seconds: float, text: str) -> None:
    assert looks.length(seconds) == text


def test_the_best_value_is_by_the_strategy_of_the_objective() -> None:
    metric = {"name": "loss", "latest": "0.5", "min": "0.25", "max": "1"}
    experiment = an_experiment(currentOptimalTrial={"observation": {"metrics": [metric]}})
    experiment["spec"] = {"objective": {"objectiveMetricName": "loss"}}
    assert looks.best_value(experiment) == (0.5, "0.5")
    strategies = [{"name": "loss", "value": "min"}]
    experiment["spec"]["objective"]["metricStrategies"] = strategies
    assert looks.best_value(experiment) == (0.25, "0.25")


def test_there_may_be_no_best_value_and_it_may_be_a_text() -> None:
    value, text = looks.best_value(an_experiment())
    assert math.isnan(value)
    assert text == ""
    metric = {"name": "g", "latest": "Genotype(…)", "min": "unavailable", "max": "unavailable"}
    experiment = an_experiment(currentOptimalTrial={"observation": {"metrics": [metric]}})
    experiment["spec"] = {"objective": {"objectiveMetricName": "g"}}
    assert looks.best_value(experiment)[1] == "Genotype(…)"
