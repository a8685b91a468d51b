"""Event files as programs write them, byte by byte and independently of what reads them."""

from __future__ import annotations

import struct
from pathlib import Path

NAME = "events.out.tfevents.1.host"


def checksum(data: bytes) -> bytes:
    """Bit by bit: CRC-32C, masked."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1))
    crc ^= 0xFFFFFFFF
    turned = (crc >> 15) | (crc << 17 & 0xFFFFFFFF)
    return struct.pack("<I", (turned + 0xA282EAD8) % 2**32)


def record(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + checksum(length) + data + checksum(data)


def varint(number: int) -> bytes:
    number %= 2**64
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def simple(value: float) -> bytes:
    return b"\x15" + struct.pack("<f", value)


def tensor(kind: int, content: bytes, *shape: int) -> bytes:
    dimensions = b"".join(message(2, whole(1, size)) for size in shape)
    return message(8, whole(1, kind) + message(2, dimensions) + content)


def event(tag: str, value: bytes | float, time: float = 0.0, step: int = 1) -> bytes:
    """An event with one value, which is a ``simple_value`` when it is a number."""
    content = value if isinstance(value, bytes) else simple(value)
    logged = message(1, message(1, tag.encode()) + content)
    return b"\x09" + struct.pack("<d", time) + whole(2, step) + message(5, logged)


def scalar(tag: str, value: bytes | float, time: float = 0.0) -> bytes:
    return record(event(tag, value, time))


def write(folder: Path, *records: bytes, name: str = NAME) -> Path:
    """Append records to an event file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("ab") as file:
        file.write(b"".join(records))
    return path
