"""Strategic merge patch: a merge patch that knows which lists are maps by name.

Directives inside the patch steer it: ``$patch`` (``merge``, ``replace`` or ``delete``),
``$retainKeys``, ``$deleteFromPrimitiveList/<field>`` and ``$setElementOrder/<field>``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from katib.api.values import Manifest
from katib.api_server.list_keys import ListRule, Lists, Place
from katib.api_server.patch_errors import PatchError, bad_request, invalid

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ORDER = "$setElementOrder/"


def merge_strategically(stored: Manifest, patch: Manifest, lists: Lists) -> Manifest:
    """The stored document with the patch merged in; both are left as they are.

    Raises:
        PatchError: 400, a directive has a wrong form; 422, an item of a list lacks its merge key.
    """
    return _Merge(lists).maps(stored, patch, ())


class _Merge:
    def __init__(self, lists: Lists) -> None:
        self._lists = lists

    def maps(self, stored: Manifest, patch: Manifest, place: Place) -> Manifest:
        directive = patch.get(_PATCH, "merge")
        if directive == "replace":
            return {key: plain(value) for key, value in patch.items() if _is_kept(key, value)}
        if directive == "delete":
            return {}
        if directive != "merge":
            raise _unknown(directive, patch)
        return self._fields(stored, patch, place)

    def _fields(self, stored: Manifest, patch: Manifest, place: Place) -> Manifest:
        merged = _retained(stored, patch)
        # Items go before others come, and the order is that of the finished list.
        for key, value in patch.items():
            if key.startswith(_DELETE_FROM):
                _drop_scalars(merged, key.removeprefix(_DELETE_FROM), value)
        for key, value in patch.items():
            if not key.startswith("$"):
                self._field(merged, key, value, (*place, key))
        for key, value in patch.items():
            if key.startswith(_ORDER):
                field = key.removeprefix(_ORDER)
                self._reorder(merged, stored, field, value, (*place, field))
        return merged

    def _field(self, merged: Manifest, key: str, value: Any, place: Place) -> None:
        found = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(found, dict):
            merged[key] = self.maps(found, value, place)
        elif isinstance(value, list) and (rule := self._lists.rule(place)) is not None:
            merged[key] = self._list(found if isinstance(found, list) else [], value, rule, place)
        elif not (isinstance(value, dict) and value.get(_PATCH) == "delete"):
            merged[key] = plain(value)

    def _list(self, stored: list[Any], patch: list[Any], rule: ListRule, place: Place) -> list[Any]:
        if not rule.keys:
            return _ordered(_distinct([*stored, *patch]), [_token(item) for item in patch], stored)
        key = rule.keys[0]
        kept, wanted = _obey_items(stored, patch, key, place)
        merged = list(kept)
        spots = {_token(item, key): spot for spot, item in reversed([*enumerate(merged)])}
        for item in wanted:
            name = _name(item, key, place)
            if name in spots:
                merged[spots[name]] = self.maps(merged[spots[name]], item, place)
            else:
                spots[name] = len(merged)
                merged.append(plain(item))
        return _ordered(merged, [_token(item, key) for item in wanted], stored, key)

    def _reorder(
        self, merged: Manifest, stored: Manifest, field: str, order: Any, place: Place
    ) -> None:
        rule = self._lists.rule(place)
        if rule is None or not isinstance(merged.get(field), list):
            return
        if not isinstance(order, list):
            raise bad_request("invalid patch format of setElementOrder list")
        before = stored.get(field)
        key = rule.keys[0] if rule.keys else ""
        names = [_name(item, key, place) if key else _token(item) for item in order]
        earlier = before if isinstance(before, list) else []
        merged[field] = _ordered(merged[field], names, earlier, key)


def plain(value: Any) -> Any:
    """A value of a patch that meets nothing: without directives and without deletions."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if _is_kept(key, item)}
    if isinstance(value, list):
        return [plain(item) for item in value if not _is_directive(item)]
    return value


def _is_kept(key: str, value: Any) -> bool:
    return value is not None and not key.startswith((_PATCH, _RETAIN, _DELETE_FROM, _ORDER))


def _is_directive(item: Any) -> bool:
    if not isinstance(item, dict) or _PATCH not in item:
        return False
    return item[_PATCH] == "delete" or (item[_PATCH] == "replace" and len(item) == 1)


def _retained(stored: Manifest, patch: Manifest) -> Manifest:
    if _RETAIN not in patch:
        return dict(stored)
    names = patch[_RETAIN]
    if not isinstance(names, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if not key.startswith("$") and value is not None and key not in names:
            raise bad_request(
                f'invalid patch format of retainKeys: "{key}" is set, and $retainKeys lacks it'
            )
    return {key: value for key, value in stored.items() if key in names}


def _drop_scalars(merged: Manifest, field: str, gone: Any) -> None:
    if not isinstance(gone, list) or any(isinstance(item, (dict, list)) for item in gone):
        raise bad_request("invalid patch format of primitive list")
    found = merged.get(field)
    if isinstance(found, list):
        names = {_token(item) for item in gone}
        merged[field] = [item for item in found if _token(item) not in names]


def _obey_items(
    stored: list[Any], patch: list[Any], key: str, place: Place
) -> tuple[list[Any], list[Manifest]]:
    """What is left of the stored items, and the items to merge, after the items' directives."""
    gone: set[bytes] = set()
    wanted: list[Manifest] = []
    replaces = False
    for item in patch:
        if not isinstance(item, dict):
            raise bad_request(f"{'.'.join(place)}: its items are objects with the key {key}")
        directive = item.get(_PATCH)
        if directive == "delete":
            gone.add(_name(item, key, place))
        elif directive == "replace":
            replaces = True
        elif directive in (None, "merge"):
            wanted.append(item)
        else:
            raise _unknown(directive, item)
    kept = [] if replaces else [item for item in stored if _token(item, key) not in gone]
    return kept, wanted


def _ordered(
    merged: Sequence[Any], order: Sequence[bytes], stored: Sequence[Any], key: str = ""
) -> list[Any]:
    """Items named in ``order`` in that order; the others keep their places among the stored."""
    wanted = {name: number for number, name in reversed([*enumerate(order)])}
    before = {_token(item, key): number for number, item in reversed([*enumerate(stored)])}
    first = [item for item in merged if _token(item, key) in wanted]
    first.sort(key=lambda item: wanted[_token(item, key)])
    others = [item for item in merged if _token(item, key) not in wanted]
    result: list[Any] = []
    taken = 0
    for item in first:
        spot = before.get(_token(item, key), -1)
        while taken < len(others) and before.get(_token(others[taken], key), spot) < spot:
            result.append(others[taken])
            taken += 1
        result.append(item)
    return result + others[taken:]


def _distinct(values: Iterable[Any]) -> list[Any]:
    return list({_token(value): value for value in reversed([*values])}.values())[::-1]


def _token(item: Any, key: str = "") -> bytes:
    """What tells an item apart: its JSON text, or that of its merge key."""
    if key:
        item = item.get(key) if isinstance(item, dict) else None
    return msgspec.json.encode(item)


def _name(item: Any, key: str, place: Place) -> bytes:
    if not isinstance(item, dict) or item.get(key) is None:
        raise invalid(f"{'.'.join(place)}: {item} does not contain declared merge key: {key}")
    return _token(item, key)


def _unknown(directive: Any, where: Manifest) -> PatchError:
    return bad_request(
        f"unknown patch type: {directive} in map: {where}; $patch is merge, replace or delete"
    )
