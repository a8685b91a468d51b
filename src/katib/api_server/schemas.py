"""Schemas of the kinds that are served, read from the models of ``katib.api``.

The schemas describe and do not judge: what is legal is for ``admission`` to say. Kinds that are not
ours have the parts that every client relies on; the rest of them is left open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from inspect import cleandoc
from types import MappingProxyType
from typing import Any

from msgspec import inspect

from katib.api.values import Manifest, ObjectMeta, OwnerReference
from katib.api_server.descriptions import ENUMS, HEAD, KINDS, PARTS, REQUIRED, WORDS
from katib.api_server.resources import ResourceType

Schema = dict[str, Any]

#: How a schema points to another one of the same document.
REFERENCE = "#/components/schemas/"

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"

_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "format": "int32"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_OPEN_LIST: Schema = {"type": "array", "items": _OPEN}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_BYTES: Schema = {"type": "object", "additionalProperties": {"type": "string", "format": "byte"}}

#: The fields of kinds that do not have a spec, and a status exactly when ``/status`` is served.
_FIELDS: Mapping[str, Mapping[str, Schema]] = MappingProxyType(
    {
        "ConfigMap": {"data": _TEXTS, "binaryData": _BYTES, "immutable": _FLAG},
        "Secret": {"data": _BYTES, "stringData": _TEXTS, "type": _TEXT, "immutable": _FLAG},
        "ServiceAccount": {
            "secrets": _OPEN_LIST,
            "imagePullSecrets": _OPEN_LIST,
            "automountServiceAccountToken": _FLAG,
        },
        "Event": {
            "involvedObject": _OPEN,
            "type": _TEXT,
            "reason": _TEXT,
            "message": _TEXT,
            "source": _OPEN,
            "count": _COUNT,
            "firstTimestamp": _TIME,
            "lastTimestamp": _TIME,
        },
        "SelfSubjectAccessReview": {"spec": _OPEN, "status": _OPEN},
        "SelfSubjectRulesReview": {"spec": _OPEN, "status": _OPEN},
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


class _Walk:
    """Goes from kinds to their parts, and keeps the schema of each."""

    def __init__(self) -> None:
        self.schemas: dict[str, Schema] = {}
        self._package = ""
        self._types: dict[type[inspect.Type], Callable[[Any], Schema]] = {
            inspect.StructType: self._struct,
            inspect.VarTupleType: lambda model: {
                "type": "array",
                "items": self._schema(model.item_type),
            },
            inspect.UnionType: self._union,
            inspect.CustomType: lambda _: dict(_TEXTS),
            inspect.RawType: lambda _: dict(_OPEN),
            inspect.AnyType: lambda _: dict(_OPEN),
            inspect.StrType: lambda _: dict(_TEXT),
            inspect.IntType: lambda _: dict(_COUNT),
            inspect.FloatType: lambda _: {"type": "number", "format": "double"},
            inspect.BoolType: lambda _: dict(_FLAG),
            inspect.DateTimeType: lambda _: dict(_TIME),
        }

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
        model = _model(known.kind.type)
        schema = self._describe(model)
        schema["properties"] |= self._head(self._metadata())
        return schema

    def _open(self, known: ResourceType) -> Schema:
        name = known.kind.name
        fields = _FIELDS.get(name)
        if fields is None:
            fields = {"spec": _OPEN, "status": _OPEN} if known.has_status else {"spec": _OPEN}
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
        return self._schema(_model(ObjectMeta))

    def _head(self, metadata: Schema) -> Schema:
        head = {"apiVersion": _TEXT, "kind": _TEXT, "metadata": metadata}
        return {name: {"description": HEAD[name], **schema} for name, schema in head.items()}

    def _list_meta(self) -> str:
        name = f"{_META}.ListMeta"
        self.schemas[name] = {
            "type": "object",
            "description": "What is said of a list.",
            "properties": {
                "resourceVersion": {**_TEXT, "description": "The version to watch from."},
                "continue": {**_TEXT, "description": "What asks for the rest of the list."},
                "remainingItemCount": {
                    "type": "integer",
                    "format": "int64",
                    "description": "How many resources the rest has.",
                },
            },
        }
        return name

    def _schema(self, model: inspect.Type) -> Schema:
        return self._types[model.__class__](model)

    def _struct(self, model: inspect.StructType) -> Schema:
        package = _META if model.cls in (ObjectMeta, OwnerReference) else self._package
        name = f"{package}.{model.cls.__name__}"
        if name not in self.schemas:
            # Kept before the parts are walked, which may come back to it.
            self.schemas[name] = {}
            self.schemas[name].update(self._describe(model))
        return {"allOf": [_reference(name)]}

    def _describe(self, model: inspect.StructType) -> Schema:
        part = model.cls.__name__
        words = WORDS[part]
        properties: dict[str, Schema] = {}
        for known in model.fields:
            name = known.encode_name
            if name in words:
                schema = {"description": words[name], **self._schema(known.type)}
                if (part, name) in ENUMS:
                    schema["enum"] = list(ENUMS[part, name])
                properties[name] = schema
        required = REQUIRED.get(part)
        return {
            "type": "object",
            "description": _docstring(model.cls),
            **({"required": list(required)} if required else {}),
            "properties": properties,
        }

    def _union(self, model: inspect.UnionType) -> Schema:
        # All unions are "this or nothing" but one: a number that may be written as integer.
        types = [member for member in model.types if not isinstance(member, inspect.NoneType)]
        floats = [member for member in types if isinstance(member, inspect.FloatType)]
        schema = self._schema((floats or types)[0])
        is_time = isinstance(types[0], inspect.DateTimeType)
        return {**schema, "nullable": True} if is_time else schema


def _reference(name: str) -> Schema:
    return {"$ref": REFERENCE + name}


def _model(type: type[Any]) -> inspect.StructType:
    model = inspect.type_info(type)
    if not isinstance(model, inspect.StructType):
        raise TypeError(f"{type} is no struct")
    return model


def _docstring(type: type[Any]) -> str:
    """The class's docstring as one paragraph, for readers who see no attributes."""
    text = cleandoc(type.__doc__ or "").partition("\n\nAttributes:")[0]
    return " ".join(text.replace("``", "`").split())
