"""Where resources live and are watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from katib.api.values import Key, Kind, ObjectMeta, Resource

R = TypeVar("R", bound=Resource)


class EventType(StrEnum):
    """What happened to a resource."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


class Event(msgspec.Struct, frozen=True):
    """One change, as every watcher sees it.

    Attributes:
        type: what happened.
        kind: the resource's kind.
        metadata: of the resource after the change; the last there was when it is deleted.
        version: the store's version after the change. Versions only grow, over all kinds.
        read: reads the resource after the change, when a watcher wants more than metadata.
        is_status: nothing but the status changed.
        size: of the resource's text, in bytes; about, and 0 where it was never made. For those who
            keep events.
    """

    type: EventType
    kind: Kind[Any]
    metadata: ObjectMeta
    version: int
    read: Callable[[], Resource]
    is_status: bool = False
    size: int = 0

    @property
    def key(self) -> Key:
        """The resource's namespace and name."""
        return self.metadata.key

    @property
    def resource(self) -> Resource:
        """The resource after the change."""
        return self.read()


class ResourceText(NamedTuple):
    """A resource as it is passed on by who does not look into it.

    Attributes:
        key: its namespace and name.
        metadata: what the text says there.
        data: the JSON text of all of it.
    """

    key: Key
    metadata: ObjectMeta
    data: bytes


@dataclass(frozen=True, slots=True)
class Selector:
    """Which resources of a kind: those that fit every part that is given.

    Attributes:
        namespace: of this namespace only.
        labels: carrying all of these labels.
        owner: owned by the resource with this ``uid``.
        since: written after this version.
    """

    namespace: str | None = None
    labels: Mapping[str, str] | None = None
    owner: str | None = None
    since: int = 0

    def fits(self, metadata: ObjectMeta, version: int) -> bool:
        """Whether a resource with this metadata, written at this version, is meant."""
        if version <= self.since:
            return False
        if self.namespace is not None and metadata.namespace != self.namespace:
            return False
        if self.owner is not None and all(
            owner.uid != self.owner for owner in metadata.owner_references
        ):
            return False
        return not self.labels or all(
            metadata.label(name) == value for name, value in self.labels.items()
        )


EVERYTHING = Selector()

Listener = Callable[[Event], None]
Unsubscribe = Callable[[], None]


class ResourceReader(Protocol):
    """The half of a store that only looks. Results are values of the caller's own."""

    def get(self, kind: Kind[R], key: Key) -> R:
        """The resource.

        Raises:
            NotFoundError: there is none of that name.
        """
        ...

    def find(self, kind: Kind[R], key: Key) -> R | None:
        """The resource, or ``None``."""
        ...

    def list(self, kind: Kind[R], where: Selector = EVERYTHING) -> Sequence[R]:
        """All resources of a kind that the selector fits, the least recently written first.

        With ``owner`` or ``since`` the cost is that of what is returned, not of what exists.
        """
        ...


class ResourceStore(ResourceReader, Protocol):
    """Keeps resources, with optimistic concurrency, watches, finalizers and owners.

    Rules for every implementation:

    - **Values.** What is given and what is returned never share anything that can change.
    - **Versions.** Each write gives the resource a new ``metadata.resourceVersion``, larger than
      any before. A write that changes nothing writes nothing and returns what is stored. Those of
      an API server are its own; ``version``, ``since`` and the versions of events are the store's.
    - **Order.** Listeners hear every change once, in the order of versions.
    - **Durability.** A write is seen by every reader at once. It survives a crash when
      :meth:`flush` has returned; what is on disk is always a prefix of the writes.
    - **Owners.** When a resource is gone, the resources that name it as owner (by ``uid``) are
      deleted too, unless another owner is left; in a cluster a little later.
    - **Finalizers.** A resource with finalizers is only marked (``deletionTimestamp``) by
      :meth:`delete`, and goes when an update removes the last finalizer.

    All methods may be called from any thread.
    """

    @property
    def version(self) -> int:
        """The version of the newest write; 0 when there was none."""
        ...

    def list_texts(self, kind: Kind[Any], where: Selector = EVERYTHING) -> Sequence[ResourceText]:
        """The same as :meth:`list`, as texts: a store that keeps texts need not read them."""
        ...

    def create(self, kind: Kind[R], resource: R) -> R:
        """Keep a new resource; sets ``uid``, ``resourceVersion``, ``generation``, the time.

        ``metadata.generateName`` is completed by five random characters when there is no name.

        Raises:
            AlreadyExistsError: the name is taken.
        """
        ...

    def update(self, kind: Kind[R], resource: R) -> R:
        """Write all but the status. The generation grows when more than metadata changed.

        Raises:
            NotFoundError: it is gone.
            ConflictError: ``resourceVersion`` is not the stored one. An empty version asks for no
                check.
        """
        ...

    def update_status(self, kind: Kind[R], resource: R) -> R:
        """Write the status and nothing else; raises as :meth:`update`."""
        ...

    def delete(self, kind: Kind[R], key: Key, uid: str | None = None) -> None:
        """Delete, or mark when there are finalizers; then whatever it owned.

        Raises:
            NotFoundError: it is gone.
            ConflictError: ``uid`` is given, and the stored resource is another one.
        """
        ...

    def subscribe(self, listener: Listener, since: int | None = None) -> Unsubscribe:
        """Call ``listener`` for every change from now on, or from a version on.

        The listener is called by the thread that writes, before the write returns: it must be
        quick, must not raise, and must not write to the store. With ``since``, the changes after
        that version come first, before this method returns.

        Raises:
            ExpiredError: changes after ``since`` are no longer kept.
        """
        ...

    def flush(self) -> None:
        """Return when every write so far is safe from a crash of this process.

        Raises:
            StoreUnavailableError: the disk refuses; the writes are kept in memory and a later
                flush tries again.
        """
        ...

    def close(self) -> None:
        """Flush, then release files and locks. The store is not used afterwards."""
        ...
