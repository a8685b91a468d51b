"""The ways by which a trial's metrics go to its engine: HTTP, a file, gRPC."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit
from uuid import uuid4

from katib.api import names
from katib.errors import KatibError

#: How long one attempt may take, in seconds.
LONGEST_ATTEMPT = 20.0

#: The first pause between attempts, and the longest, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

#: Answers after which the same report may be accepted later.
_LATER = frozenset((408, 429, 500, 502, 503, 504))


class UnreportableError(KatibError, ValueError):
    """There is nothing that could be reported, or nobody to report it to; the text says why."""


class ReportError(KatibError, RuntimeError):
    """A report did not arrive."""

    def __init__(self, whither: str, problem: str) -> None:
        super().__init__(f"Unable to push metrics to {whither}: {problem}")


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a report is tried.

    Attributes:
        seconds: in all.
        monotonic: tells how much of that is over.
        sleep: waits between attempts.
    """

    seconds: float
    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)


class Route(Protocol):
    """A way by which reports go."""

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """Report values of one time; when this returns, they are safe.

        Raises:
            ReportError: they could not be reported.
        """
        ...


_here: Route | None = None


def find_here() -> Route | None:
    """The way of the function that the engine calls now in this process; ``None`` for none."""
    return _here


def set_here(route: Route | None) -> None:
    """Let :func:`find_here` find that way."""
    global _here
    _here = route


class HttpRoute:
    """To the engine's endpoint, as ``curl`` would.

    Args:
        url: of the trial.
        token: of the trial.
        pace: how long is tried while the endpoint is away.
    """

    def __init__(self, url: str, token: str, pace: Pace) -> None:
        self._url, self._token, self._pace = url, token, pace

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """See :class:`Route`. However often it is tried, the report counts once."""
        body = _line(values, time)
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid4().hex,
        }
        until = self._pace.monotonic() + self._pace.seconds
        pause = FIRST_PAUSE
        while problem := self._try(body, headers, until):
            if self._pace.monotonic() + pause >= until:
                raise ReportError(self._url, f"{problem}; given up after {self._pace.seconds:g} s")
            self._pace.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, body: bytes, headers: Mapping[str, str], until: float) -> str:
        """Why it failed this time and may succeed later; empty when it is done."""
        from http.client import HTTPConnection, HTTPException

        where = urlsplit(self._url)
        left = max(FIRST_PAUSE, min(LONGEST_ATTEMPT, until - self._pace.monotonic()))
        connection = HTTPConnection(where.hostname or "", where.port, timeout=left)
        try:
            connection.request("POST", where.path, body, headers)
            answer = connection.getresponse()
            told = answer.read().decode(errors="replace").strip()
        except (OSError, HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        if answer.status < 300:
            return ""
        problem = f"{answer.status} {answer.reason}: {told}"
        if answer.status not in _LATER:
            raise ReportError(self._url, problem)
        return problem


class DropRoute:
    """Into the file that the engine follows.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """See :class:`Route`."""
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                # In one piece, so that lines of several processes do not mix.
                os.write(file, _line(values, time))
            finally:
                os.close(file)
        except OSError as error:
            raise ReportError(self._path, error.strerror or str(error)) from error


@dataclass(frozen=True, slots=True)
class Sender:
    """Who reports to a database manager.

    Attributes:
        trial: its name.
        namespace: of the trial; empty when it is not known.
        token: by which it shows who it is; empty where there are none.
    """

    trial: str
    namespace: str = ""
    token: str = ""


class GrpcRoute:
    """To a database manager, as Katib's own SDK does.

    Args:
        address: of it, ``host:port``.
        sender: the trial.
        pace: how long is tried while the manager is away.

    Attributes:
        address: as it was given.
    """

    def __init__(self, address: str, sender: Sender, pace: Pace) -> None:
        self.address, self._sender, self._pace = address, sender, pace

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """See :class:`Route`."""
        import grpc

        from katib.rpc.generated import api_pb2 as pb
        from katib.rpc.generated.api_pb2_grpc import DBManagerStub

        stamp = _stamp(time)
        logs = [
            pb.MetricLog(time_stamp=stamp, metric=pb.Metric(name=name, value=value))
            for name, value in values.items()
        ]
        message = pb.ObservationLog(metric_logs=logs)
        request = pb.ReportObservationLogRequest(
            trial_name=self._sender.trial, observation_log=message
        )
        known = {
            "authorization": self._sender.token and f"Bearer {self._sender.token}",
            names.METADATA_NAMESPACE: self._sender.namespace,
        }
        metadata = tuple((name, value) for name, value in known.items() if value)
        with grpc.insecure_channel(self.address) as channel:
            try:
                # It waits for a manager that is away, and sends nothing twice.
                DBManagerStub(channel).ReportObservationLog(
                    request, timeout=self._pace.seconds, metadata=metadata, wait_for_ready=True
                )
            except grpc.RpcError as error:
                raise ReportError(self.address, self._why(error)) from error

    def _why(self, error: Exception) -> str:
        code, details = getattr(error, "code", None), getattr(error, "details", None)
        if code is None or details is None:
            return str(error)
        name = code().name
        given_up = f"; given up after {self._pace.seconds:g} s"
        return f"{name}: {details()}{given_up if name == 'DEADLINE_EXCEEDED' else ''}"


def _line(values: Mapping[str, str], time: datetime) -> bytes:
    return json.dumps({"timestamp": _stamp(time), **values}).encode() + b"\n"


def _stamp(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
