"""What a metrics sidecar does in a cluster, done in the engine: one collector beside each pod."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec import UNSET
from msgspec.structs import replace

from katib import parameters
from katib.api import conditions, names
from katib.api.codec import from_raw
from katib.api.experiment import (
    EXPERIMENTS,
    AlgorithmSpec,
    CollectorSpec,
    Experiment,
    FileSystemPath,
    FilterSpec,
    ObjectiveSpec,
    SourceSpec,
)
from katib.api.kinds import kind_of
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, Manifest, Resource, Unstructured
from katib.collectors.addresses import AddressBook, TrialAddresses
from katib.collectors.following import Bare, Following, Reading, Reports
from katib.collectors.stopping import RuleWatch
from katib.collectors.tensorflow_event import EventReading, TensorFlowEventCollector
from katib.ports.clock import Clock
from katib.ports.collector import Collector, CollectorSource
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import ObservationLog
from katib.ports.resource_store import ResourceStore
from katib.ports.sidecar import (
    METRICS_FILE_VARIABLE,
    METRICS_PORT_VARIABLE,
    Outfit,
    Sidecar,
)
from katib.registry import Registry

#: How far up the owners of a pod its trial is looked for.
MOST_OWNERS = 5

#: Kinds whose metrics are in no file: what is printed, sent by the program itself, or asked of it.
_WITHOUT_FILE = ("StdOut", "Push", "PrometheusMetric")


@dataclass(frozen=True, slots=True)
class _Site:
    """Where a pod's metrics are: a file, by its name and by its place here, or served."""

    path: str = ""
    log: str = ""
    endpoint: TrialAddresses | None = None


class LogSidecars:
    """Attaches collectors to the pods of trials.

    Args:
        store: where pods' owners are found, and the parameters of their experiments; and where
            trials are that are stopped early.
        observations: where entries are reported.
        events: where a missing metric is told, and an early stop.
        collectors: kinds of collector.
        clock: for the time of an early stop.
    """

    def __init__(
        self,
        store: ResourceStore,
        observations: ObservationLog,
        events: EventRecorder,
        collectors: Registry[Collector],
        clock: Clock,
    ) -> None:
        self._store, self._observations, self._clock = store, observations, clock
        self._events, self._collectors, self._addresses = events, collectors, AddressBook()
        # Trials for which something may have been reported: by an earlier engine, or since.
        self._reported = {
            trial.metadata.uid for trial in store.list(TRIALS) if not trial.is_completed
        }

    def attach(self, pod: Unstructured, outfit: Outfit) -> Sidecar | None:
        trial = self._trial_of(pod)
        if trial is None:
            return None
        if trial.has(names.EARLY_STOPPED):
            # Its metrics are all reported, and may be read at this moment.
            return Bare({}, "The trial is early stopped")
        kind = _kind(trial)
        if kind != "Push" and trial.metadata.uid in self._reported:
            # An earlier pod of the trial, or the same one under an earlier engine, has reported
            # already. The log is read from its beginning, so what it reported is replaced.
            self._observations.delete(trial.key)
        self._reported.add(trial.metadata.uid)
        experiment = self._experiment_of(trial)
        environment = _environment(trial, experiment, outfit)
        _map_checkpoints(trial, experiment, outfit)
        site = self._site(trial, pod, outfit)
        if site.log:
            environment[METRICS_FILE_VARIABLE] = site.log
        if site.endpoint is not None:
            environment[METRICS_PORT_VARIABLE] = str(site.endpoint.port)
        if kind == "Push" or not _is_primary(trial, pod):
            return Bare(environment)
        return self._follow(trial, outfit, site, environment)

    def _site(self, trial: Trial, pod: Unstructured, outfit: Outfit) -> _Site:
        kind, place = _kind(trial), _place(trial)
        if kind == "PrometheusMetric":
            port, is_new = self._addresses.find_port(outfit, pod.metadata.name)
            owner, stated = trial.metadata.name, _http_get(trial)
            return _Site(endpoint=self._addresses.open(owner, port, stated, is_new))
        if kind in _WITHOUT_FILE or not place.path:
            return _Site()
        log = outfit.map_path(place.path, is_folder=place.kind == "Directory")
        return _Site(place.path, log)

    def _experiment_of(self, trial: Trial) -> Experiment | None:
        owner = trial.metadata.controller
        name = trial.metadata.label(names.LABEL_EXPERIMENT) if owner is None else owner.name
        return self._store.find(EXPERIMENTS, Key(trial.metadata.namespace, name or ""))

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

    def _follow(
        self, trial: Trial, outfit: Outfit, site: _Site, environment: Mapping[str, str]
    ) -> Sidecar:
        reports = Reports(
            partial(self._observations.report, trial.key),
            partial(self._warn, trial),
            partial(self._stop, trial.key),
        )
        kind, by = _kind(trial), "program"
        try:
            printed = outfit(trial.spec.primary_container_name)
        except KeyError:
            message = f'The pod has no container "{trial.spec.primary_container_name}"'
            reports.warn("PrimaryContainerMissing", message)
            return Bare(environment)
        if kind == "Custom":
            try:
                site, by = _Site(log=outfit.add_container(_custom(trial))), "collector"
            except ValueError as error:
                reports.warn("CollectorNotStarted", f"customCollector: {error}")
                return Bare(environment)
        objective = trial.spec.objective or ObjectiveSpec()
        watch = RuleWatch(trial.spec.early_stopping_rules, objective)
        for rule in watch.unreadable:
            told = f'The value "{rule.value}" of the rule for {rule.name} cannot be read'
            reports.warn("EarlyStoppingRuleNeverMet", f"{told}: the trial is not stopped early")
        metrics = tuple(dict.fromkeys((*objective.exact_names, *sorted(watch.metrics))))
        source = self._source(trial, metrics, site.log or printed)
        if site.endpoint is not None:
            source = dataclasses.replace(source, addresses=site.endpoint.addresses)
        collector = self._collectors.load(kind)(source)
        reading = _reading(collector, source, site, by)
        return Following(reading, objective, reports, environment, watch)

    def _source(self, trial: Trial, metrics: Sequence[str], log: str) -> CollectorSource:
        source = trial.spec.metrics_collector.source or SourceSpec()
        filters = (source.filter or FilterSpec()).metrics_format
        is_json = _kind(trial) == "File" and _place(trial).format == "JSON"
        wildcards = (trial.spec.objective or ObjectiveSpec()).wildcards
        format = "JSON" if is_json else "TEXT"
        return CollectorSource(metrics, filters, log, format, wildcards, clock=self._clock)

    def _stop(self, key: Key, reason: str) -> None:
        """Give the trial its condition, unless it has ended otherwise or is gone."""
        trial = self._store.find(TRIALS, key)
        if trial is None or trial.is_completed:
            return
        stopped = Condition(
            type=names.EARLY_STOPPED,
            status="True",
            reason="TrialEarlyStopped",
            message=f"Trial is early stopped: {reason}",
        )
        found = conditions.put(trial.status.conditions, stopped, self._clock.now())
        status = replace(trial.status, conditions=found)
        self._store.update_status(TRIALS, replace(trial, status=status))
        self._events.record(trial, stopped.reason, stopped.message)

    def _warn(self, trial: Trial, reason: str, message: str) -> None:
        self._events.record(trial, reason, message, warning=True)


def _reading(collector: Collector, source: CollectorSource, site: _Site, by: str) -> Reading:
    if site.endpoint is not None:
        # Who serves metrics to nobody needs no HTTP.
        from katib.collectors.prometheus import PrometheusReading

        return PrometheusReading(collector, source, by=by, endpoint=site.endpoint)
    is_folder = isinstance(collector, TensorFlowEventCollector)
    return (EventReading if is_folder else Reading)(collector, source, site.path, by)


def _environment(trial: Trial, experiment: Experiment | None, outfit: Outfit) -> dict[str, str]:
    declared = () if experiment is None else experiment.spec.parameters
    assigned = trial.spec.parameter_assignments
    content = parameters.render_json(declared, assigned)
    return {
        **parameters.environment(declared, assigned),
        parameters.FILE_VARIABLE: outfit.add_file(parameters.FILE_NAME, content),
        names.ENV_TRIAL_NAME: trial.metadata.name,
    }


def _map_checkpoints(trial: Trial, experiment: Experiment | None, outfit: Outfit) -> None:
    if experiment is None:
        return
    settings = (experiment.spec.algorithm or AlgorithmSpec()).algorithm_settings
    given = {setting.name: setting.value for setting in settings}
    if path := given.get(names.SETTING_TRIAL_DIR):
        parent = trial.metadata.label(names.LABEL_PARENT) or ""
        outfit.map_checkpoints(path, experiment.key, trial.metadata.name, parent)


def _kind(trial: Trial) -> str:
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind or "StdOut"


def _place(trial: Trial) -> FileSystemPath:
    source = trial.spec.metrics_collector.source or SourceSpec()
    return source.file_system_path or FileSystemPath()


def _http_get(trial: Trial) -> Manifest:
    source = trial.spec.metrics_collector.source or SourceSpec()
    found: Manifest = {} if source.http_get is UNSET else from_raw(source.http_get)
    return found


def _custom(trial: Trial) -> Manifest:
    collector = trial.spec.metrics_collector.collector or CollectorSpec()
    found: Manifest = (
        {} if collector.custom_collector is UNSET else from_raw(collector.custom_collector)
    )
    return found


def _is_primary(trial: Trial, pod: Unstructured) -> bool:
    wanted = trial.spec.primary_pod_labels
    if not wanted:
        return True
    return all(pod.metadata.label(name) == value for name, value in wanted.items())
