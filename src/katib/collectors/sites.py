"""Where the metrics of one pod are: printed, in a file, or served."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from msgspec import UNSET

from katib.api.codec import from_raw
from katib.api.experiment import CollectorSpec, FileSystemPath, SourceSpec
from katib.api.trial import Trial
from katib.api.values import Manifest
from katib.collectors import COLLECTORS
from katib.collectors.addresses import AddressBook, TrialAddresses
from katib.collectors.following import Reading
from katib.collectors.tensorflow_event import EventReading
from katib.ports.collector import CollectorSource
from katib.ports.sidecar import METRICS_FILE_VARIABLE, METRICS_PORT_VARIABLE, Outfit

#: Kinds whose metrics are in no file: what is printed, and what the program sends itself.
_WITHOUT_FILE = ("StdOut", "Push")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a pod's metrics are, when it does not print them.

    Attributes:
        path: the file or folder, as the experiment names it; empty when there is none.
        log: its place on this machine.
        served: where they are served instead.
        is_read_anew: whether all that the program reports is found from its beginning, so that
            what was read before by another engine is to be replaced.
    """

    path: str = ""
    log: str = ""
    served: TrialAddresses | None = None
    is_read_anew: bool = True

    def environment(self) -> dict[str, str]:
        """What tells the program of it."""
        if self.served is not None:
            return {METRICS_PORT_VARIABLE: str(self.served.port)}
        return {METRICS_FILE_VARIABLE: self.log} if self.log else {}

    def open(self, kind: str, source: CollectorSource, by: str) -> Reading:
        """Begin to read there.

        Args:
            kind: of the collector.
            source: what it is told.
            by: who reports.
        """
        if self.served is not None:
            # Who serves metrics to nobody needs no HTTP.
            from katib.collectors.prometheus import PrometheusReading

            source = dataclasses.replace(source, addresses=self.served.addresses)
            collector = COLLECTORS.load(kind)(source)
            return PrometheusReading(collector, source, by=by, served=self.served)
        reading_of = EventReading if kind == "TensorFlowEvent" else Reading
        return reading_of(COLLECTORS.load(kind)(source), source, self.path, by)


class Sites:
    """Finds the sites of pods; one for all pods of an engine, since ports are given once."""

    def __init__(self) -> None:
        self._book = AddressBook()

    def find(self, trial: Trial, pod: str, outfit: Outfit) -> Site:
        """Where the metrics of a pod of a trial are.

        Args:
            trial: whose pod.
            pod: its name.
            outfit: what the pod finds when it starts.
        """
        kind, place = collector_kind(trial), file_of(trial)
        if kind == "PrometheusMetric":
            port, is_new = self._book.find_port(outfit, pod)
            served = self._book.open(trial.metadata.name, port, _http_get(trial), is_new)
            return Site(served=served, is_read_anew=is_new)
        if kind in _WITHOUT_FILE or not place.path:
            return Site(is_read_anew=kind != "Push")
        log = outfit.map_path(place.path, is_folder=place.kind == "Directory")
        return Site(place.path, log)


def collector_kind(trial: Trial) -> str:
    """The kind of a trial's collector."""
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind or "StdOut"


def file_of(trial: Trial) -> FileSystemPath:
    """Where the trial's program writes its metrics, as the experiment says."""
    source = trial.spec.metrics_collector.source or SourceSpec()
    return source.file_system_path or FileSystemPath()


def _http_get(trial: Trial) -> Manifest:
    source = trial.spec.metrics_collector.source or SourceSpec()
    found: Manifest = {} if source.http_get is UNSET else from_raw(source.http_get)
    return found
