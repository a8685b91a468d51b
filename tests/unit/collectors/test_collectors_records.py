from __future__ import annotations

import math
import os
import struct
from pathlib import Path

import pytest
from event_files import event, message, record, scalar, simple, tensor, varint, whole, write
from hypothesis import given, settings
from hypothesis import strategies as st

from katib.collectors.lines import CHUNK_BYTES
from katib.collectors.records import CHECKED_BYTES, EventFile, Scalar, masked_checksum, scalars

#: The beginning of what tensorboardX 2.6 wrote, and all but three records of TensorBoard 2.20's.
TENSORBOARD_X = bytes.fromhex(
    "1800000000000000a37f4b22091d7c67744ac0da411a0d627261696e2e4576656e743a329e6aba7b"
    "1c00000000000000c8c1951d09b88c67744ac0da412a110a0f0a0861636375726163791500000000a7e495f6"
    "1e00000000000000d9dc123209499667744ac0da412a130a110a0a4c6f73732f747261696e150000803f7e888857"
)
TENSORBOARD = bytes.fromhex(
    "4800000000000000fe92489d09064b72744ac0da411a0d627261696e2e4576656e743a32522e0a2c74656e736f72"
    "626f6172642e73756d6d6172792e7772697465722e6576656e745f66696c655f777269746572bc8dc645"
    "3200000000000000241956ec09f65372744ac0da412a270a250a086163637572616379420a080112002a04000000"
    "004a0d0a090a077363616c6172732001f916b4cd"
    "34000000000000005e33175c09fc5772744ac0da4110012a270a250a086163637572616379420a080112002a04cd"
    "cccc3d4a0d0a090a077363616c61727320015165392b"
)


class Reader:
    """Reads one file to its present end."""

    def __init__(self, path: Path, *needles: bytes) -> None:
        self.file = EventFile(str(path), needles or (b"",))

    def values(self) -> list[str]:
        found: list[str] = []
        for _ in range(100):
            some, _, is_at_end = self.file.read()
            found += [one.value for one in some]
            if is_at_end:
                return found
        raise AssertionError("the file has no end")


CHECKSUMS = {
    # RFC 3720, B.4, before they are masked.
    "32 bytes of zeros": (bytes(32), 0x8A9136AA),
    "32 bytes of ones": (b"\xff" * 32, 0x62A8AB43),
    "32 rising bytes": (bytes(range(32)), 0x46DD794E),
}


@pytest.mark.parametrize("case", CHECKSUMS)
def test_the_checksum_is_that_of_the_standard_masked(case: str) -> None:
    data, crc = CHECKSUMS[case]
    turned = crc >> 15 | crc << 17 & 0xFFFFFFFF
    assert masked_checksum(data) == (turned + 0xA282EAD8) % 2**32


REAL = {
    "tensorboardX": (TENSORBOARD_X, [("accuracy", "0.0"), ("Loss/train", "1.0")]),
    "TensorBoard": (TENSORBOARD, [("accuracy", "0.0"), ("accuracy", "0.1")]),
}


@pytest.mark.parametrize("case", REAL)
def test_what_others_wrote_is_read(case: str, tmp_path: Path) -> None:
    data, expected = REAL[case]
    file = EventFile(str(write(tmp_path, data)), (b"",))
    found, size, is_at_end = file.read()
    assert [(one.tag, one.value) for one in found] == expected
    assert 1_795_238_353 < found[0].wall_time < found[1].wall_time < 1_795_238_355
    assert (size, is_at_end, file.damaged) == (len(data), True, 0)


VALUES: dict[str, tuple[bytes, str | None]] = {
    "a simple value": (simple(0.25), "0.25"),
    "a simple value has as many digits as it needs": (simple(0.1), "0.1"),
    "a small simple value": (simple(-7.53e-05), "-7.53e-05"),
    "a third": (simple(1 / 3), "0.33333334"),
    "the largest float": (simple(3.4028234663852886e38), "3.4028235e+38"),
    "a simple value that is no number": (simple(float("nan")), "nan"),
    "a simple value without bound": (simple(float("-inf")), "-inf"),
    "a float": (tensor(1, message(5, struct.pack("<f", 0.1))), "0.1"),
    "a float that is not packed": (tensor(1, b"\x2d" + struct.pack("<f", 0.1)), "0.1"),
    "a float as raw bytes": (tensor(1, message(4, struct.pack("<f", 2.5))), "2.5"),
    "a float in one row and one column": (tensor(1, message(5, struct.pack("<f", 3)), 1, 1), "3.0"),
    "a double": (tensor(2, message(6, struct.pack("<d", 0.1 + 0.2))), "0.30000000000000004"),
    "a double as raw bytes": (tensor(2, message(4, struct.pack("<d", 0.1))), "0.1"),
    "an int32": (tensor(3, message(7, varint(300))), "300"),
    "an int32 below zero": (tensor(3, message(7, varint(-300))), "-300"),
    "an int32 that is not packed": (tensor(3, whole(7, 5)), "5"),
    "an int32 as raw bytes": (tensor(3, message(4, struct.pack("<i", -2))), "-2"),
    "an int64": (tensor(9, message(10, varint(2**40))), str(2**40)),
    "an int64 below zero": (tensor(9, whole(10, -1)), "-1"),
    "a row of floats": (tensor(1, message(5, struct.pack("<2f", 1, 2)), 2), None),
    "a row that is empty": (tensor(1, b"", 0), None),
    "more bytes than one element has": (tensor(1, message(4, bytes(8))), None),
    "a tensor without an element": (tensor(1, b""), None),
    "a text": (tensor(7, message(8, b"0.5")), None),
    "a half": (tensor(19, whole(13, 15360)), None),
    "a histogram": (message(5, bytes(8)), None),
    "an image": (message(4, whole(1, 28)), None),
}


@pytest.mark.parametrize("case", VALUES)
def test_the_number_of_a_value(case: str) -> None:
    value, expected = VALUES[case]
    found = list(scalars(event("loss", value, time=12.5)))
    assert found == ([] if expected is None else [Scalar(12.5, "loss", expected)])


def test_an_event_may_hold_several_values_and_no_time() -> None:
    one, two = (message(1, message(1, tag) + simple(1)) for tag in (b"a", b"b"))
    nameless = message(1, simple(1))
    assert list(scalars(message(5, one + nameless + two))) == [
        Scalar(0.0, "a", "1.0"),
        Scalar(0.0, "b", "1.0"),
    ]


def test_a_tag_that_is_no_text_is_one_nevertheless() -> None:
    (found,) = scalars(message(5, message(1, message(1, b"\xff") + simple(1))))
    assert found.tag == "\ufffd"


NO_EVENTS = {
    "a field longer than its message": b"\x2a\x05abc",
    "a number without an end": b"\x10" + b"\xff" * 11,
    "a number cut off": b"\x10\xff",
    "a group": b"\x2b",
    "a time cut off": b"\x09\x00",
}


@pytest.mark.parametrize("case", NO_EVENTS)
def test_a_record_that_is_no_event_is_damaged(case: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^(a|found a) (field|number)"):
        list(scalars(NO_EVENTS[case]))
    reader = Reader(write(tmp_path, record(NO_EVENTS[case]), scalar("loss", 1)))
    assert (reader.values(), reader.file.damaged) == (["1.0"], 1)


def test_a_record_counts_when_it_is_complete(tmp_path: Path) -> None:
    whole_record = scalar("loss", 0.5)
    path = write(tmp_path, scalar("loss", 1))
    reader = Reader(path)
    assert reader.values() == ["1.0"]
    for place in range(len(whole_record)):
        assert reader.values() == []
        write(tmp_path, whole_record[place : place + 1])
    assert reader.values() == ["0.5"]
    assert reader.file.damaged == 0


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


GOOD = scalar("loss", 2)
DAMAGED: dict[str, tuple[bytes, list[str], int]] = {
    "in its content": (flip(GOOD, 20), ["2.0", "3.0"], 1),
    "in its checksum": (flip(GOOD, len(GOOD) - 1), ["2.0", "3.0"], 1),
    "in its length": (flip(GOOD, 0), ["2.0", "3.0"], 1),
    "in the checksum of its length": (flip(GOOD, 9), ["2.0", "3.0"], 1),
    "by bytes before it": (b"loss=3\n", ["2.0", "3.0"], 1),
    "by a long row of zeros": (bytes(3000), ["2.0", "3.0"], 1),
    "by bytes that are missing, which the next one loses": (GOOD[:-7], ["3.0"], 2),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_record_is_passed_over_and_counted(case: str, tmp_path: Path) -> None:
    data, expected, count = DAMAGED[case]
    reader = Reader(write(tmp_path, scalar("loss", 1), data, GOOD, scalar("loss", 3)))
    assert (reader.values(), reader.file.damaged) == (["1.0", *expected], count)
    assert (reader.values(), reader.file.damaged) == ([], count)


def test_a_file_that_is_none_is_one_damaged_record(tmp_path: Path) -> None:
    reader = Reader(write(tmp_path, b"\xff\xfe loss=1\n" * 100))
    assert (reader.values(), reader.values(), reader.file.damaged) == ([], [], 1)


def test_reserved_space_is_waited_for(tmp_path: Path) -> None:
    path = write(tmp_path, scalar("loss", 1), bytes(len(GOOD)))
    reader = Reader(path)
    assert reader.values() == ["1.0"]
    with path.open("r+b") as file:
        file.seek(len(GOOD))
        file.write(GOOD)
    assert (reader.values(), reader.file.damaged) == (["2.0"], 0)


def test_a_large_damaged_file_is_read_to_its_end(tmp_path: Path) -> None:
    path = write(tmp_path, b"\x00\x01loss" * (CHUNK_BYTES // 3), scalar("loss", 1))
    reader = Reader(path)
    assert (reader.values(), reader.file.damaged) == (["1.0"], 1)


def test_a_record_longer_than_a_chunk_is_passed_over(tmp_path: Path) -> None:
    image = record(event("image", message(4, b"x")) + b"y" * 64)
    length = struct.pack("<Q", 3 * CHUNK_BYTES)
    huge = length + struct.pack("<I", masked_checksum(length)) + b"x" * (3 * CHUNK_BYTES + 4)
    reader = Reader(write(tmp_path, scalar("loss", 1), huge, image, scalar("loss", 2)), b"loss")
    assert (reader.values(), reader.file.damaged) == (["1.0", "2.0"], 0)


def test_a_long_record_that_is_still_written_is_no_end(tmp_path: Path) -> None:
    length = struct.pack("<Q", 2 * CHUNK_BYTES)
    head = length + struct.pack("<I", masked_checksum(length))
    path = write(tmp_path, head + b"x" * CHUNK_BYTES)
    reader = Reader(path)
    assert reader.values() == []
    write(tmp_path, b"x" * (CHUNK_BYTES + 4), scalar("loss", 1))
    assert (reader.values(), reader.file.damaged) == (["1.0"], 0)


def test_a_record_with_a_number_beside_an_image_is_read(tmp_path: Path) -> None:
    image = message(1, message(1, b"image") + message(4, b"x" * 10 * CHECKED_BYTES))
    both = record(message(5, image) + event("loss", 1))
    assert Reader(write(tmp_path, both, flip(both, 5000)), b"loss").values() == ["1.0"]


def test_a_large_record_that_names_no_tag_is_not_looked_into(tmp_path: Path) -> None:
    large = flip(record(message(4, b"x" * 2 * CHECKED_BYTES)), 100)
    small = flip(record(message(4, b"x" * (CHECKED_BYTES // 2))), 100)
    reader = Reader(write(tmp_path, large, small, scalar("loss", 1)), b"loss")
    assert (reader.values(), reader.file.damaged) == (["1.0"], 1)


def test_a_file_that_became_shorter_is_read_anew(tmp_path: Path) -> None:
    path = write(tmp_path, flip(GOOD, 20), *[scalar("loss", 1)] * 3)
    reader = Reader(path)
    assert (reader.values(), reader.file.damaged) == (["1.0"] * 3, 1)
    path.write_bytes(GOOD)
    assert (reader.values(), reader.file.damaged) == (["2.0"], 0)


@pytest.mark.parametrize("kind", ["nothing", "folder", "pipe", "loop"])
def test_what_is_no_file_holds_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "tfevents"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    assert EventFile(str(path), (b"",)).read() == ([], 0, True)


def test_a_fault_of_the_machine_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        EventFile(str(tmp_path / "tfevents"), (b"",)).read()


TAGS = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
FLOATS = st.floats(width=32)


@settings(max_examples=200, deadline=None)
@given(logged=st.lists(st.tuples(TAGS, FLOATS, st.floats(0, 1e10)), max_size=8))
def test_every_number_that_was_written_is_read(
    logged: list[tuple[str, float, float]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("events")
    path = write(folder, *(scalar(tag, value, time) for tag, value, time in logged))
    file = EventFile(str(path), (b"",))
    found, _, is_at_end = file.read()
    assert (is_at_end, file.damaged) == (True, 0)
    assert [(one.tag, one.wall_time) for one in found] == [(tag, time) for tag, _, time in logged]
    values = [struct.pack("<f", float(one.value)) for one in found]
    nan = struct.pack("<f", math.nan)
    assert values == [nan if math.isnan(one) else struct.pack("<f", one) for _, one, _ in logged]


@settings(max_examples=300, deadline=None)
@given(noise=st.binary(max_size=300))
def test_no_bytes_hide_the_records_behind_them(
    noise: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = write(tmp_path_factory.mktemp("noise"), noise, *[scalar("loss", 1)] * 2)
    assert "1.0" in Reader(path, b"loss").values()


@settings(max_examples=500, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_value_error(data: bytes) -> None:
    try:
        found = list(scalars(data))
    except ValueError:
        return
    assert all(math.isnan(float(one.value)) or one.value for one in found)


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 200), mask=st.integers(1, 255))
def test_a_flipped_byte_gives_no_other_number(
    place: int, mask: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = b"".join(scalar("loss", number) for number in range(1, 5))
    place %= len(data)
    damaged = data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]
    path = write(tmp_path_factory.mktemp("flipped"), damaged, scalar("loss", 9))
    found = Reader(path, b"loss").values()
    assert set(found) <= {"1.0", "2.0", "3.0", "4.0", "9.0"}
    assert len(found) >= 4
