"""Metrics out of TensorBoard's event files, as TensorFlow, PyTorch and tensorboardX write them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from katib.api.wildcards import literal_of, matches
from katib.collectors.following import Reading
from katib.collectors.records import NOTHING_TO_READ, STEP_BYTES, EventFile, Scalar
from katib.collectors.times import time_of_seconds
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.sidecar import METRICS_FILE_VARIABLE

#: What a file's name holds when TensorBoard takes it for an event file.
EVENT_FILE = "tfevents"

#: What a folder or a file costs at least, so that a call looks at a bounded number of them.
_LEAST_COST = STEP_BYTES // 1024

#: How many files are searched for tags to show, and how many tags are shown.
_MOST_FILES, _MOST_TAGS = 20, 10


class TensorFlowEventCollector:
    """Reads the numbers in the event files of a folder and of all folders below it.

    The metric ``loss`` is the tag ``loss`` in any folder; ``train/loss`` the tag ``loss`` in
    folders called ``train``, or the tag ``train/loss`` in any folder; so in ``run/train/loss`` the
    tag may be each part behind a slash, or all of it. As in Katib, tags that only
    begin with the name count too (TensorFlow 1 makes ``loss_1`` of a name that it knows already),
    but they are looked for at the program's end, and only for metrics that have no tag of their
    own: there ``loss_of_layer`` is mixed into ``loss``. An entry's time is the event's, to the
    microsecond.

    Attributes:
        damaged: how many records could not be read and were passed over.
    """

    __slots__ = (
        "_files",
        "_found",
        "_has_ended",
        "_is_loose",
        "_near",
        "_root",
        "_round",
        "_wanted",
        "_wildcards",
    )

    def __init__(self, source: CollectorSource) -> None:
        self._root = os.path.normpath(os.fspath(source.log))
        self._wanted = tuple(_Wanted.of(name) for name in dict.fromkeys(source.metrics))
        self._wildcards = source.wildcards
        self._found: set[_Wanted] = set()
        self._near: set[_Wanted] = set()
        self._is_loose = self._has_ended = False
        self._begin()

    @property
    def damaged(self) -> int:
        return sum(file.damaged for file in self._files.values())

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        if is_ended and not self._has_ended:
            # A folder that was looked at before the end may have got files since.
            self._has_ended, self._round = True, self._read_all()
        entries: list[MetricEntry] = []
        left = STEP_BYTES
        for found, size in self._round:
            entries += found
            left -= max(size, _LEAST_COST)
            if left <= 0:
                return entries, False
        self._round = self._read_all()
        return entries, not (is_ended and self._loosen())

    def _begin(self) -> None:
        self._files: dict[str, EventFile] = {}
        self._round = self._read_all()

    def _loosen(self) -> bool:
        """Whether all is to be read again, for tags that only begin with a metric's name."""
        if self._is_loose or self._near <= self._found:
            return False
        self._is_loose = True
        self._wanted = tuple(one for one in self._wanted if one in self._near - self._found)
        self._wildcards = ()
        self._begin()
        return True

    def _read_all(self) -> Iterator[tuple[Sequence[MetricEntry], int]]:
        """The new entries of every file, in steps, and how many bytes were read for each."""
        leaves = [literal_of(pattern.rpartition("/")[2]) for pattern in self._wildcards]
        leaves += [one.leaf for one in self._wanted]
        needles = [leaf.encode("utf-8", "replace") for leaf in leaves]
        for path in _event_files(self._root):
            if path is None:
                yield (), 0
                continue
            file = self._files.setdefault(path, EventFile(path, needles))
            folders = os.path.dirname(path).split(os.sep)
            is_at_end = False
            while not is_at_end:
                scalars, size, is_at_end = file.read()
                yield [entry for one in scalars for entry in self._entries(one, folders)], size

    def _entries(self, scalar: Scalar, folders: Sequence[str]) -> Iterator[MetricEntry]:
        for one in self._wanted:
            if one.is_named(scalar.tag, folders):
                self._found.add(one)
            elif not one.begins(scalar.tag, folders):
                continue
            elif not self._is_loose:
                self._near.add(one)
                continue
            yield MetricEntry(_time(scalar), one.name, scalar.value)
        yield from self._matched(scalar, folders)

    def _matched(self, scalar: Scalar, folders: Sequence[str]) -> Iterator[MetricEntry]:
        """What wildcards match, each name once, and none that was wanted by itself."""
        found: dict[str, None] = {}
        for pattern in self._wildcards:
            for depth in range(pattern.count("/") + 1):
                name = "/".join((*folders[len(folders) - depth :], scalar.tag))
                if matches(pattern, name):
                    found[name] = None
                    break
        for one in self._wanted:
            found.pop(one.name, None)
        for name in found:
            yield MetricEntry(_time(scalar), name, scalar.value)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A metric: the folders that its name begins with, and the tag that it ends with."""

    name: str
    folders: tuple[str, ...]
    leaf: str

    @classmethod
    def of(cls, name: str) -> _Wanted:
        *folders, leaf = [part for part in name.split("/") if part] or [name]
        return cls(name, tuple(folders), leaf)

    def is_named(self, tag: str, folders: Sequence[str]) -> bool:
        if tag == self.name:
            return True
        name = "/".join((*self.folders, self.leaf))
        if tag != name and not name.endswith(f"/{tag}"):
            return False
        # A tag may have slashes of its own.
        return _end_with(folders, self.folders[: len(self.folders) - tag.count("/")])

    def begins(self, tag: str, folders: Sequence[str]) -> bool:
        return tag.startswith(self.leaf) and _end_with(folders, self.folders)


def _end_with(folders: Sequence[str], wanted: Sequence[str]) -> bool:
    return not wanted or tuple(folders[-len(wanted) :]) == tuple(wanted)


class EventReading(Reading):
    """What is read of event files, and how a missing metric is told: with the tags there are."""

    def miss(self, metric: str) -> str:
        """See :class:`Reading`."""
        files, tags, damaged = _survey(os.fspath(self.source.log))
        head = f"The {self.by} ended well but wrote"
        note = f" {damaged} damaged records were passed over." if damaged else ""
        if not files:
            return (
                f"{head} no event file into {self.path}. For this trial that is {self.source.log}, "
                f'which the variable {METRICS_FILE_VARIABLE} holds; "{EVENT_FILE}" is in the '
                "name of an event file"
            )
        if not tags:
            return f"{head} no number into the event files in {self.path}.{note}".rstrip(".")
        shown = ", ".join(tags[:_MOST_TAGS]) + (", …" if len(tags) > _MOST_TAGS else "")
        wanted = f'{head} no tag "{metric}" into the event files in {self.path}.'
        return f"{wanted}{note} Folders and tags there: {shown}"


def _survey(root: str) -> tuple[int, Sequence[str], int]:
    """How many event files there are, the tags in them, and how many records are damaged.

    Of many files the first are looked at, and of long ones the beginning.
    """
    paths = islice((path for path in _event_files(root) if path is not None), _MOST_FILES)
    files = [(path, EventFile(path, (b"",))) for path in paths]
    tags: dict[str, None] = {}
    for path, file in files:
        folder = os.path.relpath(os.path.dirname(path), root)
        found, _, _ = file.read()
        tags |= {os.path.normpath(os.path.join(folder, one.tag)): None for one in found}
    return len(files), sorted(tags), sum(file.damaged for _, file in files)


def _event_files(root: str) -> Iterator[str | None]:
    """The event files below a folder by name; ``None`` for each folder, which costs time too."""
    for folder, folders, names in os.walk(root, onerror=_raise_unless_nothing):
        yield None
        folders.sort()
        for name in sorted(names):
            if EVENT_FILE in name:
                yield os.path.join(folder, name)


def _raise_unless_nothing(error: OSError) -> None:
    if error.errno not in NOTHING_TO_READ:
        raise error


def _time(scalar: Scalar) -> datetime:
    return time_of_seconds(repr(scalar.wall_time)) if scalar.wall_time else NO_TIME
