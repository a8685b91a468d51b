"""Schemas of the kinds that are served, read from the models of ``katib.api``.

The schemas describe and do not judge: what is legal is for ``admission`` to say. Kinds that are not
ours have the parts that every client relies on; the rest of them is left open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from msgspec import inspect

from katib.api.descriptions import HEAD
from katib.api.schemas import (
    COUNT,
    FLAG,
    OPEN,
    TEXT,
    TEXTS,
    TIME,
    Schema,
    SchemaBuilder,
    model_of,
)
from katib.api.values import Manifest, ObjectMeta, OwnerReference
from katib.api_server.descriptions import KINDS, PARTS
from katib.api_server.resources import ResourceType

#: How a schema points to another one of the same document.
REFERENCE = "#/components/schemas/"

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"

_OPEN_LIST: Schema = {"type": "array", "items": OPEN}
_BYTES: Schema = {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}

#: The fields of kinds that do not have a spec, and a status exactly when ``/status`` is served.
_FIELDS: Mapping[str, Mapping[str, Schema]] = MappingProxyType(
    {
        "ConfigMap": {"data": TEXTS, "binaryData": _BYTES, "immutable": FLAG},
        "Secret": {"data": _BYTES, "stringData": TEXTS, "type": TEXT, "immutable": FLAG},
        "ServiceAccount": {
            "secrets": _OPEN_LIST,
            "imagePullSecrets": _OPEN_LIST,
            "automountServiceAccountToken": FLAG,
        },
        "Event": {
            "involvedObject": OPEN,
            "type": TEXT,
            "reason": TEXT,
            "message": TEXT,
            "source": OPEN,
            "count": COUNT,
            "firstTimestamp": TIME,
            "lastTimestamp": TIME,
        },
        "SelfSubjectAccessReview": {"spec": OPEN, "status": OPEN},
        "SelfSubjectRulesReview": {"spec": OPEN, "status": OPEN},
    }
)
#: Kinds with more fields than are named here.
_LEFT_OPEN = frozenset(("Event",))


def schemas_of(resource_types: Iterable[ResourceType]) -> Mapping[str, Schema]:
    """The schemas of kinds, of their lists, and of every part they refer to, by name."""
    walk = _Walk()
    for known in resource_types:
        walk.kind(known)
    return dict(sorted(walk.schemas.items()))


def schema_name(resource_type: ResourceType) -> str:
    """The name under which a kind's schema stands: ``org.kubeflow.v1beta1.Experiment``."""
    return f"{_package(resource_type)}.{resource_type.kind.name}"


def group_version_kind(resource_type: ResourceType) -> Manifest:
    """What says of a schema or a request which kind it is about."""
    return {
        "group": resource_type.group,
        "version": resource_type.version,
        "kind": resource_type.kind.name,
    }


def _package(known: ResourceType) -> str:
    first, *rest = (known.group or "core").split(".")
    if not rest or known.group.endswith(".k8s.io"):
        return f"io.k8s.api.{first}.{known.version}"
    return ".".join((*reversed(known.group.split(".")), known.version))


class _Walk(SchemaBuilder):
    """Goes from kinds to their parts, and keeps the schema of each."""

    def __init__(self) -> None:
        super().__init__()
        self.schemas: dict[str, Schema] = {}
        self._package = ""

    def kind(self, known: ResourceType) -> None:
        self._package = _package(known)
        name, identity = schema_name(known), [group_version_kind(known)]
        schema = self._ours(known) if known.is_ours else self._open(known)
        self.schemas[name] = {**schema, "x-kubernetes-group-version-kind": identity}
        listed = {**identity[0], "kind": f"{known.kind.name}List"}
        self.schemas[f"{name}List"] = {
            "type": "object",
            "description": f"A list of resources of the kind {known.kind.name}.",
            "required": ["items"],
            "properties": {
                **self._head(metadata={"allOf": [_reference(self._list_meta())]}),
                "items": {"type": "array", "items": _reference(name)},
            },
            "x-kubernetes-group-version-kind": [listed],
        }

    def _ours(self, known: ResourceType) -> Schema:
        model = model_of(known.kind.type)
        schema = self.describe(model)
        schema["properties"] |= self._head(self._metadata())
        return schema

    def _open(self, known: ResourceType) -> Schema:
        name = known.kind.name
        fields = _FIELDS.get(name)
        if fields is None:
            fields = {"spec": OPEN, "status": OPEN} if known.has_status else {"spec": OPEN}
        properties = {
            field: {"description": PARTS[field], **schema} for field, schema in fields.items()
        }
        return {
            "type": "object",
            "description": KINDS[name],
            "properties": {**self._head(self._metadata()), **properties},
            **({"x-kubernetes-preserve-unknown-fields": True} if name in _LEFT_OPEN else {}),
        }

    def _metadata(self) -> Schema:
        return self.schema(model_of(ObjectMeta))

    def _head(self, metadata: Schema) -> Schema:
        head = {"apiVersion": TEXT, "kind": TEXT, "metadata": metadata}
        return {name: {"description": HEAD[name], **schema} for name, schema in head.items()}

    def _list_meta(self) -> str:
        name = f"{_META}.ListMeta"
        self.schemas[name] = {
            "type": "object",
            "description": "What is said of a list.",
            "properties": {
                "resourceVersion": {**TEXT, "description": "The version to watch from."},
                "continue": {**TEXT, "description": "What asks for the rest of the list."},
                "remainingItemCount": {
                    "type": "integer",
                    "format": "int64",
                    "description": "How many resources the rest has.",
                },
            },
        }
        return name

    def part(self, model: inspect.StructType) -> Schema:
        """A reference to the part's schema, which is kept by its name."""
        package = _META if model.cls in (ObjectMeta, OwnerReference) else self._package
        name = f"{package}.{model.cls.__name__}"
        if name not in self.schemas:
            # Kept before the parts are walked, which may come back to it.
            self.schemas[name] = {}
            self.schemas[name].update(self.describe(model))
        return {"allOf": [_reference(name)]}


def _reference(name: str) -> Schema:
    return {"$ref": REFERENCE + name}
