"""What a metrics sidecar does in a cluster, done in the engine: one collector beside each pod."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from katib.api import names
from katib.api.experiment import FilterSpec, ObjectiveSpec
from katib.api.kinds import kind_of
from katib.api.numbers import parse_number
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Resource, Unstructured
from katib.collectors.near_miss import near_misses
from katib.ports.collector import Collector, CollectorSource
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import NO_TIME, MetricEntry, ObservationLog
from katib.ports.resource_store import ResourceReader
from katib.ports.sidecar import Sidecar
from katib.registry import Registry

#: How far up the owners of a pod its trial is looked for.
MOST_OWNERS = 5

#: How much of a log is searched for what was nearly a metric.
TAIL_BYTES = 64 * 1024


class LogSidecars:
    """Attaches collectors to the pods of trials.

    Args:
        store: where pods' owners are found.
        observations: where entries are reported.
        events: where a missing metric is told.
        collectors: kinds of collector.
    """

    def __init__(
        self,
        store: ResourceReader,
        observations: ObservationLog,
        events: EventRecorder,
        collectors: Registry[Collector],
    ) -> None:
        self._store, self._observations = store, observations
        self._events, self._collectors = events, collectors
        # Trials for which something may have been reported: by an earlier engine, or since.
        self._reported = {
            trial.metadata.uid for trial in store.list(TRIALS) if not trial.is_completed
        }

    def attach(self, pod: Unstructured, log_of: Callable[[str], str]) -> Sidecar | None:
        trial = self._trial_of(pod)
        if trial is None:
            return None
        if trial.metadata.uid in self._reported:
            # An earlier pod of the trial, or the same one under an earlier engine, has reported
            # already. The log is read from its beginning, so what it reported is replaced.
            self._observations.delete(trial.key)
        self._reported.add(trial.metadata.uid)
        environment = {names.ENV_TRIAL_NAME: trial.metadata.name}
        collector = self._collector(trial, pod, log_of)
        if collector is None:
            return _Bare(environment)
        return _Following(trial, collector, self, environment)

    def report(self, trial: Trial, entries: Sequence[MetricEntry]) -> None:
        """Keep entries of a trial."""
        self._observations.report(trial.key, entries)

    def warn(self, trial: Trial, reason: str, message: str) -> None:
        """Tell the user what was wrong with a trial's metrics."""
        self._events.record(trial, reason, message, warning=True)

    def _trial_of(self, pod: Unstructured) -> Trial | None:
        resource: Resource = pod
        for _ in range(MOST_OWNERS):
            owner = resource.metadata.controller
            if owner is None:
                return None
            key = Key(resource.metadata.namespace, owner.name)
            if owner.kind == TRIALS.name:
                return self._store.find(TRIALS, key)
            found: Resource | None = self._store.find(kind_of(owner.api_version, owner.kind), key)
            if found is None:
                return None
            resource = found
        return None

    def _collector(
        self, trial: Trial, pod: Unstructured, log_of: Callable[[str], str]
    ) -> _Reader | None:
        wanted = trial.spec.primary_pod_labels
        if wanted and any(pod.metadata.label(name) != value for name, value in wanted.items()):
            return None
        spec = trial.spec.metrics_collector
        kind = "StdOut" if spec.collector is None else spec.collector.kind
        objective = trial.spec.objective or ObjectiveSpec()
        try:
            log = log_of(trial.spec.primary_container_name)
        except KeyError:
            message = f'The pod has no container "{trial.spec.primary_container_name}"'
            self.warn(trial, "PrimaryContainerMissing", message)
            return None
        filters = (spec.source.filter or FilterSpec()).metrics_format if spec.source else ()
        source = CollectorSource(objective.metric_names, filters, log)
        return _Reader(self._collectors.load(kind)(source), source)


class _Bare:
    """Beside a pod whose metrics are not read."""

    note = ""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        return True


class _Reader:
    """A collector and the log it reads."""

    def __init__(self, collector: Collector, source: CollectorSource) -> None:
        self.collector, self.log, self.filters = collector, source.log, source.filters

    def tail(self) -> str:
        try:
            with open(self.log, "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


class _Following:
    """Beside a pod whose metrics are read."""

    def __init__(
        self, trial: Trial, reader: _Reader, owner: LogSidecars, environment: Mapping[str, str]
    ) -> None:
        self.environment = environment
        self.note = ""
        self._trial, self._reader, self._owner = trial, reader, owner
        self._objective = trial.spec.objective or ObjectiveSpec()
        self._has_objective = self._has_number = False

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        entries, is_caught_up = self._reader.collector.read(is_ended)
        if entries:
            self._owner.report(self._trial, entries)
            self._look(entries)
        if is_ended and is_caught_up and not is_failed:
            self._conclude()
        return is_caught_up

    def _look(self, entries: Sequence[MetricEntry]) -> None:
        if self._has_number:
            return
        for entry in entries:
            if entry.name == self._objective.objective_metric_name:
                self._has_objective = True
                number = parse_number(entry.value)
                self._has_number = number is not None and not math.isnan(number)

    def _conclude(self) -> None:
        metric = self._objective.objective_metric_name
        if not self._has_objective:
            missing = MetricEntry(NO_TIME, metric, names.UNAVAILABLE)
            self._owner.report(self._trial, [missing])
            self.note = self._missing(metric)
            self._owner.warn(self._trial, "MetricNotFound", self.note)
        elif not self._has_number:
            self.note = f'No value of metric "{metric}" was a number: the trial cannot be compared'
            self._owner.warn(self._trial, "MetricNotANumber", self.note)

    def _missing(self, metric: str) -> str:
        tail = self._reader.tail()
        near = near_misses(tail, [metric])
        filters = " or ".join(self._reader.filters)
        wanted = f"that the filter {filters} takes" if filters else f'with "{metric}=<number>"'
        head = f"The program ended well but printed no line {wanted}. "
        if near:
            return head + "These lines were nearly that: " + " | ".join(near)
        last = [line for line in tail.splitlines() if line.strip()][-3:]
        return head + ("Its last output: " + " | ".join(last) if last else "It printed nothing")
