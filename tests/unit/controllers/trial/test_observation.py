from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from katib.api.experiment import Metric, ObjectiveSpec, Observation
from katib.api.values import Key, NameValue
from katib.controllers.trial.observation import find_surplus, observe
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.logs import read_log

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


def error_of(*values: str, policy: str = "") -> tuple[str, str, str]:
    """Smallest, largest, latest."""
    observation = observe(replace(OBJECTIVE, non_finite=policy), entries(*values))
    assert observation is not None
    metric = observation.metrics[0]
    return metric.min, metric.max, metric.latest


@pytest.mark.rule("Of entries of the same newest time the one that came last is the latest")
@pytest.mark.rule("An older time that comes later is not the latest")
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
    "Smallest, largest and latest are taken over all values of a metric": (
        ("0.99", "0.11"),
        ("0.11", "0.99", "0.11"),
    ),
    "An observation keeps the text that was reported": (
        ("1e-1", "0.10", "+2"),
        ("1e-1", "+2", "+2"),
    ),
    "Of equal numbers the text of the first is kept": (("1", "1.0"), ("1", "1", "1.0")),
    "A metric that was reported as `unavailable` has `unavailable` three times": (
        ("unavailable",),
        ("unavailable", "unavailable", "unavailable"),
    ),
    "A text is the latest value, and neither smallest nor largest": (
        ("Genotype(a)",),
        ("unavailable", "unavailable", "Genotype(a)"),
    ),
    "An empty value is a value": (("",), ("unavailable", "unavailable", "")),
    "`unavailable` after numbers is the latest value": (
        ("1", "2", "unavailable"),
        ("1", "2", "unavailable"),
    ),
    "A text between numbers is passed over for smallest and largest": (
        ("1", "x", "2"),
        ("1", "2", "2"),
    ),
    "Infinity is a number, smallest or largest": (("1", "inf", "-inf"), ("-inf", "inf", "-inf")),
    "A number replaces `nan` as smallest and largest": (("nan", "1"), ("1", "1", "1")),
    "`nan` replaces no number as smallest or largest": (("1", "nan"), ("1", "1", "nan")),
    "`nan` alone is smallest and largest": (("NaN",), ("NaN", "NaN", "NaN")),
    "A number too large for a double is no number": (("1e400", "1"), ("1", "1", "1")),
    "A value with blanks round it is no number": ((" 1", "2"), ("2", "2", "2")),
    "Smallest and largest are found by number and not by text": (("9", "10"), ("9", "10", "10")),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_folded(case: str) -> None:
    values, expected = VALUES[case]
    assert error_of(*values) == expected


IGNORED: dict[str, tuple[tuple[str, ...], tuple[str, str, str]]] = {
    "With `ignore`, what is not finite is neither smallest, largest nor latest": (
        ("1", "inf", "-inf", "nan", "2", "NaN"),
        ("1", "2", "2"),
    ),
    "With `ignore`, a number too large for a double is left out too": (("1", "1e400"), ("1",) * 3),
    "With `ignore`, a metric that was never finite is `unavailable`": (
        ("nan", "inf"),
        ("unavailable",) * 3,
    ),
    "With `ignore`, a text is still the latest value": (("1", "nan", "done"), ("1", "1", "done")),
}


@pytest.mark.parametrize("case", IGNORED)
def test_what_is_not_finite_is_ignored(case: str) -> None:
    values, expected = IGNORED[case]
    assert error_of(*values, policy="ignore") == expected


@pytest.mark.parametrize("policy", ["", "fail", "penalise"])
def test_other_policies_change_no_observation(policy: str) -> None:
    assert error_of("1", "inf", "nan", policy=policy) == ("1", "inf", "nan")


@pytest.mark.rule("Without any entry there is no observation")
def test_nothing_reported_is_nothing_observed() -> None:
    assert observe(OBJECTIVE, []) is None


@pytest.mark.rule("A metric that was not reported is `unavailable` beside those that were")
def test_what_was_not_reported_is_unavailable() -> None:
    observation = observe(OBJECTIVE, entries("1", name="accuracy"))
    assert observation is not None
    assert observation.find("error") == Metric(
        name="error", min="unavailable", max="unavailable", latest="unavailable"
    )
    assert observation.find("accuracy") == Metric(name="accuracy", min="1", max="1", latest="1")


@pytest.mark.rule("Metrics come in the order of the strategies")
@pytest.mark.rule("Entries of a metric without a strategy are passed over")
def test_metrics_come_in_the_order_of_the_strategies() -> None:
    mixed = [*entries("1", name="accuracy"), *entries("2"), *entries("3", name="unknown")]
    observation = observe(OBJECTIVE, mixed)
    assert observation is not None
    assert [metric.name for metric in observation.metrics] == ["error", "accuracy"]


@pytest.mark.rule("A report with a time without zone is refused, whichever metric it is of")
@pytest.mark.parametrize("name", ["error", "unknown"])
def test_a_time_without_zone_never_comes_into_a_log(name: str) -> None:
    metric = pb.Metric(name=name, value="1")
    log = pb.ObservationLog(
        metric_logs=[pb.MetricLog(time_stamp="2024-05-13T14:47:38", metric=metric)]
    )
    with pytest.raises(ValueError, match="2024-05-13T14:47:38"):
        read_log(log)


def wildcards(*additional: str, **strategies: str) -> ObjectiveSpec:
    named = {"error": "min", **strategies, **dict.fromkeys(additional, "max")}
    return ObjectiveSpec(
        type="minimize",
        objective_metric_name="error",
        additional_metric_names=additional,
        metric_strategies=tuple(NameValue(name=one, value=how) for one, how in named.items()),
    )


def reported(*names: str) -> list[MetricEntry]:
    return [entry for name in names for entry in entries("1", "2", name=name)]


@pytest.mark.rule("A wildcard's place is taken by the metrics that it matches, by name")
@pytest.mark.rule("A wildcard that matches no entry has no place in the observation")
@pytest.mark.rule("A metric that two wildcards match comes once, in the place of the first")
def test_a_wildcard_stands_for_what_it_matches() -> None:
    objective = wildcards("val_*", "time", "*_loss", "gone*")
    mixed = reported("val_b", "val_loss", "error", "train_loss", "val_a", "other")
    observation = observe(objective, mixed)
    assert observation is not None
    found = [metric.name for metric in observation.metrics]
    assert found == ["error", "val_a", "val_b", "val_loss", "time", "train_loss"]
    assert observation.find("val_a") == Metric(name="val_a", min="1", max="2", latest="2")
    assert objective.pick(Metric(name="val_a", min="1", max="2", latest="3")) == "2"


@pytest.mark.rule("A metric with a strategy of its own has that, and its place, beside a wildcard")
def test_a_strategy_for_one_of_the_matched() -> None:
    objective = wildcards("val_*", val_loss="latest")
    observation = observe(objective, reported("val_loss", "val_acc", "error"))
    assert observation is not None
    assert [one.name for one in observation.metrics] == ["error", "val_loss", "val_acc"]
    assert objective.strategy("val_loss") == "latest"


@pytest.mark.rule("An observation holds the first 100 metrics that wildcards match")
def test_an_observation_is_bounded() -> None:
    objective = wildcards("*")
    many = reported("error", *(f"m{number:03}" for number in reversed(range(150))))
    observation = observe(objective, many)
    assert observation is not None
    found = [one.name for one in observation.metrics]
    assert found == ["error", *(f"m{number:03}" for number in range(50, 150))]
    assert "150 metrics match the wildcards *" in find_surplus(objective, many)
    assert find_surplus(objective, many[:200]) == ""
    assert find_surplus(OBJECTIVE, many) == ""
