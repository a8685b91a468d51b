"""Sets of the fields of a document, as ``metadata.managedFields`` writes them down (FieldsV1).

A path is a tuple of FieldsV1 elements: ``f:<name>`` leads to a field of a map, ``k:{…}`` to the
item of a list that these keys name, ``v:<scalar>`` to an item that names itself. A list that no
rule splits into items is one value, and so is an empty map.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from katib.api.values import Manifest
from katib.api_server.equality import same
from katib.api_server.list_keys import ListRule, Lists, Place

Path = tuple[str, ...]
Fields = frozenset[Path]

_ENCODER = msgspec.json.Encoder(order="sorted")
_MEMBER = "."


class Branch(enum.Enum):
    """Stands for a value that is told by its parts."""

    MAP = enum.auto()
    LIST = enum.auto()


class UnnamedItemError(ValueError):
    """An item of a keyed list lacks its key, or two items have the same."""


class UnreadableFieldsError(ValueError):
    """A text or a map is no FieldsV1."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How a document became another.

    Attributes:
        added: what was not there; with all that lies in it.
        modified: values that are others now.
        removed: what is not there any more; with all that lay in it.
    """

    added: Fields
    modified: Fields
    removed: Fields

    @property
    def written(self) -> Fields:
        """What the writer gave a value to."""
        return self.added | self.modified

    @property
    def all(self) -> Fields:
        """Every field that is not as it was."""
        return self.added | self.modified | self.removed


def members(document: Manifest, lists: Lists) -> dict[Path, Any]:
    """Every path of a document with its value; a :class:`Branch` where the value has parts."""
    found: dict[Path, Any] = {}
    _collect(found, document, ((), ()), lists)
    return found


def compare(before: Manifest, after: Manifest, lists: Lists) -> Changes:
    """What distinguishes two documents."""
    old, new = members(before, lists), members(after, lists)
    return Changes(
        added=frozenset(new.keys() - old.keys()),
        modified=frozenset(
            path for path in new.keys() & old.keys() if not same(old[path], new[path])
        ),
        removed=frozenset(old.keys() - new.keys()),
    )


def parts(value: Any, place: Place, lists: Lists) -> list[tuple[str, Any, Place]] | None:
    """The elements of a value with what lies there and its place; ``None`` for a single value."""
    if not value:
        return None
    if isinstance(value, dict):
        return [(f"f:{name}", item, (*place, name)) for name, item in value.items()]
    if isinstance(value, list) and (rule := lists.rule(place)) is not None:
        try:
            return [
                (name, item, place)
                for name, item in zip(item_names(value, rule), value, strict=True)
            ]
        except UnnamedItemError:
            return None
    return None


def item_names(items: list[Any], rule: ListRule) -> list[str]:
    """The element of each item of a list.

    Raises:
        UnnamedItemError: an item lacks a key that has no default, or is there twice.
    """
    names = [_item_name(number, item, rule) for number, item in enumerate(items)]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise UnnamedItemError(f"duplicate entries for key {in_words((name,))}")
        seen.add(name)
    return names


def prefixes(paths: Iterable[Path]) -> set[Path]:
    """Every path that leads to one of these, and these."""
    return {path[:length] for path in paths for length in range(1, len(path) + 1)}


def in_words(path: Path) -> str:
    """A path as Kubernetes prints it: ``.spec.containers[name="main"].image``."""
    return "".join(map(_element_in_words, path))


def read_fields(tree: Any) -> Fields:
    """The set that a FieldsV1 map describes.

    Raises:
        UnreadableFieldsError: it is none.
    """
    return frozenset(_read(tree, ()))


def write_fields(fields: Fields) -> Manifest:
    """The FieldsV1 map of a set, its keys sorted."""
    tree: Manifest = {}
    known = prefixes(fields)
    inner = {path[:-1] for path in known}
    nodes: dict[Path, Manifest] = {(): tree}
    for path in sorted(known):
        node = nodes[path[:-1]][path[-1]] = {}
        nodes[path] = node
        if path in fields and path in inner:
            node[_MEMBER] = {}
    return tree


def _collect(found: dict[Path, Any], value: Any, where: tuple[Path, Place], lists: Lists) -> None:
    path, place = where
    inside = parts(value, place, lists)
    if path:
        branch = Branch.MAP if isinstance(value, dict) else Branch.LIST
        found[path] = value if inside is None else branch
    for element, item, there in inside or ():
        _collect(found, item, ((*path, element), there), lists)


def _item_name(number: int, item: Any, rule: ListRule) -> str:
    if not rule.keys:
        return f"v:{_text(item)}"
    named = {}
    for key in rule.keys:
        value = item.get(key, rule.defaults.get(key)) if isinstance(item, dict) else None
        if value is None:
            raise UnnamedItemError(
                f"element {number}: associative list with keys has an element that omits key "
                f'field "{key}" (and doesn\'t have default value)'
            )
        named[key] = value
    return f"k:{_text(named)}"


def _read(tree: Any, path: Path) -> Iterator[Path]:
    if not isinstance(tree, dict):
        raise UnreadableFieldsError(f"{in_words(path) or 'fieldsV1'} is no map")
    if path and (not tree or _MEMBER in tree):
        yield path
    for element, below in tree.items():
        if element != _MEMBER:
            yield from _read(below, (*path, _canonical(element)))


def _canonical(element: str) -> str:
    sort, colon, rest = element.partition(":")
    if not colon or sort not in ("f", "i", "k", "v"):
        raise UnreadableFieldsError(f'"{element}" is no path element; it starts with f:, k: or v:')
    if sort == "f":
        return element
    try:
        value = msgspec.json.decode(rest)
    except msgspec.DecodeError as error:
        raise UnreadableFieldsError(f'"{element}" holds no JSON: {error}') from error
    if sort == "k" and not isinstance(value, dict):
        raise UnreadableFieldsError(f'"{element}" names no keys')
    return f"{sort}:{_text(value)}"


def _element_in_words(element: str) -> str:
    sort, _, rest = element.partition(":")
    if sort == "f":
        return f".{rest}"
    if sort == "k":
        keys: Manifest = msgspec.json.decode(rest)
        return "[" + ",".join(f"{key}={_text(value)}" for key, value in keys.items()) + "]"
    return f"[={rest}]" if sort == "v" else f"[{rest}]"


def _text(value: Any) -> str:
    return _ENCODER.encode(value).decode()
