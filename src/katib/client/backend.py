"""The socket to the engine: the Kubernetes API of a cluster, of a server, or of this program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from katib.api.values import Manifest
from katib.errors import KatibError

#: How long an answer may take, in seconds.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Cause:
    """What is wrong with one field of a document.

    Attributes:
        field: its path, as ``spec.parameters[1].feasibleSpace.max``; may be empty.
        message: what was found, and what would be right.
    """

    field: str
    message: str


class RefusedError(KatibError):
    """The API server has refused a request.

    Attributes:
        code: of HTTP.
        reason: one word for programs, as ``NotFound``; empty where Kubernetes gives none.
        message: the server's own text.
        causes: what is wrong with each field, where the server tells it.
    """

    def __init__(self, code: int, reason: str, message: str, causes: Sequence[Cause] = ()) -> None:
        self.code, self.reason, self.message = code, reason, message
        self.causes = tuple(causes)
        super().__init__(message)


class AwayError(KatibError):
    """The API server does not answer.

    Attributes:
        was_sent: whether the request may have taken effect.
        is_late: whether the answer was waited for, and did not come in time.
    """

    def __init__(
        self, address: str, problem: str, advice: str, *, was_sent: bool, is_late: bool = False
    ) -> None:
        self.was_sent, self.is_late = was_sent, is_late
        super().__init__(f"the server at {address} does not answer: {problem}. {advice}")


class Backend(Protocol):
    """An API server, and who asks it. May be used by any thread, and after a fork.

    Attributes:
        namespace: the one that is meant when none is said.
        home: the folder of the engine, where this program can reach its files; ``None`` for a
            cluster.
    """

    @property
    def namespace(self) -> str:
        """See above."""
        ...

    @property
    def home(self) -> Path | None:
        """See above."""
        ...

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        """The answer to a request.

        Args:
            method: of HTTP.
            path: with its query, as ``/apis/kubeflow.org/v1beta1/experiments?limit=5``.
            body: plain JSON data; ``None`` for none.
            media_type: what the body is.
            patience: how long the answer may take, in seconds; ``None`` for :data:`PATIENCE`.

        Raises:
            RefusedError: the server says why.
            AwayError: there is no answer.
            HomeLockedError: an engine works in the home that cannot be asked.
            StoreUnavailableError: the engine of this program cannot begin; the text says why.
        """
        ...

    def stream(self, path: str) -> Iterator[bytes]:
        """The lines of an answer that goes on, without their ends: a log, or a watch.

        Nothing is asked before the first line is. The answer is given up when the iterator is
        closed.

        Raises:
            RefusedError: the server says why.
            AwayError: there is no answer, or it breaks off.
            HomeLockedError: as :meth:`ask`.
            StoreUnavailableError: as :meth:`ask`.
        """
        ...

    def close(self) -> None:
        """Let go of connections, and of the engine if no other backend of this program uses it."""
        ...


@runtime_checkable
class Host(Protocol):
    """A backend whose engine may be in this program."""

    def at_work(self) -> AbstractContextManager[None]:
        """While this lasts, the program only waits for its engine, which may use the process well.

        How the interpreter switches between threads and collects garbage is afterwards as it was.
        """
        ...
