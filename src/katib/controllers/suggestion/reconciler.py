"""Keeps a suggestion's assignments as many as are requested."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.codec import to_raw
from katib.api.experiment import EXPERIMENTS, AlgorithmSpec, Experiment
from katib.api.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from katib.api.suggestion import (
    SUGGESTIONS,
    Suggestion,
    SuggestionStatus,
    TrialAssignment,
)
from katib.api.trial_names import trial_name
from katib.api.values import Condition, Key, Kind, NameValue, Resource
from katib.controllers.suggestion.history import StoredHistory
from katib.controllers.suggestion.patience import Patience
from katib.errors import (
    AlgorithmBusyError,
    AlgorithmUnavailableError,
    ConfigurationError,
    ConflictError,
    KatibError,
    RequestRefusedError,
    SettingsError,
    StoreAwayError,
    StoreUnavailableError,
    UnknownNameError,
)
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event, ResourceStore
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest

_SERVICE_KINDS = (DEPLOYMENTS, SERVICES, PERSISTENT_VOLUME_CLAIMS)

#: How long to wait before an algorithm that gave fewer than asked is asked again, in seconds.
ASK_AGAIN = 1.0

#: How long an algorithm may be asked before it is told that it takes long, in seconds.
LONG_ASK = 1.0


class Services(Protocol):
    """What an algorithm needs before it can be asked, where it is a program of its own."""

    def is_needed(self, suggestion: Suggestion) -> bool:
        """Whether it needs anything."""
        ...

    def ensure(self, suggestion: Suggestion) -> bool:
        """Let it be there; whether it is ready."""
        ...

    def remove(self, suggestion: Suggestion) -> None:
        """Let it go, but for what a restarted experiment needs again."""
        ...


class SuggestionReconciler:
    """Asks the experiment's algorithm for what is missing, and appends it.

    The assignments are written before any trial is made of them: after a crash they are the same.
    An algorithm that still computes or cannot be reached is waited for; one that fails again and
    again ends the suggestion, and one that gives nothing though no trial is under way has ended its
    search. Early stopping rules come with the assignments.

    Args:
        store: where suggestions are.
        suggester: asks the algorithm.
        clock: for times.
        services: what the algorithm needs first; ``None`` when it runs in this process.
        is_mine: whether the suggestion of an experiment is this one's to keep, and not another's of
            the same engine.
    """

    name = "suggestion-controller"

    def __init__(
        self,
        store: ResourceStore,
        suggester: Suggester,
        clock: Clock,
        services: Services | None = None,
        is_mine: Callable[[Experiment], bool] = lambda _: True,
    ) -> None:
        self._store, self._suggester, self._clock = store, suggester, clock
        self._services, self._is_mine = services, is_mine
        self.kinds: tuple[Kind[Any], ...] = (SUGGESTIONS, *(_SERVICE_KINDS if services else ()))
        self._patience: dict[Key, Patience] = {}
        self._asked: dict[Key, Experiment] = {}

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is not SUGGESTIONS:
            owner = event.metadata.controller
            if owner is not None and owner.kind == SUGGESTIONS.name:
                yield Key(event.metadata.namespace, owner.name)
            return
        if event.is_status and _is_going_on(event.resource):
            return
        experiment = self._store.find(EXPERIMENTS, event.key)
        if experiment is None or self._is_mine(experiment):
            yield event.key

    def reconcile(self, key: Key) -> Result:
        suggestion = self._store.find(SUGGESTIONS, key)
        experiment = self._store.find(EXPERIMENTS, key)
        if suggestion is None or experiment is None or not self._is_mine(experiment):
            self._forget(key)
            return DONE
        self._note(experiment)
        found = suggestion.status.conditions
        if conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED):
            self._finish(suggestion)
            return DONE
        status = self._go_on(suggestion, experiment)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))
        is_short = status.suggestion_count < suggestion.spec.requests
        is_heard_of = _is_undeployed(status) and not _is_hindered(status)
        if is_short and not _is_final(status) and not is_heard_of:
            return Result(retry_after_seconds=ASK_AGAIN)
        return DONE

    def _note(self, experiment: Experiment) -> None:
        """Know whom to forget when it is gone; another of its name may have come meanwhile."""
        known = self._asked.get(experiment.key)
        if known is not None and known.metadata.uid != experiment.metadata.uid:
            self._forget(experiment.key)
        self._asked[experiment.key] = experiment

    def _forget(self, key: Key) -> None:
        self._patience.pop(key, None)
        experiment = self._asked.pop(key, None)
        if experiment is not None:
            self._suggester.forget(experiment)

    def _finish(self, suggestion: Suggestion) -> None:
        self._forget(suggestion.key)
        if self._services is not None:
            self._services.remove(suggestion)

    def _go_on(self, suggestion: Suggestion, experiment: Experiment) -> SuggestionStatus:
        status = self._start(suggestion.status)
        try:
            status = self._prepare(suggestion, status)
            status = self._validate(status, experiment)
            return self._fill(suggestion, status, experiment)
        except (ConflictError, StoreAwayError, StoreUnavailableError):
            raise
        except ConfigurationError as error:
            return self._show(status, "False", "ConfigurationRefused", str(error))
        except RequestRefusedError as error:
            return self._show(status, "False", "DeploymentRefused", str(error))
        except AlgorithmBusyError as error:
            return self._wait(status, error)
        except AlgorithmUnavailableError as error:
            return self._show(status, "False", "AlgorithmUnavailable", str(error))
        except Exception as error:
            return self._fail(suggestion, status, error)

    def _wait(self, status: SuggestionStatus, busy: AlgorithmBusyError) -> SuggestionStatus:
        """Say that the algorithm takes long, when it does; what needs help says more."""
        said = conditions.find(status.conditions, names.PROGRESSING)
        if busy.seconds < LONG_ASK or (said is not None and said.status == "False"):
            return status
        return self._show(status, "True", "AskingAlgorithm", str(busy))

    def _prepare(self, suggestion: Suggestion, status: SuggestionStatus) -> SuggestionStatus:
        """See to what the algorithm needs before it can be asked."""
        is_ready = self._services is None or self._services.ensure(suggestion)
        if self._services is None or not self._services.is_needed(suggestion):
            # It may have been, before the configuration was changed.
            return self._calm(_without_deployment(status)) if _is_undeployed(status) else status
        condition = Condition(
            type=names.DEPLOYMENT_READY,
            status="True" if is_ready else "False",
            reason="DeploymentReady" if is_ready else "DeploymentNotReady",
            message="Deployment is ready" if is_ready else "Deployment is not ready",
        )
        status = self._put(status, condition)
        if is_ready:
            return self._calm(status)
        why = "The Deployment of the algorithm is not available yet"
        return self._show(status, "True", "WaitingForDeployment", why)

    def _fail(
        self, suggestion: Suggestion, status: SuggestionStatus, error: Exception
    ) -> SuggestionStatus:
        """Give up, or show the failure and raise it for the loop's log and growing pauses."""
        patience = self._patience.setdefault(suggestion.key, Patience())
        is_over = patience.note_failure(self._clock.monotonic())
        why = f"The algorithm failed {patience.failures} times in a row: {_worded(error)}"
        if is_over:
            return self._put(self._calm(status), _failed(why))
        status = self._show(status, "False", "AlgorithmFailed", why)
        self._store.update_status(SUGGESTIONS, replace(suggestion, status=status))
        raise error

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
        if conditions.has(status.conditions, names.RUNNING) or _is_undeployed(status):
            return status
        try:
            self._suggester.validate(experiment)
        except (SettingsError, UnknownNameError) as error:
            return self._put(self._calm(status), _failed(f"Validation failed: {error}"))
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
        if not conditions.has(status.conditions, names.RUNNING) or _is_undeployed(status):
            return status
        total = suggestion.spec.requests
        count = total - status.suggestion_count
        if count <= 0 or conditions.has(status.conditions, names.EXHAUSTED):
            return self._calm(status)
        history = StoredHistory(self._store, suggestion.key)
        asked = with_settings(experiment, status.algorithm_settings)
        request = SuggestionRequest(asked, count, total, history)
        reply = self._suggester.suggest(request)
        status = self._append(status, reply, experiment)
        status = self._judge(status, len(reply.assignments), total, experiment)
        is_told = conditions.find(status.conditions, names.PROGRESSING) is not None
        if reply.trouble is None or is_told:
            return status
        return self._show(status, "True", reply.trouble.reason, reply.trouble.message)

    def _append(
        self, status: SuggestionStatus, reply: SuggestionReply, experiment: Experiment
    ) -> SuggestionStatus:
        uid, name = experiment.metadata.uid, experiment.metadata.name
        count = status.suggestion_count
        fresh: list[TrialAssignment] = []
        for number, assignment in enumerate(reply.assignments):
            given = assignment.name or trial_name(name, uid, count + number)
            fresh.append(replace(assignment, name=given))
        total = count + len(fresh)
        # What is no trial yet stays in any case: it would be lost otherwise.
        kept = max(_room(fresh), total - experiment.status.trials + _imported(experiment))
        status = replace(
            status,
            suggestions=(*status.suggestions, *fresh)[-kept:],
            suggestion_count=total,
            algorithm_settings=merged(status.algorithm_settings, reply.settings),
        )
        return self._exhaust(status) if reply.is_exhausted else status

    def _judge(
        self, status: SuggestionStatus, given: int, total: int, experiment: Experiment
    ) -> SuggestionStatus:
        """Say what a reply that is too short means."""
        is_idle = experiment.status.trials_running + experiment.status.trials_pending == 0
        is_end = self._patience.setdefault(experiment.key, Patience()).note_reply(given, is_idle)
        if status.suggestion_count >= total or _is_final(status):
            return self._calm(status)
        if is_end:
            return self._exhaust(self._calm(status))
        what = f"The algorithm gave {status.suggestion_count} of {total} assignments"
        if is_idle:
            why = f"{what} though no trial is under way; it is asked again"
            return self._show(status, "False", "TooFewAssignments", why)
        why = f"{what}: it waits for the results of trials that are under way"
        return self._show(status, "True", "WaitingForTrials", why)

    def _exhaust(self, status: SuggestionStatus) -> SuggestionStatus:
        ended = Condition(
            type=names.EXHAUSTED,
            status="True",
            reason="SuggestionEndReached",
            message="The algorithm has no more assignments",
        )
        return self._put(status, ended)

    def _show(
        self, status: SuggestionStatus, going: str, reason: str, message: str
    ) -> SuggestionStatus:
        new = conditions.progress(going, reason, message)
        found = conditions.show_progress(status.conditions, new, self._clock.now())
        return replace(status, conditions=found)

    def _calm(self, status: SuggestionStatus) -> SuggestionStatus:
        found = conditions.show_progress(status.conditions, None, self._clock.now())
        return replace(status, conditions=found)

    def _put(self, status: SuggestionStatus, condition: Condition) -> SuggestionStatus:
        changed = conditions.put(status.conditions, condition, self._clock.now())
        return replace(status, conditions=changed)


def _failed(why: str) -> Condition:
    return Condition(type=names.FAILED, status="True", reason="SuggestionFailed", message=why)


def _worded(error: Exception) -> str:
    return str(error) if isinstance(error, KatibError) else f"{type(error).__name__}: {error}"


def _imported(experiment: Experiment) -> int:
    """How many of its trials are of no assignment."""
    text = experiment.metadata.annotation(names.LABEL_IMPORTED) or ""
    return int(text) if text.isascii() and text.isdigit() else 0


def _room(fresh: list[TrialAssignment]) -> int:
    """How many assignments of that size the list may hold."""
    if not fresh:
        return names.LONGEST_LIST
    size = max(1, len(to_raw(fresh[-1])))
    return min(names.LONGEST_LIST, names.LONGEST_SUGGESTIONS // size)


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


def _is_undeployed(status: SuggestionStatus) -> bool:
    """Whether the algorithm's Deployment is waited for; its change brings us back."""
    ready = conditions.find(status.conditions, names.DEPLOYMENT_READY)
    return ready is not None and ready.status != "True"


def _is_hindered(status: SuggestionStatus) -> bool:
    """Whether something is in the way that nobody tells us is gone."""
    said = conditions.find(status.conditions, names.PROGRESSING)
    return said is not None and said.status == "False"


def _without_deployment(status: SuggestionStatus) -> SuggestionStatus:
    kept = tuple(one for one in status.conditions if one.type != names.DEPLOYMENT_READY)
    return replace(status, conditions=kept)


def _is_going_on(resource: Resource) -> bool:
    """Whether a status that was written is our own, and not the experiment's end or restart."""
    if not isinstance(resource, Suggestion):
        return False
    found = resource.status.conditions
    return conditions.has(found, names.RUNNING) and not conditions.has(found, names.SUCCEEDED)
