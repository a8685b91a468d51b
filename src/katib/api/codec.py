"""Reading and writing: resources ↔ JSON bytes, manifests, YAML."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import msgspec
import yaml
from msgspec import Raw

from katib.api.values import Kind, Manifest, ObjectMeta, Resource, Strings, Unstructured
from katib.errors import ManifestError

_NUMBERS = {
    "tag:yaml.org,2002:int": r"[-+]?(0b[01]+|0[0-7]+|0x[0-9a-fA-F]+|0|[1-9][0-9]*)",
    "tag:yaml.org,2002:float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
}

R = TypeVar("R", bound=Resource)
T = TypeVar("T")

_ENCODER = msgspec.json.Encoder()
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_SafeLoader):  # type: ignore[misc]  # the C loader has no type
    """Reads numbers as Kubernetes does: ``1e-3`` is one, ``12:30`` and ``1_000`` are texts.

    A key that stands twice in a map is refused: who wrote it means one of the two.
    """

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [pair for pair in pairs if pair[0] not in _NUMBERS]
        for first, pairs in _SafeLoader.yaml_implicit_resolvers.items()
    }

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Look at a map's keys while they are its own: merged ones may be written again."""
        if "is_looked_at" not in vars(node):
            vars(node)["is_looked_at"] = True
            _check_keys(node)
        super().flatten_mapping(node)


def _check_keys(node: yaml.MappingNode) -> None:
    places: dict[str, yaml.Mark] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in places:
            first = places[key.value]
            problem = (
                f'the key "{key.value}" is there twice; the first is at line {first.line + 1}, '
                f"column {first.column + 1}"
            )
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        places[key.value] = key.start_mark


_NUMBER = re.compile(f"^(?:{'|'.join(_NUMBERS.values())})$")
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(f"^(?:{_pattern})$"), list("-+.0123456789"))


def encode(resource: Resource) -> bytes:
    """The JSON text of a resource."""
    if isinstance(resource, Unstructured):
        head = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": resource.metadata,
        }
        return _ENCODER.encode({**head, **resource.body})
    return _ENCODER.encode(resource)


def decode(kind: Kind[R], data: bytes) -> R:
    """The resource of that kind in a JSON text.

    Raises:
        msgspec.ValidationError: the text has another shape; admission tells users where and why.
    """
    if issubclass(kind.type, Unstructured):
        return _unstructured(kind.type, msgspec.json.decode(data))
    return typed(kind.type, data)


def with_metadata(kind: Kind[R], metadata: ObjectMeta, data: bytes) -> R:
    """The resource of a JSON text whose metadata is already known; for kinds that are not ours."""
    manifest: Manifest = msgspec.json.decode(data)
    del manifest["metadata"]
    resource: Any = kind.type(
        api_version=manifest.pop("apiVersion"),
        kind=manifest.pop("kind"),
        metadata=metadata,
        body=manifest,  # type: ignore[call-arg]  # such kinds have Unstructured for their type
    )
    return resource  # type: ignore[no-any-return]  # the kind says its type


def typed(type: type[T], data: bytes | Raw) -> T:
    """The typed value in a JSON text.

    From any thread; typed JSON is read here only, as the first reading of a type is not safe.
    """
    value: T = _decoder(type).decode(data)
    return value


def to_manifest(resource: Resource) -> Manifest:
    """The resource as plain JSON data."""
    manifest: Manifest = msgspec.json.decode(encode(resource))
    return manifest


def from_manifest(kind: Kind[R], manifest: Manifest) -> R:
    """The resource of that kind that plain JSON data describes; raises as :func:`decode`."""
    return decode(kind, _ENCODER.encode(manifest))


def to_raw(data: Any) -> Raw:
    """Plain JSON data, kept as its text."""
    return Raw(_ENCODER.encode(data))


def from_raw(raw: Raw) -> Any:
    """The plain JSON data that a text holds; a new copy at each call."""
    return msgspec.json.decode(raw)


def with_status(resource: Unstructured, status: Manifest) -> Unstructured:
    """The resource with another status."""
    return msgspec.structs.replace(resource, body={**resource.body, "status": status})


@lru_cache(maxsize=256)
def format_time(time: datetime) -> str:
    """RFC 3339 in UTC, with ``Z``; the fraction only when there is one."""
    text = time.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")


@lru_cache(maxsize=256)
def parse_time(text: str) -> datetime:
    """The aware time that an RFC 3339 text names; ``ValueError`` when it is none."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return time


def load_yaml(text: str | bytes, source: str) -> Iterator[Manifest]:
    """Every document of a YAML or JSON text, in order; empty ones are left out.

    Args:
        text: the text; bytes must be UTF-8.
        source: the name used in errors, as the file's path.

    Raises:
        ManifestError: the text is no YAML, with line and column, or a document is not a map.
    """
    try:
        for number, document in enumerate(yaml.load_all(text, _Loader), start=1):
            if document is None:
                continue
            if not isinstance(document, dict):
                raise ManifestError(
                    source,
                    f"document {number} is a {type(document).__name__}, not a resource; a resource "
                    "has apiVersion, kind, metadata and spec",
                )
            yield _plain(document)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "this is not YAML"
        if mark is None:
            raise ManifestError(source, problem) from error
        raise ManifestError(source, problem, mark.line + 1, mark.column + 1) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(source, f"this is not YAML: {error}") from error


class _Quoting(_Dumper):  # type: ignore[misc]  # the C dumper has no type
    """Writes texts that YAML would read as something else in double quotes, as ``kubectl`` does."""

    def represent_text(self, text: str) -> Any:
        read = self.resolve(yaml.ScalarNode, text, (True, False))
        is_text = read == "tag:yaml.org,2002:str" and not _NUMBER.match(text)
        style = None if is_text else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Quoting.add_representer(str, _Quoting.represent_text)


def dump_yaml(manifest: Manifest, *, is_sorted: bool = True) -> str:
    """YAML with sorted keys, as ``kubectl get -o yaml`` prints it, or with keys as they come."""
    text: str = yaml.dump(
        manifest,
        Dumper=_Quoting,
        sort_keys=is_sorted,
        default_flow_style=False,
        allow_unicode=True,
        width=2**20,
    )
    return text


def _plain(value: Any) -> Any:
    """YAML's own types (dates, keys that are no strings) as JSON has them."""
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else str(key): _plain(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return format_time(value if value.tzinfo else value.replace(tzinfo=UTC))
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)


def _unstructured(type: type[R], manifest: Manifest) -> R:
    body = dict(manifest)
    metadata = body.pop("metadata", None)
    resource: Any = type(
        api_version=body.pop("apiVersion", ""),
        kind=body.pop("kind", ""),
        metadata=msgspec.convert(metadata or {}, ObjectMeta, dec_hook=_from_plain),
        body=body,  # type: ignore[call-arg]  # only Unstructured comes here
    )
    return resource  # type: ignore[no-any-return]


def _from_plain(type: type[Any], value: Any) -> Any:
    if type is Strings and isinstance(value, dict):
        if all(isinstance(item, str) for item in (*value, *value.values())):
            return Strings(value)
        raise TypeError("expected a map of strings to strings")
    raise TypeError(f"expected {type.__name__}, got {value.__class__.__name__}")


_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_MAKING = threading.Lock()


def _decoder(type: type[T]) -> msgspec.json.Decoder[T]:
    found = _DECODERS.get(type)
    if found is None:
        # One at a time: a thread that meets a part which another one's decoder is only about to
        # describe reads where nothing is, and the process crashes.
        with _MAKING:
            found = _DECODERS.setdefault(type, msgspec.json.Decoder(type, dec_hook=_from_plain))
    return found
