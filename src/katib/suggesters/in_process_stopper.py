"""Early stopping algorithms asked as plain objects of this process."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from threading import Lock

from katib.api.experiment import AlgorithmSpec, Experiment, ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.errors import SettingsError, UnknownNameError
from katib.ports.observation_log import ObservationLog
from katib.ports.suggester import SuggestionRequest
from katib.registry import Registry
from katib.search.stopping import STOPPING_RULES
from katib.search.stopping.rule import StoppingAlgorithm

_Spec = tuple[AlgorithmSpec | None, ObjectiveSpec | None]


class InProcessStopper:
    """Keeps one early stopping algorithm for each experiment and tells it what changed.

    What is kept only saves time: an experiment that is unknown, or whose settings or objective have
    changed, gets a new algorithm that is told the whole history. Requests for one experiment wait
    for each other; those for different experiments do not.

    Args:
        log: where reports are read.
        algorithms: where names are looked up.
        capacity: for how many experiments an algorithm is kept; the least recently asked goes.
    """

    def __init__(
        self,
        log: ObservationLog,
        algorithms: Registry[StoppingAlgorithm] = STOPPING_RULES,
        capacity: int = 64,
    ) -> None:
        self._log, self._algorithms, self._capacity = log, algorithms, capacity
        self._lock = Lock()
        self._sessions: OrderedDict[str, _Session] = OrderedDict()

    def validate(self, experiment: Experiment) -> None:
        check_settings(experiment, self._algorithms)

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        experiment = request.experiment
        if experiment.spec.early_stopping is None:
            return ()
        session = self._session(experiment.metadata.uid)
        with session.lock:
            return session.rules(_load(experiment, self._algorithms), request, self._log)

    def is_live(self, experiment: Experiment) -> bool:
        if experiment.spec.early_stopping is None:
            return False
        return _load(experiment, self._algorithms).is_live

    def _session(self, uid: str) -> _Session:
        with self._lock:
            session = self._sessions.setdefault(uid, _Session())
            self._sessions.move_to_end(uid)
            while len(self._sessions) > self._capacity:
                self._sessions.popitem(last=False)
            return session


class _Session:
    """One experiment's algorithm, and up to which version of the history it was told."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._algorithm: StoppingAlgorithm | None = None
        self._spec: _Spec = (None, None)
        self._version = 0

    def rules(
        self, type: type[StoppingAlgorithm], request: SuggestionRequest, log: ObservationLog
    ) -> tuple[EarlyStoppingRule, ...]:
        spec = request.experiment.spec
        if self._algorithm is None or self._spec != (spec.early_stopping, spec.objective):
            self._algorithm = type(request.experiment)
            self._spec, self._version = (spec.early_stopping, spec.objective), 0
        metric = (spec.objective or ObjectiveSpec()).objective_metric_name
        trials, version = request.trials.changed_since(self._version)
        for trial in trials:
            self._algorithm.tell(trial, partial(log.read, trial.key, metric))
        # Only now: when a log cannot be read, all of these are told again.
        self._version = version
        return self._algorithm.rules()


def check_settings(
    experiment: Experiment, algorithms: Registry[StoppingAlgorithm] = STOPPING_RULES
) -> None:
    """Return if the experiment's early stopping settings are right, or it has none.

    Raises:
        SettingsError: they are not, or there is no such algorithm.
    """
    if experiment.spec.early_stopping is not None:
        _load(experiment, algorithms).validate(experiment)


def _load(
    experiment: Experiment, algorithms: Registry[StoppingAlgorithm]
) -> type[StoppingAlgorithm]:
    name = (experiment.spec.early_stopping or AlgorithmSpec()).algorithm_name
    try:
        return algorithms.load(name)
    except UnknownNameError as error:
        raise SettingsError(f"unknown algorithm name {name}") from error
