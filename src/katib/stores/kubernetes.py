"""Resources in a cluster: the API server keeps them, and what is read often has a copy here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import encode
from katib.api.values import Key, Kind, Manifest, Resource, Unstructured
from katib.errors import AlreadyExistsError, ConflictError, KindNotServedError, NotFoundError
from katib.kubernetes.answers import Details, read_answer
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.discovery import Discovery
from katib.kubernetes.informer import Informer, Source
from katib.kubernetes.listing import list_all
from katib.kubernetes.patches import (
    MERGE_PATCH,
    difference,
    for_version,
    status_part,
    wanted_part,
)
from katib.ports.clock import Clock
from katib.ports.resource_store import EVERYTHING, Listener, ResourceText, Selector, Unsubscribe
from katib.stores.mirror import Mirror, read_resource
from katib.stores.selection import label_of, labelled

R = TypeVar("R", bound=Resource)

#: How long a kind's first list may take, in seconds.
FILL_WITHIN = 120.0


class Write(NamedTuple):
    """A request that changes a resource.

    Attributes:
        method: HTTP's.
        path: of the resource, or of its kind.
        body: what is sent.
        read: the version that was read, or the ``uid`` that is meant, for errors.
    """

    method: str
    path: str
    body: bytes
    read: str = ""


class KubernetesStore:
    """A :class:`~katib.ports.resource_store.ResourceStore` of a Kubernetes API server.

    Kinds that are watched have a copy, which own writes change at once: whoever has written reads
    what was written. A kind that trials run is watched from its first use. The versions of this
    store count the changes of its copy; ``metadata.resourceVersion`` is the server's.

    In two things it is the server and not this store that keeps the promises of the port: what is
    owned goes a little later than its owner, and every write is safe when it returns.

    Args:
        client: of the API server; closed by who made it.
        clock: for times.
        namespace: the only one that is looked into; ``None`` for all.
        label_of: by which label a kind is watched.
    """

    def __init__(
        self,
        client: KubernetesClient,
        clock: Clock,
        namespace: str | None = None,
        label_of: Callable[[Kind[Any]], str | None] = label_of,
    ) -> None:
        self._client, self._namespace, self._label_of = client, namespace, label_of
        self._discovery = Discovery(client, clock.monotonic)
        self._mirror = Mirror()
        self._informers: dict[tuple[str, str], Informer] = {}
        self._lock = threading.Lock()

    @property
    def version(self) -> int:
        """See the port: of the copy."""
        return self._mirror.version

    def get(self, kind: Kind[R], key: Key) -> R:
        """See the port. What the copy lacks is looked for on the server."""
        found = self._mirror.find(kind, key) if self._is_watched(kind) else None
        if found is None:
            found = self._fetch(kind, key)
        if found is None:
            raise NotFoundError(kind.name, *key, self._mirror.keys(kind))
        return found

    def find(self, kind: Kind[R], key: Key) -> R | None:
        """See the port. What is watched is looked for in the copy alone."""
        return self._mirror.find(kind, key) if self._is_watched(kind) else self._fetch(kind, key)

    def list(self, kind: Kind[R], where: Selector = EVERYTHING) -> Sequence[R]:
        """See the port. Kinds that trials run are in the copy once one was used."""
        if self._is_listed(kind):
            return self._mirror.list(kind, where)
        return self._list(kind, where)

    def list_texts(self, kind: Kind[Any], where: Selector = EVERYTHING) -> Sequence[ResourceText]:
        """See the port."""
        if self._is_listed(kind):
            return self._mirror.list_texts(kind, where)
        found = self._list(kind, where)
        return [ResourceText(one.key, one.metadata, encode(one)) for one in found]

    def create(self, kind: Kind[R], resource: R) -> R:
        """See the port; raises ``KindNotServedError``, too."""
        # First, so that a kind that is served since this moment is watched from its first resource.
        served = self._discovery.get(kind)
        self._is_watched(kind)
        metadata = labelled(resource.metadata, self._label_of(kind))
        head = {"apiVersion": kind.api_version, "kind": kind.name}
        manifest = {**wanted_part(replace(resource, metadata=metadata)), **head}
        status = status_part(resource)
        if not served.has_status:
            manifest.update(status)
        write = Write("POST", served.path(metadata.namespace), msgspec.json.encode(manifest))
        created = self._accept(kind, self._send(kind, metadata.key, write))
        if status and served.has_status and not isinstance(resource, Unstructured):
            created = self.update_status(kind, replace(resource, metadata=created.metadata))
        return created

    def update(self, kind: Kind[R], resource: R) -> R:
        return self._patch(kind, resource, wanted_part)

    def update_status(self, kind: Kind[R], resource: R) -> R:
        return self._patch(kind, resource, status_part)

    def delete(self, kind: Kind[R], key: Key, uid: str | None = None) -> None:
        """See the port. What it owned goes in the background."""
        options: Manifest = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        self._is_watched(kind)
        known = self._mirror.find(kind, key)
        path = self._discovery.get(kind).path(key.namespace, key.name)
        data = self._send(kind, key, Write("DELETE", path, msgspec.json.encode(options), uid or ""))
        answer = read_answer(data)
        if answer.kind != "Status":
            self._accept(kind, data)
        elif known is not None:
            gone = (answer.details or Details()).uid or known.metadata.uid
            self._mirror.drop(kind, key, gone)

    def subscribe(self, listener: Listener, since: int | None = None) -> Unsubscribe:
        """See the port; the listener is called by threads that watch, too."""
        return self._mirror.subscribe(listener, since)

    def flush(self) -> None:
        """Nothing: the server has acknowledged each write."""

    def close(self) -> None:
        """End the watches."""
        with self._lock:
            informers = tuple(self._informers.values())
            self._informers.clear()
        for informer in informers:
            informer.stop()

    def _is_watched(self, kind: Kind[Any]) -> bool:
        """Whether the copy has the kind; from now on, if it can."""
        informer = self._informers.get(kind.address) or self._begin(kind)
        if informer is None:
            return False
        informer.wait(FILL_WITHIN)
        return True

    def _begin(self, kind: Kind[Any]) -> Informer | None:
        label = self._label_of(kind)
        if label is None:
            return None
        served = self._discovery.find(kind)
        if served is None:
            if not issubclass(kind.type, Unstructured):
                raise KindNotServedError(kind.api_version, kind.name)
            return None
        with self._lock:
            informer = self._informers.get(kind.address)
            if informer is None:
                source = Source(served.path(self._namespace), label)
                informer = Informer(self._client, source, self._mirror.add(kind, label))
                self._informers[kind.address] = informer
                informer.start()
        return informer

    def _is_listed(self, kind: Kind[Any]) -> bool:
        is_of_runs = self._label_of(kind) == names.LABEL_TRIAL
        return self._is_watched(kind) if not is_of_runs else kind.address in self._informers

    def _fetch(self, kind: Kind[R], key: Key) -> R | None:
        served = self._discovery.find(kind)
        if served is None:
            return None
        try:
            data = self._client.request("GET", served.path(key.namespace, key.name))
        except NotFoundError:
            return None
        return self._accept(kind, data)

    def _list(self, kind: Kind[R], where: Selector) -> Sequence[R]:
        if where.since:
            raise ValueError(f"{kind} is not watched: it is not known what changed since when")
        served = self._discovery.find(kind)
        if served is None:
            return []
        labels = ",".join(f"{name}={value}" for name, value in (where.labels or {}).items())
        path = served.path(where.namespace or self._namespace)
        texts, _ = list_all(self._client, path, {"labelSelector": labels} if labels else {})
        found = [read_resource(kind, text) for text in texts]
        return [one for one in found if where.fits(one.metadata, version=1)]

    def _patch(self, kind: Kind[R], resource: R, part: Callable[[Resource], Manifest]) -> R:
        stored = self.get(kind, resource.metadata.key)
        read, present = resource.metadata.resource_version, stored.metadata.resource_version
        if read and read != present:
            raise ConflictError(kind.name, resource.metadata.name, read, present)
        patch = difference(part(stored), part(resource))
        if not patch:
            return stored
        served = self._discovery.get(kind)
        subresource = "status" if part is status_part and served.has_status else ""
        path = served.path(*resource.metadata.key, subresource)
        write = Write("PATCH", path, for_version(patch, read), read)
        return self._accept(kind, self._send(kind, resource.metadata.key, write))

    def _send(self, kind: Kind[Any], key: Key, write: Write) -> bytes:
        """The answer to a write; what it tells of the resource by failing goes into the copy."""
        is_patch = write.method == "PATCH"
        content_type = MERGE_PATCH if is_patch else "application/json"
        try:
            return self._client.request(
                write.method, write.path, body=write.body, content_type=content_type
            )
        except NotFoundError as error:
            self._discovery.forget(kind)
            if write.method == "POST":
                raise
            known = self._mirror.find(kind, key)
            if known is not None:
                self._mirror.drop(kind, key, known.metadata.uid)
            raise NotFoundError(kind.name, *key, self._mirror.keys(kind)) from error
        except AlreadyExistsError as error:
            self._fetch(kind, key)
            raise AlreadyExistsError(kind.name, *key) from error
        except ConflictError as error:
            present = self._fetch(kind, key)
            found = "" if present is None else present.metadata.resource_version
            raise ConflictError(kind.name, key.name, write.read, found) from error

    def _accept(self, kind: Kind[R], data: bytes) -> R:
        resource = read_resource(kind, data)
        # What is elsewhere is not watched: a copy of it would grow old.
        if self._namespace is None or resource.metadata.namespace in ("", self._namespace):
            self._mirror.accept(kind, resource, len(data))
        return resource
