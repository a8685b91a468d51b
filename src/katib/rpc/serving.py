"""What our gRPC servers share: how they listen and end, and their health."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeAlias

import grpc
from grpc_health.v1 import health_pb2

from katib.errors import ConfigurationError

#: The longest message that is taken, and that is sent, in bytes.
MOST_BYTES = 64 * 1024 * 1024

#: How long calls that are being answered may hold up the end of a server, in seconds.
GRACE_SECONDS = 2.0

HEALTH = "grpc.health.v1.Health"

# Two servers must not share a port in silence, as gRPC would let them.
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
)


class HealthRequest(Protocol):
    """A question for the health of a service; empty for that of the whole server."""

    service: str


HealthHandler: TypeAlias = "grpc.GenericRpcHandler[HealthRequest, object]"


class Server:
    """A server that runs until it is closed.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: grpc.Server, workers: ThreadPoolExecutor, port: int) -> None:
        self._server, self._workers, self.port = server, workers, port

    def close(self) -> None:
        """Answer what is being answered, and stop."""
        self._server.stop(GRACE_SECONDS).wait()
        self._workers.shutdown()


def start(
    add_services: Callable[[grpc.Server], None],
    health: HealthHandler,
    workers: ThreadPoolExecutor,
    address: str,
    what: str,
) -> Server:
    """Serve in threads, from now on.

    Args:
        add_services: adds what is served.
        health: tells how it is.
        workers: the threads; the server ends them.
        address: ``host:port``; port 0 takes any that is free.
        what: is served, for errors, as ``observation logs``.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    server = grpc.server(workers, options=_OPTIONS)
    add_services(server)
    server.add_generic_rpc_handlers((health,))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        workers.shutdown()
        raise ConfigurationError(
            f"{what} cannot be served at {address}: it is taken or not of this machine; "
            "name another address, as 127.0.0.1:6789"
        ) from error
    server.start()
    return Server(server, workers, port)


def health_of(services: Collection[str], is_well: Callable[[], bool]) -> HealthHandler:
    """Answers ``Check`` for some services, and for none; the first is advised to those who err."""
    known = ("", HEALTH, *services)
    advice = next(iter(services))

    def check(request: HealthRequest, context: grpc.ServicerContext) -> object:
        if request.service not in known:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f'"{request.service}" is not served here; ask for {advice}, or name no service',
            )
        return health_pb2.HealthCheckResponse(status="SERVING" if is_well() else "NOT_SERVING")

    method = grpc.unary_unary_rpc_method_handler(
        check,
        health_pb2.HealthCheckRequest.FromString,
        health_pb2.HealthCheckResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(HEALTH, {"Check": method})
