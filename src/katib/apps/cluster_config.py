"""The configuration of an operator: a file that is read again when it changes, or a ConfigMap."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key
from katib.configuration import KatibConfig, read_config_map, read_file
from katib.configuration.models import CONFIG_MAP
from katib.ports.clock import Clock
from katib.ports.resource_store import ResourceReader

#: How old what was read may be, in seconds: an edit serves the experiments that begin after that.
READ_EVERY = 5.0


class ClusterConfig:
    """Gives the configuration as it is now, from any thread.

    Args:
        read: reads it.
        clock: for how old it is.
    """

    def __init__(self, read: Callable[[], KatibConfig], clock: Clock) -> None:
        self._read, self._clock = read, clock
        self._lock = threading.Lock()
        self._known: tuple[float, KatibConfig] | None = None

    def now(self) -> KatibConfig:
        """The configuration, at most :data:`READ_EVERY` seconds old.

        Raises:
            ConfigurationError: it cannot be read, or is not legal.
            StoreAwayError: the ConfigMap cannot be asked for.
        """
        with self._lock:
            now = self._clock.monotonic()
            if self._known is None or now - self._known[0] >= READ_EVERY:
                self._known = now, self._read()
            return self._known[1]


def cluster_config(
    path: Path | None, store: ResourceReader, namespace: str, clock: Clock
) -> ClusterConfig:
    """The configuration in a file, or in Katib's ConfigMap.

    Args:
        path: the file; ``None`` for the ConfigMap.
        store: where the ConfigMap is.
        namespace: of the ConfigMap. When there is none, everything has its defaults.
        clock: for how old it is.
    """
    if path is not None:
        return ClusterConfig(lambda: read_file(path), clock)
    key = Key(namespace, CONFIG_MAP)

    def read() -> KatibConfig:
        found = store.find(CONFIG_MAPS, key)
        return KatibConfig() if found is None else read_config_map(found.body.get("data") or {})

    return ClusterConfig(read, clock)
