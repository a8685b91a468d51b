"""How a running trial's metrics are read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from katib.ports.clock import Clock
from katib.ports.observation_log import MetricEntry


@dataclass(frozen=True, slots=True)
class Address:
    """Where a program may serve its metrics.

    Attributes:
        host: a name or an address.
        port: of TCP.
        path: begins with a slash.
        is_secure: whether it speaks TLS.
        headers: of the request, name and value.
    """

    host: str
    port: int
    path: str = "/metrics"
    is_secure: bool = False
    headers: Sequence[tuple[str, str]] = ()

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' * self.is_secure}://{host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class CollectorSource:
    """What one trial's collector is told.

    Attributes:
        metrics: the names to collect, the objective first.
        filters: regular expressions with two groups, name and value; empty for the default one.
        log: the file to read: the output of a container, or what the program writes itself; a
            folder for collectors that read one.
        format: ``TEXT`` or ``JSON``.
        wildcards: patterns of further names, see :mod:`katib.api.wildcards`.
        addresses: where the program may serve its metrics at this moment, the likeliest first; for
            collectors that ask it. May be called from any thread.
        clock: for the times of what the program served.
    """

    metrics: Sequence[str]
    filters: Sequence[str]
    log: Path | str
    format: str = "TEXT"
    wildcards: Sequence[str] = ()
    addresses: Callable[[], Sequence[Address]] = tuple
    clock: Clock | None = None


class Collector(Protocol):
    """Reads the metrics of one trial, from the beginning, in small steps.

    A collector keeps its place. It never raises for what a program writes: neither its bytes nor
    its absence is an error.
    """

    def __init__(self, source: CollectorSource) -> None: ...

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        """The entries that are new, and whether everything there was has been read.

        One call does a bounded amount of work (about a megabyte), so that no trial holds up
        another.

        Args:
            is_ended: the program has ended: a last line without its newline counts too.
        """
        ...
