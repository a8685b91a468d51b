"""Keeps an experiment's trials running until its objective is met or its budget is spent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, Experiment, ExperimentStatus, TrialTemplate
from katib.api.kinds import CONFIG_MAPS
from katib.api.suggestion import SUGGESTIONS, Suggestion, TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, Kind
from katib.controllers.experiment import planning
from katib.controllers.experiment.building import build_suggestion, build_trial
from katib.controllers.experiment.ledger import TrialLedger
from katib.errors import AlreadyExistsError, NotFoundError
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result, always
from katib.ports.resource_store import Event, EventType, ResourceStore, Selector

_MODIFIED = EventType.MODIFIED

#: The shortest time between two status writes that change nothing but counters, in seconds.
WRITE_EVERY = 0.1


@dataclass(slots=True)
class _Notes:
    """What is remembered of an experiment between reconciles; rebuilt after a restart."""

    ledger: TrialLedger = field(default_factory=TrialLedger)
    heard: deque[tuple[EventType, Trial]] = field(default_factory=deque)
    written_at: float = float("-inf")
    is_expected: bool = False


class ExperimentReconciler:
    """Counts, finds the optimum, asks for assignments, makes trials of them, ends.

    Trials are counted as their changes are heard (:class:`TrialLedger`), so that the cost of a
    reconcile does not grow with their number.

    Args:
        store: where experiments are.
        clock: for times.
        is_wanted: whether an experiment may start trials now; others are only counted.
    """

    name = "experiment-controller"
    kinds: tuple[Kind[Any], ...] = (EXPERIMENTS, TRIALS, SUGGESTIONS)

    def __init__(
        self, store: ResourceStore, clock: Clock, is_wanted: Callable[[Key], bool] = always
    ) -> None:
        self._store, self._clock, self._is_wanted = store, clock, is_wanted
        self._notes: dict[Key, _Notes] = {}

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is not TRIALS:
            # An experiment's status and a suggestion's spec are written by nobody else.
            if event.is_status is (event.kind is SUGGESTIONS) or event.type is not _MODIFIED:
                yield event.key
            return
        name = event.metadata.label(names.LABEL_EXPERIMENT)
        trial = event.resource
        if name is None or not isinstance(trial, Trial):
            return
        key = Key(event.metadata.namespace, name)
        notes = self._notes.setdefault(key, _Notes())
        # Any thread may write a trial: what it did is counted by the thread that reconciles.
        notes.heard.append((event.type, trial))
        if event.type is EventType.DELETED or trial.is_completed or not notes.is_expected:
            # A trial that only starts changes a counter: one look soon serves many of them.
            notes.is_expected = True
            yield key

    def reconcile(self, key: Key) -> Result:
        experiment = self._store.find(EXPERIMENTS, key)
        if experiment is None:
            self._notes.pop(key, None)
            return DONE
        if experiment.metadata.deletion_timestamp is not None:
            self._set_finalizers(experiment, _others(experiment))
            return DONE
        if names.FINALIZER_EXPERIMENT not in experiment.metadata.finalizers:
            finalizers = (*_others(experiment), names.FINALIZER_EXPERIMENT)
            experiment = self._set_finalizers(experiment, finalizers)
        notes = self._notes.setdefault(key, _Notes())
        # Trials that are made or change meanwhile are counted at the look that follows soon.
        notes.is_expected = True
        status = self._step(experiment, self._count(notes, key))
        notes.is_expected = bool(notes.heard)
        result = self._write(experiment, status, notes)
        if planning.is_completed(replace(experiment, status=status)):
            self._clean_up(experiment)
        return result

    def _count(self, notes: _Notes, key: Key) -> TrialLedger:
        ledger = notes.ledger
        while notes.heard:
            type, trial = notes.heard.popleft()
            if type is EventType.DELETED:
                ledger.forget(trial.metadata.name)
            else:
                ledger.note(trial)
        if ledger.is_best_lost:
            ledger.renote(self._list_trials(key))
        return ledger

    def _list_trials(self, key: Key) -> list[Trial]:
        where = Selector(key.namespace, {names.LABEL_EXPERIMENT: key.name})
        return list(self._store.list(TRIALS, where))

    def _set_finalizers(self, experiment: Experiment, finalizers: tuple[str, ...]) -> Experiment:
        metadata = replace(experiment.metadata, finalizers=finalizers)
        return self._store.update(EXPERIMENTS, replace(experiment, metadata=metadata))

    def _step(self, experiment: Experiment, ledger: TrialLedger) -> ExperimentStatus:
        status = experiment.status
        if planning.is_completed(experiment):
            if not planning.is_restart(experiment, len(ledger)):
                return status
            status = self._restart(status)
            self._restart_suggestion(experiment)
        elif not conditions.has(status.conditions, names.CREATED):
            status = self._start(status)
        is_exhausted = self._is_exhausted(experiment.key, ledger)
        if len(ledger) or is_exhausted:
            condition = planning.verdict(experiment.spec, count(ledger), is_exhausted)
            status = self._end_or_go_on(status, condition)
        is_over = planning.is_completed(replace(experiment, status=status))
        if is_over or not self._is_wanted(experiment.key):
            return status
        return self._balance(experiment, status, ledger)

    def _start(self, status: ExperimentStatus) -> ExperimentStatus:
        created = Condition(
            type=names.CREATED,
            status="True",
            reason="ExperimentCreated",
            message="Experiment is created",
        )
        status = replace(status, start_time=self._clock.now(), completion_time=None)
        return self._put(status, created)

    def _is_exhausted(self, key: Key, ledger: TrialLedger) -> bool:
        """Whether the search has ended, and all that it gave are trials."""
        suggestion = self._store.find(SUGGESTIONS, key)
        if suggestion is None or suggestion.status.suggestion_count > len(ledger):
            return False
        return conditions.has(suggestion.status.conditions, names.EXHAUSTED)

    def _end_or_go_on(self, status: ExperimentStatus, condition: Condition) -> ExperimentStatus:
        if condition.type == names.RUNNING:
            return self._put(status, condition)
        now = self._clock.now()
        stopped = conditions.turn_off(status.conditions, names.RUNNING, now)
        status = replace(status, conditions=stopped, completion_time=now)
        return self._put(status, condition)

    def _restart(self, status: ExperimentStatus) -> ExperimentStatus:
        kept = conditions.remove(status.conditions, names.SUCCEEDED)
        status = replace(status, conditions=conditions.remove(kept, names.FAILED))
        restarting = Condition(
            type=names.RESTARTING,
            status="True",
            reason="ExperimentRestarting",
            message="Experiment is restarted",
        )
        return self._put(status, restarting)

    def _restart_suggestion(self, experiment: Experiment) -> None:
        suggestion = self._store.find(SUGGESTIONS, experiment.key)
        if suggestion is None or not conditions.has(suggestion.status.conditions, names.SUCCEEDED):
            return
        kept = conditions.remove(suggestion.status.conditions, names.SUCCEEDED)
        stopped = Condition(
            type=names.RUNNING,
            status="False",
            reason="Experiment is restarting",
            message="Suggestion is not running",
        )
        self._write_suggestion(suggestion, conditions.put(kept, stopped, self._clock.now()))

    def _clean_up(self, experiment: Experiment) -> None:
        policy = experiment.spec.resume_policy
        suggestion = self._store.find(SUGGESTIONS, experiment.key)
        if policy == names.LONG_RUNNING or suggestion is None:
            return
        found = suggestion.status.conditions
        if conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED):
            return
        now = self._clock.now()
        if conditions.find(found, names.RUNNING) is not None:
            stopped = Condition(
                type=names.RUNNING,
                status="False",
                reason="Suggestion is succeeded",
                message="Suggestion is not running",
            )
            found = conditions.put(found, stopped, now)
        after = (
            ", suggestion volume is not deleted, can be restarted"
            if policy == names.FROM_VOLUME
            else ", can't be restarted"
        )
        succeeded = Condition(
            type=names.SUCCEEDED,
            status="True",
            reason="Experiment is succeeded",
            message=f"Suggestion is succeeded{after}",
        )
        self._write_suggestion(suggestion, conditions.put(found, succeeded, now))

    def _write_suggestion(self, suggestion: Suggestion, found: conditions.Conditions) -> None:
        status = replace(suggestion.status, conditions=found)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))

    def _balance(
        self, experiment: Experiment, status: ExperimentStatus, ledger: TrialLedger
    ) -> ExperimentStatus:
        counts = count(ledger)
        surplus = planning.surplus_trials(experiment.spec, counts)
        if surplus:
            self._drop(experiment, ledger.newest_active(surplus))
            return status
        add = planning.missing_trials(experiment.spec, counts)
        if not add:
            return status
        requests = len(ledger) + add - ledger.unobserved
        suggestion = self._store.find(SUGGESTIONS, experiment.key)
        if suggestion is None:
            self._store.create(SUGGESTIONS, build_suggestion(experiment, requests))
            return status
        if conditions.has(suggestion.status.conditions, names.FAILED):
            refused = conditions.find(suggestion.status.conditions, names.FAILED)
            why = "Suggestion has failed" if refused is None else refused.message
            return self._end_or_go_on(status, planning.failed(f"Suggestion has failed. {why}"))
        if suggestion.spec.requests != requests:
            spec = replace(suggestion.spec, requests=requests)
            self._store.update(SUGGESTIONS, replace(suggestion, spec=spec))
        self._create_trials(experiment, suggestion, ledger)
        return status

    def _create_trials(
        self, experiment: Experiment, suggestion: Suggestion, ledger: TrialLedger
    ) -> None:
        text = self._template_text(experiment)
        for assignment in new_assignments(suggestion, ledger):
            try:
                self._store.create(TRIALS, build_trial(experiment, assignment, text))
            except AlreadyExistsError:
                # A deleted trial of that name is still going; its end brings us back.
                continue

    def _template_text(self, experiment: Experiment) -> str | None:
        source = (experiment.spec.trial_template or TrialTemplate()).config_map
        if source is None:
            return None
        key = Key(source.config_map_namespace, source.config_map_name)
        found: Any = self._store.get(CONFIG_MAPS, key).body.get("data") or {}
        if source.template_path not in found:
            raise NotFoundError("ConfigMap key", str(key), source.template_path, found)
        return str(found[source.template_path])

    def _drop(self, experiment: Experiment, surplus: list[str]) -> None:
        """Parallelism was lowered: the newest active trials go, with their assignments."""
        suggestion = self._store.find(SUGGESTIONS, experiment.key)
        for name in surplus:
            with suppress(NotFoundError):
                self._store.delete(TRIALS, Key(experiment.metadata.namespace, name))
        if suggestion is None:
            return
        kept = tuple(one for one in suggestion.status.suggestions if one.name not in surplus)
        dropped = len(suggestion.status.suggestions) - len(kept)
        total = suggestion.status.suggestion_count - dropped
        spec = replace(suggestion.spec, requests=total)
        suggestion = self._store.update(SUGGESTIONS, replace(suggestion, spec=spec))
        status = replace(suggestion.status, suggestions=kept, suggestion_count=total)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))

    def _write(self, experiment: Experiment, status: ExperimentStatus, notes: _Notes) -> Result:
        now = self._clock.monotonic()
        if status.conditions == experiment.status.conditions:
            wait = notes.written_at + WRITE_EVERY - now
            if wait > 0:
                notes.is_expected = True
                return Result(retry_after_seconds=wait)
        status = notes.ledger.write(status) if len(notes.ledger) else status
        if status != experiment.status:
            notes.written_at = now
            self._store.update_status(EXPERIMENTS, replace(experiment, status=status))
        return Result(retry_after_seconds=WRITE_EVERY) if notes.is_expected else DONE

    def _put(self, status: ExperimentStatus, condition: Condition) -> ExperimentStatus:
        changed = conditions.put(status.conditions, condition, self._clock.now())
        return replace(status, conditions=changed)


def _others(experiment: Experiment) -> tuple[str, ...]:
    """The finalizers that are not ours."""
    found = experiment.metadata.finalizers
    return tuple(one for one in found if one != names.FINALIZER_EXPERIMENT)


def count(ledger: TrialLedger) -> planning.Counts:
    """The ledger's numbers, as planning wants them."""
    failed = ledger.count(names.FAILED) + ledger.count(names.METRICS_UNAVAILABLE)
    return planning.Counts(
        active=ledger.active,
        completed=len(ledger) - ledger.active,
        failed=failed,
        best=ledger.best_value,
    )


def new_assignments(suggestion: Suggestion, ledger: TrialLedger) -> list[TrialAssignment]:
    """The assignments that are no trials yet, when there are more of them than trials."""
    missing = suggestion.status.suggestion_count - len(ledger)
    found: list[TrialAssignment] = []
    for one in reversed(suggestion.status.suggestions):
        if len(found) >= missing:
            break
        if one.name not in ledger:
            found.append(one)
    return found[::-1]
