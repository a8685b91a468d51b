"""Schemas of the models in the words of OpenAPI, read from their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc
from typing import Any

from msgspec import inspect, structs

from katib.api.descriptions import ENUMS, REQUIRED, WORDS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "format": "int32"}
TIME: Schema = {"type": "string", "format": "date-time"}
OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


class SchemaBuilder:
    """Makes the schemas of models and of their fields; a part stands where it is used.

    Another may say more of a part or a field, or put the schema of a part elsewhere: it overrides
    :meth:`part`, :meth:`required`, :meth:`field`.
    """

    def __init__(self) -> None:
        self._types: dict[type[inspect.Type], Callable[[Any], Schema]] = {
            inspect.StructType: self.part,
            inspect.VarTupleType: lambda model: {
                "type": "array",
                "items": self.schema(model.item_type),
            },
            inspect.UnionType: self._union,
            inspect.CustomType: lambda _: dict(TEXTS),
            inspect.RawType: lambda _: dict(OPEN),
            inspect.AnyType: lambda _: dict(OPEN),
            inspect.StrType: lambda _: dict(TEXT),
            inspect.IntType: lambda _: dict(COUNT),
            inspect.FloatType: lambda _: {"type": "number", "format": "double"},
            inspect.BoolType: lambda _: dict(FLAG),
            inspect.DateTimeType: lambda _: dict(TIME),
        }

    def schema(self, model: inspect.Type) -> Schema:
        """The schema of a type."""
        return self._types[model.__class__](model)

    def part(self, model: inspect.StructType) -> Schema:
        """The schema that stands where a struct is used."""
        return self.describe(model)

    def describe(self, model: inspect.StructType) -> Schema:
        """The schema of a struct: the fields that are told of in ``WORDS``."""
        part = model.cls.__name__
        words = WORDS[part]
        properties = {
            one.encode_name: {
                "description": words[one.encode_name],
                **self.field(part, one.encode_name, one.type),
            }
            for one in model.fields
            if one.encode_name in words
        }
        required = self.required(part)
        return {
            "type": "object",
            "description": docstring(model.cls),
            **({"required": list(required)} if required else {}),
            "properties": properties,
        }

    def field(self, part: str, name: str, model: inspect.Type) -> Schema:
        """The schema of a part's field."""
        enum = ENUMS.get((part, name))
        return {**self.schema(model), **({"enum": list(enum)} if enum else {})}

    def required(self, part: str) -> Sequence[str]:
        """The fields without which a part is refused."""
        return REQUIRED.get(part, ())

    def _union(self, model: inspect.UnionType) -> Schema:
        # All unions are "this or nothing" but one: a number that may be written as integer.
        types = [member for member in model.types if not isinstance(member, inspect.NoneType)]
        floats = [member for member in types if isinstance(member, inspect.FloatType)]
        schema = self.schema((floats or types)[0])
        is_time = isinstance(types[0], inspect.DateTimeType)
        return {**schema, "nullable": True} if is_time else schema


def model_of(type: type[Any]) -> inspect.StructType:
    """What msgspec knows of a struct."""
    model = inspect.type_info(type)
    if not isinstance(model, inspect.StructType):
        raise TypeError(f"{type} is no struct")
    return model


def docstring(type: type[Any]) -> str:
    """The class's docstring as one paragraph, for readers of documents, who see fields only."""
    text = cleandoc(type.__doc__ or "").partition("\n\nAttributes:")[0]
    for field in structs.fields(type):
        text = text.replace(f"``{field.name}``", f"``{field.encode_name}``")
    return " ".join(text.replace("``", "`").split())
