"""The three controllers over a store in memory, called one after another in one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from katib.api.codec import with_status
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS, EarlyStoppingRule, Suggestion, TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, NameValue, Resource, Strings, Unstructured
from katib.controllers.experiment import ExperimentReconciler, Treatment
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.trial import Runnable, TrialReconciler
from katib.errors import SettingsError, StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.reconciler import Reconciler
from katib.ports.resource_store import Event, EventType
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

Item = tuple[Reconciler, Key]


@dataclass
class CountingSuggester:
    """Gives ``lr`` = 1, 2, 3, …

    Attributes:
        end: how many there are in all; ``None``: no end.
        refusal: why the settings are refused, if they are.
        is_silent: it does not say when it has reached the end.
        most: how many it gives at once at most.
        extra: how many it gives beyond what is asked.
        suffix: what stands behind every value.
        labels: what every assignment carries.
        failure: why every request fails, if they do.
    """

    end: int | None = None
    refusal: str = ""
    is_silent: bool = False
    most: int = 1_000
    extra: int = 0
    suffix: str = ""
    labels: Strings | None = None
    failure: str = ""
    asked: list[tuple[int, int]] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        if self.refusal:
            raise SettingsError(self.refusal)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.asked.append((request.count, request.total))
        if self.failure:
            raise RuntimeError(self.failure)
        done = request.total - request.count
        last = done + min(request.count + self.extra, self.most)
        last = last if self.end is None else min(last, self.end)
        return SuggestionReply(
            tuple(self._assignment(value) for value in range(done + 1, last + 1)),
            is_exhausted=not self.is_silent and last == self.end,
        )

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)

    def _assignment(self, value: int) -> TrialAssignment:
        lr = NameValue(name="lr", value=f"{value}{self.suffix}")
        rule = EarlyStoppingRule(name="loss", value="1", comparison="greater", start_step=2)
        return TrialAssignment(
            parameter_assignments=(lr,), early_stopping_rules=(rule,), labels=self.labels
        )


class AwayLog(MemoryObservationLog):
    """Cannot be reached while ``is_away``."""

    is_away = False

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        self._check()
        return super().read(trial, metric)

    def delete(self, trial: Key) -> None:
        self._check()
        super().delete(trial)

    def _check(self) -> None:
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")


class Stage:
    """One experiment, from the moment it was admitted."""

    def __init__(
        self,
        experiment: Experiment,
        suggester: CountingSuggester | None = None,
        treatment: Treatment | None = None,
    ) -> None:
        treatment = treatment or Treatment()
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.log = AwayLog()
        self.suggester = suggester or CountingSuggester()
        self.told: list[tuple[str, str]] = []
        self.warned: list[str] = []
        self.raised: list[str] = []
        here = Runnable((JOBS,), treatment.is_wanted)
        self.experiments = ExperimentReconciler(self.store, self, self.clock, treatment)
        self._reconcilers: tuple[Reconciler, ...] = (
            self.experiments,
            SuggestionReconciler(self.store, self.suggester, self.clock),
            TrialReconciler(self.store, self.log, self, self.clock, here),
        )
        self._ready: dict[Item, None] = {}
        self._later: dict[Item, float] = {}
        self.store.subscribe(self._hear)
        self.key = self.store.create(EXPERIMENTS, experiment).key

    @property
    def experiment(self) -> Experiment:
        return self.store.get(EXPERIMENTS, self.key)

    @property
    def suggestion(self) -> Suggestion:
        return self.store.get(SUGGESTIONS, self.key)

    @property
    def trials(self) -> list[Trial]:
        """By creation."""
        found = self.store.list(TRIALS)
        return sorted(found, key=lambda trial: int(trial.spec.parameter_assignments[0].value))

    def trial(self, value: str) -> Trial:
        """The trial whose ``lr`` is the value."""
        found = {one.spec.parameter_assignments[0].value: one for one in self.trials}
        return found[value]

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((reason, message))
        self.warned += [reason] if warning else []

    def run(self) -> None:
        """Reconcile until nothing wants it, then let the counters be written."""
        self._drain()
        self.pass_time(0.1)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, then reconcile what waited for that."""
        self.clock.advance(seconds)
        now = self.clock.monotonic()
        for item in [item for item, moment in self._later.items() if moment <= now]:
            del self._later[item]
            self._ready[item] = None
        self._drain()

    def restart_engine(self) -> None:
        """All that controllers remember is lost."""
        self.experiments = ExperimentReconciler(self.store, self, self.clock)
        others = self._reconcilers[1:]
        self._reconcilers = (self.experiments, *others)
        self._ready, self._later = {}, {}
        for event in self._everything():
            self._hear(event)

    def finish(self, value: str, loss: str) -> None:
        """The trial's run reports a loss and completes."""
        self.log.report(self.trial(value).key, [MetricEntry(NO_TIME, "loss", loss)])
        self.end(value, "Complete")

    def end(self, value: str, type: str, reason: str = "", message: str = "") -> None:
        """The trial's run gets a condition."""
        condition = {"type": type, "status": "True", "reason": reason, "message": message}
        job = self.store.get(JOBS, self.trial(value).key)
        self.store.update_status(JOBS, with_status(job, {"conditions": [condition]}))
        self.run()

    def mark(self, value: str, type: str) -> None:
        """Somebody else gives the trial a condition."""
        trial = self.trial(value)
        fresh = Condition(type=type, status="True", reason=f"Trial{type}")
        status = replace(trial.status, conditions=(*trial.status.conditions, fresh))
        self.store.update_status(TRIALS, replace(trial, status=status))
        self.run()

    def wait(self, seconds: int) -> None:
        """Let time pass, a second at a time."""
        for _ in range(seconds):
            self.pass_time(1)

    @property
    def ending(self) -> tuple[str, str, str]:
        """The experiment's newest condition: type, reason and message."""
        last = self.experiment.status.conditions[-1]
        return last.type, last.reason, last.message

    def edit(self, **spec: Any) -> None:
        """The user changes the experiment."""
        experiment = self.experiment
        self.store.update(EXPERIMENTS, replace(experiment, spec=replace(experiment.spec, **spec)))
        self.run()

    def conditions(self) -> list[tuple[str, str, str]]:
        return shown(self.experiment.status.conditions)

    def _hear(self, event: Event) -> None:
        for reconciler in self._reconcilers:
            if any(kind is event.kind for kind in reconciler.kinds):
                for key in reconciler.keys(event):
                    self._ready[reconciler, key] = None

    def _drain(self) -> None:
        for _ in range(5_000):
            item = next(iter(self._ready), None)
            if item is None:
                return
            del self._ready[item]
            self._later.pop(item, None)
            seconds = self._reconcile(item)
            if seconds is not None:
                self._later[item] = self.clock.monotonic() + seconds
        raise AssertionError("the controllers wake each other without end")

    def _reconcile(self, item: Item) -> float | None:
        """As the loop does it: what fails is tried again."""
        try:
            return item[0].reconcile(item[1]).retry_after_seconds
        except RuntimeError as error:
            if str(error) != self.suggester.failure:
                raise
            self.raised.append(str(error))
            return 1.0

    def _everything(self) -> list[Event]:
        kinds = {id(kind): kind for one in self._reconcilers for kind in one.kinds}.values()
        return [_added(kind, each) for kind in kinds for each in self.store.list(kind)]


def _added(kind: Any, resource: Resource) -> Event:
    version = int(resource.metadata.resource_version)
    return Event(EventType.ADDED, kind, resource.metadata, version, lambda: resource)


def shown(conditions: tuple[Condition, ...]) -> list[tuple[str, str, str]]:
    """Type, status and reason of each."""
    return [(one.type, one.status, one.reason) for one in conditions]


def job_of(stage: Stage, value: str) -> Unstructured | None:
    """The run of the trial whose ``lr`` is the value."""
    return stage.store.find(JOBS, stage.trial(value).key)
