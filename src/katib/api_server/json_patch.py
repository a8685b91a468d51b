"""JSON Patch, RFC 6902: a list of operations, all of which apply or none does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from katib.api_server.equality import same
from katib.api_server.patch_errors import PatchError, bad_request, invalid

#: How many operations one patch may have.
LONGEST = 10_000
#: How many bytes of JSON the ``copy`` operations of one patch may add together.
MOST_COPIED = 3 * 2**20

_REJECTED = "the server rejected our request due to an error in our request"
#: The operations, and the member that each needs beside its path.
_NEEDS = {
    "add": "value",
    "copy": "from",
    "move": "from",
    "remove": "",
    "replace": "value",
    "test": "value",
}
_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")
_STRAY_TILDE = re.compile(r"~(?![01])")

Tokens = tuple[str, ...]


class _Missing(Exception):
    """There is nothing at a place, or nothing can be put there."""


def apply_json_patch(document: Any, operations: Any) -> Any:
    """A new document with every operation applied, in order.

    Args:
        document: plain JSON data, which is left as it is.
        operations: the decoded body.

    Raises:
        PatchError: 400, the body is no JSON Patch; 413, it has too many operations; 422, an
            operation does not apply or a ``test`` fails.
    """
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON Patch is a list of operations")
    if len(operations) > LONGEST:
        raise PatchError(
            "RequestEntityTooLarge",
            f"The allowed maximum operations in a JSON patch is {LONGEST}, got {len(operations)}",
            413,
        )
    read = [_Operation(number, entry) for number, entry in enumerate(operations)]
    work = _Work(_copy(document))
    for operation in read:
        work.do(operation)
    return work.document


class _Operation:
    """One operation, its members checked."""

    def __init__(self, number: int, entry: Any) -> None:
        if not isinstance(entry, dict):
            raise bad_request(f"error decoding patch: operation {number} is no object")
        self.name = str(entry.get("op"))
        if self.name not in _NEEDS:
            raise bad_request(
                f'error decoding patch: operation {number} has the op "{self.name}"; use one of '
                + ", ".join(_NEEDS)
            )
        needed = _NEEDS[self.name]
        if needed and needed not in entry:
            raise bad_request(
                f'error decoding patch: operation {number} ({self.name}) lacks "{needed}"'
            )
        self.path, self.tokens = _pointer(number, "path", entry.get("path"))
        self.value = entry.get("value")
        self.source: Tokens = ()
        if needed == "from":
            self.origin, self.source = _pointer(number, "from", entry["from"])


class _Work:
    """The document while operations change it."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._copied = 0

    def do(self, operation: _Operation) -> None:
        actions: dict[str, Callable[[_Operation], None]] = {
            "add": lambda one: self._add(one.tokens, one.value),
            "copy": self._duplicate,
            "move": self._move,
            "remove": lambda one: self._remove(one.tokens),
            "replace": self._replace,
            "test": self._test,
        }
        try:
            actions[operation.name](operation)
        except _Missing as error:
            raise invalid(
                f"{_REJECTED}: {operation.name} operation does not apply: doc is missing path: "
                f"{operation.path}: {error}"
            ) from None

    def _find(self, tokens: Tokens) -> Any:
        found = self.document
        for token in tokens:
            found = _child(found, token)
        return found

    def _add(self, tokens: Tokens, value: Any) -> None:
        if not tokens:
            self.document = value
            return
        parent, last = self._find(tokens[:-1]), tokens[-1]
        if isinstance(parent, dict):
            parent[last] = value
        elif isinstance(parent, list):
            parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
        else:
            raise _Missing(f'"{last}" would have to be put into a scalar')

    def _remove(self, tokens: Tokens) -> Any:
        if not tokens:
            raise _Missing("the whole document cannot be removed")
        parent, last = self._find(tokens[:-1]), tokens[-1]
        value = _child(parent, last)
        del parent[last if isinstance(parent, dict) else int(last)]
        return value

    def _replace(self, one: _Operation) -> None:
        self._find(one.tokens)
        if one.tokens:
            parent, last = self._find(one.tokens[:-1]), one.tokens[-1]
            parent[last if isinstance(parent, dict) else int(last)] = one.value
        else:
            self.document = one.value

    def _move(self, one: _Operation) -> None:
        if one.source == one.tokens:
            self._find(one.source)
            return
        if one.tokens[: len(one.source)] == one.source:
            raise _Missing(f'"{one.origin}" cannot be moved into itself')
        self._add(one.tokens, self._remove(one.source))

    def _duplicate(self, one: _Operation) -> None:
        text = msgspec.json.encode(self._find(one.source))
        # Copies of copies double: a short patch could otherwise fill the memory.
        self._copied += len(text)
        if self._copied > MOST_COPIED:
            raise invalid(
                f"{_REJECTED}: unable to complete the copy, the accumulated size increase of copy "
                f"is {self._copied}, exceeding the limit {MOST_COPIED}"
            )
        self._add(one.tokens, msgspec.json.decode(text))

    def _test(self, one: _Operation) -> None:
        if not same(self._find(one.tokens), one.value):
            raise invalid(f"{_REJECTED}: testing value {one.path} failed: test failed")


def _pointer(number: int, member: str, text: Any) -> tuple[str, Tokens]:
    """A JSON Pointer, RFC 6901, as it stands and as its reference tokens."""
    if not isinstance(text, str):
        raise bad_request(f'error decoding patch: operation {number} lacks "{member}", a pointer')
    if (text and not text.startswith("/")) or _STRAY_TILDE.search(text):
        raise bad_request(
            f'error decoding patch: operation {number} has the {member} "{text}"; a pointer starts '
            'with "/", and writes "~" as "~0"'
        )
    return text, tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _child(parent: Any, token: str) -> Any:
    if isinstance(parent, dict):
        if token not in parent:
            raise _Missing(f'there is no "{token}"')
        return parent[token]
    if isinstance(parent, list):
        return parent[_index(token, len(parent) - 1)]
    raise _Missing(f'"{token}" is looked for in a scalar')


def _index(token: str, most: int) -> int:
    if not _INDEX.fullmatch(token) or int(token) > most:
        raise _Missing(f'"{token}" is no index of a list whose last one is {most}')
    return int(token)


def _copy(document: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(document))
