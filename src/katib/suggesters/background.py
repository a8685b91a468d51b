"""Algorithms asked in the background, so that a slow one holds up nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, Lock, Thread
from typing import Generic, TypeVar, cast

from katib.api.experiment import AlgorithmSpec, Experiment, ExperimentSpec
from katib.api.values import Key
from katib.errors import AlgorithmBusyError
from katib.ports.clock import Clock
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest

T = TypeVar("T")

#: How long an answer is waited for at once, in seconds: most come by then.
PATIENCE = 0.05

#: What was asked: the experiment as the algorithm saw it, and the index; ``None`` for a validation.
_Question = tuple[ExperimentSpec, int | None]


@dataclass(slots=True, eq=False)
class _Errand(Generic[T]):
    """One question that is on its way, or was answered and not fetched yet."""

    question: _Question
    since: float
    finished: Event = field(default_factory=Event)
    is_left: bool = False
    answer: T | None = None
    error: BaseException | None = None

    def result(self) -> T:
        """The answer; raises what the algorithm raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self.answer)


class BackgroundSuggester:
    """Asks on a thread of each experiment's own, and says meanwhile that it is at it.

    Nothing that was computed is thrown away while somebody may want it: the answer waits for the
    next time that the same is asked. One for more than is wanted by then is cut, one for less is
    given as it is.

    Args:
        suggester: whom to ask; each experiment by one thread at a time.
        clock: for how long it takes.
        wake: called with the experiment when there is an answer that was not waited for.
        patience_seconds: how long to wait for an answer before saying that it takes longer.
    """

    def __init__(
        self,
        suggester: Suggester,
        clock: Clock,
        wake: Callable[[Key], None],
        patience_seconds: float = PATIENCE,
    ) -> None:
        self._suggester, self._clock, self._wake = suggester, clock, wake
        self._patience = patience_seconds
        self._lock = Lock()
        self._errands: dict[str, _Errand[SuggestionReply | None]] = {}

    def validate(self, experiment: Experiment) -> None:
        """As the port says.

        Raises:
            AlgorithmBusyError: it still computes; ask again.
        """
        question = experiment.spec, None
        self._ask(experiment, question, lambda: self._suggester.validate(experiment))

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        """As the port says.

        Raises:
            AlgorithmBusyError: it still computes; ask again.
        """
        question = request.experiment.spec, request.total - request.count
        reply = self._ask(request.experiment, question, lambda: self._suggester.suggest(request))
        if reply is None:
            raise TypeError("a validation has no assignments")
        if len(reply.assignments) <= request.count:
            return reply
        return replace(reply, assignments=reply.assignments[: request.count], is_exhausted=False)

    def forget(self, experiment: Experiment) -> None:
        with self._lock:
            self._errands.pop(experiment.metadata.uid, None)
        self._suggester.forget(experiment)

    def _ask(
        self,
        experiment: Experiment,
        question: _Question,
        call: Callable[[], SuggestionReply | None],
    ) -> SuggestionReply | None:
        uid, patience = experiment.metadata.uid, 0.0
        with self._lock:
            errand = self._errands.get(uid)
            if errand is None or (errand.finished.is_set() and errand.question != question):
                errand = self._errands[uid] = _Errand(question, self._clock.monotonic())
                self._start(errand, experiment.key, call)
                patience = self._patience
        errand.finished.wait(patience)
        with self._lock:
            if not errand.finished.is_set() or errand.question != question:
                errand.is_left = True
                raise AlgorithmBusyError(_asked(experiment), self._clock.monotonic() - errand.since)
            if self._errands.get(uid) is errand:
                del self._errands[uid]
        return errand.result()

    def _start(
        self,
        errand: _Errand[SuggestionReply | None],
        key: Key,
        call: Callable[[], SuggestionReply | None],
    ) -> None:
        def run() -> None:
            try:
                errand.answer = call()
            except BaseException as error:
                errand.error = error
            with self._lock:
                errand.finished.set()
            if errand.is_left:
                self._wake(key)

        Thread(target=run, name=f"asking-{key}", daemon=True).start()


def _asked(experiment: Experiment) -> str:
    """Who may be the one that is slow."""
    name = (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name
    rule = experiment.spec.early_stopping
    return name if rule is None else f"{name}, with early stopping {rule.algorithm_name},"
