"""Kubernetes events, written in the background.

Who records never waits: what cannot be written in time is left out, and the oldest that is no
warning goes first. An event that is told again is counted up in the one that was written.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from katib.api.codec import format_time, typed
from katib.api.values import Manifest, ObjectMeta, Resource, Value
from katib.errors import KatibError, NotFoundError, StoreAwayError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.pace import Bucket, Pace
from katib.kubernetes.patches import MERGE_PATCH
from katib.ports.clock import Clock

_LOG = logging.getLogger(__name__)

#: How many events wait at most, and how many written ones are remembered to be counted up.
WAITING, REMEMBERED = 2_000, 2_000

#: How often an event is counted up on the server, in seconds.
COUNT_EVERY = 10.0

#: How long it waits for an API server that is away, and for the rest at the end, in seconds.
AWAY_PAUSE, CLOSE_WITHIN = 1.0, 5.0

#: How long a message may be, as the API server has it.
LONGEST_MESSAGE = 1_024

#: Beside all that an operator writes, events are the least.
EVENT_PACE = Pace(per_second=50.0, burst=200)


class _Identity(NamedTuple):
    """What makes two events the same."""

    uid: str
    reason: str
    message: str


@dataclass(slots=True)
class _Told:
    """One event.

    Attributes:
        about: the reference to its resource; of the resource itself, too much would be kept.
        is_warning: or else normal.
        first: when it was told first.
        last: when it was told last.
        count: how often.
        name: of the event on the server; empty while it is not there.
        due: when it may be written, by the monotonic clock.
    """

    about: Manifest
    is_warning: bool
    first: datetime
    last: datetime
    count: int = 1
    name: str = ""
    due: float = 0.0


class _Written(Value, frozen=True):
    metadata: ObjectMeta


class KubernetesEventRecorder:
    """An :class:`~katib.ports.event_recorder.EventRecorder` that writes to an API server.

    Args:
        client: of the API server.
        clock: for times.
        unwritten: reasons of normal events that are left out, as a status tells the same.
        pace: how often events are written.
    """

    def __init__(
        self,
        client: KubernetesClient,
        clock: Clock,
        unwritten: Collection[str] = (),
        pace: Pace = EVENT_PACE,
    ) -> None:
        self._client, self._clock, self._unwritten = client, clock, frozenset(unwritten)
        self._bucket = Bucket(pace, clock.monotonic)
        self._changed = threading.Condition()
        self._told: OrderedDict[_Identity, _Told] = OrderedDict()
        self._waiting: OrderedDict[_Identity, _Told] = OrderedDict()
        self._is_closed = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """See the port."""
        if reason in self._unwritten and not warning:
            return
        identity = _Identity(resource.metadata.uid, reason, message[:LONGEST_MESSAGE])
        now = self._clock.now()
        with self._changed:
            told = self._told.get(identity)
            if told is None:
                told = _Told(reference_to(resource), warning, now, now)
            else:
                told.count, told.last = told.count + 1, now
            self._told[identity] = told
            self._told.move_to_end(identity)
            if len(self._told) > REMEMBERED:
                self._told.popitem(last=False)
            self._waiting.setdefault(identity, told)
            if len(self._waiting) > WAITING:
                self._leave_one_out()
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, as far as a few seconds suffice, and end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(CLOSE_WITHIN)
        self._stopped.set()
        self._thread.join(CLOSE_WITHIN)
        with self._changed:
            if self._waiting:
                _LOG.warning("%d events are not written", len(self._waiting))

    def _leave_one_out(self) -> None:
        normal = (one for one, told in self._waiting.items() if not told.is_warning)
        left = next(normal, next(iter(self._waiting)))
        del self._waiting[left]
        _LOG.warning("events come faster than they are written; left out: %s", left.reason)

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            identity, told, count = taken
            self._stopped.wait(self._bucket.take())
            try:
                self._write(identity, told, count)
            except StoreAwayError:
                with self._changed:
                    self._waiting.setdefault(identity, told)
                self._stopped.wait(AWAY_PAUSE)
            except (KatibError, msgspec.MsgspecError) as error:
                # Whoever it is about may be gone, with its namespace.
                _LOG.warning("an event is not written: %s: %s", identity.reason, error)

    def _take(self) -> tuple[_Identity, _Told, int] | None:
        """The next event and how often it was told; waits for one; ``None`` at the end."""
        with self._changed:
            while not self._stopped.is_set():
                now = self._clock.monotonic()
                for identity, told in self._waiting.items():
                    if told.due <= now or self._is_closed:
                        del self._waiting[identity]
                        return identity, told, told.count
                if self._is_closed:
                    return None
                # Something that is told again may become due.
                self._changed.wait(1.0 if self._waiting else None)
            return None

    def _write(self, identity: _Identity, told: _Told, count: int) -> None:
        namespace = told.about["namespace"] or "default"
        path = f"/api/v1/namespaces/{namespace}/events"
        if told.name:
            again = {"count": count, "lastTimestamp": format_time(told.last)}
            body = msgspec.json.encode(again)
            try:
                place = f"{path}/{told.name}"
                self._client.request("PATCH", place, body=body, content_type=MERGE_PATCH)
            except NotFoundError:
                # The server keeps events for an hour or so.
                told.name = ""
        if not told.name:
            event = {
                **event_of(identity.reason, identity.message, told.about, told.is_warning),
                "count": count,
                "firstTimestamp": format_time(told.first),
                "lastTimestamp": format_time(told.last),
            }
            answer = self._client.request("POST", path, body=msgspec.json.encode(event))
            told.name = typed(_Written, answer).metadata.name
        told.due = self._clock.monotonic() + COUNT_EVERY


def reference_to(resource: Resource) -> Manifest:
    """The API's ``ObjectReference`` to a resource."""
    metadata = resource.metadata
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": metadata.name,
        "namespace": metadata.namespace,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }


def event_of(reason: str, message: str, about: Manifest, is_warning: bool) -> Manifest:
    """The Event without its times.

    Args:
        reason: why, in a word.
        message: what happened.
        about: the reference to a resource.
        is_warning: or else normal.
    """
    component = f"{about['kind'].lower()}-controller"
    return {
        "metadata": {"generateName": f"{about['name']}.", "namespace": about["namespace"]},
        "involvedObject": about,
        "type": "Warning" if is_warning else "Normal",
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "reportingComponent": component,
    }
