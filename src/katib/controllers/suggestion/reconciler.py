"""Keeps a suggestion's assignments as many as are requested."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, AlgorithmSpec, Experiment
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionStatus, TrialAssignment
from katib.api.values import Condition, Key, Kind, NameValue, Resource
from katib.controllers.suggestion.history import StoredHistory
from katib.controllers.suggestion.naming import trial_name
from katib.errors import SettingsError, UnknownNameError
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, EventType, ResourceStore
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest

#: How long to wait before an algorithm that gave fewer than asked is asked again, in seconds.
ASK_AGAIN = 1.0


class SuggestionReconciler:
    """Asks the experiment's algorithm for what is missing, and appends it.

    The assignments are written before any trial is made of them: after a crash they are the same.
    """

    name = "suggestion-controller"
    kinds: tuple[Kind[Any], ...] = (SUGGESTIONS,)

    def __init__(self, store: ResourceStore, suggester: Suggester, clock: Clock) -> None:
        self._store, self._suggester, self._clock = store, suggester, clock

    def keys(self, event: Event) -> Iterable[Key]:
        if event.type is EventType.DELETED or (event.is_status and _is_going_on(event.resource)):
            return
        yield event.key

    def reconcile(self, key: Key) -> Result:
        suggestion = self._store.find(SUGGESTIONS, key)
        experiment = self._store.find(EXPERIMENTS, key)
        if suggestion is None or experiment is None:
            return DONE
        status = suggestion.status
        if conditions.has(status.conditions, names.SUCCEEDED):
            self._suggester.forget(experiment)
            return DONE
        if conditions.has(status.conditions, names.FAILED):
            return DONE
        status = self._start(status)
        if not conditions.has(status.conditions, names.RUNNING):
            status = self._validate(status, experiment)
        if conditions.has(status.conditions, names.RUNNING):
            status = self._fill(suggestion, status, experiment)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))
        is_short = status.suggestion_count < suggestion.spec.requests
        if is_short and not _is_final(status):
            return Result(retry_after_seconds=ASK_AGAIN)
        return DONE

    def _start(self, status: SuggestionStatus) -> SuggestionStatus:
        if conditions.has(status.conditions, names.CREATED):
            return status
        created = Condition(
            type=names.CREATED,
            status="True",
            reason="SuggestionCreated",
            message="Suggestion is created",
        )
        return self._put(replace(status, start_time=self._clock.now()), created)

    def _validate(self, status: SuggestionStatus, experiment: Experiment) -> SuggestionStatus:
        try:
            self._suggester.validate(experiment)
        except (SettingsError, UnknownNameError) as error:
            failed = Condition(
                type=names.FAILED,
                status="True",
                reason="SuggestionFailed",
                message=f"Validation failed: {error}",
            )
            return self._put(status, failed)
        running = Condition(
            type=names.RUNNING,
            status="True",
            reason="SuggestionRunning",
            message="Suggestion is running",
        )
        return self._put(status, running)

    def _fill(
        self, suggestion: Suggestion, status: SuggestionStatus, experiment: Experiment
    ) -> SuggestionStatus:
        total = suggestion.spec.requests
        count = total - status.suggestion_count
        if count <= 0 or conditions.has(status.conditions, names.EXHAUSTED):
            return status
        history = StoredHistory(self._store, suggestion.key)
        asked = with_settings(experiment, status.algorithm_settings)
        reply = self._suggester.suggest(SuggestionRequest(asked, count, total, history))
        return self._append(status, reply, experiment)

    def _append(
        self, status: SuggestionStatus, reply: SuggestionReply, experiment: Experiment
    ) -> SuggestionStatus:
        uid, name = experiment.metadata.uid, experiment.metadata.name
        count = status.suggestion_count
        fresh: list[TrialAssignment] = []
        for number, assignment in enumerate(reply.assignments):
            given = assignment.name or trial_name(name, uid, count + number)
            fresh.append(replace(assignment, name=given))
        status = replace(
            status,
            suggestions=(*status.suggestions, *fresh)[-names.LONGEST_LIST :],
            suggestion_count=count + len(fresh),
            algorithm_settings=merged(status.algorithm_settings, reply.settings),
        )
        if reply.is_exhausted:
            ended = Condition(
                type=names.EXHAUSTED,
                status="True",
                reason="SuggestionEndReached",
                message="The algorithm has no more assignments",
            )
            status = self._put(status, ended)
        return status

    def _put(self, status: SuggestionStatus, condition: Condition) -> SuggestionStatus:
        changed = conditions.put(status.conditions, condition, self._clock.now())
        return replace(status, conditions=changed)


def merged(settings: Iterable[NameValue], newer: Iterable[NameValue]) -> tuple[NameValue, ...]:
    """The settings, with newer values put in place and new names appended."""
    values = {setting.name: setting for setting in settings}
    values.update({setting.name: setting for setting in newer})
    return tuple(values.values())


def with_settings(experiment: Experiment, settings: tuple[NameValue, ...]) -> Experiment:
    """The experiment as the algorithm is to see it: with the settings it returned earlier."""
    if not settings:
        return experiment
    algorithm = experiment.spec.algorithm or AlgorithmSpec()
    algorithm = replace(
        algorithm, algorithm_settings=merged(algorithm.algorithm_settings, settings)
    )
    return replace(experiment, spec=replace(experiment.spec, algorithm=algorithm))


def _is_final(status: SuggestionStatus) -> bool:
    return any(conditions.has(status.conditions, one) for one in (names.FAILED, names.EXHAUSTED))


def _is_going_on(resource: Resource) -> bool:
    """Whether a status that was written is our own, and not the experiment's end or restart."""
    if not isinstance(resource, Suggestion):
        return False
    found = resource.status.conditions
    return conditions.has(found, names.RUNNING) and not conditions.has(found, names.SUCCEEDED)
