from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.values import Key, NameValue
from katib.controllers.trial.observation import observe
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry

OBJECTIVE = ObjectiveSpec(
    type="minimize",
    objective_metric_name="error",
    additional_metric_names=("accuracy",),
    metric_strategies=(
        NameValue(name="error", value="min"),
        NameValue(name="accuracy", value="max"),
    ),
)
NOON = datetime(2024, 5, 13, 14, 47, 38, tzinfo=UTC)


def entries(*values: str, name: str = "error") -> list[MetricEntry]:
    return [MetricEntry(NO_TIME, name, value) for value in values]


def error_of(*values: str) -> tuple[str, str, str]:
    """Smallest, largest, latest."""
    observation = observe(OBJECTIVE, entries(*values))
    assert observation is not None
    metric = observation.metrics[0]
    return metric.min, metric.max, metric.latest


def test_the_published_example() -> None:
    log, trial = MemoryObservationLog(), Key("default", "trial")
    moments = [NOON + timedelta(seconds=second) for second in (0, 1, 2, 3, 3, 3)]
    moments.append(NOON + timedelta(seconds=4) - timedelta(days=1))
    series = {
        "error": ("0.03", "0.02", "0.01", "0.05", "0.06", "0.07", "0.1"),
        "accuracy": ("0.7", "0.71", "0.72", "0.68", "0.69", "0.67", "0.6"),
    }
    for name, values in series.items():
        found = zip(moments, values, strict=True)
        log.report(trial, [MetricEntry(moment, name, value) for moment, value in found])
    assert observe(OBJECTIVE, log.read(trial)) == Observation(
        metrics=(
            Metric(name="error", min="0.01", max="0.1", latest="0.07"),
            Metric(name="accuracy", min="0.6", max="0.72", latest="0.67"),
        )
    )


VALUES: dict[str, tuple[tuple[str, ...], tuple[str, str, str]]] = {
    "two numbers": (("0.99", "0.11"), ("0.11", "0.99", "0.11")),
    "the text is kept": (("1e-1", "0.10", "+2"), ("1e-1", "+2", "+2")),
    "the first of equal numbers": (("1", "1.0"), ("1", "1", "1.0")),
    "only unavailable": (("unavailable",), ("unavailable", "unavailable", "unavailable")),
    "a text": (("Genotype(a)",), ("unavailable", "unavailable", "Genotype(a)")),
    "an empty value": (("",), ("unavailable", "unavailable", "")),
    "unavailable after numbers": (("1", "2", "unavailable"), ("1", "2", "unavailable")),
    "a text between numbers": (("1", "x", "2"), ("1", "2", "2")),
    "infinity": (("1", "inf", "-inf"), ("-inf", "inf", "-inf")),
    "a number replaces nan": (("nan", "1"), ("1", "1", "1")),
    "nan replaces nothing": (("1", "nan"), ("1", "1", "nan")),
    "only nan": (("NaN",), ("NaN", "NaN", "NaN")),
    "overflow is no number": (("1e400", "1"), ("1", "1", "1")),
    "blanks make no number": ((" 1", "2"), ("2", "2", "2")),
    "numbers are not compared as texts": (("9", "10"), ("9", "10", "10")),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_folded(case: str) -> None:
    values, expected = VALUES[case]
    assert error_of(*values) == expected


def test_nothing_reported_is_nothing_observed() -> None:
    assert observe(OBJECTIVE, []) is None


def test_what_was_not_reported_is_unavailable() -> None:
    observation = observe(OBJECTIVE, entries("1", name="accuracy"))
    assert observation is not None
    assert observation.find("error") == Metric(
        name="error", min="unavailable", max="unavailable", latest="unavailable"
    )
    assert observation.find("accuracy") == Metric(name="accuracy", min="1", max="1", latest="1")


def test_metrics_come_in_the_order_of_the_strategies() -> None:
    mixed = [*entries("1", name="accuracy"), *entries("2"), *entries("3", name="unknown")]
    observation = observe(OBJECTIVE, mixed)
    assert observation is not None
    assert [metric.name for metric in observation.metrics] == ["error", "accuracy"]
