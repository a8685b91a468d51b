"""Where programs push metrics by HTTP: one address for each trial, and ``curl`` is enough."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from urllib.parse import quote

import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from katib.api.values import Key
from katib.collectors.inbox import Inbox, Report, TrialEndedError
from katib.collectors.reports import FORM_TYPES, JSON_TYPES, read_report
from katib.errors import (
    AdmissionError,
    NotFoundError,
    StoreUnavailableError,
    TokenRefusedError,
)

#: The longest report, in bytes, and how long one may take to come, in seconds.
MOST_BYTES, MOST_SECONDS = 1024 * 1024, 20.0

#: How much more is read and thrown away, so that who sent it hears the answer.
MOST_DRAINED = 16 * MOST_BYTES

#: The longest key that tells a report from another.
LONGEST_KEY = 255

#: When one who was sent away may come again, in seconds.
RETRY_AFTER = 1

_LOG = logging.getLogger(__name__)


def path_of(trial: Key) -> str:
    """The path of a trial's address."""
    return f"/trials/{quote(trial.namespace)}/{quote(trial.name)}/metrics"


class _Refusal(Exception):
    """A request is refused with a status; the text is the answer's."""

    def __init__(self, status: HTTPStatus, problem: str, **headers: str) -> None:
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(problem)


class MetricsEndpoint:
    """The ASGI application that takes what trials push by HTTP.

    A report is answered when it is safe on the disk.

    Args:
        inbox: takes reports.
        find_caller: the trial whose token this is; a :class:`TokenRefusedError` says that it is
            nobody's.
        now: the time of entries that say none; aware.
    """

    def __init__(
        self, inbox: Inbox, find_caller: Callable[[str], Key], now: Callable[[], datetime]
    ) -> None:
        self._inbox, self._find_caller, self._now = inbox, find_caller, now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see ASGI."""
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        try:
            body = await _read_body(request)
            await anyio.to_thread.run_sync(partial(self._take, request, body))
        except _Refusal as refusal:
            return PlainTextResponse(f"{refusal}\n", refusal.status, refusal.headers)
        except Exception:
            _LOG.exception("a report to %s failed", request.url.path)
            return PlainTextResponse("a fault of the engine: see its log\n", 500)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    def _take(self, request: Request, body: bytes) -> None:
        """Check a request and keep its report, in a thread: the disk may have to be waited for."""
        try:
            trial = self._check(request)
            key = _key_of(request)
            entries = read_report(body, _type_of(request), self._now())
            self._inbox.take(trial, Report(entries, body, key))
        except TokenRefusedError as error:
            raise _Refusal(HTTPStatus.UNAUTHORIZED, str(error), **_BEARER) from error
        except NotFoundError as error:
            raise _Refusal(HTTPStatus.NOT_FOUND, str(error)) from error
        except TrialEndedError as error:
            raise _Refusal(HTTPStatus.CONFLICT, str(error)) from error
        except StoreUnavailableError as error:
            raise _away(str(error)) from error
        except AdmissionError as error:
            raise _Refusal(HTTPStatus.BAD_REQUEST, str(error)) from error

    def _check(self, request: Request) -> Key:
        """The trial that pushes, when it may."""
        path = request.url.path
        parts = path.split("/")
        if len(parts) != 5 or (parts[1], parts[4]) != ("trials", "metrics"):
            raise _Refusal(HTTPStatus.NOT_FOUND, f"{path}: push to $KATIB_METRICS_URL as it is")
        if request.method != "POST":
            problem = f"{request.method} is not answered here: metrics are pushed by POST"
            raise _Refusal(HTTPStatus.METHOD_NOT_ALLOWED, problem, Allow="POST")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            problem = 'there is no token: send "Authorization: Bearer $KATIB_METRICS_TOKEN"'
            raise _Refusal(HTTPStatus.UNAUTHORIZED, problem, **_BEARER)
        caller, meant = self._find_caller(token.strip()), Key(parts[2], parts[3])
        if caller != meant:
            raise _Refusal(
                HTTPStatus.FORBIDDEN,
                f"the token is that of trial {caller}: it does not push for {meant}; take both "
                "$KATIB_METRICS_URL and $KATIB_METRICS_TOKEN from the same trial",
            )
        return caller


_BEARER = {"WWW_Authenticate": "Bearer"}


def _away(problem: str) -> _Refusal:
    return _Refusal(HTTPStatus.SERVICE_UNAVAILABLE, problem, Retry_After=str(RETRY_AFTER))


async def _read_body(request: Request) -> bytes:
    """All of a request's body.

    Raises:
        _Refusal: it is too long, or takes too long to come.
    """
    problem = f"a report has {MOST_BYTES} bytes at most: push a part of it at a time"
    too_long = _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem)
    announced = _length_of(request)
    if announced > MOST_BYTES and (announced > MOST_DRAINED or "expect" in request.headers):
        raise too_long
    body, length = bytearray(), 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for part in request.stream():
                length += len(part)
                if length <= MOST_BYTES:
                    body += part
                elif length > MOST_DRAINED:
                    break
    except TimeoutError as error:
        problem = f"the report did not come within {MOST_SECONDS:.0f} s"
        raise _Refusal(HTTPStatus.REQUEST_TIMEOUT, problem, Connection="close") from error
    if length > MOST_BYTES:
        raise too_long
    return bytes(body)


def _length_of(request: Request) -> int:
    announced = request.headers.get("content-length", "0")
    # Not a number of any length is read for a number.
    return int(announced) if announced.isdigit() and len(announced) < 16 else MOST_DRAINED + 1


def _type_of(request: Request) -> str:
    found = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if found not in (*JSON_TYPES, *FORM_TYPES):
        raise _Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"the content type {found} is not read: send application/json, or what curl -d sends",
        )
    return found


def _key_of(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if len(key) > LONGEST_KEY:
        problem = f"the Idempotency-Key has {LONGEST_KEY} characters at most"
        raise _Refusal(HTTPStatus.BAD_REQUEST, problem)
    return key
