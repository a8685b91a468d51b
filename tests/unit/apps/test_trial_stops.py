from __future__ import annotations

from typing import TypeVar

import pytest
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, Resource
from katib.apps.trial_stops import ATTEMPTS, TrialStops
from katib.errors import ConflictError, NotFoundError
from katib.stores.memory import MemoryStore
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")

R = TypeVar("R", bound=Resource)


class ContestedStore(MemoryStore):
    """Somebody else is quicker as often as ``rivals`` says."""

    rivals = 0

    def update_status(self, kind: Kind[R], resource: R) -> R:
        if self.rivals:
            self.rivals -= 1
            raise ConflictError("Trial", KEY.name, "1", "2")
        return super().update_status(kind, resource)


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = ContestedStore(self.clock)
        self.told: list[tuple[str, str]] = []
        self.stops = TrialStops(self.store, self, self.clock)
        running = a_running_trial(an_experiment().build(), KEY.name, TrialAssignment())
        self.running = self.keep(running)

    def keep(self, trial: Trial) -> Trial:
        plain = replace(trial, metadata=replace(trial.metadata, uid=""))
        stored = self.store.create(TRIALS, plain)
        return self.store.update_status(TRIALS, replace(stored, status=trial.status))

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((reason, message))


def test_a_stopped_trial_gets_its_condition_once() -> None:
    stage = Stage()
    stage.stops.stop(KEY)
    stage.stops.stop(KEY)
    trial = stage.store.get(TRIALS, KEY)
    assert trial.has(names.EARLY_STOPPED)
    assert trial.has(names.RUNNING)
    assert stage.told == [("TrialEarlyStopped", "Trial is early stopped")]


def test_its_condition_says_why() -> None:
    stage = Stage()
    stage.stops.stop(KEY, "loss=4.1 > 3.9 from step 4 on")
    found = conditions.find(stage.store.get(TRIALS, KEY).status.conditions, names.EARLY_STOPPED)
    assert found is not None
    assert found.message == "Trial is early stopped: loss=4.1 > 3.9 from step 4 on"
    assert stage.told == [("TrialEarlyStopped", found.message)]


def test_a_trial_that_has_ended_otherwise_stays_so() -> None:
    stage = Stage()
    succeeded = a_succeeded_trial(stage.running, "0.5")
    stage.store.update_status(TRIALS, succeeded)
    stage.stops.stop(KEY)
    assert not stage.store.get(TRIALS, KEY).has(names.EARLY_STOPPED)
    assert stage.told == []


def test_it_is_tried_again_when_somebody_wrote_in_between() -> None:
    stage = Stage()
    stage.store.rivals = ATTEMPTS - 1
    stage.stops.stop(KEY)
    assert stage.store.get(TRIALS, KEY).has(names.EARLY_STOPPED)
    assert len(stage.told) == 1


def test_but_not_for_ever() -> None:
    stage = Stage()
    stage.store.rivals = ATTEMPTS
    with pytest.raises(ConflictError):
        stage.stops.stop(KEY)


def test_a_trial_that_is_gone_is_told() -> None:
    with pytest.raises(NotFoundError):
        Stage().stops.stop(Key("default", "gone"))
