"""The process that serves our early stopping algorithms over gRPC."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from katib.apps.grpc_service import GrpcService
from katib.configuration.environment import read_environment
from katib.errors import UnknownNameError
from katib.observations.remote import RemoteObservationLog
from katib.ports.early_stopper import EarlyStopper
from katib.rpc.early_stopping import serve
from katib.search.stopping import STOPPING_RULES
from katib.suggesters.in_process_stopper import InProcessStopper

#: Of how many database managers the connection is kept.
KEPT = 4


def serve_early_stopping(
    address: str, algorithms: Sequence[str] = (), db_manager: str = "", token: str = ""
) -> GrpcService:
    """Our early stopping algorithms, served.

    Args:
        address: ``host:port``; port 0 takes any that is free.
        algorithms: the only ones that are served; empty for all that are built in or installed.
        db_manager: the database manager of those who name none, as ``host:port``; empty for the
            one that the environment names.
        token: what database managers ask for, if they do.

    Raises:
        ConfigurationError: the address cannot be had.
        UnknownNameError: there is no such algorithm.
    """
    for name in algorithms:
        if name not in STOPPING_RULES:
            raise UnknownNameError("early stopping algorithm", name, STOPPING_RULES)
    stoppers = _Stoppers(db_manager or read_environment().db_manager_address, token)
    return GrpcService(serve(stoppers.find, address, algorithms))


class _Stoppers:
    """What computes rules from the logs of each database manager that requests name."""

    def __init__(self, usual: str, token: str) -> None:
        self._usual, self._token = usual, token
        self._lock = Lock()
        self._known: OrderedDict[str, EarlyStopper] = OrderedDict()

    def find(self, address: str) -> EarlyStopper:
        address = address or self._usual
        with self._lock:
            found = self._known.get(address)
            if found is None:
                found = InProcessStopper(RemoteObservationLog(address, self._token))
                self._known[address] = found
            self._known.move_to_end(address)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return found
