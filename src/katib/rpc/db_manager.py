"""The database manager's gRPC service over an observation log, and its health."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Never, Protocol

import grpc
from grpc_health.v1 import health_pb2

from katib.api.codec import parse_time
from katib.api.values import Key
from katib.errors import ConfigurationError, KatibError, StoreUnavailableError
from katib.ports.observation_log import MetricEntry, ObservationLog
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    DBManagerServicer,
    add_DBManagerServicer_to_server,
)
from katib.rpc.logs import read_log, write_log

#: The longest message that is taken, and that is sent, in bytes.
MOST_BYTES = 64 * 1024 * 1024

#: How many calls are answered at once; others wait.
WORKERS = 8

#: How long calls that are being answered may hold up the end of the server, in seconds.
GRACE_SECONDS = 2.0

HEALTH = "grpc.health.v1.Health"
DB_MANAGER = "api.v1.beta1.DBManager"

#: The trial that a bare name means; ``None`` when there is none. A :class:`KatibError` tells that
#: the name alone does not say.
FindTrial = Callable[[str], Key | None]

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)

# Two servers must not share a port in silence, as gRPC would let them.
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
)


class _Refusal(Exception):
    """A call is refused with a status; the message is its detail."""

    def __init__(self, code: grpc.StatusCode, problem: str) -> None:
        self.code = code
        super().__init__(problem)


class DBManager(DBManagerServicer):
    """Takes, gives and forgets observation logs by the bare names of trials.

    A report is answered when it is safe on the disk: a program that pushes says nothing twice.

    Args:
        log: where entries are kept.
        find_trial: whose they are.
    """

    def __init__(self, log: ObservationLog, find_trial: FindTrial) -> None:
        self._log, self._find_trial = log, find_trial

    def ReportObservationLog(
        self, request: pb.ReportObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.ReportObservationLogReply:
        """Append all entries that carry a time, or none of them."""
        with _refusals(context):
            entries = _read_entries(request)
            trial = self._find(request.trial_name)
            if trial is None:
                raise _Refusal(
                    grpc.StatusCode.NOT_FOUND,
                    f'there is no trial "{request.trial_name}" here; report for the name in the '
                    "variable KATIB_TRIAL_NAME",
                )
            self._log.report(trial, entries)
            self._log.flush()
        return pb.ReportObservationLogReply()

    def GetObservationLog(
        self, request: pb.GetObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.GetObservationLogReply:
        """The entries by time, then by arrival; an unknown trial has none."""
        with _refusals(context):
            first = _bound(request.start_time, "start", datetime.min.replace(tzinfo=UTC))
            last = _bound(request.end_time, "completion", datetime.max.replace(tzinfo=UTC))
            trial = self._find(request.trial_name)
            found = () if trial is None else self._log.read(trial, request.metric_name or None)
            kept = [entry for entry in found if first <= entry.time <= last]
        return pb.GetObservationLogReply(observation_log=write_log(kept))

    def DeleteObservationLog(
        self, request: pb.DeleteObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.DeleteObservationLogReply:
        """Forget the trial's entries; that there are none is no error."""
        with _refusals(context):
            trial = self._find(request.trial_name)
            if trial is not None:
                self._log.delete(trial)
        return pb.DeleteObservationLogReply()

    def _find(self, name: str) -> Key | None:
        if not name:
            raise _invalid(
                "trial_name is empty: name the trial, as in the variable KATIB_TRIAL_NAME"
            )
        return self._find_trial(name)


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


def serve(log: ObservationLog, find_trial: FindTrial, address: str) -> Server:
    """Serve an observation log, and the health of that service, in threads.

    Args:
        log: what is served; it must outlive the server.
        find_trial: the trial of a bare name.
        address: ``host:port``; port 0 takes any that is free.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    workers = ThreadPoolExecutor(WORKERS, "db-manager")
    server = grpc.server(workers, options=_OPTIONS)
    add_DBManagerServicer_to_server(DBManager(log, find_trial), server)
    server.add_generic_rpc_handlers((_health_of(log),))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        workers.shutdown()
        raise ConfigurationError(
            f"observation logs cannot be served at {address}: it is taken or not of this machine; "
            "name another address, as 127.0.0.1:6789"
        ) from error
    server.start()
    return Server(server, workers, port)


class _HealthRequest(Protocol):
    service: str


def _health_of(log: ObservationLog) -> grpc.GenericRpcHandler[_HealthRequest, object]:
    """Answers ``Check``: well as long as what was reported can be kept."""

    def check(request: _HealthRequest, context: grpc.ServicerContext) -> object:
        if request.service not in ("", HEALTH, DB_MANAGER):
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f'"{request.service}" is not served here; ask for {DB_MANAGER}, or name no service',
            )
        try:
            log.flush()
        except StoreUnavailableError:
            return health_pb2.HealthCheckResponse(status="NOT_SERVING")
        return health_pb2.HealthCheckResponse(status="SERVING")

    method = grpc.unary_unary_rpc_method_handler(
        check,
        health_pb2.HealthCheckRequest.FromString,
        health_pb2.HealthCheckResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(HEALTH, {"Check": method})


@contextmanager
def _refusals(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn our errors into the status of a call."""
    try:
        yield
    except _Refusal as refusal:
        _abort(context, refusal.code, refusal)
    except StoreUnavailableError as error:
        _abort(context, grpc.StatusCode.UNAVAILABLE, error)
    except KatibError as error:
        _abort(context, grpc.StatusCode.FAILED_PRECONDITION, error)


def _abort(context: grpc.ServicerContext, code: grpc.StatusCode, error: Exception) -> Never:
    context.abort(code, str(error))
    raise AssertionError("abort always raises")


def _invalid(problem: str) -> _Refusal:
    return _Refusal(grpc.StatusCode.INVALID_ARGUMENT, problem)


def _read_entries(request: pb.ReportObservationLogRequest) -> list[MetricEntry]:
    """The entries of a report.

    Raises:
        _Refusal: one of them is not legal, or there is none.
    """
    for one in request.observation_log.metric_logs:
        if one.time_stamp:
            _check_time(one.time_stamp, "start")
    try:
        entries = read_log(request.observation_log)
    except (ValueError, OverflowError) as error:
        raise _invalid(str(error)) from error
    if not entries:
        raise _invalid(
            "there is nothing to report: observation_log needs metric_logs, each with a time_stamp "
            "such as 2026-01-31T12:00:00.5Z and a metric"
        )
    return entries


def _bound(text: str, which: str, otherwise: datetime) -> datetime:
    return _check_time(text, which) if text else otherwise


def _check_time(text: str, which: str) -> datetime:
    """The time of an RFC 3339 text, in UTC.

    Raises:
        _Refusal: it is none, or has no zone.
    """
    try:
        if _RFC_3339.fullmatch(text):
            return parse_time(text).astimezone(UTC)
        problem = "it is no RFC 3339 time with a zone"
    except (ValueError, OverflowError) as error:
        problem = str(error)
    raise _invalid(
        f"Error parsing {which} time {text!r}: {problem}; a time such as 2026-01-31T12:00:00.5Z is "
        "expected"
    )
