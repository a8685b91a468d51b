"""Events as resources, so that ``describe`` shows them and ``kubectl`` will."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from itertools import count

from msgspec.structs import replace

from katib.api.codec import format_time
from katib.api.kinds import EVENTS
from katib.api.values import Key, ObjectMeta, Resource, Unstructured
from katib.errors import KatibError
from katib.ports.clock import Clock
from katib.ports.resource_store import ResourceStore

#: How many events are kept, and among how many an equal one is looked for.
KEPT, COMPARED = 2000, 256


class StoreEventRecorder:
    """Keeps the newest events in the resource store.

    Args:
        store: where they are kept.
        clock: for their times.
        source: who tells, as ``trial-controller``.
    """

    def __init__(self, store: ResourceStore, clock: Clock, source: str) -> None:
        self._store, self._clock, self._source = store, clock, source
        self._lock = threading.Lock()
        self._kept: deque[Key] = deque(event.key for event in store.list(EVENTS))
        self._recent: OrderedDict[tuple[str, str, str], Key] = OrderedDict()
        self._numbers = count(store.version)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """See the port."""
        with self._lock:
            identity = (resource.metadata.uid, reason, message)
            key = self._recent.get(identity)
            event = None if key is None else self._store.find(EVENTS, key)
            if event is not None:
                self._count_up(event)
                return
            created = self._create(resource, reason, message, warning)
            self._recent[identity] = created
            if len(self._recent) > COMPARED:
                self._recent.popitem(last=False)
            self._kept.append(created)
            if len(self._kept) > KEPT:
                self._drop(self._kept.popleft())

    def _count_up(self, event: Unstructured) -> None:
        body = {
            **event.body,
            "count": event.body.get("count", 1) + 1,
            "lastTimestamp": format_time(self._clock.now()),
        }
        self._store.update(EVENTS, replace(event, body=body))

    def _create(self, resource: Resource, reason: str, message: str, warning: bool) -> Key:
        metadata = resource.metadata
        now = format_time(self._clock.now())
        event = Unstructured(
            api_version=EVENTS.api_version,
            kind=EVENTS.name,
            metadata=ObjectMeta(
                name=f"{metadata.name}.{next(self._numbers):016x}", namespace=metadata.namespace
            ),
            body={
                "involvedObject": {
                    "apiVersion": resource.api_version,
                    "kind": resource.kind,
                    "name": metadata.name,
                    "namespace": metadata.namespace,
                    "uid": metadata.uid,
                },
                "type": "Warning" if warning else "Normal",
                "reason": reason,
                "message": message,
                "source": {"component": self._source},
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
            },
        )
        return self._store.create(EVENTS, event).key

    def _drop(self, key: Key) -> None:
        try:
            self._store.delete(EVENTS, key)
        except KatibError:
            return  # somebody deleted it before us
