"""A watch: the lines of an answer that does not end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import urllib3

from katib.errors import StoreAwayError


class Watch(Iterator[bytes]):
    """One JSON line per change, until the server ends it or somebody closes it.

    Args:
        response: whose body is read.
        path: what is watched, for errors.
        on_close: called once when the watch is over.
    """

    def __init__(
        self, response: urllib3.BaseHTTPResponse, path: str, on_close: Callable[[Watch], None]
    ) -> None:
        self._response, self._path, self._on_close = response, path, on_close
        self._chunks = response.stream(2**16, decode_content=True)
        self._lines: Iterator[bytes] = iter(())
        self._rest = b""
        self._is_closed = False

    def __next__(self) -> bytes:
        """The next line.

        Raises:
            StopIteration: the server has ended the watch, or it was closed.
            StoreAwayError: the connection broke.
        """
        while True:
            for line in self._lines:
                if line:
                    return line
            self._lines = iter(self._more())

    def close(self) -> None:
        """End the watch, also from another thread; who reads finds the end."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self._response.shutdown()
        except (RuntimeError, ValueError, OSError):
            # It has ended by itself, and its connection is gone or back with the others.
            pass
        self._on_close(self)

    def _more(self) -> list[bytes]:
        try:
            chunk: bytes = next(self._chunks)
        except StopIteration:
            self._end()
            raise
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            was_closed = self._is_closed
            self._end()
            if was_closed:
                raise StopIteration from None
            raise StoreAwayError(self._path, f"the watch broke: {error}") from error
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return lines

    def _end(self) -> None:
        self._response.close()
        self.close()
