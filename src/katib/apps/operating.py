"""The process of a cluster's engine: it waits for what it needs, leads, answers probes, and stops.

Several may run; one of them leads, and the others are ready to.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry

from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Kind
from katib.apps.clock import SystemClock
from katib.apps.cluster_config import cluster_config
from katib.apps.health import HealthServer, served_everywhere
from katib.apps.operator import ClusterEngine, DBManager
from katib.errors import ConfigurationError, KatibError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.events import EventRecorder
from katib.metering import ResourceMeter, serve_registry
from katib.stores.kubernetes import KubernetesStore

_LOG = logging.getLogger(__name__)

#: How long it is waited before what is needed is looked for again, in seconds.
LOOK_AGAIN = 2.0

#: How often it is looked whether the engine still works, in seconds.
LOOK_EVERY = 0.5

T = TypeVar("T")

#: What there must be before anything can be done.
_KINDS: tuple[Kind[Any], ...] = (EXPERIMENTS, SUGGESTIONS, TRIALS)


class _StoppedError(Exception):
    """The operator is to stop while it waits for something."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an operator works.

    Attributes:
        namespace: whose experiments it runs; ``None`` for those of all namespaces.
        config: a KatibConfig; ``None`` for the one in Katib's ConfigMap.
        db_manager: where observation logs are.
        core_namespace: of that ConfigMap.
    """

    db_manager: DBManager
    core_namespace: str
    namespace: str | None = None
    config: Path | None = None


class Operator:
    """Runs the experiments of a cluster until it is stopped.

    That the API server is away, that a kind is not installed or a right is missing does not end it:
    it waits, and says for what at ``/readyz`` and in its log.

    Args:
        client: speaks to the API server; closed at the end.
        options: how it works.
    """

    def __init__(self, client: KubernetesClient, options: Options) -> None:
        self._client, self._options = client, options
        self._stopping = threading.Event()
        self._trouble = "the operator has just been started"

    def run(self, tell: Callable[[], None]) -> None:
        """Work until :meth:`stop` is called.

        Args:
            tell: called once, when experiments are run.

        Raises:
            ConfigurationError: the configuration is not legal, or an address cannot be had.
            KatibError: the work cannot go on; another process should take over.
        """
        try:
            with ExitStack() as ends:
                self._work(ends, tell)
        except _StoppedError:
            return

    def stop(self) -> None:
        """End soon. From any thread."""
        self._stopping.set()

    def _work(self, ends: ExitStack, tell: Callable[[], None]) -> None:
        options, clock = self._options, SystemClock()
        ends.callback(self._client.close)
        store = KubernetesStore(self._client, clock, options.namespace)
        ends.callback(store.close)
        config = cluster_config(options.config, store, options.core_namespace, clock)
        controller = self._wait_for("the configuration", config.now).init.controller
        registry = CollectorRegistry()
        health = HealthServer(served_everywhere(controller.healthz_addr), lambda: self._trouble)
        ends.callback(health.close)
        ends.callback(serve_registry(registry, served_everywhere(controller.metrics_addr)))
        for kind in _KINDS:
            self._wait_for(kind.plural, partial(store.list, kind))
        events = EventRecorder(self._client, clock)
        ends.callback(events.close)
        meter = ResourceMeter(store)
        ends.callback(meter.close)
        registry.register(meter)
        engine = ClusterEngine(store, events, config, options.db_manager)
        ends.callback(engine.close)
        engine.start()
        self._trouble = ""
        tell()
        self._watch_over(engine)

    def _watch_over(self, engine: ClusterEngine) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            if engine.failed.is_set():
                raise engine.failure or KatibError("the engine stopped without saying why")

    def _wait_for(self, what: str, ask: Callable[[], T]) -> T:
        """What is there once it is asked for without an error.

        Raises:
            ConfigurationError: waiting would not help.
        """
        while True:
            try:
                return ask()
            except ConfigurationError:
                raise
            except KatibError as error:
                self._tell_trouble(f"waiting for {what}: {error}")
            if self._stopping.wait(LOOK_AGAIN):
                raise _StoppedError

    def _tell_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            _LOG.warning("%s", trouble)
        self._trouble = trouble
