"""``kubectl logs``: what one container of a pod has written, and goes on writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import anyio.to_thread
from msgspec import UNSET
from starlette.responses import Response, StreamingResponse

from katib.api import names
from katib.api.codec import from_raw, parse_time
from katib.api.kinds import FUNCTION_CALLS, PODS
from katib.api.trial import TRIALS
from katib.api.values import Key, Unstructured
from katib.api_server.services import Call
from katib.api_server.statuses import bad_request, not_found
from katib.ports.pod_logs import LogSource, LogState, PodLogs
from katib.ports.resource_store import ResourceReader

#: How much of a log is read at once, in bytes.
_BLOCK = 64 * 1024

#: The container that reads metrics beside a program in a cluster, and shows what it reads.
COLLECTOR = "metrics-logger-and-collector"

#: Names the container that is meant when a request names none.
_DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a log is wanted, and how.

    Attributes:
        follow: go on while the container runs.
        timestamps: begin each line with a time. A log keeps none: lines that were there get the
            time of the last one, lines that come the time they come.
        since: nothing, if the log was last written before this time.
        tail: at most so many lines of what is there.
        limit: at most so many bytes.
    """

    follow: bool = False
    timestamps: bool = False
    since: datetime | None = None
    tail: int | None = None
    limit: int | None = None


async def read_log(call: Call) -> Response:
    """``get`` of ``pods/log``, and of ``trials/log``."""
    services, target = call.services, call.target
    if target.type.kind is TRIALS:
        return await _read_call_log(call)
    pod = services.ports.store.find(PODS, target.key)
    if pod is None:
        raise not_found(target.type, target.name or "")
    options = _options(call)
    stated = call.query.text("container")
    container = _collected(services.ports.store, pod, stated) or _container(pod, stated)
    source = LogSource(pod, container, call.query.flag("previous"))
    state = await anyio.to_thread.run_sync(services.ports.pod_logs.find, source)
    if state is None:
        raise bad_request(_no_log(source))
    reader = LogReader(call, source, options)
    return StreamingResponse(reader.parts(state), media_type="text/plain")


async def _read_call_log(call: Call) -> Response:
    """What the function of a trial has printed: there is no pod that could be asked for it."""
    services, target = call.services, call.target
    trial = services.ports.store.find(TRIALS, target.key)
    if trial is None:
        raise not_found(target.type, target.name or "")
    run = {} if trial.spec.run_spec is UNSET else from_raw(trial.spec.run_spec)
    if run.get("kind") != FUNCTION_CALLS.name:
        raise bad_request(
            f"trial {target.name} is no call of a function: the log of its pod is asked for"
        )
    # Its log stays when its call is gone.
    named = Unstructured(api_version=trial.api_version, kind=trial.kind, metadata=trial.metadata)
    source, options = LogSource(named, ""), _options(call)
    state = await anyio.to_thread.run_sync(services.ports.pod_logs.find, source)
    state = state or LogState(0, True, services.ports.clock.now())
    return StreamingResponse(LogReader(call, source, options).parts(state), media_type="text/plain")


class LogReader:
    """Reads one log for one request.

    Args:
        call: the request.
        source: which log.
        options: which part of it.
    """

    def __init__(self, call: Call, source: LogSource, options: LogOptions) -> None:
        self._services, self._source, self._options = call.services, source, options
        self._logs = call.services.ports.pod_logs
        self._left = options.limit
        self._is_line_start = True

    async def parts(self, state: LogState) -> AsyncIterator[bytes]:
        """The text, in parts as they are read."""
        position = await anyio.to_thread.run_sync(self._start, state)
        stamp = state.written_at
        while True:
            async for data in self._between(position, state.size, stamp):
                yield data
                if self._left == 0:
                    return
            position = max(position, state.size)
            if not self._options.follow or state.is_over or self._services.changes.is_closed:
                return
            await asyncio.sleep(self._services.pace.polling)
            found = await anyio.to_thread.run_sync(self._logs.find, self._source)
            if found is None:
                return
            state, stamp = found, self._services.ports.clock.now()

    def _start(self, state: LogState) -> int:
        options = self._options
        if options.since is not None and state.written_at < options.since:
            return state.size
        if options.tail is None:
            return 0
        return _tail_position(self._logs, self._source, state.size, options.tail)

    async def _between(self, start: int, end: int, stamp: datetime) -> AsyncIterator[bytes]:
        position = start
        while position < end:
            wanted = min(_BLOCK, end - position)
            data = await anyio.to_thread.run_sync(self._logs.read, self._source, position, wanted)
            if not data:
                return
            position += len(data)
            yield self._limited(self._stamped(data, stamp))

    def _stamped(self, data: bytes, stamp: datetime) -> bytes:
        if not self._options.timestamps:
            return data
        prefix = stamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode()
        parts = data.split(b"\n")
        last = parts.pop()
        text = b"".join(
            (prefix if index or self._is_line_start else b"") + part + b"\n"
            for index, part in enumerate(parts)
        )
        begins = bool(parts) or self._is_line_start
        self._is_line_start = begins and not last
        return text + (prefix + last if last and begins else last)

    def _limited(self, data: bytes) -> bytes:
        if self._left is None:
            return data
        kept = data[: self._left]
        self._left -= len(kept)
        return kept


def _tail_position(logs: PodLogs, source: LogSource, size: int, lines: int) -> int:
    """Where the last so many lines begin, read from the end."""
    if lines == 0:
        return size
    position, missing = size, lines
    while position > 0:
        start = max(0, position - _BLOCK)
        block = logs.read(source, start, position - start)
        at = len(block)
        if position == size and block.endswith(b"\n"):
            at -= 1
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            missing -= 1
            if missing == 0:
                return start + at + 1
        position = start
    return 0


def _options(call: Call) -> LogOptions:
    query = call.query
    since_time, seconds = query.text("sinceTime"), query.number("sinceSeconds")
    if since_time and seconds is not None:
        raise bad_request("at most one of sinceTime or sinceSeconds may be specified")
    since = None
    if since_time:
        try:
            since = parse_time(since_time.replace(" ", "+"))
        except ValueError as error:
            raise bad_request(
                f'sinceTime: Invalid value: "{since_time}": must be a time as 2024-01-31T12:00:00Z'
            ) from error
    elif seconds is not None:
        since = _ago(call.services.ports.clock.now(), seconds)
    return LogOptions(
        query.flag("follow"),
        query.flag("timestamps"),
        since,
        query.number("tailLines"),
        query.number("limitBytes"),
    )


def _ago(now: datetime, seconds: int) -> datetime:
    try:
        return now - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)


def _collected(store: ResourceReader, pod: Unstructured, stated: str) -> str:
    """The container whose output the one that is asked for would show; empty if there is none.

    In a cluster a trial's pod has a container that reads what the primary one prints, and prints
    it again. Here the engine reads it, and clients that ask for that container are shown it.
    """
    labels: Mapping[str, str] = pod.metadata.labels or {}
    if stated != COLLECTOR or stated in _names(pod.spec, "containers"):
        return ""
    trial = store.find(TRIALS, Key(pod.metadata.namespace, labels.get(names.LABEL_TRIAL, "")))
    if trial is None:
        return ""
    collector = trial.spec.metrics_collector.collector
    is_primary = (trial.spec.primary_pod_labels or {}).items() <= labels.items()
    is_read = collector is None or collector.kind in ("", "StdOut")
    primary = trial.spec.primary_container_name
    shows = is_primary and is_read and primary in _names(pod.spec, "containers")
    return primary if shows else ""


def _container(pod: Unstructured, stated: str) -> str:
    """The container that is meant.

    Raises:
        StatusError: 400, the pod has none of that name, or several and none is named.
    """
    main, initial = _names(pod.spec, "containers"), _names(pod.spec, "initContainers")
    name = pod.metadata.name
    if stated:
        if stated not in (*main, *initial):
            raise bad_request(f"container {stated} is not valid for pod {name}")
        return stated
    annotations = pod.metadata.annotations
    default = annotations.get(_DEFAULT_CONTAINER) if annotations else None
    if default in main:
        return str(default)
    if len(main) == 1:
        return main[0]
    choices = f"choose one of: [{' '.join(main)}]"
    if initial:
        choices += f" or one of the init containers: [{' '.join(initial)}]"
    raise bad_request(f"a container name must be specified for pod {name}, {choices}")


def _names(spec: object, field: str) -> list[str]:
    # Nothing but a manifest's own author says what a pod's spec looks like.
    found = spec.get(field) if isinstance(spec, dict) else None
    if not isinstance(found, list):
        return []
    return [str(one.get("name")) for one in found if isinstance(one, dict)]


def _no_log(source: LogSource) -> str:
    name = source.pod.metadata.name
    if source.is_previous:
        return f'previous terminated container "{source.container}" in pod "{name}" not found'
    return f'container "{source.container}" in pod "{name}" is waiting to start: ContainerCreating'
