"""A backend that answers what it is told, and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from katib.api.values import Manifest
from katib.client.backend import RefusedError


class FakeBackend:
    """Answers by paths, without their encoding.

    Attributes:
        asked: the methods and paths of all requests.

    Args:
        answers: path → what is answered, or raised.
        lines: path → what is streamed.
    """

    namespace = "default"
    home: Path | None = None

    def __init__(
        self,
        answers: Mapping[str, Manifest | Exception],
        lines: Mapping[str, list[bytes]] | None = None,
    ) -> None:
        self._answers, self._lines = answers, lines or {}
        self.asked: list[str] = []

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        path = unquote(path)
        self.asked.append(f"{method} {path}")
        answer = self._answers.get(path, not_found(path))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stream(self, path: str) -> Iterator[bytes]:
        path = unquote(path)
        self.asked.append(f"GET {path}")
        yield from self._lines[path]

    def close(self) -> None:
        """Nothing is kept."""


def not_found(name: str) -> RefusedError:
    return RefusedError(404, "NotFound", f'"{name}" not found')
