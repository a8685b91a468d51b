"""Algorithms and early stopping services that are asked over gRPC."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import grpc

from katib.api import names
from katib.api.experiment import Experiment, ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.errors import AlgorithmUnavailableError, KatibError, SettingsError
from katib.ports.clock import Clock
from katib.ports.suggester import SuggestionReply, SuggestionRequest, Trouble
from katib.rpc.experiments import write_early_stopping, write_experiment
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import EarlyStoppingStub, SuggestionStub
from katib.rpc.suggestions import read_reply, read_rule
from katib.rpc.trials import write_trial
from katib.search.penalty import with_penalties

_LOG = logging.getLogger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")
Method = Callable[[grpc.Channel], "grpc.UnaryUnaryMultiCallable[Q, A]"]

_REFUSED = (
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.UNKNOWN,
    # So one of Katib's own services tells wrong settings.
    grpc.StatusCode.INTERNAL,
)
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)

# An answer may be longer than gRPC's 4 MiB; and a service that has just started should not be
# found only after the two minutes to which gRPC's own pauses grow.
_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 500),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 3000),
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how often a service is tried.

    Attributes:
        ask_seconds: for one answer. Generous: what a slow algorithm has computed is lost when it
            passes.
        validation_seconds: for a validation, all its attempts and pauses included.
        connect_seconds: until a service that is not there counts as away, for a validation.
        attempts: of a validation, as long as the service is unavailable or exhausted.
        pause_seconds: between two attempts.
    """

    ask_seconds: float = 600.0
    validation_seconds: float = 60.0
    connect_seconds: float = 60.0
    attempts: int = 10
    pause_seconds: float = 3.0


DEFAULT_LIMITS = Limits()

_ASK = "GetSuggestions"

# What services say that were restarted and no longer know the trials which they suggested; they
# say so at every ask, or once for each trial.
_FORGOTTEN = (
    "An unknown trial has been passed in the GetSuggestion request",
    "Same parameter is not found for Trial",
)


class _FailureError(KatibError):
    """A service answered an ask with an error."""


@dataclass(frozen=True, slots=True)
class Service:
    """Where a gRPC service is and how patiently it is called. Every call has its own connection.

    Attributes:
        address: as ``host:port``.
        clock: measures how long a validation has taken.
        pause: waits for so many seconds.
        limits: when to give up.
    """

    address: str
    clock: Clock
    pause: Callable[[float], None] = time.sleep
    limits: Limits = DEFAULT_LIMITS

    def ask(self, name: str, method: Method[Q, A], request: Q) -> A:
        """The answer, from one attempt.

        Raises:
            AlgorithmUnavailableError: the service cannot be reached.
            KatibError: it failed, or took too long.
        """
        with self._connection() as channel:
            try:
                return method(channel)(request, timeout=self.limits.ask_seconds)
            except grpc.RpcError as error:
                raise self._translated(name, error) from error

    def validate(self, name: str, method: Method[Q, A], request: Q) -> None:
        """Return if the service accepts the request, or has no such method.

        Raises:
            SettingsError: it refuses; the message is its own, after the method's name.
            AlgorithmUnavailableError: the service cannot be reached.
            KatibError: it failed: nobody knows whether it would have accepted.
        """
        try:
            self._persist(method, request)
        except grpc.RpcError as error:
            if error.code() in _REFUSED:
                raise SettingsError(f"{name} Error: {error.details()}") from error
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise self._translated(name, error) from error

    def _persist(self, method: Method[Q, A], request: Q) -> None:
        end = self.clock.monotonic() + self.limits.validation_seconds
        with self._connection() as channel:
            for attempt in range(1, self.limits.attempts + 1):
                self._wait_until_up(channel, end)
                try:
                    method(channel)(request, timeout=end - self.clock.monotonic())
                    return
                except grpc.RpcError as error:
                    is_last = attempt == self.limits.attempts
                    is_late = self.clock.monotonic() + self.limits.pause_seconds >= end
                    if error.code() not in _PASSING or is_last or is_late:
                        raise
                self.pause(self.limits.pause_seconds)

    def _wait_until_up(self, channel: grpc.Channel, end: float) -> None:
        # Waiting for the validation itself would end as if the service had been slow. Any answer
        # to this question, even that there is no such method, shows that somebody is there.
        probe = channel.unary_unary("/grpc.health.v1.Health/Check", None, None)
        seconds = min(end - self.clock.monotonic(), self.limits.connect_seconds)
        try:
            probe(b"", timeout=seconds, wait_for_ready=True)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                problem = f"there was no answer within {seconds:.2g} seconds"
                raise AlgorithmUnavailableError(self.address, problem) from error

    @contextmanager
    def _connection(self) -> Iterator[grpc.Channel]:
        channel = grpc.insecure_channel(self.address, options=_OPTIONS)
        try:
            yield channel
        finally:
            channel.close()

    def _translated(self, name: str, error: grpc.RpcError) -> KatibError:
        code, detail = error.code(), error.details() or "it gave no reason"
        if code is grpc.StatusCode.UNAVAILABLE:
            return AlgorithmUnavailableError(self.address, detail)
        failure = _FailureError if name == _ASK else KatibError
        return failure(
            f"{name} at {self.address} ended with {code.name}: {detail}. The log of that service "
            "says more"
        )


class RemoteSuggester:
    """Asks the algorithm of one service, and tells it the whole history each time.

    A trial that an algorithm may no longer see, because it was deleted or lost its metrics, is
    never sent from memory. What is known to be wrong with services is made good: of assignments
    that are the same, one is taken; those that are too many are dropped; and one that was restarted
    and no longer knows its trials goes on without them.

    Args:
        service: where the algorithm is.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        #: By experiment, the trials that its algorithm has forgotten.
        self._lost: dict[str, frozenset[str]] = {}

    def validate(self, experiment: Experiment) -> None:
        request = pb.ValidateAlgorithmSettingsRequest(experiment=write_experiment(experiment))
        self._service.validate(
            "ValidateAlgorithmSettings",
            lambda channel: SuggestionStub(channel).ValidateAlgorithmSettings,
            request,
        )

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        uid, trials = request.experiment.metadata.uid, _write_trials(request)
        try:
            answer = self._ask(request, trials)
        except _FailureError as error:
            if not (trials and any(text in str(error) for text in _FORGOTTEN)):
                raise
            _LOG.warning("The algorithm has forgotten %d trials: %s", len(trials), error)
            self._lost[uid] = frozenset(trial.name for trial in trials)
            answer = self._ask(request, trials)
        reply = self._guarded(read_reply(answer), request.count)
        lost = len(self._lost.get(uid, frozenset()))
        return replace(reply, trouble=_forgotten(lost, self._service.address)) if lost else reply

    def forget(self, experiment: Experiment) -> None:
        """The service ends with its process; what is known of its memory is not needed any more."""
        self._lost.pop(experiment.metadata.uid, None)

    def _ask(self, request: SuggestionRequest, trials: list[pb.Trial]) -> pb.GetSuggestionsReply:
        lost = self._lost.get(request.experiment.metadata.uid, frozenset())
        message = pb.GetSuggestionsRequest(
            experiment=write_experiment(request.experiment),
            trials=[trial for trial in trials if trial.name not in lost],
            current_request_number=request.count,
            total_request_number=request.total,
        )
        return self._service.ask(
            _ASK, lambda channel: SuggestionStub(channel).GetSuggestions, message
        )

    def _guarded(self, reply: SuggestionReply, asked: int) -> SuggestionReply:
        """The reply without what is there twice or was not asked for."""
        given = list(reply.assignments)
        distinct = [one for place, one in enumerate(given) if one not in given[:place]]
        kept = distinct[:asked]
        if len(kept) == len(given):
            return reply
        _LOG.warning(
            "The algorithm at %s gave %d assignments, %d of them different, where %d were asked "
            "for; the rest is dropped",
            self._service.address,
            len(given),
            len(distinct),
            asked,
        )
        return replace(reply, assignments=kept)


class RemoteEarlyStopper:
    """Asks one early stopping service; see :class:`katib.ports.early_stopper.EarlyStopper`.

    Args:
        service: where it is.
        db_manager_address: where that service reads observation logs, as ``host:port``.
    """

    def __init__(self, service: Service, db_manager_address: str) -> None:
        self._service, self._db_manager_address = service, db_manager_address

    def validate(self, experiment: Experiment) -> None:
        if experiment.spec.early_stopping is None:
            return
        request = pb.ValidateEarlyStoppingSettingsRequest(
            early_stopping=write_early_stopping(experiment.spec.early_stopping)
        )
        self._service.validate(
            "ValidateEarlyStoppingSettings",
            lambda channel: EarlyStoppingStub(channel).ValidateEarlyStoppingSettings,
            request,
        )

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        if request.experiment.spec.early_stopping is None:
            return ()
        message = pb.GetEarlyStoppingRulesRequest(
            experiment=write_experiment(request.experiment),
            trials=_write_trials(request),
            db_manager_address=self._db_manager_address,
        )
        answer = self._service.ask(
            "GetEarlyStoppingRules",
            lambda channel: EarlyStoppingStub(channel).GetEarlyStoppingRules,
            message,
        )
        return tuple(map(read_rule, answer.early_stopping_rules))

    def is_live(self, experiment: Experiment) -> bool:
        # It was asked once for each trial by Katib, and may count on that.
        return False


def _forgotten(count: int, address: str) -> Trouble:
    return Trouble(
        "HistoryForgotten",
        f"the algorithm at {address} was restarted and has forgotten {count} trials; it goes on "
        "without them",
    )


def _write_trials(request: SuggestionRequest) -> list[pb.Trial]:
    trials, _ = request.trials.changed_since(0)
    objective = request.experiment.spec.objective or ObjectiveSpec()
    return [write_trial(trial) for trial in with_penalties(trials, objective) if _is_sent(trial)]


def _is_sent(trial: Trial) -> bool:
    """Services of Katib were never shown a trial without a value that has ended without failing."""
    if trial.has(names.METRICS_UNAVAILABLE):
        return False
    return trial.is_observed or not trial.has(names.EARLY_STOPPED)
