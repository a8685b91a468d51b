"""Documents put together and taken apart by their fields: what server-side apply does to values."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from katib.api.values import Manifest
from katib.api_server.fields import Path, UnnamedItemError, item_names, parts
from katib.api_server.list_keys import ListRule, Lists, Place
from katib.api_server.patch_errors import bad_request

#: Kubernetes keeps no empty ones of these.
_DROPPED_WHEN_EMPTY = {
    ("metadata", "annotations"),
    ("metadata", "labels"),
    ("metadata", "finalizers"),
    ("metadata", "ownerReferences"),
}


def without_nulls(value: Any) -> Any:
    """The value, its maps without the fields that are ``null``: they are as good as absent."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def merged(live: Any, wanted: Any, lists: Lists, place: Place = ()) -> Any:
    """The live value with the wanted one laid over it: maps and keyed lists are merged.

    Raises:
        PatchError: 400, an item of a wanted keyed list lacks its key, or is there twice.
    """
    if isinstance(wanted, dict) and isinstance(live, dict):
        laid = {
            key: merged(live.get(key), item, lists, (*place, key)) for key, item in wanted.items()
        }
        return {**live, **laid}
    if isinstance(wanted, dict):
        return {key: merged(None, item, lists, (*place, key)) for key, item in wanted.items()}
    if isinstance(wanted, list) and (rule := lists.rule(place)) is not None:
        return _merged_list(live, wanted, rule, (place, lists))
    return wanted


def pruned(value: Any, gone: Set[Path], leading: Set[Path], lists: Lists) -> Any:
    """The value without what lies at some paths.

    Args:
        value: a document.
        gone: the paths; whatever lies beneath them goes too.
        leading: every prefix of these paths, so that the rest need not be walked.
        lists: how lists are split.
    """
    return _pruned(value, ((), ()), (gone, leading), lists)


def _merged_list(
    live: Any, wanted: list[Any], rule: ListRule, there: tuple[Place, Lists]
) -> list[Any]:
    place, lists = there
    try:
        names = item_names(wanted, rule)
    except UnnamedItemError as error:
        raise bad_request(
            f"failed to create typed patch object: .{'.'.join(place)}: {error}"
        ) from error
    try:
        found = dict(zip(item_names(live or [], rule), live or [], strict=True))
    except (UnnamedItemError, TypeError):
        found = {}
    new = {
        name: merged(found.get(name), item, lists, place)
        for name, item in zip(names, wanted, strict=True)
    }
    return [new[name] if name in new else found[name] for name in _order(list(found), names)]


def _order(live: list[str], wanted: list[str]) -> list[str]:
    """The wanted names in their order, and between them the live ones where they stood."""
    ranks = {name: rank for rank, name in enumerate(live)}
    new = set(wanted)
    result: list[str] = []
    position = 0
    for name in wanted:
        # Up to the next name that both have, or through to this one when both have it.
        until = ranks.get(name, position)
        while position < len(live) and (live[position] not in new or position < until):
            if live[position] not in new:
                result.append(live[position])
            position += 1
        if position < len(live) and live[position] == name:
            position += 1
        result.append(name)
    return result + [name for name in live[position:] if name not in new]


def _pruned(
    value: Any, where: tuple[Path, Place], what: tuple[Set[Path], Set[Path]], lists: Lists
) -> Any:
    path, place = where
    gone, leading = what
    inside = parts(value, place, lists)
    if inside is None or (path and path not in leading):
        return value
    left = [
        (element, _pruned(item, ((*path, element), there), what, lists), there)
        for element, item, there in inside
        if (*path, element) not in gone
    ]
    if isinstance(value, list):
        return [item for _, item, _ in left]
    kept: Manifest = {}
    for element, item, there in left:
        if item or not (there in _DROPPED_WHEN_EMPTY or _was_emptied(value[element[2:]], item)):
            kept[element[2:]] = item
    return kept


def _was_emptied(before: Any, after: Any) -> bool:
    return isinstance(after, list) and not after and bool(before)
