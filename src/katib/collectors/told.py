"""Reads what was told of trials that others carry out, and judges it by their rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from katib.api import told
from katib.api.experiment import EXPERIMENTS, Experiment, ObjectiveSpec
from katib.api.kinds import CONFIG_MAPS
from katib.api.names import LABEL_EXPERIMENT
from katib.api.trial import Trial
from katib.api.values import Key, Unstructured
from katib.collectors.reports import read_report
from katib.collectors.stopping import LiveRules, RuleWatch
from katib.errors import AdmissionError
from katib.ports.early_stopper import RulesNow
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import NO_TIME, MetricEntry, ObservationLog
from katib.ports.resource_store import ResourceReader

#: Gives a trial of an experiment the rules that change while it runs; ``None`` when none do.
FindRules = Callable[[Trial, Experiment], RulesNow | None]


def _keep_rules(trial: Trial, experiment: Experiment) -> None:
    return None


class ToldReports:
    """Copies the reports that told runs hold into the observation log.

    The run is the truth and the log a copy of it: how far it was copied is seen from the log, so
    that nothing is remembered here and a crash doubles nothing.

    Args:
        store: where experiments are found.
        log: where entries are kept.
        events: what cannot be read is told there.
        find_rules: gives rules that change while trials run; without it they keep their own.
    """

    def __init__(
        self,
        store: ResourceReader,
        log: ObservationLog,
        events: EventRecorder,
        find_rules: FindRules = _keep_rules,
    ) -> None:
        self._store, self._log, self._events = store, log, events
        self._find_rules = find_rules

    def collect(self, trial: Trial, run: Unstructured) -> str:
        """Take in what is new; why the trial is stopped early, empty when it is not.

        Raises:
            StoreUnavailableError: the log is away.
        """
        if (run.api_version, run.kind) != CONFIG_MAPS.address:
            return ""
        data: dict[str, str] = run.body.get("data") or {}
        entries = self._read(trial, told.reports_of(data))
        known = len(self._log.read(trial.key)) if entries else 0
        if known < len(entries):
            self._log.report(trial.key, entries[known:])
        if data.get(told.STATE) == told.STOPPED:
            return data.get(told.MESSAGE) or "whoever carries it out has stopped it"
        return "" if data.get(told.STATE) in told.ENDS else self._judge(trial, entries, known)

    def _judge(self, trial: Trial, entries: Sequence[MetricEntry], known: int) -> str:
        """What the rules say of all reports; rules that are new judge the new ones only."""
        objective = trial.spec.objective or ObjectiveSpec()
        name = trial.metadata.label(LABEL_EXPERIMENT) or ""
        experiment = self._store.find(EXPERIMENTS, Key(trial.metadata.namespace, name))
        now = None if experiment is None else self._find_rules(trial, experiment)
        metric = objective.objective_metric_name
        judged = sum(entry.name == metric for entry in entries[:known])
        live = None if now is None else LiveRules(now, judged)
        watch = RuleWatch(trial.spec.early_stopping_rules, objective, live)
        watch.note(entries[:known])
        for entry in entries[known:]:
            watch.note([entry])
        return watch.verdict

    def _read(self, trial: Trial, reports: Sequence[str]) -> list[MetricEntry]:
        entries: list[MetricEntry] = []
        started = trial.status.start_time
        time = started if isinstance(started, datetime) else NO_TIME
        for number, text in enumerate(reports):
            try:
                entries += read_report(text.encode(), "", time)
            except AdmissionError as error:
                message = f"Report {number} was left out: {error}"
                self._events.record(trial, "ReportRefused", message, warning=True)
        return entries
