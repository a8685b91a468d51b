"""A worker for every experiment, as long as there are not too many."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.errors import AlgorithmCrashedError, KatibError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest, TrialHistory
from katib.suggesters.worker.messages import Answer, Ask, Done, Failed, Forget, Refused, Validate
from katib.suggesters.worker.process import WorkerEndedError, WorkerProcess

_LOG = logging.getLogger(__name__)

#: How often an algorithm that crashes is asked the same, in all.
ATTEMPTS = 3

#: How many workers there are at most: as many as can compute at once, and some that wait.
CAPACITY = max(8, os.cpu_count() or 1)


@dataclass(slots=True, eq=False)
class _Seat:
    """A place for a worker.

    Attributes:
        experiment: whose algorithm the worker holds; ``None`` when it holds none.
        worker: ``None`` until it is started.
        is_busy: whether somebody speaks with it.
        is_lost: whether it was taken away from who speaks with it.
    """

    experiment: Experiment | None = None
    worker: WorkerProcess | None = None
    is_busy: bool = True
    is_lost: bool = False

    @property
    def is_deserted(self) -> bool:
        """Its worker has ended by itself, as idle ones do."""
        return not self.is_busy and self.worker is not None and not self.worker.is_alive

    def holds(self, experiment: Experiment) -> bool:
        """Whether the worker keeps that experiment's algorithm."""
        uid = experiment.metadata.uid
        return self.experiment is not None and self.experiment.metadata.uid == uid

    def clear(self) -> None:
        """End the worker."""
        if self.worker is not None:
            self.worker.kill()


class WorkerSuggester:
    """Asks algorithms in worker processes, one for each experiment that is searched.

    An experiment stays with its worker, which keeps its model. When there are too many, the
    experiment that was asked longest ago gives up its worker, and its history is told again later;
    when all are busy, an ask waits. After a crash the same is asked again, in a new worker.

    Args:
        command: what starts a worker.
        capacity: how many there are at most.
    """

    def __init__(self, command: Sequence[str], capacity: int = CAPACITY) -> None:
        self._command, self._capacity = tuple(command), capacity
        self._changed = Condition()
        #: Those asked longest ago come first.
        self._seats: list[_Seat] = []
        self._is_closed = False

    def validate(self, experiment: Experiment) -> None:
        """As the port says; the experiment need not exist yet.

        Raises:
            AlgorithmCrashedError: its process ends, or it raises another error, each time.
        """
        self._persist(experiment, Validate(experiment))

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        """As the port says.

        Raises:
            AlgorithmCrashedError: its process ends, or it raises an error, each time.
            KatibError: the experiment was forgotten meanwhile.
        """
        question = Ask(request.experiment, request.count, request.total)
        said = self._persist(request.experiment, question, request.trials)
        if not isinstance(said, Answer):
            raise TypeError(f"asked for assignments, a worker said {type(said).__name__}")
        return SuggestionReply(said.assignments, said.settings, said.is_exhausted)

    def forget(self, experiment: Experiment) -> None:
        """End its worker, also one that computes: that gives all its memory back."""
        self._end(lambda seat: seat.holds(experiment))

    def close(self) -> None:
        """End all workers, for good; whoever waits for one is told so."""
        self._is_closed = True
        self._end(lambda seat: True)

    def _persist(
        self,
        experiment: Experiment,
        question: Validate | Ask,
        history: TrialHistory | None = None,
    ) -> Answer | Done:
        name, problem = _algorithm_name(experiment), ""
        for attempt in range(1, ATTEMPTS + 1):
            said = self._call(experiment, question, history)
            if isinstance(said, Answer | Done):
                return said
            if isinstance(said, Refused):
                raise SettingsError(*said.problems)
            problem = said.problem
            _LOG.warning("Algorithm %s crashed (%d of %d): %s", name, attempt, ATTEMPTS, problem)
        raise AlgorithmCrashedError(name, problem, ATTEMPTS)

    def _call(
        self, experiment: Experiment, question: Validate | Ask, history: TrialHistory | None
    ) -> Answer | Done | Refused | Failed:
        seat, is_well = self._sit(experiment), False
        try:
            worker = self._prepare(seat, experiment, is_kept=isinstance(question, Ask))
            said = worker.call(question, history)
            is_well = not isinstance(said, Failed)
            return said
        except WorkerEndedError as error:
            if seat.is_lost:
                raise _given_up(experiment) from error
            return Failed(str(error))
        finally:
            self._rise(seat, is_well)

    def _prepare(self, seat: _Seat, experiment: Experiment, is_kept: bool) -> WorkerProcess:
        """The seat's worker, alive and without another experiment's algorithm."""
        if seat.worker is not None and seat.experiment and not seat.holds(experiment):
            with suppress(WorkerEndedError):
                seat.worker.call(Forget(seat.experiment))
            seat.experiment = None
        if seat.worker is None or not seat.worker.is_alive:
            seat.worker = WorkerProcess(self._command)
        if is_kept:
            seat.experiment = experiment
        # From here on others can end it; before, they could only take the seat.
        if seat.is_lost:
            seat.worker.kill()
        return seat.worker

    def _sit(self, experiment: Experiment) -> _Seat:
        """A seat for the experiment, waiting for one."""
        with self._changed:
            while not self._is_closed:
                for deserted in [seat for seat in self._seats if seat.is_deserted]:
                    self._seats.remove(deserted)
                    deserted.clear()
                seat = self._find(experiment)
                if seat is not None:
                    seat.is_busy = True
                    return seat
                self._changed.wait()
        raise _given_up(experiment)

    def _find(self, experiment: Experiment) -> _Seat | None:
        """The experiment's own seat, else one that nobody has, else that of another."""
        own = next((seat for seat in self._seats if seat.holds(experiment)), None)
        if own is not None:
            return None if own.is_busy else own
        idle = [seat for seat in self._seats if not seat.is_busy]
        free = next((seat for seat in idle if seat.experiment is None), None)
        if free is None and len(self._seats) < self._capacity:
            free = _Seat()
            self._seats.append(free)
        return free or next(iter(idle), None)

    def _rise(self, seat: _Seat, is_well: bool) -> None:
        with self._changed:
            seat.is_busy = False
            if not seat.is_lost:
                self._seats.remove(seat)
                if is_well:
                    self._seats.append(seat)
            self._changed.notify_all()
        if not is_well:
            seat.clear()

    def _end(self, is_meant: Callable[[_Seat], bool]) -> None:
        with self._changed:
            ended = [seat for seat in self._seats if is_meant(seat)]
            self._seats = [seat for seat in self._seats if seat not in ended]
            for seat in ended:
                seat.is_lost = True
            self._changed.notify_all()
        for seat in ended:
            seat.clear()


def _algorithm_name(experiment: Experiment) -> str:
    return (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name


def _given_up(experiment: Experiment) -> KatibError:
    name = _algorithm_name(experiment)
    return KatibError(f"the worker of algorithm {name} was ended, as nobody waits for it any more")
