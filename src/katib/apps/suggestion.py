"""The process that serves our search algorithms over gRPC."""

from __future__ import annotations

from collections.abc import Sequence

from katib.apps.grpc_service import GrpcService
from katib.errors import UnknownNameError
from katib.rpc.suggestion import serve
from katib.search.algorithms import ALGORITHMS
from katib.suggesters.in_process import InProcessSuggester


def serve_suggestion(address: str, algorithms: Sequence[str] = ()) -> GrpcService:
    """Our search algorithms, served.

    Args:
        address: ``host:port``; port 0 takes any that is free.
        algorithms: the only ones that are served; empty for all that are built in or installed.

    Raises:
        ConfigurationError: the address cannot be had.
        UnknownNameError: there is no such algorithm.
    """
    for name in algorithms:
        if name not in ALGORITHMS:
            raise UnknownNameError("algorithm", name, ALGORITHMS)
    return GrpcService(serve(InProcessSuggester(), address, algorithms))
