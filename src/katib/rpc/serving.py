"""What our gRPC servers share: how they listen and end, and their health."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Never, Protocol, TypeAlias

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from katib.errors import ConfigurationError
from katib.rpc import loop

#: The longest message that is taken, and that is sent, in bytes.
MOST_BYTES = 64 * 1024 * 1024

#: How many calls may wait to be taken up. Left alone, gRPC breaks off some of more than a thousand.
MOST_WAITING = 10_000

#: How long calls that are being answered may hold up the end of a server, in seconds.
GRACE_SECONDS = 2.0

HEALTH = "grpc.health.v1.Health"

# Two servers must not share a port in silence, as gRPC would let them.
OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.server.max_pending_requests", MOST_WAITING),
    ("grpc.server.max_pending_requests_hard_limit", MOST_WAITING),
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
)


class HealthRequest(Protocol):
    """A question for the health of a service; empty for that of the whole server."""

    service: str


HealthHandler: TypeAlias = "grpc.GenericRpcHandler[HealthRequest, object]"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a server, and who can read what is said.

    Attributes:
        token: what calls carry as ``authorization: Bearer TOKEN``, but for those that ask for the
            health; empty for none.
        key: the private key of a certificate, as PEM; empty for no TLS.
        certificate: the certificate, and those above it, as PEM.
    """

    token: str = ""
    key: bytes = b""
    certificate: bytes = b""


#: Everybody may, as on the loopback.
OPEN = Access()


class Server:
    """A server that runs until it is closed.

    Attributes:
        port: where it listens.
    """

    def __init__(self, server: grpc.aio.Server, workers: ThreadPoolExecutor, port: int) -> None:
        self._server, self._workers, self.port = server, workers, port

    def close(self) -> None:
        """Answer what is being answered, and stop."""
        loop.run(self._server.stop(GRACE_SECONDS))
        self._workers.shutdown()


@dataclass(frozen=True, slots=True)
class Listener:
    """Where a server listens, and for whom.

    Attributes:
        address: ``host:port``; port 0 takes any that is free.
        what: is served, for errors, as ``observation logs``.
        access: who may call.
    """

    address: str
    what: str
    access: Access = OPEN


def start(
    add_services: Callable[[grpc.aio.Server], None],
    health: HealthHandler,
    workers: ThreadPoolExecutor,
    listener: Listener,
) -> Server:
    """Serve from now on: coroutines on the event loop, and plain functions in threads.

    Args:
        add_services: adds what is served.
        health: tells how it is.
        workers: the threads; the server ends them.
        listener: where and for whom.

    Raises:
        ConfigurationError: the address cannot be had, or the certificate is none.
    """
    try:
        return loop.run(_start(add_services, health, workers, listener))
    except RuntimeError as error:
        workers.shutdown()
        also = ", or the certificate and the key do not fit" if listener.access.key else ""
        raise ConfigurationError(
            f"{listener.what} cannot be served at {listener.address}: it is taken or not of this "
            f"machine{also}; name another address, as 127.0.0.1:6789"
        ) from error


async def _start(
    add_services: Callable[[grpc.aio.Server], None],
    health: HealthHandler,
    workers: ThreadPoolExecutor,
    listener: Listener,
) -> Server:
    token = listener.access.token
    guards: list[grpc.aio.ServerInterceptor[Any, Any]] = [_TokenGuard(token)] if token else []
    server = grpc.aio.server(workers, interceptors=guards, options=OPTIONS)
    add_services(server)
    server.add_generic_rpc_handlers((health,))
    port = _add_port(server, listener)
    await server.start()
    return Server(server, workers, port)


def _add_port(server: grpc.aio.Server, listener: Listener) -> int:
    access = listener.access
    if not access.key:
        return server.add_insecure_port(listener.address)
    credentials = grpc.ssl_server_credentials([(access.key, access.certificate)])
    return server.add_secure_port(listener.address, credentials)


class _TokenGuard(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in stubs alone
    """Answers those that carry the token, and those that ask how the server is."""

    def __init__(self, token: str) -> None:
        self._expected = token.encode()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if handler_call_details.method.startswith(f"/{HEALTH}/"):
            return await continuation(handler_call_details)
        found = bearer_token(handler_call_details.invocation_metadata)
        if compare_digest(found.encode(), self._expected):
            return await continuation(handler_call_details)
        return grpc.unary_unary_rpc_method_handler(_refuse)


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """What a call carries as ``authorization: Bearer``; empty when it carries none."""
    for name, value in metadata:
        scheme, _, token = str(value).partition(" ")
        if name == "authorization" and scheme.lower() == "bearer":
            return token.strip()
    return ""


def _refuse(_: object, context: grpc.ServicerContext) -> Never:
    context.abort(
        grpc.StatusCode.UNAUTHENTICATED,
        "this server has a token, and the call does not carry it: send it as the metadata "
        "authorization: Bearer TOKEN",
    )
    raise AssertionError("abort always raises")


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
