"""The database manager's gRPC service over an observation log, and its health."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable

import grpc
import grpc.aio
from grpc_reflection.v1alpha import reflection

from katib.api import names
from katib.api.codec import parse_time
from katib.api.values import Key
from katib.errors import KatibError, StoreUnavailableError
from katib.ports.observation_log import MetricEntry, ObservationLog
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    DBManagerServicer,
    add_DBManagerServicer_to_server,
)
from katib.rpc.logs import read_log, write_log
from katib.rpc.refusals import Refusal, invalid, refusals, status_of
from katib.rpc.serving import (
    HEALTH,
    OPEN,
    Access,
    Listener,
    Server,
    bearer_token,
    health_of,
    start,
)

#: How many calls are answered in threads at once; others wait.
WORKERS = 64

#: A report of more entries is read in a thread: meanwhile others are answered.
SHORT = 100

DB_MANAGER = "api.v1.beta1.DBManager"

#: Whom a log is asked for to see whether it answers.
_NOBODY = Key("", "")

#: The trial that a bare name means; ``None`` when there is none. A :class:`KatibError` tells that
#: the name alone does not say.
FindTrial = Callable[[str], Key | None]


@dataclass(frozen=True, slots=True)
class Guard:
    """Lets a trial write its own entries and nobody else's.

    Attributes:
        find_caller: the trial that calls, by its token (empty when the call carries none) and by
            where the call comes from, as gRPC words it; ``None`` when neither says. A
            :class:`TokenRefusedError` tells that the token is nobody's.
        take: keeps a trial's report, until it is safe; the last is what was sent. ``None`` to have
            it written into the log.
        is_trusted: whether a token is that of somebody who may read and write for every trial.
            Then a trial reads its own entries only, too; ``None`` to let everybody read.
    """

    find_caller: Callable[[str, str], Key | None]
    take: Callable[[Key, Sequence[MetricEntry], bytes], None] | None = None
    is_trusted: Callable[[str], bool] | None = None


@runtime_checkable
class PromptLog(Protocol):
    """An observation log whose reports need not be waited for in a thread each."""

    def submit(self, trial: Key, entries: Sequence[MetricEntry]) -> Future[None]:
        """Begin a report, without waiting; done when it is safe, or failed and none of it kept."""
        ...


_Context: TypeAlias = "grpc.ServicerContext | grpc.aio.ServicerContext[Any, Any]"

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class DBManager(DBManagerServicer):
    """Takes, gives and forgets observation logs by the names of trials.

    The namespace of a trial is in the call's metadata, as ``katib-namespace``, or it is not known.

    A report is answered when it is safe on the disk: a program that pushes says nothing twice.

    Short reports for a :class:`PromptLog` are read on the event loop, and many of them wait there
    for one commit. All other calls have a thread each.

    Args:
        log: where entries are kept.
        find_trial: whose they are when a call names no namespace; it does not wait for anything.
        guard: says who may write; without it, everybody may.
        workers: the threads.
    """

    def __init__(
        self,
        log: ObservationLog,
        find_trial: FindTrial,
        guard: Guard | None,
        workers: ThreadPoolExecutor,
    ) -> None:
        self._log, self._find_trial, self._guard = log, find_trial, guard
        self._take = None if guard is None else guard.take
        self._prompt_log = log if self._take is None and isinstance(log, PromptLog) else None
        self._workers = workers

    async def ReportObservationLog(
        self,
        request: pb.ReportObservationLogRequest,
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> pb.ReportObservationLogReply:
        """Append all entries that carry a time, or none of them."""
        try:
            if self._prompt_log and len(request.observation_log.metric_logs) <= SHORT:
                report = self._prompt_log.submit(*self._read_report(request, context))
            else:
                report = self._workers.submit(self._report, request, context)
            await asyncio.wrap_future(report)
        except (Refusal, KatibError) as error:
            await context.abort(*status_of(error))
        return pb.ReportObservationLogReply()

    def GetObservationLog(
        self, request: pb.GetObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.GetObservationLogReply:
        """The entries by time, then by arrival; an unknown trial has none."""
        with refusals(context):
            first = _bound(request.start_time, "start", datetime.min.replace(tzinfo=UTC))
            last = _bound(request.end_time, "completion", datetime.max.replace(tzinfo=UTC))
            trial = self._readable(request.trial_name, context)
            found = () if trial is None else self._log.read(trial, request.metric_name or None)
            kept = [entry for entry in found if first <= entry.time <= last]
        return pb.GetObservationLogReply(observation_log=write_log(kept))

    def DeleteObservationLog(
        self, request: pb.DeleteObservationLogRequest, context: grpc.ServicerContext
    ) -> pb.DeleteObservationLogReply:
        """Forget the trial's entries; that there are none is no error."""
        with refusals(context):
            trial = self._own(request.trial_name, context)
            if trial is not None:
                self._log.delete(trial)
        return pb.DeleteObservationLogReply()

    def _report(self, request: pb.ReportObservationLogRequest, context: _Context) -> None:
        trial, entries = self._read_report(request, context)
        if self._take is not None:
            self._take(trial, entries, request.SerializeToString())
        else:
            self._log.report(trial, entries)
            self._log.flush()

    def _read_report(
        self, request: pb.ReportObservationLogRequest, context: _Context
    ) -> tuple[Key, Sequence[MetricEntry]]:
        """Whose report it is, and what it says."""
        entries = _read_entries(request)
        trial = self._own(request.trial_name, context)
        if trial is None:
            raise Refusal(
                grpc.StatusCode.NOT_FOUND,
                f'there is no trial "{request.trial_name}" here; report for the name in the '
                "variable KATIB_TRIAL_NAME",
            )
        return trial, entries

    def _own(self, name: str, context: _Context) -> Key | None:
        """The trial of a name, when its entries may be written by who calls."""
        if self._guard is None:
            return self._find(name, context)
        token = bearer_token(context.invocation_metadata() or ())
        if self._guard.is_trusted is not None and self._guard.is_trusted(token):
            return self._find(name, context)
        caller = self._guard.find_caller(token, context.peer())
        if caller is None:
            raise Refusal(
                grpc.StatusCode.UNAUTHENTICATED,
                "a trial writes its own entries: name katib-db-manager.kubeflow:6789 as the "
                "address and keep the variable grpc_proxy as it is, or send the metadata "
                "authorization: Bearer $KATIB_METRICS_TOKEN",
            )
        if caller.name != name:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f'trial {caller} writes its own entries, not those of "{name}"; report for the '
                "name in the variable KATIB_TRIAL_NAME",
            )
        return caller

    def _readable(self, name: str, context: _Context) -> Key | None:
        """The trial of a name, when its entries may be read by who calls."""
        is_open = self._guard is None or self._guard.is_trusted is None
        return self._find(name, context) if is_open else self._own(name, context)

    def _find(self, name: str, context: _Context) -> Key | None:
        if not name:
            raise invalid(
                "trial_name is empty: name the trial, as in the variable KATIB_TRIAL_NAME"
            )
        for key, value in context.invocation_metadata() or ():
            if key == names.METADATA_NAMESPACE and value:
                return Key(str(value), name)
        return self._find_trial(name)


def serve(
    log: ObservationLog,
    find_trial: FindTrial,
    address: str,
    guard: Guard | None = None,
    access: Access = OPEN,
) -> Server:
    """Serve an observation log, its health, and what tools ask to know how to call it.

    Args:
        log: what is served; it must outlive the server.
        find_trial: the trial of a bare name.
        address: ``host:port``; port 0 takes any that is free.
        guard: says who may write; without it, everybody may.
        access: who may call.

    Raises:
        ConfigurationError: the address cannot be had.
    """

    workers = ThreadPoolExecutor(WORKERS, "db-manager")
    manager = DBManager(log, find_trial, guard, workers)

    def add(server: grpc.aio.Server) -> None:
        add_DBManagerServicer_to_server(manager, server)
        reflection.enable_server_reflection((DB_MANAGER, HEALTH, reflection.SERVICE_NAME), server)

    health = health_of([DB_MANAGER], lambda: _is_well(log))
    return start(add, health, workers, Listener(address, "observation logs", access))


def _is_well(log: ObservationLog) -> bool:
    """Whether what was reported can be kept and read."""
    try:
        log.flush()
        log.read(_NOBODY)
    except StoreUnavailableError:
        return False
    return True


def _read_entries(request: pb.ReportObservationLogRequest) -> list[MetricEntry]:
    """The entries of a report.

    Raises:
        Refusal: one of them is not legal, or there is none.
    """
    for one in request.observation_log.metric_logs:
        if one.time_stamp:
            _check_time(one.time_stamp, "start")
    try:
        entries = read_log(request.observation_log)
    except (ValueError, OverflowError) as error:
        raise invalid(str(error)) from error
    if not entries:
        raise invalid(
            "there is nothing to report: observation_log needs metric_logs, each with a time_stamp "
            "such as 2026-01-31T12:00:00.5Z and a metric"
        )
    return entries


def _bound(text: str, which: str, otherwise: datetime) -> datetime:
    return _check_time(text, which) if text else otherwise


def _check_time(text: str, which: str) -> datetime:
    """The time of an RFC 3339 text, in UTC.

    Raises:
        Refusal: it is none, or has no zone.
    """
    try:
        if _RFC_3339.fullmatch(text):
            return parse_time(text).astimezone(UTC)
        problem = "it is no RFC 3339 time with a zone"
    except (ValueError, OverflowError) as error:
        problem = str(error)
    raise invalid(
        f"Error parsing {which} time {text!r}: {problem}; a time such as 2026-01-31T12:00:00.5Z is "
        "expected"
    )
