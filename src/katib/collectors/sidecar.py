"""What a metrics sidecar does in a cluster, done in the engine: one collector beside each pod."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from msgspec import UNSET

from katib import parameters
from katib.api import names
from katib.api.codec import from_raw
from katib.api.experiment import (
    EXPERIMENTS,
    AlgorithmSpec,
    CollectorSpec,
    Experiment,
    FilterSpec,
    ObjectiveSpec,
    SourceSpec,
)
from katib.api.kinds import kind_of
from katib.api.trial import TRIALS, Trial, stopped_early
from katib.api.values import Key, Manifest, Resource, Unstructured
from katib.collectors import COLLECTORS
from katib.collectors.called import Called
from katib.collectors.following import Bare, Following, Reports
from katib.collectors.inbox import Inbox, Pushed
from katib.collectors.pushing import Pushing
from katib.collectors.sites import Site, Sites, collector_kind, file_of
from katib.collectors.stopping import LiveRules, RuleWatch
from katib.errors import StoreUnavailableError
from katib.ports.call_reports import CallReports
from katib.ports.clock import Clock
from katib.ports.collector import CollectorSource
from katib.ports.early_stopper import RulesNow
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import ObservationLog
from katib.ports.resource_store import ResourceStore
from katib.ports.sidecar import Outfit, Sidecar

#: How far up the owners of a pod its trial is looked for.
MOST_OWNERS = 5

#: Gives a trial of an experiment the rules that change while it runs; ``None`` when none do.
FindRules = Callable[[Trial, Experiment], RulesNow | None]


def _keep_rules(trial: Trial, experiment: Experiment) -> None:
    return None


class LogSidecars:
    """Attaches collectors to the pods of trials.

    Args:
        store: where pods' owners are found, and the parameters of their experiments; and where
            trials are that are stopped early.
        observations: where entries are reported.
        events: where a missing metric is told, and an early stop.
        clock: for the time of an early stop.
        find_rules: gives rules that change while trials run; without it they keep their own.

    Attributes:
        inbox: takes what trials push.
    """

    def __init__(
        self,
        store: ResourceStore,
        observations: ObservationLog,
        events: EventRecorder,
        clock: Clock,
        find_rules: FindRules = _keep_rules,
    ) -> None:
        self._store, self._observations, self._clock = store, observations, clock
        self._events, self._find_rules, self._sites = events, find_rules, Sites()
        self.inbox = Inbox(store, observations)
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
        kind, experiment = collector_kind(trial), self._experiment_of(trial)
        live = self._live_rules(trial, experiment)
        site = self._sites.find(trial, pod.metadata.name, outfit)
        if site.is_read_anew and trial.metadata.uid in self._reported:
            # An earlier pod of the trial, or the same one under an earlier engine, has reported
            # already. The log is read from its beginning, so what it reported is replaced.
            self._observations.delete(trial.key)
        self._reported.add(trial.metadata.uid)
        environment = _environment(trial, experiment, outfit) | site.environment()
        _map_checkpoints(trial, experiment, outfit)
        if kind == "Push":
            folder = os.path.dirname(environment[parameters.FILE_VARIABLE])
            environment[names.ENV_METRICS_DROP] = os.path.join(folder, drop_name(trial))
        if not _is_primary(trial, pod):
            return Bare(environment)
        if kind == "Push":
            return self._await(trial, environment, live)
        return self._follow(trial, outfit, site, environment, live)

    def attach_call(self, call: Unstructured) -> CallReports | None:
        """See :class:`katib.ports.call_reports.CallReporters`."""
        trial = self._trial_of(call)
        if trial is None:
            return None
        if self._observations.read(trial.key):
            # Of an earlier engine, which may have lost the trial itself.
            self._observations.delete(trial.key)
        experiment = self._experiment_of(trial)
        has_rules = experiment is not None and experiment.spec.early_stopping is not None
        live = self._live_rules(trial, experiment) if has_rules else None
        reports, objective = self._reports(trial), trial.spec.objective or ObjectiveSpec()
        return Called(trial.key, reports, _watch(trial, reports, live), objective)

    def _live_rules(self, trial: Trial, experiment: Experiment | None) -> LiveRules | None:
        now = None if experiment is None else self._find_rules(trial, experiment)
        if now is None:
            return None
        metric = (trial.spec.objective or ObjectiveSpec()).objective_metric_name
        try:
            return LiveRules(now, len(self._observations.read(trial.key, metric)))
        except StoreUnavailableError:
            # When nobody knows which reports were judged before, none is judged by new rules.
            return None if trial.metadata.uid in self._reported else LiveRules(now)

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
        self,
        trial: Trial,
        outfit: Outfit,
        site: Site,
        environment: Mapping[str, str],
        live: LiveRules | None,
    ) -> Sidecar:
        reports = self._reports(trial)
        kind, by = collector_kind(trial), "program"
        try:
            printed = outfit(trial.spec.primary_container_name)
        except KeyError:
            message = f'The pod has no container "{trial.spec.primary_container_name}"'
            reports.warn("PrimaryContainerMissing", message)
            return Bare(environment)
        if kind == "Custom":
            try:
                site, by = Site(log=outfit.add_container(_custom(trial))), "collector"
            except ValueError as error:
                reports.warn("CollectorNotStarted", f"customCollector: {error}")
                return Bare(environment)
        objective = trial.spec.objective or ObjectiveSpec()
        watch = _watch(trial, reports, live)
        metrics = _metrics(objective, watch)
        source = self._source(trial, metrics, site.log or printed)
        reading = site.open(kind, source, by)
        following = Following(reading, objective, reports, environment, watch)
        if not site.is_read_anew:
            following.recall(self._observations.read(trial.key))
        return following

    def _await(
        self, trial: Trial, environment: Mapping[str, str], live: LiveRules | None
    ) -> Sidecar:
        """Beside a pod of a trial that pushes: its drop is followed."""
        reports, objective = self._reports(trial), trial.spec.objective or ObjectiveSpec()

        def make() -> Pushed:
            watch = _watch(trial, reports, live)
            metrics = _metrics(objective, watch)
            source = self._source(trial, metrics, environment[names.ENV_METRICS_DROP])
            return Pushed(COLLECTORS.load("Push")(source), watch, objective)

        pushed = self.inbox.watch(trial, make)
        follow = partial(self.inbox.follow, trial.key, pushed)
        return Pushing(pushed, follow, reports, environment)

    def _reports(self, trial: Trial) -> Reports:
        return Reports(
            partial(self._observations.report, trial.key),
            partial(self._warn, trial),
            partial(self._stop, trial.key),
        )

    def _source(self, trial: Trial, metrics: Sequence[str], log: str) -> CollectorSource:
        source = trial.spec.metrics_collector.source or SourceSpec()
        filters = (source.filter or FilterSpec()).metrics_format
        is_json = collector_kind(trial) == "File" and file_of(trial).format == "JSON"
        wildcards = (trial.spec.objective or ObjectiveSpec()).wildcards
        format = "JSON" if is_json else "TEXT"
        return CollectorSource(metrics, filters, log, format, wildcards, clock=self._clock)

    def _stop(self, key: Key, reason: str) -> None:
        """Give the trial its condition, unless it has ended otherwise or is gone."""
        trial = self._store.find(TRIALS, key)
        if trial is None or trial.is_completed:
            return
        stopped = self._store.update_status(TRIALS, stopped_early(trial, self._clock.now(), reason))
        condition = stopped.status.conditions[-1]
        self._events.record(trial, condition.reason, condition.message)

    def _warn(self, trial: Trial, reason: str, message: str) -> None:
        self._events.record(trial, reason, message, warning=True)


def drop_name(trial: Trial) -> str:
    """The file in the trial's folder into which all of its pods may drop metrics."""
    # A later trial of the same name has another.
    return f"metrics-{trial.metadata.uid.partition('-')[0]}"


def _watch(trial: Trial, reports: Reports, live: LiveRules | None) -> RuleWatch:
    """The trial's rules; those that are never met are told of."""
    objective = trial.spec.objective or ObjectiveSpec()
    watch = RuleWatch(trial.spec.early_stopping_rules, objective, live)
    for rule in watch.unreadable:
        told = f'The value "{rule.value}" of the rule for {rule.name} cannot be read'
        reports.warn("EarlyStoppingRuleNeverMet", f"{told}: the trial is not stopped early")
    return watch


def _metrics(objective: ObjectiveSpec, watch: RuleWatch) -> Sequence[str]:
    """What is looked for: what the objective names, and what only the rules are about."""
    return tuple(dict.fromkeys((*objective.exact_names, *sorted(watch.metrics))))


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
