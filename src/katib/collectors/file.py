"""Metrics out of a file that the program writes itself."""

from __future__ import annotations

from collections.abc import Sequence

from katib.collectors.json_lines import JsonCollector
from katib.collectors.text import TextCollector
from katib.ports.collector import Collector, CollectorSource
from katib.ports.observation_log import MetricEntry


class FileCollector:
    """Reads a metrics file in the format that the experiment names.

    ``TEXT`` is read as standard output is, with the default filter or the user's; ``JSON`` as one
    object in each line, without filters.
    """

    __slots__ = ("_collector",)

    def __init__(self, source: CollectorSource) -> None:
        self._collector: Collector = (
            JsonCollector(source) if source.format == "JSON" else TextCollector(source)
        )

    def read(self, is_ended: bool) -> tuple[Sequence[MetricEntry], bool]:
        return self._collector.read(is_ended)
