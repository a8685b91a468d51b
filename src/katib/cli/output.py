"""Standard output that may go away while a command has more to do."""

from __future__ import annotations

import os
from typing import TextIO


class Output:
    """Writes to a stream until it refuses; then what is said is dropped, and the work goes on.

    Args:
        stream: as ``sys.stdout``, perhaps a pipe whose reader leaves.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._is_lost = stream, False

    @property
    def encoding(self) -> str:
        """Of the stream."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write, or drop."""
        if not self._is_lost:
            try:
                return self._stream.write(text)
            except OSError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        """Hand over what was written."""
        if not self._is_lost:
            try:
                self._stream.flush()
            except OSError:
                self._lose()

    def isatty(self) -> bool:
        """Whether somebody looks."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream."""
        return self._stream.fileno()

    def _lose(self) -> None:
        self._is_lost = True
        # What the stream still holds must go somewhere, or the process ends with an error.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
