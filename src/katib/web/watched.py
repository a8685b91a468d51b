"""Copies of resources that are kept up to date by a watch, for everybody who looks at them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from types import MappingProxyType
from urllib.parse import urlencode

from katib.api.names import API_VERSION, LABEL_EXPERIMENT
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.errors import KatibError

#: How many resources are asked for at once: no answer is a burden to either side.
PAGE = 500

#: How long one watch goes on before it is asked for anew, in seconds.
WATCH_SECONDS = 240

#: The pauses after what goes wrong, in seconds: the first, and the longest.
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 8.0

#: How long a copy is kept that nobody looks at, in seconds.
KEPT_SECONDS = 60.0

_LOG = logging.getLogger(__name__)

#: What makes a trial large and is shown on its own page alone, from the trial itself.
_HEAVY = {
    "spec": ("runSpec", "objective", "metricsCollector", "successCondition", "failureCondition"),
    "metadata": ("managedFields", "ownerReferences", "finalizers"),
}


@dataclass(frozen=True, slots=True)
class Scope:
    """What is watched.

    Attributes:
        plural: ``experiments`` or ``trials``.
        namespace: where; ``None`` for everywhere.
        experiment: whose trials; empty for all.
    """

    plural: str
    namespace: str | None
    experiment: str = ""

    def path(self, query: Mapping[str, str | int]) -> str:
        """The path of the collection, with a query."""
        place = f"/namespaces/{self.namespace}" if self.namespace else ""
        asked = dict(query)
        if self.experiment:
            asked["labelSelector"] = f"{LABEL_EXPERIMENT}={self.experiment}"
        return f"/apis/{API_VERSION}{place}/{self.plural}?{urlencode(asked)}"


class Watched:
    """One collection, listed once and watched from then on by a thread of its own.

    Args:
        backend: who is asked.
        scope: what is watched.

    Attributes:
        version: grows with every change; whoever has drawn a version need not draw it again.
        problem: why the copy may be old; empty while it is not.
        is_known: whether the collection was listed once.
    """

    def __init__(self, backend: Backend, scope: Scope) -> None:
        self._backend, self._scope = backend, scope
        self._items: dict[tuple[str, str], Manifest] = {}
        self._lock = threading.Lock()
        self._is_ended = threading.Event()
        self._stream: Iterator[bytes] | None = None
        self.version, self.problem, self.is_known = 0, "", False
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)
        self._thread.start()

    def list(self) -> Sequence[Manifest]:
        """All of it, in no order; the manifests are shared and must not be changed."""
        with self._lock:
            return list(self._items.values())

    def find(self, namespace: str, name: str) -> Manifest | None:
        """One of them; it is shared and must not be changed."""
        with self._lock:
            return self._items.get((namespace, name))

    def close(self) -> None:
        """Watch no longer. The thread ends with its next answer, at the latest its watch's end."""
        self._is_ended.set()

    def _follow(self) -> None:
        pause = FIRST_PAUSE
        while not self._is_ended.is_set():
            try:
                since = self._list()
                pause = FIRST_PAUSE
                while not self._is_ended.is_set():
                    since = self._watch(since)
            except _Expired:
                continue
            except (KatibError, OSError) as error:
                self._tell(str(error))
            except Exception as error:
                _LOG.exception("watching %s failed", self._scope)
                self._tell(f"{type(error).__name__}: {error}")
            self._is_ended.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _tell(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            self.version += 1

    def _list(self) -> str:
        """Replace the copy by what there is; the version to watch from."""
        found: dict[tuple[str, str], Manifest] = {}
        query: dict[str, str | int] = {"limit": PAGE}
        while True:
            answer = self._backend.ask("GET", self._scope.path(query))
            found.update((_key(one), self._light(one)) for one in answer.get("items") or ())
            metadata = answer.get("metadata") or {}
            if not metadata.get("continue"):
                break
            query["continue"] = metadata["continue"]
        with self._lock:
            self._items = found
        self.is_known, self.problem = True, ""
        self.version += 1
        return str(metadata.get("resourceVersion") or "")

    def _watch(self, since: str) -> str:
        """Follow the changes after a version; the version that was reached."""
        query: dict[str, str | int] = {
            "watch": "true",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": WATCH_SECONDS,
        }
        try:
            for line in self._backend.stream(self._scope.path(query)):
                if self._is_ended.is_set():
                    break
                since = self._take(json.loads(line), since)
        except RefusedError as error:
            if error.code == 410:
                raise _Expired from error
            raise
        return since

    def _take(self, event: Manifest, since: str) -> str:
        kind, resource = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if resource.get("code") == 410:
                raise _Expired
            raise RefusedError(
                int(resource.get("code") or 500), "", str(resource.get("message") or resource)
            )
        since = (resource.get("metadata") or {}).get("resourceVersion") or since
        if kind != "BOOKMARK":
            with self._lock:
                if kind == "DELETED":
                    self._items.pop(_key(resource), None)
                else:
                    self._items[_key(resource)] = self._light(resource)
            self.version += 1
        return str(since)

    def _light(self, resource: Manifest) -> Manifest:
        """The resource, without what makes trials large; what all of them say is kept once."""
        if self._scope.plural != "trials":
            return resource
        for part, fields in _HEAVY.items():
            found = resource.get(part) or {}
            for field in fields:
                found.pop(field, None)
        for condition in (resource.get("status") or {}).get("conditions") or ():
            for field, text in condition.items():
                # A time may be null.
                if isinstance(text, str):
                    condition[field] = intern(text)
        return resource


class Sources:
    """The copies that are kept, each once however many look at it.

    Args:
        backend: who is asked.
        monotonic: tells for how long nobody has looked.
    """

    def __init__(self, backend: Backend, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._backend, self._monotonic = backend, monotonic
        self._lock = threading.Lock()
        self._kept: dict[Scope, tuple[Watched, float]] = {}

    @property
    def kept(self) -> Mapping[Scope, Watched]:
        """What is watched now."""
        with self._lock:
            return MappingProxyType({scope: one for scope, (one, _) in self._kept.items()})

    def find(self, scope: Scope) -> Watched:
        """The copy of a collection, begun when nobody has looked at it before.

        It must be asked for at each look: what is not asked for is let go.
        """
        now = self._monotonic()
        with self._lock:
            found, _ = self._kept.get(scope, (None, 0.0))
            watched = found or Watched(self._backend, scope)
            self._kept[scope] = watched, now
            old = [one for one, (_, seen) in self._kept.items() if now - seen > KEPT_SECONDS]
            for one in old:
                self._kept.pop(one)[0].close()
        return watched

    def close(self) -> None:
        """Watch nothing any more."""
        with self._lock:
            for watched, _ in self._kept.values():
                watched.close()
            self._kept.clear()


class _Expired(Exception):
    """The server no longer knows what changed since then."""


def _key(resource: Manifest) -> tuple[str, str]:
    metadata = resource["metadata"]
    return metadata.get("namespace") or "", metadata["name"]
