"""Our algorithms as Katib's ``Suggestion`` service: stateless towards those who ask.

An answer depends on what the request says: experiment, trials, and how many were asked for before.
What is kept between requests only saves time, so that the service may end at any moment, and serve
any number of experiments.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Lock

import grpc
import grpc.aio
from msgspec.structs import replace

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.trial import Trial
from katib.errors import SettingsError, UnknownNameError
from katib.ports.suggester import Suggester, SuggestionRequest
from katib.rpc.experiments import read_experiment
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    SuggestionServicer,
    add_SuggestionServicer_to_server,
)
from katib.rpc.serving import Listener, Server, health_of, start
from katib.rpc.suggestions import write_reply
from katib.rpc.trials import read_trial

SUGGESTION = "api.v1.beta1.Suggestion"

#: The name by which Katib's probes have always asked; no package was ever called so.
PROBED = "manager.v1beta1.Suggestion"

#: How many calls are answered at once, and for how many experiments something is kept.
WORKERS, KEPT = 10, 64


class _Ledger:
    """What the requests of one experiment have told of its trials, with versions.

    Versions are never used again, also by another ledger: whoever was told by one that is gone
    misses nothing of its successor.
    """

    _versions = count(1)

    def __init__(self) -> None:
        self.lock = Lock()
        self._version = 0
        # As bytes: a message would keep the whole request that it came with.
        self._known: dict[str, tuple[int, bytes]] | None = None

    def note(self, messages: Sequence[pb.Trial]) -> bool:
        """Take in all trials of a request; whether those told before are among them.

        Raises:
            ValueError: a time is not RFC 3339.
        """
        given = {one.name: one.SerializeToString(deterministic=True) for one in messages}
        old = self._known or {}
        is_grown = self._known is not None and old.keys() <= given.keys()
        known: dict[str, tuple[int, bytes]] = {}
        for name, data in given.items():
            before = old.get(name) if is_grown else None
            if before is None or before[1] != data:
                _read(data)
                before = next(self._versions), data
            known[name] = before
        self._known = known
        self._version = max((version for version, _ in known.values()), default=0)
        return is_grown

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        """As the port says."""
        found = sorted(one for one in (self._known or {}).values() if one[0] > version)
        return [_read(data) for _, data in found], self._version


class Suggestion(SuggestionServicer):
    """Answers with what a suggester gives.

    Args:
        suggester: asks the algorithms; it keeps experiments apart by their ``uid``, for which their
            name is taken, since nothing else is known here.
        algorithms: the only ones that are served; empty for all there are.
    """

    def __init__(self, suggester: Suggester, algorithms: Sequence[str] = ()) -> None:
        self._suggester, self._algorithms = suggester, tuple(algorithms)
        self._lock = Lock()
        self._ledgers: OrderedDict[str, _Ledger] = OrderedDict()

    def GetSuggestions(
        self, request: pb.GetSuggestionsRequest, context: grpc.ServicerContext
    ) -> pb.GetSuggestionsReply:
        """As many assignments as are wanted; fewer, or none, when there are no more for now."""
        with _refusals(context):
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
            ledger = self._ledger(experiment)
            with ledger.lock:
                if not self._note(ledger, request.trials):
                    self._suggester.forget(experiment)
                asked = SuggestionRequest(experiment, wanted, total, ledger)
                reply = self._suggester.suggest(asked)
        return write_reply(reply, _algorithm_name(experiment))

    def ValidateAlgorithmSettings(
        self, request: pb.ValidateAlgorithmSettingsRequest, context: grpc.ServicerContext
    ) -> pb.ValidateAlgorithmSettingsReply:
        """Nothing, if the algorithm accepts its settings and the search space."""
        with _refusals(context):
            self._suggester.validate(self._read(request.experiment))
        return pb.ValidateAlgorithmSettingsReply()

    def _read(self, message: pb.Experiment) -> Experiment:
        experiment = read_experiment(message)
        name = _algorithm_name(experiment)
        if self._algorithms and name not in self._algorithms:
            raise UnknownNameError("algorithm", name, self._algorithms)
        return replace(experiment, metadata=replace(experiment.metadata, uid=message.name))

    def _ledger(self, experiment: Experiment) -> _Ledger:
        with self._lock:
            ledger = self._ledgers.setdefault(experiment.metadata.uid, _Ledger())
            self._ledgers.move_to_end(experiment.metadata.uid)
            while len(self._ledgers) > KEPT:
                self._ledgers.popitem(last=False)
            return ledger

    @staticmethod
    def _note(ledger: _Ledger, trials: Sequence[pb.Trial]) -> bool:
        try:
            return ledger.note(trials)
        except ValueError as error:
            raise SettingsError(f"a trial cannot be read: {error}") from error


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


@contextmanager
def _refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn what is wrong with a request into INVALID_ARGUMENT. Other errors end as UNKNOWN."""
    try:
        yield
    except SettingsError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
    except UnknownNameError as error:
        # Katib's words.
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown algorithm name {error.name}")


def _read(data: bytes) -> Trial:
    return read_trial(pb.Trial.FromString(data))


def _algorithm_name(experiment: Experiment) -> str:
    return (experiment.spec.algorithm or AlgorithmSpec()).algorithm_name
