"""Starts a trial's run, watches it, and says how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.codec import to_manifest
from katib.api.trial import TRIALS, Trial, TrialStatus, stopped_early
from katib.api.values import Condition, Key, Kind, Manifest, Unstructured
from katib.controllers.trial.ends import final_condition
from katib.controllers.trial.gjson import Match, MatchError, find_match
from katib.controllers.trial.hurry import TOLD_AFTER, Hurry
from katib.controllers.trial.observation import find_non_finite, tell_ignored
from katib.controllers.trial.reports import ObservationsAwayError, Reports, translated
from katib.controllers.trial.runnable import WAITS_EVERY, Runnable
from katib.controllers.trial.runs import Runs, kind_of_run
from katib.controllers.trial.starting import NeverError, NotYetError, find_run, start_run
from katib.controllers.trial.waiting import (
    find_ending,
    find_suspension,
    find_unreported,
    find_wait,
    tell_unmet,
    wait_for_metrics,
)
from katib.errors import StoreUnavailableError
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.observation_log import ObservationLog
from katib.ports.reconciler import DONE, EVERY_KIND, Result
from katib.ports.resource_store import Event, EventType, ResourceStore

#: How often a succeeded run's metrics are looked for, and for how long in all, in seconds. A
#: collector that died never reports; the trial must not wait for it for ever.
LOOK_EVERY, LOOK_FOR = 1.0, 60.0

#: Why a trial ended as it did: its objective value is nan or infinite.
NON_FINITE = "NonFiniteObjective"

#: How often it is tried again to delete the entries of a trial that is gone, in seconds.
FORGET_AGAIN = 30.0


class RunState(StrEnum):
    """What a run's conditions say."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class TrialReconciler:
    """Creates the run of a trial, judges it by the template's conditions, reads its observation.

    Args:
        store: where trials and runs are.
        observations: where the collector reports.
        events: what happened, for the user.
        clock: for times.
        here: what may be run.
    """

    name = "trial-controller"

    def __init__(
        self,
        store: ResourceStore,
        observations: ObservationLog,
        events: EventRecorder,
        clock: Clock,
        here: Runnable | None = None,
    ) -> None:
        here = here or Runnable()
        self._store, self._observations = store, observations
        self._events, self._clock = events, clock
        self._run_kinds, self._is_wanted = tuple(here.kinds), here.is_wanted
        self._looks_within, self._collect = here.looks_within, here.collect
        self.kinds: tuple[Kind[Any], ...] = (TRIALS, *(self._run_kinds or (EVERY_KIND,)))
        self._runs = Runs(store, events, here.prepare, here.hurried)
        self._hurry, self._reports = Hurry(here.hurried), Reports(observations)
        self._waiting: dict[str, float] = {}
        self._undeleted: set[Key] = set()

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is TRIALS:
            if event.type is not EventType.DELETED and not _is_own_write(event):
                yield event.key
            return
        owner = event.metadata.controller
        # A run is created by ourselves, or found by the trial that is looked at at the start.
        if owner is None or owner.kind != TRIALS.name or event.type is EventType.ADDED:
            return
        key = Key(event.metadata.namespace, owner.name)
        if event.type is EventType.DELETED:
            trial = self._store.find(TRIALS, key)
            if trial is None or trial.is_completed:
                return
        yield key

    def reconcile(self, key: Key) -> Result:
        trial = self._store.find(TRIALS, key)
        if key in self._undeleted and (away := self._forget(key)):
            # A trial of the same name must not find the entries of the one that is gone.
            if trial is not None and trial.metadata.deletion_timestamp is None:
                self._show_away(trial, away)
            return Result(retry_after_seconds=FORGET_AGAIN)
        if trial is None:
            self._hurry.forget(key)
            return DONE
        if trial.metadata.deletion_timestamp is not None:
            return self._release(trial)
        if names.FINALIZER_TRIAL not in trial.metadata.finalizers:
            finalizers = (*trial.metadata.finalizers, names.FINALIZER_TRIAL)
            metadata = replace(trial.metadata, finalizers=finalizers)
            trial = self._store.update(TRIALS, replace(trial, metadata=metadata))
        return self._go_on(trial)

    def _go_on(self, trial: Trial) -> Result:
        kept = self._hurry.take(trial)
        is_new = kept is None and not trial.has(names.CREATED)
        trial = self._start(trial) if is_new else kept or trial
        was_completed = trial.is_completed
        status, result = self._follow(trial)
        if is_new and self._hurry.keep(trial, status):
            return Result(retry_after_seconds=TOLD_AFTER)
        trial = self._store.update_status(TRIALS, replace(trial, status=status))
        if trial.is_completed and not was_completed:
            # Only now: the run must not go before its end is known.
            self._follow(trial)
        return result

    def _release(self, trial: Trial) -> Result:
        """Let a deleted trial go, whether or not its observation log can be deleted now."""
        if names.FINALIZER_TRIAL not in trial.metadata.finalizers:
            return DONE
        away = self._forget(trial.key)
        if away:
            message = f"The trial's entries are deleted later; the observation log is away: {away}"
            self._tell(trial, "ObservationLogUnavailable", message, warning=True)
        kept = tuple(one for one in trial.metadata.finalizers if one != names.FINALIZER_TRIAL)
        metadata = replace(trial.metadata, finalizers=kept)
        self._store.update(TRIALS, replace(trial, metadata=metadata))
        return Result(retry_after_seconds=FORGET_AGAIN) if away else DONE

    def _forget(self, key: Key) -> str:
        """Delete a trial's entries; what keeps that from being possible, if something does."""
        try:
            self._observations.delete(key)
        except StoreUnavailableError as error:
            self._undeleted.add(key)
            return str(error)
        self._undeleted.discard(key)
        return ""

    def _show_away(self, trial: Trial, away: str) -> None:
        problem = f"entries of an earlier trial of this name are to be deleted from it: {away}"
        status = self._show(trial.status, ObservationsAwayError(problem).condition)
        self._store.update_status(TRIALS, replace(trial, status=status))

    def _start(self, trial: Trial) -> Trial:
        status = replace(trial.status, start_time=self._clock.now(), completion_time=None)
        created = Condition(
            type=names.CREATED, status="True", reason="TrialCreated", message="Trial is created"
        )
        return replace(trial, status=self._put(status, created))

    def _follow(self, trial: Trial) -> tuple[TrialStatus, Result]:
        try:
            return self._advance(trial)
        except ObservationsAwayError as error:
            return self._show(trial.status, error.condition), Result(LOOK_EVERY)
        except NotYetError as error:
            return self._show(trial.status, error.condition), Result(error.again_seconds)

    def _advance(self, trial: Trial) -> tuple[TrialStatus, Result]:
        kind = kind_of_run(trial)
        if self._run_kinds and kind not in self._run_kinds and not trial.is_completed:
            return self._refuse(trial, kind), DONE
        run = find_run(self._runs, trial)
        if trial.is_completed:
            status = self._show(self._observe_stopped(trial), None)
            if run is not None and not trial.spec.retain_run:
                self._runs.delete(trial, run)
            return status, DONE
        if run is None:
            if not self._is_wanted(_experiment_of(trial)):
                return trial.status, DONE
            try:
                run = start_run(self._runs, trial)
            except NeverError as error:
                return self._end(trial, names.FAILED, error.match), DONE
        with translated():
            stop = self._collect(trial, run)
        if stop:
            stopped = stopped_early(trial, self._clock.now(), stop)
            self._tell(trial, "TrialEarlyStopped", stopped.status.conditions[-1].message)
            return self._show(self._observe_stopped(stopped), None), DONE
        return self._judge(trial, run)

    def _refuse(self, trial: Trial, kind: Kind[Any]) -> TrialStatus:
        known = " and ".join(one.name for one in self._run_kinds)
        why = (
            f"this machine runs {known}; the kind {kind.name} ({kind.api_version}) needs a cluster "
            "that knows it"
        )
        return self._end(trial, names.FAILED, Match("KindNotRunnable", why))

    def _judge(self, trial: Trial, run: Unstructured) -> tuple[TrialStatus, Result]:
        found = self._run_state(trial, run)
        if found is None:
            return self._wait(trial, run), self._look_again(trial)
        state, match = found
        name = trial.metadata.name
        if state is RunState.RUNNING:
            running = Condition(
                type=names.RUNNING,
                status="True",
                reason="TrialRunning",
                message="Trial is running",
            )
            if trial not in self._hurry:
                self._tell(trial, "JobRunning", f"Job {name} is running")
            waits = self._find_delay(trial) or find_suspension(run)
            status = self._put(self._show(trial.status, waits), running)
            return status, self._look_again(trial)
        if state is RunState.FAILED:
            match = self._runs.with_cause(trial, run, match)
            detail = f". {match.message} {match.reason}" if match.message or match.reason else ""
            self._tell(trial, "JobFailed", f"Job {name} has failed{detail}")
            return self._end(trial, names.FAILED, match), DONE
        return self._succeed(trial, run, match)

    def _look_again(self, trial: Trial) -> Result:
        """Its pods are asked for then, which costs a cluster a call."""
        started = trial.status.start_time
        age = 0.0 if started is None else (self._clock.now() - started).total_seconds()
        return Result(min(max(WAITS_EVERY, age), self._looks_within))

    def _wait(self, trial: Trial, run: Unstructured) -> TrialStatus:
        """The status of a trial whose run goes on, with what keeps it from that."""
        delay = self._find_delay(trial)
        if delay is not None:
            return self._show(trial.status, delay)
        started, suspended = trial.status.start_time, find_suspension(run)
        is_early = started and (self._clock.now() - started).total_seconds() < WAITS_EVERY
        if suspended or is_early or started is None:
            return self._show(trial.status, suspended)
        pods = self._runs.pods(trial)
        long_ago = self._clock.now() - timedelta(seconds=WAITS_EVERY)
        waits = find_wait(run, pods) or find_unreported(run, pods, long_ago)
        return self._show(trial.status, waits)

    def _find_delay(self, trial: Trial) -> Condition | None:
        """That reports wait, as a ``Progressing`` condition; told once."""
        problem = self._observations.delay(trial.key)
        if not problem:
            return None
        found = ObservationsAwayError(problem).condition
        shown = conditions.find(trial.status.conditions, names.PROGRESSING)
        if shown is None or shown.reason != found.reason:
            self._tell(trial, found.reason, f"The run goes on. {found.message}", warning=True)
        return found

    def _run_state(self, trial: Trial, run: Unstructured) -> tuple[RunState, Match] | None:
        document, problem = self._document(trial, run), ""
        if document is run.body and not run.status and not trial.has(names.RUNNING):
            # It says nothing yet.
            return RunState.RUNNING, Match("", "")
        try:
            failed = find_match(trial.spec.failure_condition, document)
            if failed is not None:
                return RunState.FAILED, failed
            succeeded = find_match(trial.spec.success_condition, document)
            if succeeded is not None:
                return RunState.SUCCEEDED, succeeded
        except MatchError as error:
            problem = str(error)
            self._tell(trial, "ConditionError", problem, warning=True)
        ending = find_ending(run)
        if ending is not None:
            return RunState.FAILED, Match(
                "ConditionsNotMet", tell_unmet(trial, run, ending, problem)
            )
        if not problem and not trial.has(names.RUNNING):
            return RunState.RUNNING, Match("", "")
        return None

    def _document(self, trial: Trial, run: Unstructured) -> Manifest:
        """The run as JSON data; only its body when the conditions look at the status alone."""
        both = (trial.spec.failure_condition, trial.spec.success_condition)
        return run.body if all(one.startswith("status") for one in both) else to_manifest(run)

    def _succeed(self, trial: Trial, run: Unstructured, match: Match) -> tuple[TrialStatus, Result]:
        name = trial.metadata.name
        trial = replace(trial, status=self._reports.observe(trial))
        collector = trial.spec.metrics_collector.collector
        is_pushed = collector is not None and collector.kind == "Push"
        if is_pushed and (surplus := self._reports.find_surplus(trial)):
            self._tell(trial, "TooManyMetrics", surplus, warning=True)
        if trial.is_observed:
            return self._end_observed(trial, match), DONE
        if trial.status.observation is None and not is_pushed and self._may_look_again(trial):
            waiting = wait_for_metrics(trial, self._primary_among(trial, run), LOOK_FOR)
            return self._show(trial.status, waiting), Result(retry_after_seconds=LOOK_EVERY)
        if is_pushed and trial.status.observation is None:
            self._reports.add_missing(trial)
        self._tell(
            trial,
            "MetricsUnavailable",
            f"Metrics are not available for Job {name}",
            warning=True,
        )
        ignored = self._tell_ignored(trial)
        match = Match(NON_FINITE, ignored) if ignored else match
        return self._end(trial, names.METRICS_UNAVAILABLE, match), DONE

    def _end_observed(self, trial: Trial, match: Match) -> TrialStatus:
        objective, fault = trial.spec.objective, find_non_finite(trial)
        if fault:
            self._tell(trial, NON_FINITE, fault, warning=True)
            if objective is not None and objective.non_finite == names.FAIL:
                return self._end(trial, names.FAILED, Match(NON_FINITE, fault))
        self._tell(trial, "JobSucceeded", f"Job {trial.metadata.name} has succeeded")
        return self._end(trial, names.SUCCEEDED, match)

    def _tell_ignored(self, trial: Trial) -> str:
        if trial.status.observation is None or trial.spec.objective is None:
            return ""
        ignored = tell_ignored(trial.spec.objective, self._reports.read(trial))
        if ignored:
            self._tell(trial, NON_FINITE, ignored, warning=True)
        return ignored

    def _primary_among(self, trial: Trial, run: Unstructured) -> Sequence[Unstructured]:
        """Where the pod whose metrics count is looked for; nowhere when any will do."""
        if not trial.spec.primary_pod_labels:
            return ()
        return (run,) if run.kind == "Pod" else self._runs.pods(trial)

    def _may_look_again(self, trial: Trial) -> bool:
        now, uid = self._clock.monotonic(), trial.metadata.uid
        if now - self._waiting.setdefault(uid, now) < LOOK_FOR:
            return True
        del self._waiting[uid]
        return False

    def _observe_stopped(self, trial: Trial) -> TrialStatus:
        """An early-stopped trial's observation is read before its run goes."""
        if not trial.has(names.EARLY_STOPPED) or trial.is_observed:
            return trial.status
        status = self._reports.observe(trial)
        if status.completion_time in (None, UNSET):
            status = replace(status, completion_time=self._clock.now())
        return status

    def _end(self, trial: Trial, type: str, match: Match) -> TrialStatus:
        now = self._clock.now()
        self._waiting.pop(trial.metadata.uid, None)
        found = conditions.show_progress(trial.status.conditions, None, now)
        stopped = conditions.turn_off(found, names.RUNNING, now)
        status = replace(trial.status, completion_time=now, conditions=stopped)
        return self._put(status, final_condition(type, match))

    def _show(self, status: TrialStatus, progress: Condition | None) -> TrialStatus:
        changed = conditions.show_progress(status.conditions, progress, self._clock.now())
        return replace(status, conditions=changed)

    def _put(self, status: TrialStatus, condition: Condition) -> TrialStatus:
        changed = conditions.put(status.conditions, condition, self._clock.now())
        return replace(status, conditions=changed)

    def _tell(self, trial: Trial, reason: str, message: str, warning: bool = False) -> None:
        self._events.record(trial, reason, message, warning)


def _experiment_of(trial: Trial) -> Key:
    name = trial.metadata.label(names.LABEL_EXPERIMENT) or ""
    return Key(trial.metadata.namespace, name)


def _is_own_write(event: Event) -> bool:
    """Whether a status was written that only this controller writes."""
    if not event.is_status:
        return False
    trial = event.resource
    return isinstance(trial, Trial) and not trial.has(names.EARLY_STOPPED)
