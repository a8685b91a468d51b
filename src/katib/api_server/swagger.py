"""OpenAPI 2.0, which older clients read, and its form in protocol buffers.

kubectl reads version 2 in protocol buffers only: as messages of the package ``openapi.v2``, whose
field numbers stand here. A message is written as the fields that a document of ours can have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from katib.api.values import Manifest
from katib.api_server.schemas import REFERENCE

_NAME = "application/com.github.proto-openapi.spec.v2"

#: The form in protocol buffers, and the name by which kubectl asks for it. It would refuse an
#: answer that carries this name, since it is no legal one.
MEDIA_TYPE, OLD_NAME = f"{_NAME}.v1.0+protobuf", f"{_NAME}@v1.0+protobuf"

_DEFINITIONS = "#/definitions/"
_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def as_swagger(documents: Sequence[Manifest]) -> Manifest:
    """OpenAPI 3.0 documents as one of OpenAPI 2.0; a schema of the same name is the same in all."""
    paths: Manifest = {}
    definitions: Manifest = {}
    for document in documents:
        schemas = document["components"]["schemas"]
        paths.update((path, _path(item)) for path, item in document["paths"].items())
        definitions.update((name, _schema(schema)) for name, schema in schemas.items())
    return {
        "swagger": "2.0",
        "info": documents[0]["info"],
        "paths": paths,
        "definitions": definitions,
    }


def as_protobuf(document: Manifest) -> bytes:
    """An OpenAPI 2.0 document as a message ``openapi.v2.Document``."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    paths = _named(2, document["paths"], _path_message)
    definitions = _named(1, document["definitions"], _schema_message)
    head = _text(1, document["swagger"]) + _field(2, info)
    return head + _field(8, paths) + _field(9, definitions)


def _path(item: Manifest) -> Manifest:
    operations = {method: _operation(item[method]) for method in _METHODS if method in item}
    return {**operations, "parameters": [_parameter(one) for one in item["parameters"]]}


def _operation(operation: Manifest) -> Manifest:
    marks = {name: value for name, value in operation.items() if name.startswith("x-")}
    parameters = [_parameter(one) for one in operation.get("parameters", ())]
    body = operation.get("requestBody")
    consumed: Manifest = {}
    if body is not None:
        schema = next(iter(body["content"].values()))["schema"]
        parameters.append(
            {"name": "body", "in": "body", "required": True, "schema": _schema(schema)}
        )
        consumed["consumes"] = list(body["content"])
    answer = operation["responses"]["200"]
    type, content = next(iter(answer["content"].items()))
    response = {"description": answer["description"], "schema": _schema(content["schema"])}
    return {
        **consumed,
        "produces": [type],
        "parameters": parameters,
        "responses": {"200": response},
        **marks,
    }


def _parameter(parameter: Manifest) -> Manifest:
    rest = {name: value for name, value in parameter.items() if name != "schema"}
    return {**rest, **parameter["schema"]}


def _schema(schema: Any) -> Any:
    """The schema with references as version 2 has them; it knows no null either."""
    if isinstance(schema, Sequence) and not isinstance(schema, str):
        return [_schema(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    turned: Manifest = {}
    for name, value in schema.items():
        if name == "$ref":
            turned[name] = _DEFINITIONS + value.removeprefix(REFERENCE)
        elif name == "allOf":
            turned.update(_schema(value[0]))
        elif name != "nullable":
            turned[name] = _schema(value)
    return turned


def _path_message(item: Manifest) -> bytes:
    operations = [
        _field(number, _operation_message(item[method]))
        for method, number in _METHODS.items()
        if method in item
    ]
    return b"".join(operations) + _each(9, item["parameters"], _parameter_message)


def _operation_message(operation: Manifest) -> bytes:
    answers = _named(1, operation["responses"], _response_message)
    return b"".join(
        (
            _each(6, operation["produces"], str.encode),
            _each(7, operation.get("consumes", ()), str.encode),
            _each(8, operation["parameters"], _parameter_message),
            _field(9, answers),
            _marks(13, operation),
        )
    )


def _parameter_message(parameter: Manifest) -> bytes:
    name, place, required = parameter["name"], parameter["in"], parameter.get("required", False)
    if place == "body":
        texts = _text(2, name) + _text(3, place)
        schema = _field(5, _schema_message(parameter["schema"]))
        return _field(1, _field(1, texts + _flag(4, required) + schema))
    number, type_number = (3, 6) if place == "query" else (4, 5)
    texts = _text(2, place) + _text(4, name) + _text(type_number, parameter["type"])
    return _field(1, _field(2, _field(number, _flag(1, required) + texts)))


def _response_message(response: Manifest) -> bytes:
    schema = _field(1, _schema_message(response["schema"]))
    return _field(1, _text(1, response["description"]) + _field(2, schema))


def _schema_message(schema: Manifest) -> bytes:
    known = [write(schema[name]) for name, write in _SCHEMA_FIELDS.items() if name in schema]
    return b"".join(known) + _marks(31, schema)


_SCHEMA_FIELDS: Mapping[str, Callable[[Any], bytes]] = {
    "$ref": lambda text: _text(1, text),
    "format": lambda text: _text(2, text),
    "description": lambda text: _text(4, text),
    "required": lambda names: _each(19, names, str.encode),
    "enum": lambda values: _each(20, values, _any),
    "additionalProperties": lambda schema: _field(21, _field(1, _schema_message(schema))),
    "type": lambda text: _field(22, _text(1, text)),
    "items": lambda schema: _field(23, _field(1, _schema_message(schema))),
    "properties": lambda schemas: _field(25, _named(1, schemas, _schema_message)),
}


def _marks(number: int, part: Manifest) -> bytes:
    marks = {name: value for name, value in part.items() if name.startswith("x-")}
    return _named(number, marks, _any)


def _any(value: Any) -> bytes:
    # The message keeps YAML, of which JSON is a part.
    return _field(2, msgspec.json.encode(value))


def _named(number: int, parts: Mapping[str, Any], write: Callable[[Any], bytes]) -> bytes:
    pairs = parts.items()
    return _each(number, pairs, lambda pair: _text(1, pair[0]) + _field(2, write(pair[1])))


def _each(number: int, parts: Iterable[Any], write: Callable[[Any], bytes]) -> bytes:
    return b"".join(_field(number, write(part)) for part in parts)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    """A field whose length is written before it."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _flag(number: int, is_set: bool) -> bytes:
    return _varint(number << 3) + b"\x01" if is_set else b""


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*digits, number))
