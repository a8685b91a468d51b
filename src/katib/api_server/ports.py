"""What the server stands on: everything it knows of the home it serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from katib.api.experiment import Experiment
from katib.api.values import Key, Manifest, Unstructured
from katib.ports.clock import Clock
from katib.ports.observation_log import MetricEntry
from katib.ports.pod_logs import PodLogs
from katib.ports.resource_store import ResourceStore, Unsubscribe

Admit = Callable[[Manifest, Experiment | None], Experiment]
HearEvents = Callable[[Callable[[Unstructured], None]], Unsubscribe]
ListEvents = Callable[[str | None, str | None], Sequence[Unstructured]]
ReadObservations = Callable[[Key, str | None], Sequence[MetricEntry]]


@dataclass(frozen=True, slots=True)
class ServerPorts:
    """What stands behind the server.

    Attributes:
        store: where resources live.
        clock: for ages, and for the times of logs.
        token: what every request must carry; an empty one lets nobody in.
        admit: the legal experiment of a manifest, given the stored one when there is one; raises
            ``AdmissionError``.
        list_events: the events of a namespace (``None``: of all) about the object of a ``uid``
            (``None``: about any), the oldest first. May read a disk.
        hear_events: calls somebody with each event that is new or told again, in the thread that
            tells it, until what it gives is called.
        pod_logs: what containers have written.
        observations: the entries of a trial's observation log, of one metric when it is named. May
            read a disk.
        metrics: the text for Prometheus.
        built_in: what is there without anybody making it. It can be looked at and not be changed;
            one in the store that has its name stands for it.
    """

    store: ResourceStore
    clock: Clock
    token: str
    admit: Admit
    list_events: ListEvents
    hear_events: HearEvents
    pod_logs: PodLogs
    observations: ReadObservations
    metrics: Callable[[], str]
    built_in: Sequence[Unstructured] = ()
