"""What takes the place of an algorithm that crashes: points that are spread evenly."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
    """Until when an algorithm is left alone, why, and for how long."""

    until: float
    seconds: float
    why: str


class StandInSuggester:
    """Lets a Sobol sequence, or chance, answer for algorithms that crash.

    Only where that is a sense: where each assignment stands by itself, and none is part of a
    schedule. The algorithm is asked again after a rest.

    Args:
        suggester: asks the algorithms.
        stand_in: asks those of :data:`STAND_INS`.
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
        rest = self._rests.get(uid)
        if rest is None or self._clock.monotonic() >= rest.until:
            try:
                reply = self._suggester.suggest(request)
            except AlgorithmCrashedError as error:
                name = _name(request.experiment)
                if name not in self._replaceable:
                    raise
                rest = self._begin(request.experiment, rest, str(error))
            else:
                with self._lock:
                    self._rests.pop(uid, None)
                return reply
        return self._replaced(request, rest.why)

    def forget(self, experiment: Experiment) -> None:
        with self._lock:
            self._rests.pop(experiment.metadata.uid, None)
        self._suggester.forget(experiment)
        self._stand_in.forget(experiment)

    def _begin(self, experiment: Experiment, last: _Rest | None, problem: str) -> _Rest:
        seconds = FIRST_REST if last is None else min(2 * last.seconds, LONGEST_REST)
        other = _name(self._understudy(experiment))
        why = (
            f"{problem}. Meanwhile the assignments are those of {other}, which learns nothing from "
            "results; the algorithm is asked again from time to time"
        )
        rest = _Rest(self._clock.monotonic() + seconds, seconds, why)
        with self._lock:
            self._rests[experiment.metadata.uid] = rest
        if last is None:
            self._tell(experiment, why)
        return rest

    def _replaced(self, request: SuggestionRequest, why: str) -> SuggestionReply:
        understudy = self._understudy(request.experiment)
        reply = self._stand_in.suggest(replace(request, experiment=understudy))
        return replace(reply, trouble=Trouble(FALLBACK, why))

    def _understudy(self, experiment: Experiment) -> Experiment:
        """The experiment with the first algorithm that can search its space."""
        candidates = [_with_algorithm(experiment, name) for name in STAND_INS]
        for one in candidates[:-1]:
            try:
                self._stand_in.validate(one)
            except SettingsError:
                continue
            return one
        return candidates[-1]


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
