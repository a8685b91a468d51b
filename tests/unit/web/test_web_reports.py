"""Observation logs that pages have asked for, from a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.api.values import Key
from katib.client.http import Access, HttpBackend
from katib.errors import KatibError
from katib.ports.observation_log import MetricEntry
from katib.testing.builders import CREATED_AT, a_running_trial, an_experiment
from katib.web import reports as module
from katib.web.reports import BELIEVED_SECONDS, Reports
from served_home import TOKEN, Home, listening


class Reading:
    """A home with trials, and what pages read of them."""

    def __init__(self, port: int, home: Home) -> None:
        self.home, self.now = home, 0.0
        headers = {"Authorization": f"Bearer {TOKEN}"}
        backend = HttpBackend(Access(f"http://127.0.0.1:{port}", headers=lambda: headers))
        self.reports = Reports(backend, lambda: self.now)

    def create(self, name: str) -> None:
        experiment = self.home.store.get(EXPERIMENTS, Key("default", "one"))
        self.home.store.create(
            TRIALS, a_running_trial(experiment, name, TrialAssignment(name=name))
        )

    def report(self, name: str, *values: str) -> None:
        entries = [
            MetricEntry(CREATED_AT + timedelta(seconds=number), "loss", value)
            for number, value in enumerate(values)
        ]
        self.home.observations.report(Key("default", name), entries)

    def read(self, **trials: bool) -> dict[str, list[str]]:
        found = self.reports.read("default", trials)
        return {name: [one.metric.value for one in log] for name, log in found.items()}


@pytest.fixture
def reading() -> Iterator[Reading]:
    home = Home()
    home.store.create(EXPERIMENTS, an_experiment().named("one").build())
    with listening(home) as port:
        yield Reading(port, home)


def test_many_logs_are_read_at_once_and_those_of_trials_that_are_gone_are_left_out(
    reading: Reading,
) -> None:
    for number in range(30):
        reading.create(f"t{number}")
        reading.report(f"t{number}", str(number), str(number + 1))
    found = reading.read(**{f"t{number}": True for number in range(30)}, gone=True)
    assert found == {f"t{number}": [str(number), str(number + 1)] for number in range(30)}


def test_a_log_that_grows_is_asked_for_again_and_one_that_is_over_is_not(reading: Reading) -> None:
    for name in ("over", "going"):
        reading.create(name)
        reading.report(name, "1")
    assert reading.read(over=True, going=False) == {"over": ["1"], "going": ["1"]}
    for name in ("over", "going"):
        reading.report(name, "2")
    assert reading.read(over=True, going=False) == {"over": ["1"], "going": ["1"]}
    reading.now = BELIEVED_SECONDS
    assert reading.read(over=True, going=False) == {"over": ["1"], "going": ["1", "2"]}


def test_the_log_of_a_trial_that_has_just_ended_is_asked_for_again(reading: Reading) -> None:
    reading.create("ended")
    reading.report("ended", "1")
    assert reading.read(ended=False) == {"ended": ["1"]}
    reading.report("ended", "2")
    assert reading.read(ended=True) == {"ended": ["1", "2"]}


def test_not_more_is_kept_than_there_is_room_for(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ENTRIES", 5)
    for name in ("a", "b", "c"):
        reading.create(name)
        reading.report(name, "1", "2")
        reading.read(**{name: True})
    reading.report("a", "3")
    reading.report("c", "3")
    assert reading.read(c=True) == {"c": ["1", "2"]}, "the newest are kept"
    assert sorted(reading.read(a=True)["a"]) == ["1", "2", "3"], "the oldest had to go"


def test_a_server_that_is_away_is_told() -> None:
    home = Home()
    with listening(home) as port:
        pass
    reports = Reports(HttpBackend(Access(f"http://127.0.0.1:{port}")))
    with pytest.raises(KatibError, match="does not answer"):
        reports.read("default", {"t": True})
