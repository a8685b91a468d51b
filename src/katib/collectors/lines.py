"""The lines of a file that a program is still writing, a bounded part of it at a time."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

#: How much one call reads, and the longest line that is looked at in one piece.
CHUNK_BYTES = 1 << 20

#: What a program can do to its file; any other fault is the machine's, and passes.
_NOTHING_TO_READ = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO)
)


#: How much of what was read tells whether a file is still the one that was read.
_MARK_BYTES = 64


class Lines:
    """Reads a file's new lines, and keeps its place.

    A line ends at a newline, or at the carriage return that progress bars write. The file may come
    late or never; what is no file, or may not be read, has no lines. A line longer than
    :data:`CHUNK_BYTES` comes in pieces, cut at blanks where it has any.

    A file that no longer holds what was read, before the place where reading goes on, is another
    one, and read from its beginning: one that was truncated, and one that took its name. A file
    that was renamed within its folder, as logs are rotated, is read to its end before that. When it
    has become ``<name>.2`` or more by the next call, so are those that were written since and now
    have smaller numbers. What is written and truncated between two calls is lost.

    Args:
        path: of the file.

    Raises:
        OSError: the machine cannot read, as when too many files are open.
    """

    __slots__ = ("_inode", "_mark", "_offset", "_path")

    def __init__(self, path: Path | str) -> None:
        self._path = os.fspath(path)
        self._offset, self._mark, self._inode = 0, b"", 0

    def read(self, is_ended: bool) -> tuple[bytes, bool]:
        """The next whole lines, and whether the file has been read to its end.

        Args:
            is_ended: nothing more will be written, so that a last line needs no end.
        """
        data, is_left = self._next_bytes()
        is_caught_up = len(data) < CHUNK_BYTES
        if (is_ended or is_left) and is_caught_up:
            end = len(data)
        else:
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if end == 0 and not is_caught_up:
                end = data.rfind(b" ") + 1 or len(data)
        self._offset += end
        self._mark = (self._mark + data[max(end - _MARK_BYTES, 0) : end])[-_MARK_BYTES:]
        return data[:end], is_caught_up and not is_left

    def _next_bytes(self) -> tuple[bytes, bool]:
        """The next bytes, and whether they are of a file that has lost its name to another."""
        found = self._look(self._path)
        place = self._find_renamed() if found.data is None and found.inode != self._inode else ""
        if place:
            rest, newer = self._look(place).data, self._find_newer(place)
            has_next = found.has_bytes or newer != 0
            # Who renamed a file may write into it until there is something in the next one.
            if rest or (rest is not None and not has_next):
                return rest, has_next
            if newer:
                self._offset, self._mark, self._inode = 0, b"", newer
                return self._next_bytes()
        if found.data is None and found.inode:
            self._offset, self._mark, self._inode = 0, b"", 0
            found = self._look(self._path)
        self._inode = found.inode or self._inode
        return found.data or b"", False

    def _find_renamed(self) -> str:
        """Where the file that was read is now; empty when there is no such file."""
        if not self._inode:
            return ""
        try:
            with os.scandir(os.path.dirname(self._path) or ".") as files:
                return next((file.path for file in files if file.inode() == self._inode), "")
        except OSError:
            # The folder is gone, and the file with it.
            return ""

    def _find_newer(self, place: str) -> int:
        """The inode of the file that was rotated next after the one at a place; 0 for none."""
        name, _, number = os.path.basename(place).rpartition(".")
        if name != os.path.basename(self._path) or not number.isdecimal() or int(number) < 2:
            return 0
        try:
            newer = os.stat(f"{self._path}.{int(number) - 1}")
            # Where numbers grow with time, a smaller one is older.
            return newer.st_ino if newer.st_mtime_ns >= os.stat(place).st_mtime_ns else 0
        except OSError:
            return 0

    def _look(self, path: str) -> _Look:
        try:
            # A named pipe would keep the engine waiting for somebody to write.
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _NOTHING_TO_READ:
                return _Look(0, None, False)
            raise
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return _Look(0, None, False)
            length = len(self._mark)
            # Room for a whole chunk would cost several times what a short line does.
            size = min(CHUNK_BYTES, max(0, status.st_size - self._offset))
            data = os.pread(file, size + length, self._offset - length)
        finally:
            os.close(file)
        is_same = bool(length) or self._inode in (0, status.st_ino)
        rest = data[length:] if is_same and data.startswith(self._mark) else None
        return _Look(status.st_ino, rest, status.st_size > 0)


@dataclass(frozen=True, slots=True)
class _Look:
    """What there is at a path: inode, 0 for no file; and what comes next in it.

    The latter is ``None`` when the file is not the one that was read.
    """

    inode: int
    data: bytes | None
    has_bytes: bool


def split(data: bytes) -> list[bytes]:
    """The single lines of what :meth:`Lines.read` gave."""
    return data.replace(b"\r", b"\n").split(b"\n")
