"""The records of a TensorBoard event file, and the numbers in them.

The file is a row of TFRecords, each a protocol buffer ``Event``. Both are read here by their wire
format, so that neither TensorFlow nor TensorBoard is needed.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from katib.collectors.lines import CHUNK_BYTES

#: What a program can do to its files; any other fault is the machine's, and passes.
NOTHING_TO_READ = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO)
)

#: How much one step looks at. Checksums are computed here, which takes its time.
STEP_BYTES = CHUNK_BYTES // 4

#: Up to this size every record is checked; a larger one holds images or a graph, and costs time.
CHECKED_BYTES = 4096

#: Length and checksum before a record, and all that surrounds it.
_HEADER_BYTES, _FRAME_BYTES = 12, 16

#: Where a record may begin: a length of four bytes that is not zero, in a field of eight.
_MAY_BEGIN = re.compile(rb"(?s)(?=(?!\0{4}).{4}\0{4})")

#: TensorFlow's type of element → its layout, and the field of a ``TensorProto`` that holds it.
_ELEMENTS = {1: ("<f", 5), 2: ("<d", 6), 3: ("<i", 7), 9: ("<q", 10)}
_VARINTS = (7, 10)

Field = int | bytes


class Scalar(msgspec.Struct, frozen=True):
    """One number that a program logged.

    Attributes:
        wall_time: seconds since 1970; 0 when the event has none.
        tag: the name it was logged under.
        value: the number's text.
    """

    wall_time: float
    tag: str
    value: str


class EventFile:
    """Reads an event file that may still be written, and keeps its place.

    A record that is not written to its end waits for it. A damaged one is passed over, and counted
    in :attr:`damaged`; where even its length is damaged, reading goes on at the next record that
    can be told. One longer than :data:`CHUNK_BYTES` is passed over too. A file that became shorter
    is read from its beginning again.

    Args:
        path: of the file.
        needles: parts of tags; records without any of them are not looked into.

    Attributes:
        damaged: how many records, or rows of records without a beginning, were passed over.
    """

    __slots__ = ("_is_lost", "_needles", "_offset", "_path", "_skip", "damaged")

    def __init__(self, path: str, needles: Sequence[bytes]) -> None:
        self._path, self._needles = path, needles
        self._offset = self._skip = self.damaged = 0
        self._is_lost = False

    def read(self) -> tuple[list[Scalar], int, bool]:
        """The next numbers, how many bytes they took, and whether they were the file's last.

        About :data:`STEP_BYTES` are looked at, and one record more.

        Raises:
            OSError: the machine cannot read, as when too many files are open.
        """
        data = self._next_bytes()
        has_more = len(data) == CHUNK_BYTES
        found: list[Scalar] = []
        place = min(self._skip, len(data))
        self._skip -= place
        while len(data) - place >= _HEADER_BYTES:
            if place >= STEP_BYTES:
                has_more = True
                break
            length = _length(data, place)
            if length is None:
                beginning = self._lose(data, place, has_more)
                if beginning == place:
                    break
                place = beginning
                continue
            self._is_lost = False
            end = place + _FRAME_BYTES + length
            if end > len(data):
                if length > CHUNK_BYTES - _FRAME_BYTES:
                    self._skip, place = end - len(data), len(data)
                break
            found += self._take(data[place + _HEADER_BYTES : end - 4], data[end - 4 : end])
            place = end
        self._offset += place
        return found, place, not has_more

    def _take(self, record: bytes, checksum: bytes) -> list[Scalar]:
        is_wanted = any(needle in record for needle in self._needles)
        if not is_wanted and len(record) > CHECKED_BYTES:
            return []
        try:
            if int.from_bytes(checksum, "little") != masked_checksum(record):
                raise ValueError("the checksum is of other bytes")
            return list(scalars(record)) if is_wanted else []
        except ValueError:
            self.damaged += 1
            return []

    def _lose(self, data: bytes, place: int, has_more: bool) -> int:
        """Where the next record begins, after one whose length is damaged.

        The place itself when nothing tells yet: the bytes may still be written over, as where
        space was reserved with zeros.
        """
        if not self._is_lost and data[place:].strip(b"\0"):
            self._is_lost = True
            self.damaged += 1
        for match in _MAY_BEGIN.finditer(data, place + 1):
            if _length(data, match.start()) is not None:
                return match.start()
        return max(place, len(data) - _HEADER_BYTES + 1) if has_more else place

    def _next_bytes(self) -> bytes:
        try:
            # A named pipe would keep the engine waiting for somebody to write.
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in NOTHING_TO_READ:
                return b""
            raise
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return b""
            if status.st_size < self._offset:
                self._offset = self._skip = self.damaged = 0
                self._is_lost = False
            # Room for a whole chunk would cost several times what a short record does.
            size = min(CHUNK_BYTES, status.st_size - self._offset)
            return os.pread(file, size, self._offset)
        finally:
            os.close(file)


def scalars(record: bytes) -> Iterator[Scalar]:
    """The numbers of one record: those of TensorFlow 1 and 2, PyTorch and tensorboardX.

    A number is a ``simple_value``, or a tensor of one element of type float, double, int32 or
    int64. Everything else that an event may hold is left out.

    Raises:
        ValueError: the record is no event.
    """
    event = list(fields(record))
    times = [value for value in _messages(event, 1) if len(value) == 8]
    wall_time: float = struct.unpack("<d", times[-1])[0] if times else 0.0
    for summary in _messages(event, 5):
        for message in _messages(fields(summary), 1):
            value = dict(fields(message))
            tag, text = value.get(1), _text(value)
            if isinstance(tag, bytes) and text is not None:
                yield Scalar(wall_time, tag.decode("utf-8", "replace"), text)


def fields(message: bytes) -> Iterator[tuple[int, Field]]:
    """The fields of a protocol buffer: numbers for varints, bytes for all else.

    Raises:
        ValueError: the bytes are no message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        wire = key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if wire == 2:
            size, place = _varint(message, place)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"found a field of wire type {wire}; there are 0, 1, 2 and 5")
        if place + size > len(message):
            raise ValueError("a field is longer than its message")
        yield key >> 3, message[place : place + size]
        place += size


def masked_checksum(data: bytes) -> int:
    """CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), turned and shifted as TFRecord does.

    Turned by 15 bits and 0xA282EAD8 added, so that a record within a record has another one.
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_CRC_TABLE = tuple(map(_crc_of, range(256)))


def _length(data: bytes, place: int) -> int | None:
    """The length of the record at a place; ``None`` when none begins there."""
    length, checksum = data[place : place + 8], data[place + 8 : place + _HEADER_BYTES]
    if len(checksum) < 4 or int.from_bytes(checksum, "little") != masked_checksum(length):
        return None
    return int.from_bytes(length, "little")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place == len(message):
            break
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number has no end")


def _messages(found: Iterable[tuple[int, Field]], wanted: int) -> Iterator[bytes]:
    return (value for number, value in found if number == wanted and isinstance(value, bytes))


def _text(value: Mapping[int, Field]) -> str | None:
    simple, tensor = value.get(2), value.get(8)
    if isinstance(simple, bytes):
        return _number("<f", simple)
    return _element(dict(fields(tensor))) if isinstance(tensor, bytes) else None


def _element(tensor: Mapping[int, Field]) -> str | None:
    """The only element of a tensor; ``None`` when it has more, or is of another type."""
    layout, place = _ELEMENTS.get(_whole(tensor.get(1)), ("", 0))
    shape = tensor.get(2, b"")
    if not layout or not isinstance(shape, bytes):
        return None
    for dimension in _messages(fields(shape), 2):
        if dict(fields(dimension)).get(1) != 1:
            return None
    content = tensor.get(4) or tensor.get(place)
    if isinstance(content, bytes) and content and not tensor.get(4) and place in _VARINTS:
        content, _ = _varint(content, 0)
    if isinstance(content, int):
        content = (content % 2**64).to_bytes(8, "little")[: struct.calcsize(layout)]
    return None if content is None else _number(layout, content)


def _whole(value: Field | None) -> int:
    return value if isinstance(value, int) else 0


def _number(layout: str, content: bytes) -> str | None:
    if len(content) != struct.calcsize(layout):
        return None
    (number,) = struct.unpack(layout, content)
    return _shortest(number) if layout == "<f" else repr(number)


def _shortest(number: float) -> str:
    """No more digits than tell a number of four bytes from its neighbours, as ``0.1``."""
    for digits in range(6, 9):
        text = f"{number:.{digits}g}"
        if struct.unpack("<f", struct.pack("<f", float(text)))[0] == number:
            return repr(float(text))
    return repr(float(f"{number:.9g}"))
