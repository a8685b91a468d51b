"""Observation logs in this process alone: for tests, and for whoever wants nothing on disk."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from threading import Lock

from katib.api.values import Key
from katib.ports.observation_log import MetricEntry

_by_time = attrgetter("time")


class MemoryObservationLog:
    """Keeps observation logs until the process ends; there is nothing to flush."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._series: dict[Key, list[MetricEntry]] = {}

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        with self._lock:
            self._series.setdefault(trial, []).extend(entries)

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        with self._lock:
            series = list(self._series.get(trial, ()))
        series.sort(key=_by_time)
        return [entry for entry in series if metric is None or entry.name == metric]

    def delete(self, trial: Key) -> None:
        with self._lock:
            self._series.pop(trial, None)

    def flush(self) -> None:
        """Nothing in memory survives a crash, so nothing is waited for."""

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        with self._lock:
            self._series.clear()
