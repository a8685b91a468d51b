"""What every resource is made of: frozen structs, metadata, conditions, keys."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import msgspec

#: A resource or a part of one as plain JSON data: what YAML gives and takes.
Manifest = dict[str, Any]

R = TypeVar("R", bound="Resource")


class Strings(dict[str, str]):
    """A frozen map of strings, as labels are; any change raises ``TypeError``."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("resources are values: build a new one instead of changing this")

    __setitem__ = __delitem__ = __ior__ = update = setdefault = pop = popitem = clear = _refuse

    def __reduce__(self) -> tuple[type[Strings], tuple[dict[str, str]]]:
        return Strings, (dict(self),)


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The base of every part of a resource: frozen, camelCase outside, absent when empty."""


class Key(NamedTuple):
    """What names a resource of a known kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class OwnerReference(Value, frozen=True):
    """Whose part a resource is: when the owner goes, so does the resource."""

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool | None = None
    block_owner_deletion: bool | None = None


class ObjectMeta(Value, frozen=True):
    """Kubernetes' object metadata. ``resource_version`` is the text of a number that only grows."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    self_link: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    labels: Strings | None = None
    annotations: Strings | None = None
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()
    managed_fields: tuple[Any, ...] = ()

    @property
    def key(self) -> Key:
        """The namespace and name."""
        # Asked for very often; the constructor that NamedTuple makes takes twice as long.
        return tuple.__new__(Key, (self.namespace, self.name))

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls this resource, if there is one."""
        for owner in self.owner_references:
            if owner.controller:
                return owner
        return None

    def label(self, name: str) -> str | None:
        """The label's value, or ``None``."""
        return None if self.labels is None else self.labels.get(name)

    def annotation(self, name: str) -> str | None:
        """The annotation's value, or ``None``."""
        return None if self.annotations is None else self.annotations.get(name)


class Resource(Value, frozen=True):
    """Anything that a store keeps: a kind, metadata, and what the kind adds."""

    api_version: str
    kind: str
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)

    @property
    def key(self) -> Key:
        """The namespace and name."""
        return self.metadata.key


class Unstructured(Resource, frozen=True):
    """A resource whose kind is not ours: a Job, a Pod, an Event.

    Attributes:
        body: everything beside ``apiVersion``, ``kind`` and ``metadata``, as plain JSON data. Treat
            it as frozen: build a new body for a new resource (:func:`katib.api.codec.with_status`
            does so for the status).
    """

    body: Manifest = msgspec.field(default_factory=dict)

    @property
    def spec(self) -> Manifest:
        """The spec, empty when there is none."""
        found: Manifest = self.body.get("spec") or {}
        return found

    @property
    def status(self) -> Manifest:
        """The status, empty when there is none."""
        found: Manifest = self.body.get("status") or {}
        return found


class Kind(Generic[R]):
    """A kind of resource: how it is named in documents and on the command line, and its type.

    Args:
        api_version: group and version, as ``kubeflow.org/v1beta1``.
        name: as in documents, ``Experiment``.
        plural: as on the command line, ``experiments``.
        type: the class its resources have.
    """

    __slots__ = ("address", "api_version", "name", "plural", "type")

    def __init__(self, api_version: str, name: str, plural: str, type: type[R]) -> None:
        self.api_version, self.name, self.plural, self.type = api_version, name, plural, type
        self.address = (api_version, name)

    def __repr__(self) -> str:
        return f"Kind({self.api_version}, {self.name})"


def owner_reference(owner: Resource) -> OwnerReference:
    """The reference by which a resource belongs to ``owner`` and is controlled by it."""
    return OwnerReference(
        api_version=owner.api_version,
        kind=owner.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=True,
        block_owner_deletion=True,
    )


def _no_time() -> datetime | None:
    return None


class Condition(Value, frozen=True):
    """One fact about a resource, and since when: ``type`` is ``status`` because of ``reason``."""

    type: str = msgspec.field(default_factory=str)
    status: str = msgspec.field(default_factory=str)
    reason: str = ""
    message: str = ""
    last_update_time: datetime | None = msgspec.field(default_factory=_no_time)
    last_transition_time: datetime | None = msgspec.field(default_factory=_no_time)


class NameValue(Value, frozen=True):
    """A name and its value: an assignment, an algorithm setting, a metric strategy."""

    name: str = ""
    value: str = ""
