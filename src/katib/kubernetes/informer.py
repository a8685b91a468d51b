"""Keeps a copy of a kind up to date: list once, then watch, and list again when a watch is lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Raw

from katib.api.codec import typed
from katib.api.values import Value
from katib.errors import (
    ExpiredError,
    KatibError,
    NotFoundError,
    StoreAwayError,
)
from katib.kubernetes.answers import Answer, error_of
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.listing import ListMeta, list_all
from katib.kubernetes.watch import Watch
from katib.ports.resource_store import EventType

_LOG = logging.getLogger(__name__)

#: How long it waits before it asks again, at first and at most, in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

#: How long a request that is under way may hold up the end, in seconds.
STOP_WITHIN = 5.0

#: How often who waits for the first list looks for what hinders it, in seconds.
LOOK_EVERY = 0.05


class Copy(Protocol):
    """Where the resources go. Called by one thread at a time."""

    def reset(self, texts: Sequence[bytes], version: int) -> None:
        """All there are, as of a version."""
        ...

    def change(self, type: EventType, text: bytes) -> None:
        """One change, in the order of versions."""
        ...

    def progress(self, version: int) -> None:
        """All changes up to a version were told."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What is copied.

    Attributes:
        path: of the list.
        label: the label that a resource must have; empty when all are wanted.
    """

    path: str
    label: str = ""


class _Change(Value, frozen=True):
    type: str
    object: Raw


class _Marked(Value, frozen=True):
    metadata: ListMeta


class Informer:
    """Follows a source on a thread of its own, through whatever happens to the API server.

    Args:
        client: whom it asks.
        source: what is copied.
        copy: where it goes.
    """

    def __init__(self, client: KubernetesClient, source: Source, copy: Copy) -> None:
        self._client, self._source, self._copy = client, source, copy
        self._version = ""
        self._failures = 0
        self._problem: KatibError | None = None
        self._stopped, self._is_filled = threading.Event(), threading.Event()
        self._watch: Watch | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"informer {source.path}", daemon=True
        )

    def start(self) -> None:
        """Begin; the copy is filled soon."""
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Return when the copy has been filled once.

        Raises:
            RequestRefusedError: the account may not list or watch these resources.
            NotFoundError: the server does not serve them any more.
            StoreAwayError: the server cannot be reached, or they are not listed within so many
                seconds.
        """
        for _ in range(max(1, int(seconds / LOOK_EVERY))):
            if self._is_filled.wait(LOOK_EVERY):
                return
            if self._problem is not None:
                # It is tried again; whoever waits has other things to do.
                raise self._problem
        raise StoreAwayError(self._source.path, f"there is no list after {seconds:g} s")

    @property
    def problem(self) -> KatibError | None:
        """Why the source is not followed now; ``None`` when it is."""
        return self._problem

    def stop(self) -> None:
        """End the watch and the thread; one that waits for an answer ends when that comes."""
        self._stopped.set()
        watch = self._watch
        if watch is not None:
            watch.close()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
                self._failures = 0
            except ExpiredError:
                _LOG.info("watching %s begins anew", self._source.path)
                self._version = ""
            except KatibError as error:
                self._note(error)
            except Exception as error:
                # Whatever one change has broken must not end this thread: nobody would hear of any
                # other. The next list has them all.
                _LOG.exception("what %s tells cannot be taken", self._source.path)
                self._note(KatibError(f"{self._source.path}: {type(error).__name__}: {error}"))
            self._stopped.wait(min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE))

    def _note(self, error: KatibError) -> None:
        if not isinstance(error, StoreAwayError):
            # Rights that were taken away, a kind that is gone: it may have become another.
            self._version = ""
        if isinstance(error, NotFoundError):
            self._copy.reset((), 0)
        if self._problem is None and not self._stopped.is_set():
            _LOG.warning("%s is not followed now: %s", self._source.path, error)
        self._problem = error
        self._failures = min(self._failures + 1, 10)

    def _list(self) -> None:
        texts, version = list_all(self._client, self._source.path, self._selection())
        self._copy.reset(texts, int(version))
        self._version = version
        self._is_filled.set()

    def _follow(self) -> None:
        query = {
            **self._selection(),
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
        }
        self._watch = watch = self._client.watch(self._source.path, query)
        # Not when it is listed: where that is all that is allowed, it would be without a pause.
        self._problem = None
        try:
            # Who stops either finds the watch, and closes it, or is seen here.
            if self._stopped.is_set():
                return
            for line in watch:
                self._take(typed(_Change, line))
        finally:
            watch.close()
            self._watch = None

    def _take(self, change: _Change) -> None:
        self._failures = 0
        if change.type == "ERROR":
            body = bytes(change.object)
            raise error_of(typed(Answer, body).code or 500, body, "GET", self._source.path)
        version = typed(_Marked, change.object).metadata.resource_version
        if change.type == "BOOKMARK":
            self._copy.progress(int(version))
        else:
            self._copy.change(EventType(change.type), bytes(change.object))
        self._version = version

    def _selection(self) -> dict[str, str]:
        return {"labelSelector": self._source.label} if self._source.label else {}
