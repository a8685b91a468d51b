"""Our early stopping algorithms as Katib's ``EarlyStopping`` service.

As with :mod:`katib.rpc.suggestion`, an answer depends on what the request says, and on the
observation logs that it names; what is kept in between only saves time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
from msgspec.structs import replace

from katib.api.experiment import Experiment, ExperimentSpec
from katib.api.trial import Trial
from katib.errors import UnknownNameError
from katib.ports.early_stopper import EarlyStopper
from katib.ports.suggester import SuggestionRequest, TrialHistory
from katib.rpc.experiments import read_algorithm, read_experiment
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    add_EarlyStoppingServicer_to_server,
)
from katib.rpc.ledgers import Ledgers
from katib.rpc.refusals import algorithm_refusals
from katib.rpc.serving import Listener, Server, health_of, start
from katib.rpc.suggestions import write_rule

EARLY_STOPPING = "api.v1.beta1.EarlyStopping"

#: How many calls are answered at once.
WORKERS = 10


class EarlyStopping(EarlyStoppingServicer):
    """Answers with the rules that an early stopper gives.

    Args:
        find_stopper: the ``host:port`` of a database manager → what computes rules from the
            observation logs there.
        algorithms: the only ones that are served; empty for all there are.
    """

    def __init__(
        self, find_stopper: Callable[[str], EarlyStopper], algorithms: Sequence[str] = ()
    ) -> None:
        self._find_stopper, self._algorithms = find_stopper, tuple(algorithms)
        self._ledgers = Ledgers()

    def GetEarlyStoppingRules(
        self, request: pb.GetEarlyStoppingRulesRequest, context: grpc.ServicerContext
    ) -> pb.GetEarlyStoppingRulesReply:
        """The rules of the next trials; none while there is too little to compare with."""
        with algorithm_refusals(context):
            experiment = read_experiment(request.experiment)
            self._check_served(experiment)
            ledger = self._ledgers.find(request.experiment.name)
            with ledger.lock:
                ledger.note(request.trials)
                # The name may be that of another experiment than before.
                uid = f"{request.experiment.name}/{ledger.began}"
                known = replace(experiment, metadata=replace(experiment.metadata, uid=uid))
                stopper = self._find_stopper(request.db_manager_address)
                rules = stopper.rules(SuggestionRequest(known, 1, 1, _Named(ledger)))
        return pb.GetEarlyStoppingRulesReply(early_stopping_rules=map(write_rule, rules))

    def ValidateEarlyStoppingSettings(
        self, request: pb.ValidateEarlyStoppingSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateEarlyStoppingSettingsReply:
        """Nothing, if the algorithm accepts its settings."""
        with algorithm_refusals(context):
            algorithm = read_algorithm(request.early_stopping)
            asked = Experiment(spec=ExperimentSpec(early_stopping=algorithm))
            self._check_served(asked)
            self._find_stopper("").validate(asked)
        return pb.ValidateEarlyStoppingSettingsReply()

    def SetTrialStatus(
        self, request: pb.SetTrialStatusRequest, context: grpc.ServicerContext
    ) -> pb.SetTrialStatusReply:
        """Refused: who writes the status of trials is the operator, and it serves this method."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this service gives rules and may not write trials: tell the operator, at the Service "
            f"katib-controller, that trial {request.trial_name} was stopped",
        )
        raise AssertionError("abort always raises")

    def _check_served(self, experiment: Experiment) -> None:
        algorithm = experiment.spec.early_stopping
        name = "" if algorithm is None else algorithm.algorithm_name
        if self._algorithms and name not in self._algorithms:
            raise UnknownNameError("early stopping algorithm", name, self._algorithms)


class _Named:
    """A history whose trials are told apart by their names: no message has their ``uid``."""

    def __init__(self, history: TrialHistory) -> None:
        self._history = history

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        trials, newest = self._history.changed_since(version)
        return [_named(trial) for trial in trials], newest


def _named(trial: Trial) -> Trial:
    return replace(trial, metadata=replace(trial.metadata, uid=trial.metadata.name))


def serve(
    find_stopper: Callable[[str], EarlyStopper], address: str, algorithms: Sequence[str] = ()
) -> Server:
    """Serve early stopping algorithms, and the health of that service, in threads.

    Args:
        find_stopper: see :class:`EarlyStopping`.
        address: ``host:port``; port 0 takes any that is free.
        algorithms: the only ones that are served; empty for all there are.

    Raises:
        ConfigurationError: the address cannot be had.
    """

    def add(server: grpc.aio.Server) -> None:
        add_EarlyStoppingServicer_to_server(EarlyStopping(find_stopper, algorithms), server)

    workers = ThreadPoolExecutor(WORKERS, "early-stopping")
    health = health_of([EARLY_STOPPING], lambda: True)
    return start(add, health, workers, Listener(address, "early stopping algorithms"))
