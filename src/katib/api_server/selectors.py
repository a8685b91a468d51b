"""Label selectors and field selectors, as texts and as questions about an object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from katib.api.codec import decode
from katib.api.values import Kind, ObjectMeta, Resource, Unstructured
from katib.api_server.resources import ResourceType
from katib.api_server.statuses import StatusError, bad_request
from katib.ports.resource_store import ResourceText

_KEY = r"(?P<key>[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?)"
_VALUE = r"(?P<value>(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?)"
_SET = re.compile(rf"^{_KEY}\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_EQUALITY = re.compile(rf"^{_KEY}\s*(?P<operator>==|=|!=)\s*{_VALUE}$")
_ORDER = re.compile(rf"^{_KEY}\s*(?P<operator>[<>])\s*(?P<value>-?[0-9]+)$")
_PRESENCE = re.compile(rf"^(?P<operator>!?)\s*{_KEY}$")
_ONE_VALUE = re.compile(rf"^{_VALUE}$")


class Facts(NamedTuple):
    """What selectors ask of an object: its metadata, and fields that its kind lets be asked."""

    metadata: ObjectMeta
    fields: Mapping[str, str]

    def field(self, name: str) -> str:
        """A field's value, empty when there is none."""
        if name == "metadata.name":
            return self.metadata.name
        if name == "metadata.namespace":
            return self.metadata.namespace
        return self.fields.get(name, "")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One part of a selector.

    Attributes:
        key: the label or the field.
        operator: ``in``, ``notin``, ``exists``, ``absent``, ``<`` or ``>``.
        values: what it is compared with.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def fits(self, value: str | None) -> bool:
        """Whether a value, or its absence, is meant."""
        if self.operator in ("notin", "absent"):
            return value is None or (self.operator == "notin" and value not in self.values)
        if value is None:
            return False
        if self.operator == "in":
            return value in self.values
        return self.operator == "exists" or self._is_in_order(value)

    def _is_in_order(self, value: str) -> bool:
        if not re.fullmatch(r"-?[0-9]+", value):
            return False
        bound = int(self.values[0])
        return int(value) < bound if self.operator == "<" else int(value) > bound


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects a request means: those that fit every part.

    Attributes:
        namespace: of this namespace only.
        labels: what labels must be.
        fields: what fields must be.
    """

    namespace: str | None = None
    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()

    def fits(self, facts: Facts) -> bool:
        """Whether an object is meant."""
        metadata = facts.metadata
        if self.namespace is not None and metadata.namespace != self.namespace:
            return False
        return all(one.fits(metadata.label(one.key)) for one in self.labels) and all(
            one.fits(facts.field(one.key)) for one in self.fields
        )

    @property
    def is_everything(self) -> bool:
        """Whether neither labels nor fields are asked."""
        return not self.labels and not self.fields

    @property
    def equal_labels(self) -> Mapping[str, str] | None:
        """The labels that must have one value, which a store can look for."""
        equal = {
            one.key: one.values[0]
            for one in self.labels
            if one.operator == "in" and len(one.values) == 1
        }
        return equal or None

    def field(self, name: str) -> str | None:
        """The one value that a field must have, or ``None``."""
        for one in self.fields:
            if one.key == name and one.operator == "in":
                return one.values[0]
        return None


def facts_of(resource: Resource) -> Facts:
    """What selectors may ask of a resource."""
    fields: dict[str, str] = {}
    if isinstance(resource, Unstructured):
        if resource.kind == "Pod":
            fields["status.phase"] = str(resource.status.get("phase") or "")
        elif resource.kind == "Event":
            fields.update(_event_fields(resource))
    return Facts(resource.metadata, fields)


def facts_in(text: ResourceText, kind: Kind[Any]) -> Facts:
    """The same from a text, which is read only where fields of the kind lie in it."""
    if kind.name in _FIELDS_OF:
        return facts_of(decode(kind, text.data))
    return Facts(text.metadata, {})


def parse_labels(text: str) -> tuple[Requirement, ...]:
    """The requirements of a label selector.

    Raises:
        StatusError: 400, it cannot be read.
    """
    return tuple(_label(part) for part in _split(text))


def parse_fields(text: str, type: ResourceType) -> tuple[Requirement, ...]:
    """The requirements of a field selector.

    Raises:
        StatusError: 400, it cannot be read, or a field of the kind cannot be asked.
    """
    found = []
    for part in re.split(r"(?<!\\),", text):
        if not part.strip():
            continue
        match = re.fullmatch(r"\s*([A-Za-z0-9_./-]+?)\s*(!=|==|=)(.*)", part)
        if match is None:
            raise bad_request(
                f"invalid field selector: {_quoted(part)} is not of the form name=value"
            )
        name, operator, value = match.groups()
        if name not in _FIELDS and name not in _FIELDS_OF.get(type.kind.name, ()):
            raise _unknown_field(text, name, type)
        plain = re.sub(r"\\(.)", r"\1", value.strip())
        found.append(Requirement(name, "notin" if operator == "!=" else "in", (plain,)))
    return tuple(found)


_FIELDS = frozenset(("metadata.name", "metadata.namespace"))
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS_OF: Mapping[str, frozenset[str]] = {
    "Pod": frozenset(("status.phase",)),
    "Event": frozenset((*(f"involvedObject.{part}" for part in _INVOLVED), "reason", "type")),
}


def _event_fields(event: Unstructured) -> Iterator[tuple[str, str]]:
    involved = event.body.get("involvedObject") or {}
    for part in _INVOLVED:
        yield f"involvedObject.{part}", str(involved.get(part) or "")
    for name in ("reason", "type"):
        yield name, str(event.body.get(name) or "")


def _unknown_field(text: str, name: str, type: ResourceType) -> StatusError:
    return bad_request(
        f'Unable to find "{type.kind.api_version.replace("/", ", ")}, Resource={type.plural}" that '
        f'match label selector "", field selector "{text}": field label not supported: {name}'
    )


def _split(text: str) -> Iterator[str]:
    """The parts between commas that stand in no parentheses."""
    if not text.strip():
        return
    part, is_inside = "", False
    for token in re.split(r"([,()])", text):
        if token == "," and not is_inside:
            yield _stated(part, text)
            part = ""
            continue
        is_inside = token == "(" or (is_inside and token != ")")
        part += token
    yield _stated(part, text)


def _stated(part: str, text: str) -> str:
    if not part.strip():
        raise bad_request(
            f"unable to parse requirement: {_quoted(text)} has nothing beside a comma"
        )
    return part.strip()


def _label(part: str) -> Requirement:
    for pattern, read in _READERS:
        match = pattern.match(part)
        if match is not None:
            return read(match)
    raise bad_request(
        f"unable to parse requirement: {_quoted(part)}; right are key=value, key!=value, "
        "key in (a,b), key notin (a,b), key and !key"
    )


def _read_set(match: re.Match[str]) -> Requirement:
    values = tuple(value.strip() for value in match["values"].split(","))
    _check_values(values, match.string)
    return Requirement(match["key"], match["operator"], values)


def _read_equality(match: re.Match[str]) -> Requirement:
    operator = "notin" if match["operator"] == "!=" else "in"
    return Requirement(match["key"], operator, (match["value"],))


def _read_order(match: re.Match[str]) -> Requirement:
    return Requirement(match["key"], match["operator"], (match["value"],))


def _read_presence(match: re.Match[str]) -> Requirement:
    return Requirement(match["key"], "absent" if match["operator"] else "exists")


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Requirement]], ...] = (
    (_SET, _read_set),
    (_EQUALITY, _read_equality),
    (_ORDER, _read_order),
    (_PRESENCE, _read_presence),
)


def _check_values(values: Iterable[str], text: str) -> None:
    for value in values:
        if not _ONE_VALUE.match(value):
            raise bad_request(
                f"unable to parse requirement: {_quoted(text)} has the value {_quoted(value)}, "
                "which no label can have"
            )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'
