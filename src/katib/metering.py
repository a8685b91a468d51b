"""Katib's Prometheus metrics, counted from what a resource store tells its listeners.

The names, types, labels and help texts are those of Kubeflow Katib's controller, so that its
dashboards and alerts go on working.
"""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from katib.api import conditions, names
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Condition, Kind, ObjectMeta, Resource
from katib.errors import ConfigurationError, ExpiredError
from katib.ports.resource_store import Event, EventType, ResourceStore

#: Where metrics are served when an address names only a port.
LOOPBACK = "127.0.0.1"

#: The status of a resource that has no condition yet.
UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class _Sort:
    """A kind that is counted: its word in names, its finalizer, and its ends by condition."""

    word: str
    finalizer: str
    ends: tuple[tuple[str, str], ...]

    @property
    def counters(self) -> tuple[str, ...]:
        """The names of its counters, in the order in which they are exposed."""
        return ("created", "deleted", *(name for _, name in self.ends))


_ENDS = ((names.SUCCEEDED, "succeeded"), (names.FAILED, "failed"))
_EXPERIMENT = _Sort("experiment", names.FINALIZER_EXPERIMENT, _ENDS)
_TRIAL = _Sort(
    "trial",
    names.FINALIZER_TRIAL,
    (*_ENDS, (names.METRICS_UNAVAILABLE, "metrics_unavailable")),
)


@dataclass(slots=True)
class _Seen:
    """What is known of one resource: who holds it, its state, and how it has ended."""

    namespace: str
    is_held: bool = False
    status: str = UNKNOWN
    ends: frozenset[str] = frozenset()


class ResourceMeter(Collector):
    """Counts the experiments and trials of a store, and exposes the numbers to Prometheus.

    ``created`` and ``deleted`` count finalizers that come and go; an end is counted when its
    condition turns true, so an experiment that is restarted and succeeds again counts again. What
    exists when the meter is made is in the gauges and in no counter. A listener's work does not
    depend on how many resources there are, and resources are read only when a status was written.

    An experiment that fails since its suggestion failed is not counted as failed, as in Katib.

    Args:
        store: is listened to until :meth:`close`.
    """

    def __init__(self, store: ResourceStore) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._current: Counter[tuple[str, str, str]] = Counter()
        self._stop = self._begin(store)

    def close(self) -> None:
        """Listen no longer; the numbers stay."""
        self._stop()

    def collect(self) -> Iterator[Metric]:
        """Every counter and gauge, with a sample for each namespace (and status)."""
        with self._lock:
            counts, current = dict(self._counts), dict(self._current)
        for sort in (_EXPERIMENT, _TRIAL):
            for name in sort.counters:
                words = name.replace("_", " ")
                family = CounterMetricFamily(
                    f"katib_{sort.word}_{name}",
                    f"The total number of {words} {sort.word}s",
                    labels=("namespace",),
                )
                for (word, what, namespace), count in sorted(counts.items()):
                    if (word, what) == (sort.word, name):
                        family.add_metric((namespace,), count)
                yield family
            gauge = GaugeMetricFamily(
                f"katib_{sort.word}s_current",
                f"The number of current katib {sort.word}s in the cluster",
                labels=("namespace", "status"),
            )
            for (word, namespace, status), count in sorted(current.items()):
                if word == sort.word:
                    gauge.add_metric((namespace, status), count)
            yield gauge

    def describe(self) -> Iterator[Metric]:
        """The same families; a registry asks for them to find names that are taken."""
        return self.collect()

    def _begin(self, store: ResourceStore) -> Callable[[], None]:
        while True:
            version = store.version
            for kind, sort in ((EXPERIMENTS, _EXPERIMENT), (TRIALS, _TRIAL)):
                self._take_stock(store, kind, sort)
            try:
                # What changed meanwhile is heard first; what is known already is not new.
                return store.subscribe(self._hear, since=version)
            except ExpiredError:
                self._seen.clear()
                self._current.clear()

    def _take_stock(self, store: ResourceStore, kind: Kind[Any], sort: _Sort) -> None:
        for resource in store.list(kind):
            seen = self._add(sort, resource.metadata)
            self._note_status(sort, seen, resource, is_news=False)

    def _hear(self, event: Event) -> None:
        sort = _sort_of(event.kind)
        if sort is None:
            return
        with self._lock:
            if event.type is EventType.DELETED:
                self._forget(sort, event.metadata)
                return
            seen = self._seen.get(event.metadata.uid)
            is_new = seen is None
            if seen is None:
                seen = self._add(sort, event.metadata)
                seen.is_held = seen.is_held and event.type is not EventType.ADDED
            self._note_finalizer(sort, seen, event.metadata)
            if is_new or event.is_status:
                self._note_status(sort, seen, event.resource, is_news=not is_new)

    def _add(self, sort: _Sort, metadata: ObjectMeta) -> _Seen:
        is_held = sort.finalizer in metadata.finalizers
        seen = self._seen[metadata.uid] = _Seen(metadata.namespace, is_held)
        self._current[sort.word, seen.namespace, seen.status] += 1
        return seen

    def _forget(self, sort: _Sort, metadata: ObjectMeta) -> None:
        seen = self._seen.pop(metadata.uid, None)
        if seen is None:
            return
        if seen.is_held:
            self._counts[sort.word, "deleted", seen.namespace] += 1
        self._leave(sort, seen)

    def _note_finalizer(self, sort: _Sort, seen: _Seen, metadata: ObjectMeta) -> None:
        is_held = sort.finalizer in metadata.finalizers
        if is_held is not seen.is_held:
            seen.is_held = is_held
            self._counts[sort.word, "created" if is_held else "deleted", seen.namespace] += 1

    def _note_status(self, sort: _Sort, seen: _Seen, resource: Resource, is_news: bool) -> None:
        found = _conditions_of(resource)
        newest = conditions.newest(found)
        status = newest.type if newest else UNKNOWN
        if status != seen.status:
            self._leave(sort, seen)
            seen.status = status
            self._current[sort.word, seen.namespace, status] += 1
        ends = frozenset(name for type, name in sort.ends if _is_end(found, type))
        for name in ends - seen.ends if is_news else ():
            self._counts[sort.word, name, seen.namespace] += 1
        seen.ends = ends

    def _leave(self, sort: _Sort, seen: _Seen) -> None:
        """A series without resources is not exposed any more."""
        series = (sort.word, seen.namespace, seen.status)
        self._current[series] -= 1
        if not self._current[series]:
            del self._current[series]


def serve(meter: Collector, address: str) -> Callable[[], None]:
    """Serve a meter's numbers over HTTP, at ``/metrics``, until the returned function is called.

    Args:
        meter: what is exposed, and nothing else.
        address: ``host:port``, ``[IPv6]:port`` or a port; a port alone, or ``:port``, is served on
            the loopback only.

    Raises:
        ConfigurationError: the address is none, or cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(meter)
    return serve_registry(registry, address)


def serve_registry(registry: CollectorRegistry, address: str) -> Callable[[], None]:
    """Serve all that is registered, as :func:`serve` does; more may be registered later."""
    host, port = parse_address(address)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigurationError(
            f"metrics cannot be served at {address}: {error.strerror or error}; name another "
            "address, as 127.0.0.1:8080"
        ) from error

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return close


def parse_address(address: str) -> tuple[str, int]:
    """Host and port; the loopback when no host is named.

    Raises:
        ConfigurationError: it is no address.
    """
    host, _, text = address.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    is_port = text.isascii() and text.isdigit() and int(text) < 1 << 16
    if not is_port or (":" in host and not (is_bracketed and _is_ip(host))):
        raise ConfigurationError(
            f'"{address}" is no address for metrics: write host:port, as 127.0.0.1:8080, or a port '
            "from 0 to 65535"
        )
    return host or LOOPBACK, int(text)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _sort_of(kind: Kind[Any]) -> _Sort | None:
    if kind is EXPERIMENTS:
        return _EXPERIMENT
    return _TRIAL if kind is TRIALS else None


def _conditions_of(resource: Resource) -> tuple[Condition, ...]:
    return resource.status.conditions if isinstance(resource, (Experiment, Trial)) else ()


def _is_end(found: conditions.Conditions, type: str) -> bool:
    one = conditions.find(found, type)
    if one is None or one.status != "True":
        return False
    return not one.message.startswith("Suggestion has failed")
