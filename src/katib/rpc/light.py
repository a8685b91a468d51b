"""The messages of a client that has no room for protobuf's library: a metrics collector.

A handful of strings is all there is in them. The library would take a tenth of the memory and of
the start that a collector may have; ``tests`` hold these functions against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from katib.ports.observation_log import MetricEntry

REPORT = "/api.v1.beta1.DBManager/ReportObservationLog"
READ = "/api.v1.beta1.DBManager/GetObservationLog"
DELETE = "/api.v1.beta1.DBManager/DeleteObservationLog"
SET_TRIAL_STATUS = "/api.v1.beta1.EarlyStopping/SetTrialStatus"

#: Kinds of values on the wire that are not read: their lengths.
_FIXED = {1: 8, 5: 4}
_VARINT, _BYTES = 0, 2


def write_texts(*texts: str) -> bytes:
    """A message whose fields from 1 on are these texts."""
    return b"".join(
        _field(number, text.encode("utf-8", "replace"))
        for number, text in enumerate(texts, start=1)
        if text
    )


def write_report(trial: str, entries: Iterable[MetricEntry]) -> bytes:
    """A ``ReportObservationLogRequest``."""
    log = b"".join(
        _field(1, write_texts(_text(one.time)) + _field(2, write_texts(one.name, one.value)))
        for one in entries
    )
    return write_texts(trial) + _field(2, log)


def read_log(reply: bytes) -> list[MetricEntry]:
    """The entries of a ``GetObservationLogReply``.

    Raises:
        ValueError: it is none.
    """
    entries: list[MetricEntry] = []
    for _, log in _fields(reply):
        for _, one in _fields(log):
            texts = dict(_fields(one))
            metric = dict(_fields(texts.get(2, b"")))
            time = datetime.fromisoformat(texts.get(1, b"").decode()).astimezone(UTC)
            name, value = (metric.get(number, b"").decode() for number in (1, 2))
            entries.append(MetricEntry(time, name, value))
    return entries


def same(message: bytes) -> bytes:
    """What turns these messages into bytes, and back: they are."""
    return message


def method(channel: Any, name: str) -> Callable[..., bytes]:
    """A method of a channel of gRPC, for these messages."""
    found: Callable[..., bytes] = channel.unary_unary(name, same, same)
    return found


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | _BYTES,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that are bytes; others are passed over, as newer services may have them."""
    at = 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        kind = tag & 7
        if kind == _VARINT:
            _, at = _read_varint(message, at)
            continue
        length = _FIXED.get(kind)
        if length is None:
            if kind != _BYTES:
                raise ValueError(f"a field of the kind {kind}, which no message has")
            length, at = _read_varint(message, at)
        if at + length > len(message):
            raise ValueError("the message ends in the middle of a field")
        if kind == _BYTES:
            yield tag >> 3, message[at : at + length]
        at += length


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if at == len(message) or shift > 63:
            raise ValueError("the message ends in the middle of a number")
        number |= (message[at] & 0x7F) << shift
        shift += 7
        at += 1
        if message[at - 1] < 0x80:
            return number, at


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
