"""What takes the place of an algorithm that crashes: points that are spread evenly."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Lock

from msgspec.structs import replace as with_fields

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.values import NameValue
from katib.errors import AlgorithmCrashedError, SettingsError
from katib.ports.clock import Clock
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest, Trouble

#: The reason of the condition and of the event.
FALLBACK = "SuggestionFallback"

#: How long an algorithm that crashed is left alone, in seconds: at first, and at most. Each time it
#: crashes again it is twice as long.
FIRST_REST, LONGEST_REST = 60.0, 3600.0

#: Who takes the place: the first that can search the space.
STAND_INS = ("sobol", "random")


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when an algorithm is left alone, for how long, and why."""

    until: float
    seconds: float
    problem: str


class StandInSuggester:
    """Lets a Sobol sequence, or chance, answer for algorithms that crash.

    Only where that is a sense: where each assignment stands by itself, and none is part of a
    schedule. The algorithm is asked again after a rest.

    Args:
        suggester: asks the algorithms.
        stand_in: asks those of :data:`STAND_INS`; the last of them never crashes.
        replaceable: the algorithms that others may stand in for.
        clock: for the rest.
        tell: called with the experiment and the reason when another begins to stand in.
    """

    def __init__(
        self,
        suggester: Suggester,
        stand_in: Suggester,
        replaceable: Collection[str],
        clock: Clock,
        tell: Callable[[Experiment, str], None],
    ) -> None:
        self._suggester, self._stand_in = suggester, stand_in
        self._replaceable, self._clock, self._tell = replaceable, clock, tell
        self._lock = Lock()
        self._rests: dict[str, _Rest] = {}

    def validate(self, experiment: Experiment) -> None:
        self._suggester.validate(experiment)

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        """The algorithm's answer, or that of its stand-in, with the trouble told.

        Raises:
            AlgorithmCrashedError: the algorithm crashes, and nothing can stand in for it.
        """
        uid = request.experiment.metadata.uid
        last = rest = self._rests.get(uid)
        if rest is None or self._clock.monotonic() >= rest.until:
            try:
                reply = self._suggester.suggest(request)
            except AlgorithmCrashedError as error:
                if _name(request.experiment) not in self._replaceable:
                    raise
                rest = self._begin(uid, rest, str(error))
            else:
                with self._lock:
                    self._rests.pop(uid, None)
                return reply
        reply, why = self._replaced(request, rest.problem)
        if last is None:
            self._tell(request.experiment, why)
        return replace(reply, trouble=Trouble(FALLBACK, why))

    def forget(self, experiment: Experiment) -> None:
        with self._lock:
            self._rests.pop(experiment.metadata.uid, None)
        self._suggester.forget(experiment)
        self._stand_in.forget(experiment)

    def _begin(self, uid: str, last: _Rest | None, problem: str) -> _Rest:
        seconds = FIRST_REST if last is None else min(2 * last.seconds, LONGEST_REST)
        rest = _Rest(self._clock.monotonic() + seconds, seconds, problem)
        with self._lock:
            self._rests[uid] = rest
        return rest

    def _replaced(self, request: SuggestionRequest, problem: str) -> tuple[SuggestionReply, str]:
        """The answer of the first that can search the space, and what is to be said of it."""
        name, reply = STAND_INS[-1], None
        for candidate in STAND_INS[:-1]:
            with suppress(SettingsError, AlgorithmCrashedError):
                reply = self._answer(request, candidate)
                name = candidate
                break
        why = (
            f"{problem}. Meanwhile the assignments are those of {name}, which learns nothing from "
            "results; the algorithm is asked again from time to time"
        )
        return reply or self._answer(request, name), why

    def _answer(self, request: SuggestionRequest, name: str) -> SuggestionReply:
        understudy = _with_algorithm(request.experiment, name)
        self._stand_in.validate(understudy)
        return self._stand_in.suggest(replace(request, experiment=understudy))


def _with_algorithm(experiment: Experiment, name: str) -> Experiment:
    """The experiment searched by another algorithm, with the same seed where it has one."""
    old = experiment.spec.algorithm or AlgorithmSpec()
    seeds: tuple[NameValue, ...] = tuple(
        one for one in old.algorithm_settings if one.name == "random_state"
    )
    algorithm = AlgorithmSpec(algorithm_name=name, algorithm_settings=seeds)
    return with_fields(experiment, spec=with_fields(experiment.spec, algorithm=algorithm))


def _name(experiment: Experiment) -> str:
    return (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name
