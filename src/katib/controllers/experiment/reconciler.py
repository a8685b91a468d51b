"""Keeps an experiment's trials running until its objective is met or its budget is spent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, Experiment, ExperimentStatus, TrialTemplate
from katib.api.kinds import CONFIG_MAPS
from katib.api.suggestion import SUGGESTIONS, TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Key, Kind, Manifest
from katib.controllers.experiment import planning
from katib.controllers.experiment.building import build_trial
from katib.controllers.experiment.conversation import Conversation, new_assignments
from katib.controllers.experiment.ledger import TrialLedger
from katib.controllers.experiment.progress import find_halt, find_progress, find_unasked
from katib.controllers.experiment.standing import Standing
from katib.controllers.experiment.treatment import Treatment
from katib.errors import (
    AdmissionError,
    AlreadyExistsError,
    ConfigurationError,
    KatibError,
    NotFoundError,
    RenderError,
)
from katib.ports.clock import Clock
from katib.ports.event_recorder import EventRecorder
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore, Selector

_MODIFIED = EventType.MODIFIED

#: How often it is tried again to judge an experiment or to make a trial, when something is in the
#: way, in seconds.
TRY_AGAIN = 2.0


class _BlockedError(KatibError):
    """A trial cannot be made until somebody clears the way."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.condition = conditions.progress("False", reason, message)


@dataclass(slots=True)
class _Notes:
    """What is remembered of an experiment between reconciles; rebuilt after a restart."""

    ledger: TrialLedger = field(default_factory=TrialLedger)
    heard: deque[tuple[EventType, Trial]] = field(default_factory=deque)
    written_at: float = float("-inf")
    changed_at: float | None = None
    is_expected: bool = False
    look_after: float | None = None


class ExperimentReconciler:
    """Counts, finds the optimum, asks for assignments, makes trials of them, ends.

    Trials are counted as their changes are heard (:class:`TrialLedger`), so that the cost of a
    reconcile does not grow with their number.

    Args:
        store: where experiments are.
        events: what happened, for the user.
        clock: for times.
        treatment: of experiments, as an engine wants it.
    """

    name = "experiment-controller"
    kinds: tuple[Kind[Any], ...] = (EXPERIMENTS, TRIALS, SUGGESTIONS)

    def __init__(
        self,
        store: ResourceStore,
        events: EventRecorder,
        clock: Clock,
        treatment: Treatment | None = None,
    ) -> None:
        treatment = treatment or Treatment()
        self._store, self._events, self._clock = store, events, clock
        self._is_wanted, self._admit = treatment.is_wanted, treatment.admit
        self._write_every, self._gathering = treatment.write_every, treatment.gathering
        self._for_each = treatment.for_each
        self._conversation = Conversation(store, clock)
        self._standing = Standing(events, clock)
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
        notes = self._notes_of(key)
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
            try:
                experiment = self._take_on(experiment)
            except AdmissionError as error:
                return self._turn_away(experiment, error)
            except ConfigurationError as error:
                return self._put_off(experiment, error)
        notes = self._notes_of(key)
        # Trials that are made or change meanwhile are counted at the look that follows soon.
        notes.is_expected = True
        notes.look_after = None
        status = self._step(experiment, self._count(notes, key))
        # Twice: who hears of a trial in between finds the first, or is found by the second.
        notes.is_expected = False
        notes.is_expected = bool(notes.heard)
        result = self._write(experiment, status, notes)
        if _is_over(experiment, status):
            self._conversation.end(experiment)
        return result

    def _notes_of(self, key: Key) -> _Notes:
        notes = self._notes.get(key)
        # To set a default without need would make a ledger for each event.
        return self._notes.setdefault(key, _Notes()) if notes is None else notes

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

    def _take_on(self, experiment: Experiment) -> Experiment:
        """The experiment as it is legal, with our finalizer.

        Its defaults are written, too: the algorithm and the user see what is run.
        """
        finalizers = (*_others(experiment), names.FINALIZER_EXPERIMENT)
        return self._set_finalizers(self._admit(experiment), finalizers)

    def _turn_away(self, experiment: Experiment, error: AdmissionError) -> Result:
        """Say of an experiment that no door has refused what is wrong with it."""
        if not planning.is_completed(experiment):
            problems = "; ".join(map(str, error.errors))
            illegal = planning.failed(f"it is not legal: {problems}")
            status = self._end_or_go_on(
                experiment, self._standing.start(experiment.status), illegal
            )
            self._store.update_status(EXPERIMENTS, replace(experiment, status=status))
        return DONE

    def _put_off(self, experiment: Experiment, error: ConfigurationError) -> Result:
        """Say of an experiment that nobody can judge it until Katib's configuration is mended."""
        status = experiment.status
        if not conditions.has(status.conditions, names.CREATED):
            status = self._standing.start(status)
        status = self._standing.show(
            status, conditions.progress("False", "ConfigurationRefused", str(error))
        )
        self._store.update_status(EXPERIMENTS, replace(experiment, status=status))
        return Result(retry_after_seconds=TRY_AGAIN)

    def _set_finalizers(self, experiment: Experiment, finalizers: tuple[str, ...]) -> Experiment:
        metadata = replace(experiment.metadata, finalizers=finalizers)
        return self._store.update(EXPERIMENTS, replace(experiment, metadata=metadata))

    def _step(self, experiment: Experiment, ledger: TrialLedger) -> ExperimentStatus:
        status = experiment.status
        if planning.is_completed(experiment):
            if not planning.is_restart(experiment, len(ledger)):
                return status
            status = self._standing.restart(experiment)
            self._conversation.restart(experiment.key)
        elif not conditions.has(status.conditions, names.CREATED):
            status = self._standing.start(status)
        suggestion = self._conversation.find(experiment.key)
        is_exhausted = self._conversation.is_exhausted(suggestion, ledger)
        # A trial that was stopped may be the best, or reach the goal, once its metrics are read.
        counts = count(ledger)
        is_stopped = planning.is_stopped(experiment)
        if (len(ledger) or is_exhausted or is_stopped) and not ledger.is_unread:
            condition = planning.verdict(experiment.spec, counts, is_exhausted, is_stopped)
            status = self._end_or_go_on(experiment, status, condition)
        if _is_over(experiment, status) or not self._is_wanted(experiment.key):
            return status
        return self._balance(replace(experiment, status=status), ledger, counts)

    def _end_or_go_on(
        self, experiment: Experiment, status: ExperimentStatus, condition: Condition
    ) -> ExperimentStatus:
        if condition.type == names.RUNNING:
            return self._standing.go_on(experiment, status, planning.running(experiment))
        notes = self._notes.get(experiment.key)
        is_fruitless = notes is not None and count(notes.ledger).is_fruitless
        return self._standing.end(experiment, status, condition, is_fruitless=is_fruitless)

    def _balance(
        self, experiment: Experiment, ledger: TrialLedger, counts: planning.Counts
    ) -> ExperimentStatus:
        """Start or give up trials, and say what is waited for."""
        status = experiment.status
        surplus = planning.surplus_trials(experiment.spec, counts)
        if surplus:
            self._drop(experiment, ledger.newest_active(surplus))
        halt = find_halt(experiment, counts.active)
        if halt is not None:
            return self._standing.show(status, halt)
        try:
            failure = None if surplus else self._add(experiment, ledger, counts)
        except _BlockedError as error:
            self._notes[experiment.key].look_after = TRY_AGAIN
            return self._standing.show(status, error.condition)
        except RenderError as error:
            failure = planning.failed(f"its next trial cannot be made: {error}")
        if failure is not None:
            return self._end_or_go_on(experiment, status, failure)
        suggestion = self._conversation.find(experiment.key)
        progress = find_progress(suggestion, counts.active, ledger.stalled)
        if not counts.active:
            progress = find_unasked(experiment, ledger.made) or progress
        return self._standing.show(status, progress)

    def _add(
        self, experiment: Experiment, ledger: TrialLedger, counts: planning.Counts
    ) -> Condition | None:
        """Ask for what is missing and make trials of what there is; why that is impossible."""
        asked = planning.asked_trials(experiment)
        add = planning.missing_trials(experiment.spec, counts, asked)
        if not add:
            return None
        suggestion, made = self._conversation.find(experiment.key), ledger.made
        if suggestion is None:
            self._conversation.ask(experiment, None, made + add)
            return None
        refused = conditions.find(suggestion.status.conditions, names.FAILED)
        if refused is not None and refused.status == "True":
            return planning.failed(f"Suggestion has failed. {refused.message}")
        fresh = new_assignments(suggestion, ledger)
        # Assignments of deleted trials may be gone from the list: others take their place.
        lost = max(0, suggestion.status.suggestion_count - made - len(fresh))
        given = suggestion.status.suggestion_count
        self._conversation.ask(experiment, suggestion, max(given, made + add + lost))
        if fresh:
            # Those that are too many now, as parallelism was lowered, wait for their turn.
            self._create_trials(experiment, fresh[:add])
        return None

    def _create_trials(self, experiment: Experiment, fresh: Sequence[TrialAssignment]) -> None:
        text = self._template_text(experiment)
        taken: list[str] = []

        def create(assignment: TrialAssignment) -> None:
            try:
                self._store.create(TRIALS, build_trial(experiment, assignment, text))
            except AlreadyExistsError:
                taken.append(assignment.name)

        self._for_each(create, fresh)
        for name in taken:
            self._check_is_own(experiment.key, name)

    def _check_is_own(self, experiment: Key, name: str) -> None:
        """Our own trial of that name is new or still going, and is heard of; others stay."""
        trial = self._store.find(TRIALS, Key(experiment.namespace, name))
        if trial is None or trial.metadata.deletion_timestamp is not None:
            return
        if trial.metadata.label(names.LABEL_EXPERIMENT) != experiment.name:
            raise _BlockedError(
                "TrialNameTaken",
                f'Trial "{name}" cannot be made: there is one of that name which is not of this '
                f"experiment; delete it, or label it {names.LABEL_EXPERIMENT}={experiment.name}",
            )

    def _template_text(self, experiment: Experiment) -> str | None:
        source = (experiment.spec.trial_template or TrialTemplate()).config_map
        if source is None:
            return None
        key = Key(source.config_map_namespace, source.config_map_name)
        found = self._store.find(CONFIG_MAPS, key)
        data: Manifest = {} if found is None else found.body.get("data") or {}
        if source.template_path not in data:
            raise _BlockedError(
                "TrialTemplateMissing",
                f'The trial template is gone: ConfigMap "{key}" with the key '
                f'"{source.template_path}" does not exist; create it again',
            )
        return str(data[source.template_path])

    def _drop(self, experiment: Experiment, surplus: Sequence[str]) -> None:
        """Parallelism was lowered: the newest active trials go, and come again when there is room.

        Their assignments stay: a search that counts on every answer would miss them otherwise.
        """
        for name in surplus:
            with suppress(NotFoundError):
                self._store.delete(TRIALS, Key(experiment.metadata.namespace, name))
        message = f"More trials were active than parallelTrialCount allows: {', '.join(surplus)}"
        self._events.record(experiment, "TrialsDeleted", message)

    def _write(self, experiment: Experiment, status: ExperimentStatus, notes: _Notes) -> Result:
        now = self._clock.monotonic()
        if _urgent(status) == _urgent(experiment.status):
            if notes.changed_at is None:
                notes.changed_at = now
            due = max(notes.written_at + self._write_every, notes.changed_at + self._gathering)
            wait = due - now
            if wait > 0:
                notes.is_expected = True
                return Result(retry_after_seconds=wait)
        notes.changed_at = None
        status = notes.ledger.write(status) if len(notes.ledger) or status.trials else status
        if status != experiment.status:
            notes.written_at = now
            self._store.update_status(EXPERIMENTS, replace(experiment, status=status))
        return Result(self._write_every if notes.is_expected else notes.look_after)


def _urgent(status: ExperimentStatus) -> list[Condition]:
    """The conditions whose change is written at once: all but that all goes on as it should."""
    found = status.conditions
    return [one for one in found if (one.type, one.status) != (names.PROGRESSING, "True")]


def _is_over(experiment: Experiment, status: ExperimentStatus) -> bool:
    return planning.is_completed(replace(experiment, status=status))


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
        made=ledger.made,
        useless=failed + ledger.count(names.KILLED),
        last_failure=ledger.last_failure,
    )
