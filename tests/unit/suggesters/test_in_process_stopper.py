from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Key
from katib.errors import SettingsError, StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.ports.suggester import SuggestionRequest
from katib.registry import Registry
from katib.search.stopping.rule import StoppingAlgorithm
from katib.suggesters.in_process_stopper import InProcessStopper, check_settings
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class CountingLog(MemoryObservationLog):
    """Counts what is read; cannot be reached while ``is_away``."""

    def __init__(self) -> None:
        super().__init__()
        self.read_keys: list[str] = []
        self.is_away = False

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")
        self.read_keys.append(trial.name)
        return super().read(trial, metric)


@dataclass
class History:
    """Trials in the order in which they changed; the version is how many there are."""

    trials: list[Trial] = field(default_factory=list)

    def changed_since(self, version: int) -> tuple[list[Trial], int]:
        return self.trials[version:], len(self.trials)


class Stage:
    """An experiment, its trials, their logs and a stopper."""

    def __init__(self, **settings: str) -> None:
        wanted = {"min_trials_required": "1", "start_step": "1", **settings}
        self.experiment = an_experiment().with_early_stopping("medianstop", **wanted).build()
        self.history, self.log = History(), CountingLog()
        self.stopper = InProcessStopper(self.log)

    def run(self, name: str, *values: str, metric: str = "loss") -> Trial:
        """A trial that runs, and its reports, the newest first if times count."""
        trial = a_running_trial(self.experiment, name, TrialAssignment())
        for number, value in enumerate(values):
            entry = MetricEntry(NOON - timedelta(minutes=number), metric, value)
            self.log.report(trial.key, [entry])
        self.history.trials.append(trial)
        return trial

    def succeed(self, name: str, *values: str) -> None:
        self.history.trials.append(a_succeeded_trial(self.run(name, *values), values[0]))

    def request(self, experiment: Experiment | None = None) -> SuggestionRequest:
        return SuggestionRequest(experiment or self.experiment, 1, 1, self.history)

    def thresholds(self, experiment: Experiment | None = None) -> list[str]:
        return [rule.value for rule in self.stopper.rules(self.request(experiment))]

    def changed(self, **settings: str) -> Experiment:
        other = an_experiment().with_early_stopping("medianstop", **settings).build()
        spec = replace(self.experiment.spec, early_stopping=other.spec.early_stopping)
        return replace(self.experiment, spec=spec)


def test_an_experiment_without_early_stopping_has_no_rules() -> None:
    stage = Stage()
    stage.succeed("a", "1")
    plain = an_experiment().build()
    assert stage.stopper.rules(stage.request(plain)) == ()
    stage.stopper.validate(plain)
    assert stage.log.read_keys == []


def test_two_trials_that_nothing_is_known_of_give_no_rules() -> None:
    stage = Stage(min_trials_required="2", start_step="5")
    bare = [replace(stage.run(name), status=Trial().status) for name in ("a", "b")]
    stage.history.trials = bare
    assert stage.stopper.rules(stage.request()) == ()
    assert stage.log.read_keys == []


@pytest.mark.rule("Only the logs of trials that succeeded are read, and each once")
def test_logs_are_read_once() -> None:
    stage = Stage()
    stage.run("running", "9")
    stage.succeed("a", "1")
    assert stage.thresholds() == ["1.0"]
    stage.succeed("b", "3")
    stage.history.trials.append(stage.history.trials[2])
    assert stage.thresholds() == ["2.0"]
    assert stage.thresholds() == ["2.0"]
    assert stage.log.read_keys == ["a", "b"]


@pytest.mark.rule(
    "An average is that of the first `start_step` reports, by time and then by arrival"
)
def test_reports_are_taken_in_the_order_of_their_times() -> None:
    stage = Stage(start_step="2")
    stage.succeed("a", "100", "1", "2")
    assert stage.thresholds() == ["1.5"]
    same_time = [MetricEntry(NOON, "loss", value) for value in ("5", "7", "100")]
    stage.log.report(Key("default", "b"), same_time)
    running = a_running_trial(stage.experiment, "b", TrialAssignment())
    stage.history.trials.append(a_succeeded_trial(running, "5"))
    assert stage.thresholds() == ["3.75"]


def test_other_metrics_are_not_read() -> None:
    stage = Stage()
    stage.succeed("a", "1")
    stage.log.report(Key("default", "a"), [MetricEntry(NOON - timedelta(1), "accuracy", "50")])
    assert stage.thresholds() == ["1.0"]


@pytest.mark.rule("A restarted engine finds the same rule again")
def test_a_restart() -> None:
    stage = Stage()
    for name, value in {"a": "1", "b": "5", "c": "9"}.items():
        stage.succeed(name, value)
        stage.thresholds()
    before = stage.stopper.rules(stage.request())
    assert before == (
        EarlyStoppingRule(name="loss", value="5.0", comparison="greater", start_step=1),
    )
    stage.stopper = InProcessStopper(stage.log)
    assert stage.stopper.rules(stage.request()) == before


@pytest.mark.rule(
    "Settings that are changed hold from the next request on, where Katib ignored them"
)
def test_changed_settings() -> None:
    stage = Stage()
    stage.succeed("a", "1")
    stage.succeed("b", "2")
    stage.succeed("c", "9")
    assert stage.thresholds() == ["2.0"]
    assert stage.thresholds(stage.changed(start_step="1", statistic="mean")) == ["4.0"]
    assert stage.thresholds(stage.changed(start_step="1", min_trials_required="4")) == []


@pytest.mark.rule("A log that cannot be read now is read at the next request")
def test_a_log_that_is_away() -> None:
    stage = Stage()
    stage.succeed("a", "1")
    stage.log.is_away = True
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            stage.thresholds()
    stage.log.is_away = False
    assert stage.thresholds() == ["1.0"]


def test_experiments_have_rules_of_their_own_and_the_oldest_is_told_again() -> None:
    stage = Stage()
    stage.stopper = InProcessStopper(stage.log, capacity=1)
    stage.succeed("a", "1")
    metadata = replace(stage.experiment.metadata, name="other", uid="other")
    other = replace(stage.experiment, metadata=metadata)
    none = SuggestionRequest(other, 1, 1, History())
    assert stage.thresholds() == ["1.0"]
    assert stage.stopper.rules(none) == ()
    assert stage.thresholds() == ["1.0"]
    assert stage.log.read_keys == ["a", "a"]


@pytest.mark.rule("An early stopping algorithm that nobody knows is refused by its name")
def test_an_unknown_algorithm() -> None:
    experiment = an_experiment().with_early_stopping("unknown").build()
    with pytest.raises(SettingsError, match=r"^unknown algorithm name unknown$"):
        InProcessStopper(MemoryObservationLog()).validate(experiment)


CHECKS: Mapping[str, Callable[[Experiment], None]] = {
    "by the stopper": InProcessStopper(MemoryObservationLog()).validate,
    "at the door": check_settings,
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_settings_are_checked(check: Callable[[Experiment], None]) -> None:
    check(Stage().experiment)
    with pytest.raises(SettingsError, match=r"^start_step must be greater or equal than one"):
        check(Stage(start_step="0").experiment)


class OfAPackage:
    """Another package's algorithm: stops what is not below zero."""

    is_live = True

    def __init__(self, experiment: Experiment) -> None: ...

    @staticmethod
    def validate(experiment: Experiment) -> None: ...

    def tell(self, trial: Trial, read: Any) -> None:
        assert trial.has(names.RUNNING)

    def rules(self) -> tuple[EarlyStoppingRule, ...]:
        return (EarlyStoppingRule(name="loss", value="0", comparison="greater"),)


def test_another_algorithm_is_told_every_trial() -> None:
    place = f"{OfAPackage.__module__}:{OfAPackage.__name__}"
    registry: Registry[StoppingAlgorithm] = Registry("x", "katib.none", {"mine": place})
    stage = Stage()
    stage.run("a")
    experiment = an_experiment().with_early_stopping("mine").build()
    stopper = InProcessStopper(stage.log, registry)
    assert [rule.value for rule in stopper.rules(stage.request(experiment))] == ["0"]


@pytest.mark.rule(
    "`medianstop` and services keep to the rules that a trial was made with, as in Katib"
)
@pytest.mark.parametrize(
    ("algorithm", "is_live"),
    [("medianstop", False), ("threshold", False), ("percentile", True), ("", False)],
)
def test_an_algorithm_says_whether_running_trials_are_judged_by_what_is_new(
    algorithm: str, is_live: bool
) -> None:
    builder = an_experiment()
    experiment = (builder.with_early_stopping(algorithm) if algorithm else builder).build()
    assert InProcessStopper(MemoryObservationLog()).is_live(experiment) is is_live
