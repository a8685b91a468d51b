"""Our algorithms as Katib's ``Suggestion`` service: stateless towards those who ask.

An answer depends on what the request says: experiment, trials, and how many were asked for before.
What is kept between requests only saves time, so that the service may end at any moment, and serve
any number of experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
from msgspec.structs import replace

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.errors import SettingsError, UnknownNameError
from katib.ports.suggester import Suggester, SuggestionRequest
from katib.rpc.experiments import read_experiment
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    SuggestionServicer,
    add_SuggestionServicer_to_server,
)
from katib.rpc.ledgers import Ledgers
from katib.rpc.refusals import algorithm_refusals
from katib.rpc.serving import Listener, Server, health_of, start
from katib.rpc.suggestions import write_reply

SUGGESTION = "api.v1.beta1.Suggestion"

#: The name by which Katib's probes have always asked; no package was ever called so.
PROBED = "manager.v1beta1.Suggestion"

#: How many calls are answered at once.
WORKERS = 10


class Suggestion(SuggestionServicer):
    """Answers with what a suggester gives.

    Args:
        suggester: asks the algorithms; it keeps experiments apart by their ``uid``, for which their
            name is taken, since nothing else is known here.
        algorithms: the only ones that are served; empty for all there are.
    """

    def __init__(self, suggester: Suggester, algorithms: Sequence[str] = ()) -> None:
        self._suggester, self._algorithms = suggester, tuple(algorithms)
        self._ledgers = Ledgers()

    def GetSuggestions(
        self, request: pb.GetSuggestionsRequest, context: grpc.ServicerContext
    ) -> pb.GetSuggestionsReply:
        """As many assignments as are wanted; fewer, or none, when there are no more for now."""
        with algorithm_refusals(context):
            experiment = self._read(request.experiment)
            wanted = request.current_request_number
            if wanted <= 0:
                return pb.GetSuggestionsReply()
            # Those who do not say how many were asked for before have used what they got.
            total = max(request.total_request_number, 0) or len(request.trials) + wanted
            if total < wanted:
                raise SettingsError(
                    f"total_request_number {total} is below current_request_number {wanted}; it "
                    "counts all assignments that were ever asked for, these included"
                )
            ledger = self._ledgers.find(request.experiment.name)
            with ledger.lock:
                if not ledger.note(request.trials):
                    self._suggester.forget(experiment)
                asked = SuggestionRequest(experiment, wanted, total, ledger)
                reply = self._suggester.suggest(asked)
        return write_reply(reply, _algorithm_name(experiment))

    def ValidateAlgorithmSettings(
        self, request: pb.ValidateAlgorithmSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateAlgorithmSettingsReply:
        """Nothing, if the algorithm accepts its settings and the search space."""
        with algorithm_refusals(context):
            self._suggester.validate(self._read(request.experiment))
        return pb.ValidateAlgorithmSettingsReply()

    def _read(self, message: pb.Experiment) -> Experiment:
        experiment = read_experiment(message)
        name = _algorithm_name(experiment)
        if self._algorithms and name not in self._algorithms:
            raise UnknownNameError("algorithm", name, self._algorithms)
        return replace(experiment, metadata=replace(experiment.metadata, uid=message.name))


def serve(suggester: Suggester, address: str, algorithms: Sequence[str] = ()) -> Server:
    """Serve algorithms, and the health of that service, in threads.

    Args:
        suggester: asks them.
        address: ``host:port``; port 0 takes any that is free.
        algorithms: the only ones that are served; empty for all there are.

    Raises:
        ConfigurationError: the address cannot be had.
    """

    def add(server: grpc.aio.Server) -> None:
        add_SuggestionServicer_to_server(Suggestion(suggester, algorithms), server)

    workers = ThreadPoolExecutor(WORKERS, "suggestion")
    health = health_of([SUGGESTION, PROBED], lambda: True)
    return start(add, health, workers, Listener(address, "algorithms"))


def _algorithm_name(experiment: Experiment) -> str:
    return (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name
