"""The lines of a file that a program is still writing, a bounded part of it at a time."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

#: How much one call reads, and the longest line that is looked at in one piece.
CHUNK_BYTES = 1 << 20

#: What a program can do to its file; any other fault is the machine's, and passes.
_NOTHING_TO_READ = frozenset(
    (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO)
)


class Lines:
    """Reads a file's new lines, and keeps its place.

    A line ends at a newline, or at the carriage return that progress bars write. The file may come
    late or never. One that became shorter is read from its beginning again; what is no file, or
    may not be read, has no lines. A line longer than :data:`CHUNK_BYTES` comes in pieces, cut at
    blanks where it has any.

    Args:
        path: of the file.

    Raises:
        OSError: the machine cannot read, as when too many files are open.
    """

    __slots__ = ("_offset", "_path")

    def __init__(self, path: Path | str) -> None:
        self._path = os.fspath(path)
        self._offset = 0

    def read(self, is_ended: bool) -> tuple[bytes, bool]:
        """The next whole lines, and whether the file has been read to its end.

        Args:
            is_ended: nothing more will be written, so that a last line needs no end.
        """
        data = self._next_bytes()
        is_caught_up = len(data) < CHUNK_BYTES
        if is_ended and is_caught_up:
            end = len(data)
        else:
            end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
            if end == 0 and not is_caught_up:
                end = data.rfind(b" ") + 1 or len(data)
        self._offset += end
        return data[:end], is_caught_up

    def _next_bytes(self) -> bytes:
        """The next bytes from the first line not read yet."""
        try:
            # A named pipe would keep the engine waiting for somebody to write.
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in _NOTHING_TO_READ:
                return b""
            raise
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                return b""
            if status.st_size < self._offset:
                self._offset = 0
            return os.pread(file, CHUNK_BYTES, self._offset)
        finally:
            os.close(file)


def split(data: bytes) -> list[bytes]:
    """The single lines of what :meth:`Lines.read` gave."""
    return data.replace(b"\r", b"\n").split(b"\n")
