"""The server: routes, who may ask, and what becomes of faults."""

from __future__ import annotations

import logging
import platform
from functools import cache

import anyio.to_thread
from msgspec import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from katib.api.values import Manifest
from katib.api_server.answers import Form, answer, failure
from katib.api_server.authentication import check_token
from katib.api_server.changes import Changes
from katib.api_server.discovery import discovery_routes
from katib.api_server.durability import Durability
from katib.api_server.handlers import handle
from katib.api_server.namespaces import Namespaces
from katib.api_server.openapi import openapi_routes
from katib.api_server.ports import ServerPorts
from katib.api_server.resources import RESOURCE_TYPES
from katib.api_server.services import Pace, Services
from katib.api_server.statuses import (
    StatusError,
    bad_request,
    internal,
    method_not_allowed,
    no_such_resource,
)

#: The version of Kubernetes whose answers are given.
KUBERNETES = ("1", "32")

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
_LOG = logging.getLogger(__name__)


class ApiServer:
    """A resource store as a Kubernetes API server.

    Args:
        ports: what stands behind it.
        pace: how often things happen that nobody asks for.

    Attributes:
        app: the ASGI application, for :func:`katib.api_server.serving.configure`.
    """

    def __init__(self, ports: ServerPorts, pace: Pace | None = None) -> None:
        self._changes = Changes(ports.store)
        services = Services(
            ports,
            self._changes,
            Durability(ports.store.flush),
            Namespaces(ports.store, self._changes.namespaces),
            pace or Pace(),
        )
        self.app: ASGIApp = Guard(_application(services), ports.token)

    def close(self) -> None:
        """End all watches and hear nothing of the store any more. From any thread."""
        self._changes.close()


class Guard:
    """Lets in who may ask, and turns every fault into a ``Status``.

    Args:
        app: what is guarded.
        token: what must be carried.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        if scope["type"] != "http":
            return
        is_begun = False
        # Starlette's routes raise what is wrong instead of answering it when there is an app.
        scope["app"] = self

        async def tell(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            check_token(Request(scope), self._token)
            await self._app(scope, receive, tell)
        except ClientDisconnect:
            return
        except Exception as error:
            status = _status(error, scope)
            if is_begun:
                # The answer ends where it is: its client sees that it is cut off.
                raise
            await failure(status)(scope, receive, send)


def _status(error: Exception, scope: Scope) -> StatusError:
    if isinstance(error, StatusError):
        return error
    if isinstance(error, HTTPException):
        return method_not_allowed() if error.status_code == 405 else no_such_resource()
    if isinstance(error, ValidationError):
        return bad_request(f"the object provided is unrecognized: {error}")
    _LOG.exception("%s %s failed", scope["method"], scope["path"], exc_info=error)
    return internal(f"{type(error).__name__}: see the log of the server")


def _application(services: Services) -> ASGIApp:
    async def resources(request: Request) -> Response:
        return await handle(services, request)

    async def metrics(_: Request) -> Response:
        text = await anyio.to_thread.run_sync(services.ports.metrics)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    routes = [
        Route("/version", _version),
        *(Route(path, _healthy) for path in ("/healthz", "/livez", "/readyz")),
        Route("/metrics", metrics),
        *_descriptions(),
        *(Route(f"/{root}/{{rest:path}}", resources, methods=_METHODS) for root in ("api", "apis")),
    ]
    return Router(routes=routes, redirect_slashes=False)


@cache
def _descriptions() -> tuple[Route, ...]:
    """Of what is served: the same for every server of a process, and not quickly made."""
    return (*discovery_routes(RESOURCE_TYPES), *openapi_routes(RESOURCE_TYPES))


async def _version(_: Request) -> Response:
    major, minor = KUBERNETES
    body: Manifest = {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{major}.{minor}.0+katib",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": f"{platform.system().lower()}/{platform.machine()}",
    }
    return answer(body, Form())


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok")
