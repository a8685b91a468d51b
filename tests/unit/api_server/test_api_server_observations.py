from __future__ import annotations

from datetime import UTC, datetime

import pytest

from katib.api.trial import TRIALS, Trial
from katib.api.values import Key
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.testing.resources import metadata
from served_home import TRIALS_PATH, Home

LOG = f"{TRIALS_PATH}/one/observationlog"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def home() -> Home:
    home = Home()
    home.store.create(TRIALS, Trial(metadata=metadata("one")))
    entries = [
        MetricEntry(NO_TIME, "loss", "nan"),
        MetricEntry(NOON, "loss", "0.50"),
        MetricEntry(NOON.replace(microsecond=250_000), "accuracy", "0.9"),
    ]
    home.observations.report(Key("default", "one"), entries)
    return home


def test_every_value_is_told_as_it_was_reported(home: Home) -> None:
    answer = home.json("GET", LOG)
    assert answer["kind"] == "ObservationLog"
    assert answer["apiVersion"] == "kubeflow.org/v1beta1"
    assert answer["metadata"] == {"name": "one", "namespace": "default"}
    assert answer["entries"] == [
        {"name": "loss", "value": "nan"},
        {"time": "2026-01-31T12:00:00Z", "name": "loss", "value": "0.50"},
        {"time": "2026-01-31T12:00:00.250000Z", "name": "accuracy", "value": "0.9"},
    ]


def test_one_metric_may_be_asked_for(home: Home) -> None:
    found = home.json("GET", f"{LOG}?metric=accuracy")["entries"]
    assert [one["name"] for one in found] == ["accuracy"]
    assert home.json("GET", f"{LOG}?metric=nothing")["entries"] == []


def test_a_trial_without_reports_has_none(home: Home) -> None:
    home.store.create(TRIALS, Trial(metadata=metadata("two")))
    assert home.json("GET", LOG.replace("one", "two"))["entries"] == []


def test_what_is_not_there_is_not_found(home: Home) -> None:
    answer = home.ask("GET", LOG.replace("one", "nobody"))
    assert answer.status_code == 404
    assert answer.json()["message"] == 'trials.kubeflow.org "nobody" not found'
    # Only trials have logs of this kind.
    assert home.ask("GET", LOG.replace("trials", "experiments")).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_can_only_be_read(home: Home, method: str) -> None:
    assert home.ask(method, LOG).status_code == 405
