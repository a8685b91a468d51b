"""Namespaces: some are always there, and using one makes it."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from katib.api.values import Key, ObjectMeta, Strings, Unstructured
from katib.api_server.resources import NAMESPACES, RESOURCE_TYPES
from katib.errors import AlreadyExistsError, NotFoundError
from katib.ports.resource_store import ResourceStore, Selector

#: There from the beginning, and never deleted.
ALWAYS = ("default", "kubeflow", "kubeflow-system")

#: Every namespace carries its own name, so that selectors can name it.
LABEL_NAME = "kubernetes.io/metadata.name"


class Namespaces:
    """Keeps an object for every namespace that is used.

    Args:
        store: where they are kept.
        used: the namespaces that something has been created in.
    """

    def __init__(self, store: ResourceStore, used: set[str]) -> None:
        self._store, self._used = store, used

    def keep_used(self) -> None:
        """See that every namespace that is used has its object."""
        self.keep((*ALWAYS, *tuple(self._used)))

    def keep(self, names: Collection[str]) -> None:
        """See that these namespaces have their objects."""
        for name in sorted(names):
            if self._store.find(NAMESPACES, Key("", name)) is None:
                try:
                    self._store.create(NAMESPACES, _namespace(name))
                except AlreadyExistsError:
                    # Another thread was faster; all we want is that it is there.
                    continue

    def clear(self, name: str) -> None:
        """Delete everything in a namespace; what has finalizers goes when they are gone."""
        self._used.discard(name)
        for type in RESOURCE_TYPES:
            if type.is_namespaced:
                for resource in self._store.list(type.kind, Selector(namespace=name)):
                    try:
                        self._store.delete(type.kind, resource.key, uid=resource.metadata.uid)
                    except NotFoundError:
                        # Its owner took it along.
                        continue


def completed(namespace: Unstructured) -> Unstructured:
    """A namespace as a user creates it, with what each one has."""
    return _namespace(namespace.metadata.name, namespace.metadata)


def _namespace(name: str, metadata: ObjectMeta | None = None) -> Unstructured:
    stated = metadata or ObjectMeta(name=name)
    labels = Strings({**(stated.labels or {}), LABEL_NAME: name})
    return Unstructured(
        api_version=NAMESPACES.api_version,
        kind=NAMESPACES.name,
        metadata=replace(stated, labels=labels),
        body={"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}},
    )
