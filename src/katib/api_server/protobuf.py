"""Bodies in Kubernetes' protocol buffers, of the kinds that kubectl writes in nothing else.

Those are the objects of commands like ``kubectl create configmap`` and ``kubectl auth can-i``; what
comes from files is JSON. The numbers are those of the ``.proto`` files of ``k8s.io/api`` and
``k8s.io/apimachinery``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from katib.api.codec import format_time
from katib.api.values import Manifest

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

_MAGIC = b"k8s\x00"
_VARINT, _EIGHT_BYTES, _TEXT, _FOUR_BYTES = 0, 1, 2, 5

Field = tuple[str, str]

#: Message → number → name and type: ``text``, ``bytes``, ``flag``, ``integer``, ``time``, a map of
#: texts or bytes, another message; in brackets where there may be many.
_MESSAGES: Mapping[str, Mapping[int, Field]] = {
    "TypeMeta": {1: ("apiVersion", "text"), 2: ("kind", "text")},
    "ObjectMeta": {
        1: ("name", "text"),
        2: ("generateName", "text"),
        3: ("namespace", "text"),
        4: ("selfLink", "text"),
        5: ("uid", "text"),
        6: ("resourceVersion", "text"),
        7: ("generation", "integer"),
        8: ("creationTimestamp", "time"),
        11: ("labels", "texts by name"),
        12: ("annotations", "texts by name"),
        13: ("ownerReferences", "[OwnerReference]"),
        14: ("finalizers", "[text]"),
    },
    "OwnerReference": {
        1: ("kind", "text"),
        3: ("name", "text"),
        4: ("uid", "text"),
        5: ("apiVersion", "text"),
        6: ("controller", "flag"),
        7: ("blockOwnerDeletion", "flag"),
    },
    "Namespace": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "NamespaceSpec"),
        3: ("status", "NamespaceStatus"),
    },
    "NamespaceSpec": {1: ("finalizers", "[text]")},
    "NamespaceStatus": {1: ("phase", "text")},
    "ConfigMap": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "texts by name"),
        3: ("binaryData", "bytes by name"),
        4: ("immutable", "flag"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "bytes by name"),
        3: ("type", "text"),
        4: ("stringData", "texts by name"),
        5: ("immutable", "flag"),
    },
    "ServiceAccount": {1: ("metadata", "ObjectMeta"), 4: ("automountServiceAccountToken", "flag")},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectAccessReviewSpec"),
        3: ("status", "SubjectAccessReviewStatus"),
    },
    "SelfSubjectAccessReviewSpec": {
        1: ("resourceAttributes", "ResourceAttributes"),
        2: ("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ResourceAttributes": {
        1: ("namespace", "text"),
        2: ("verb", "text"),
        3: ("group", "text"),
        4: ("version", "text"),
        5: ("resource", "text"),
        6: ("subresource", "text"),
        7: ("name", "text"),
    },
    "NonResourceAttributes": {1: ("path", "text"), 2: ("verb", "text")},
    "SubjectAccessReviewStatus": {
        1: ("allowed", "flag"),
        2: ("reason", "text"),
        3: ("evaluationError", "text"),
        4: ("denied", "flag"),
    },
    "SelfSubjectRulesReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "SelfSubjectRulesReviewSpec"),
        3: ("status", "SubjectRulesReviewStatus"),
    },
    "SelfSubjectRulesReviewSpec": {1: ("namespace", "text")},
    "SubjectRulesReviewStatus": {3: ("incomplete", "flag"), 4: ("evaluationError", "text")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "integer"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "flag"),
        4: ("propagationPolicy", "text"),
        5: ("dryRun", "[text]"),
    },
    "Preconditions": {1: ("uid", "text"), 2: ("resourceVersion", "text")},
}
_KINDS = frozenset(
    (
        "ConfigMap",
        "DeleteOptions",
        "Namespace",
        "Secret",
        "SelfSubjectAccessReview",
        "SelfSubjectRulesReview",
        "ServiceAccount",
    )
)


class UnreadKindError(ValueError):
    """Objects of this kind are read from JSON only."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"{kind or 'an object without a kind'} is read from application/json only; write it "
            "into a file and create it with kubectl create -f"
        )


def read_protobuf(data: bytes) -> Manifest:
    """The object in a body.

    Raises:
        UnreadKindError: this kind is not read.
        ValueError: it is no such body, or says what only JSON can say here.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("it does not begin as Kubernetes' protocol buffers do")
    head: dict[str, Any] = {}
    for number, value in _fields(data[len(_MAGIC) :]):
        if number == 1:
            head = _message("TypeMeta", _as_bytes(value))
        elif number == 2:
            head["raw"] = _as_bytes(value)
    raw, kind = head.pop("raw", b""), str(head.get("kind", ""))
    if kind not in _KINDS:
        raise UnreadKindError(kind)
    return {**head, **_message(kind, raw)}


def _message(name: str, data: bytes) -> Manifest:
    """A message as JSON has it; what is empty is absent, as the sender cannot leave it out."""
    known = _MESSAGES[name]
    found: Manifest = {}
    for number, value in _fields(data):
        if number not in known:
            if value not in (0, b""):
                raise ValueError(f"field {number} of {name} is read from JSON only")
            continue
        field, type = known[number]
        if type.startswith("["):
            found.setdefault(field, []).append(_value(type.strip("[]"), value))
        elif type.endswith(" by name"):
            found.setdefault(field, {}).update([_entry(type, _as_bytes(value))])
        else:
            read = _value(type, value)
            if read not in ("", None):
                found[field] = read
    return found


def _entry(type: str, data: bytes) -> tuple[str, str]:
    parts = {number: _as_bytes(value) for number, value in _fields(data)}
    name, content = parts.get(1, b"").decode(), parts.get(2, b"")
    return name, _base64(content) if type.startswith("bytes") else content.decode()


def _value(type: str, value: int | bytes) -> Any:
    read = _READERS.get(type)
    return _message(type, _as_bytes(value)) if read is None else read(value)


def _time(value: int | bytes) -> str | None:
    parts = dict(_fields(_as_bytes(value)))
    seconds = parts.get(1, 0)
    if not isinstance(seconds, int):
        raise ValueError("a time is no number of seconds")
    return format_time(datetime.fromtimestamp(seconds, UTC)) if 0 < seconds < 2**35 else None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number stands where a text or a message is expected")
    return value


_READERS: Mapping[str, Callable[[int | bytes], Any]] = {
    "text": lambda value: _as_bytes(value).decode(),
    "bytes": lambda value: _base64(_as_bytes(value)),
    "flag": bool,
    "integer": lambda value: value if value else None,
    "time": _time,
}


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of all that is in a message."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        size, position = _size(data, position, wire)
        end = position + size
        if end > len(data):
            raise ValueError("it ends within a field")
        yield tag >> 3, data[position:end]
        position = end


def _size(data: bytes, position: int, wire: int) -> tuple[int, int]:
    if wire == _TEXT:
        return _varint(data, position)
    fixed = {_EIGHT_BYTES: 8, _FOUR_BYTES: 4}.get(wire)
    if fixed is None:
        raise ValueError(f"wire type {wire} is not used by Kubernetes")
    return fixed, position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("it ends within a number")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise ValueError("a number is longer than 64 bits")
