"""The three controllers over a store in memory, called one after another in one thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from katib.api.codec import with_status
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS, Suggestion, TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, NameValue, Resource, Unstructured
from katib.controllers.experiment import ExperimentReconciler
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.trial import Runnable, TrialReconciler
from katib.errors import SettingsError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.reconciler import Reconciler
from katib.ports.resource_store import Event, EventType
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

Item = tuple[Reconciler, Key]


class CountingSuggester:
    """Gives ``lr`` = 1, 2, 3, …

    Args:
        end: how many there are in all; ``None``: no end.
        refusal: why the settings are refused, if they are.
    """

    def __init__(self, end: int | None = None, refusal: str = "") -> None:
        self.end, self.refusal = end, refusal
        self.asked: list[tuple[int, int]] = []
        self.forgotten: list[str] = []

    def validate(self, experiment: Experiment) -> None:
        if self.refusal:
            raise SettingsError(self.refusal)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.asked.append((request.count, request.total))
        first = request.total - request.count + 1
        last = request.total if self.end is None else min(request.total, self.end)
        values = range(first, last + 1)
        return SuggestionReply(
            tuple(
                TrialAssignment(parameter_assignments=(NameValue(name="lr", value=str(value)),))
                for value in values
            ),
            is_exhausted=self.end is not None and last == self.end,
        )

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


class Stage:
    """One experiment, from the moment it was admitted."""

    def __init__(
        self,
        experiment: Experiment,
        suggester: CountingSuggester | None = None,
        is_wanted: Callable[[Key], bool] = lambda _: True,
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.log = MemoryObservationLog()
        self.suggester = suggester or CountingSuggester()
        self.events: list[str] = []
        here = Runnable((JOBS,), is_wanted)
        self.experiments = ExperimentReconciler(self.store, self, self.clock, is_wanted)
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
        self.events.append(reason)

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
            seconds = item[0].reconcile(item[1]).retry_after_seconds
            if seconds is not None:
                self._later[item] = self.clock.monotonic() + seconds
        raise AssertionError("the controllers wake each other without end")

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
