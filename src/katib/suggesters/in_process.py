"""Algorithms asked as plain objects of this process."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from katib.api.experiment import AlgorithmSpec, Experiment, ExperimentSpec
from katib.errors import FieldError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.registry import Registry
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS
from katib.search.settings import SettingsReader
from katib.search.space import SearchSpace

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")


class InProcessSuggester:
    """Keeps one algorithm for each experiment and tells it what changed since the last request.

    What is kept only saves time: an experiment that is unknown, or whose spec has changed, gets a
    new algorithm that is told the whole history. Requests for one experiment wait for each other;
    those for different experiments do not.

    Args:
        algorithms: where names are looked up.
        capacity: for how many experiments an algorithm is kept; the least recently asked goes.
    """

    def __init__(self, algorithms: Registry[Algorithm] = ALGORITHMS, capacity: int = 64) -> None:
        self._algorithms, self._capacity = algorithms, capacity
        self._lock = Lock()
        self._loaded: dict[str, type[Algorithm]] = {}
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def validate(self, experiment: Experiment) -> None:
        algorithm = self._load(experiment)
        try:
            algorithm.validate(experiment)
        except SettingsError as error:
            raise SettingsError(*_all_problems(error, experiment)) from error

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        experiment = request.experiment
        session = self._session(experiment)
        try:
            with session.lock:
                return session.suggest(self._load(experiment), request)
        except BaseException:
            # It may have been told half of the news; the next request builds it anew.
            self._drop(experiment, session)
            raise

    def forget(self, experiment: Experiment) -> None:
        with self._lock:
            self._sessions.pop(experiment.metadata.uid, None)

    def _load(self, experiment: Experiment) -> type[Algorithm]:
        name = (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name
        if name not in self._loaded:
            with one_thread():
                self._loaded[name] = self._algorithms.load(name)
        return self._loaded[name]

    def _session(self, experiment: Experiment) -> _Session:
        uid = experiment.metadata.uid
        with self._lock:
            session = self._sessions.get(uid)
            if session is None:
                session = self._sessions[uid] = _Session()
            self._sessions.move_to_end(uid)
            while len(self._sessions) > self._capacity:
                self._sessions.popitem(last=False)
            return session

    def _drop(self, experiment: Experiment, session: _Session) -> None:
        with self._lock:
            if self._sessions.get(experiment.metadata.uid) is session:
                del self._sessions[experiment.metadata.uid]


class _Session:
    """One experiment's algorithm, and up to which version of the history it was told."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._algorithm: Algorithm | None = None
        self._spec: ExperimentSpec | None = None
        self._version = 0

    def suggest(self, type: type[Algorithm], request: SuggestionRequest) -> SuggestionReply:
        experiment = request.experiment
        if self._algorithm is None or self._spec != experiment.spec:
            self._algorithm = type(experiment, seed_of(experiment))
            self._spec, self._version = experiment.spec, 0
        trials, self._version = request.trials.changed_since(self._version)
        if trials:
            self._algorithm.tell(trials)
        return self._algorithm.suggest(request.total - request.count, request.count)


def _all_problems(refusal: SettingsError, experiment: Experiment) -> Iterator[FieldError]:
    """What an algorithm refuses, and the parameters that it may not have come to look at."""
    yield from refusal.problems
    try:
        if experiment.spec.parameters:
            SearchSpace.of(experiment)
    except SettingsError as error:
        yield from (problem for problem in error.problems if problem not in refusal.problems)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let numerical libraries that are loaded meanwhile use one thread, unless the user says more.

    The matrices of a search are small: threads that wait for each other cost many times what they
    save. The variables go again, since trials inherit the environment.
    """
    added = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def seed_of(experiment: Experiment) -> int:
    """The setting ``random_state``; without it, a number that only this experiment has.

    Raises:
        SettingsError: ``random_state`` is no whole number from 0 on.
    """
    settings = SettingsReader(experiment)
    state = settings.seed()
    settings.check_values()
    if state is not None:
        return state
    return int.from_bytes(hashlib.sha256(experiment.metadata.uid.encode()).digest()[:8])
