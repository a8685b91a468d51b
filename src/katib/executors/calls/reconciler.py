"""Function calls: made by warm workers, and written down as a Job's end would be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from katib.api import conditions, names
from katib.api.codec import format_time, with_status
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import CONFIG_MAPS, FUNCTION_CALLS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, Manifest, Unstructured, Value
from katib.configuration.quantities import parse_quantity
from katib.errors import StoreUnavailableError
from katib.executors.calls.call import Call, Going
from katib.executors.calls.outcome import EARLY_STOPPED, ILLEGAL, RETURNED, Outcome
from katib.executors.calls.payload import remove_unused
from katib.executors.calls.pool import CallPool, Place
from katib.ports.call_reports import CallReporters
from katib.ports.clock import Clock
from katib.ports.reconciler import DONE, Result, always
from katib.ports.resource_store import Event, EventType, ResourceStore

#: When the status of a call that goes on says so, in seconds; many end before.
TOLD_AFTER = 0.25

#: How soon a call is tried again whose metrics nobody takes now, in seconds.
REPORT_AGAIN = 1.0

#: How long ago the file of a function was written that nothing refers to, for it to be removed, in
#: seconds.
UNUSED_SECONDS = 3600.0

_NO_NAME = Key("", "")


class FunctionSpec(Value, frozen=True):
    """What is to be called, and how.

    Attributes:
        function: the SHA-256 of the function's file, which is its name.
        arguments: of the function, as texts.
        timeout_seconds: how long the call may take.
        memory_limit: how much memory its worker may take, as ``512Mi``.
        suspend: whether it is not to be called now.
    """

    function: str
    arguments: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_seconds: float | None = None
    memory_limit: str | None = None
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class Users:
    """Who uses the calls of a home.

    Attributes:
        reporters: takes their metrics.
        wake: reconcile a call soon.
        is_wanted: whether calls of an experiment may begin now.
    """

    reporters: CallReporters
    wake: Callable[[Key], None]
    is_wanted: Callable[[Key], bool] = always


class CallReconciler:
    """Makes the calls that there are, once each, and writes how they ended.

    A call that an engine left unfinished is made again by the next one, from its beginning.

    Args:
        store: where calls are.
        clock: for times and limits.
        place: where functions are.
        users: who uses the calls.
    """

    name = "function-call-controller"
    kinds: tuple[Kind[Any], ...] = (FUNCTION_CALLS, EXPERIMENTS)

    def __init__(self, store: ResourceStore, clock: Clock, place: Place, users: Users) -> None:
        self._store, self._clock, self._place, self._users = store, clock, place, users
        self._pool = CallPool(place, clock, users.wake, self._is_used)
        self._begun: dict[Key, str] = {}

    def start(self) -> None:
        """Take over the home: functions that nobody needs any more go."""
        self._clean()
        self._pool.start()

    def keys(self, event: Event) -> Iterable[Key]:
        if event.kind is EXPERIMENTS:
            if event.type is EventType.DELETED:
                yield _NO_NAME
        elif event.type is EventType.DELETED:
            if event.key in self._begun:
                yield event.key
        elif not event.is_status:
            yield event.key

    def reconcile(self, key: Key) -> Result:
        if key == _NO_NAME:
            self._clean()
            return DONE
        call = self._store.find(FUNCTION_CALLS, key)
        begun = self._begun.get(key)
        if call is None or call.metadata.deletion_timestamp is not None:
            self._forget(key)
            return DONE
        if begun not in (None, call.metadata.uid):
            self._forget(key)
            begun = None
        if _is_finished(call.status):
            return DONE
        if begun is None:
            return self._begin(call)
        going = self._pool.find(begun)
        if call.spec.get("suspend") is True and going is not None and going.outcome is None:
            self._forget(key)
            return DONE
        return DONE if going is None else self._go_on(call, going)

    def gather(self) -> None:
        """See whether calls have ended, without waiting for it: who does need not be told."""
        self._pool.gather()

    @property
    def is_idle(self) -> bool:
        """Whether no function runs."""
        return self._pool.is_idle

    @property
    def is_settled(self) -> bool:
        """Whether no function runs that is to end."""
        return self._pool.is_settled

    def interrupt(self) -> list[Unstructured]:
        """Let every function end, and kill those that do not; the calls that are not finished."""
        self._pool.interrupt()
        found = (self._store.find(FUNCTION_CALLS, key) for key in self._begun)
        return [call for call in found if call is not None and not _is_finished(call.status)]

    def kill(self) -> None:
        """Kill every function at once."""
        self._pool.kill()

    def close(self) -> None:
        """End every function; the next engine calls them again."""
        self._pool.close()

    def _begin(self, call: Unstructured) -> Result:
        trial = self._trial_of(call)
        if call.spec.get("suspend") is True or not self._is_to_begin(trial):
            return DONE
        try:
            spec = msgspec.convert(call.spec, FunctionSpec)
            memory = None if spec.memory_limit is None else int(parse_quantity(spec.memory_limit))
        except (msgspec.ValidationError, ValueError) as error:
            problem = f"the call's spec is not legal: {error}"
            self._write(call, Outcome(ILLEGAL, problem, None, self._clock.now()))
            return DONE
        try:
            reports = self._users.reporters.attach_call(call)
        except StoreUnavailableError:
            return Result(retry_after_seconds=REPORT_AGAIN)
        uid, key = call.metadata.uid, call.key
        log = f"{self._place.trials}/{key.namespace}/{key.name}/{uid.partition('-')[0]}.log"
        self._begun[key] = uid
        self._pool.begin(
            Call(
                uid,
                key,
                spec.function,
                spec.arguments,
                log,
                reports,
                spec.timeout_seconds,
                memory,
            )
        )
        return Result(retry_after_seconds=TOLD_AFTER)

    def _go_on(self, call: Unstructured, going: Going) -> Result:
        if going.outcome is not None:
            self._end(call, going, going.outcome)
            return DONE
        if going.started is None:
            return Result(retry_after_seconds=TOLD_AFTER)
        if "startTime" not in call.status:
            started = format_time(going.started)
            status = {**call.status, "startTime": started, "active": 1}
            self._store.update_status(FUNCTION_CALLS, with_status(call, status))
        return DONE

    def _end(self, call: Unstructured, going: Going, outcome: Outcome) -> None:
        reports = going.call.reports
        if reports is not None and outcome.reason == EARLY_STOPPED:
            # The trial's own condition comes first: the run's end would be taken for a success.
            reports.note_stop(outcome.message)
        elif reports is not None and outcome.reason == RETURNED and (note := reports.conclude()):
            outcome = Outcome(RETURNED, note, outcome.started, outcome.ended)
        self._write(call, outcome)
        self._forget(call.key)

    def _write(self, call: Unstructured, outcome: Outcome) -> None:
        status = _status(call.status, outcome)
        self._store.update_status(FUNCTION_CALLS, with_status(call, status))

    def _forget(self, key: Key) -> None:
        uid = self._begun.pop(key, None)
        if uid is not None:
            self._pool.end(uid)

    def _trial_of(self, call: Unstructured) -> Trial | None:
        owner = call.metadata.controller
        if owner is None or owner.kind != TRIALS.name:
            return None
        return self._store.find(TRIALS, Key(call.metadata.namespace, owner.name))

    def _is_to_begin(self, trial: Trial | None) -> bool:
        if trial is None:
            return True
        # One that was stopped has all its metrics, and its run goes.
        label = trial.metadata.label(names.LABEL_EXPERIMENT) or ""
        is_wanted = self._users.is_wanted(Key(trial.metadata.namespace, label))
        return is_wanted and not trial.is_completed

    def _is_used(self, function: str) -> bool:
        """Whether an experiment that goes on calls the function."""
        text = function.encode()
        return any(
            not _is_over(one) and text in _template_of(one) for one in self._store.list(EXPERIMENTS)
        )

    def _clean(self) -> None:
        before = self._clock.now().timestamp() - UNUSED_SECONDS
        remove_unused(self._place.functions, self._texts(), before)

    def _texts(self) -> Iterator[bytes]:
        for kind in (EXPERIMENTS, CONFIG_MAPS, FUNCTION_CALLS):
            for text in self._store.list_texts(kind):
                yield text.data


def _template_of(experiment: Experiment) -> bytes:
    template = experiment.spec.trial_template
    found = None if template is None else template.trial_spec
    return bytes(found) if isinstance(found, msgspec.Raw) else b""


def _is_over(experiment: Experiment) -> bool:
    found = experiment.status.conditions
    return conditions.has(found, names.SUCCEEDED) or conditions.has(found, names.FAILED)


def _is_finished(status: Manifest) -> bool:
    return "completionTime" in status


def _status(status: Manifest, outcome: Outcome) -> Manifest:
    ended = format_time(outcome.ended)
    started = ended if outcome.started is None else format_time(outcome.started)
    condition = {
        "type": "Complete" if outcome.is_good else "Failed",
        "status": "True",
        "reason": outcome.reason,
        "message": outcome.message,
        "lastProbeTime": ended,
        "lastTransitionTime": ended,
    }
    return {"startTime": started, "completionTime": ended, "conditions": [condition]}
