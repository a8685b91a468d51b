"""Where a home keeps its observation logs: in a file of its own, or as it is configured."""

from __future__ import annotations

from katib.apps.home import Home
from katib.configuration import KatibConfig
from katib.observations.sql import SqliteObservationLog, SqlObservationLog
from katib.ports.observation_log import ObservationLog


def open_observations(home: Home, config: KatibConfig) -> ObservationLog:
    """The observation logs for the engine of a home, which owns the file.

    Raises:
        ConfigurationError: the URL names no database, or its driver is missing.
        SchemaError: the database is of another version.
        StoreUnavailableError: it cannot be opened.
    """
    url = config.init.controller.observations
    return SqlObservationLog(url) if url else SqliteObservationLog(home.observations)


def follow_observations(home: Home, config: KatibConfig) -> ObservationLog:
    """The same for one that looks on while an engine writes.

    Raises:
        ConfigurationError: the URL names no database, or its driver is missing.
        SchemaError: the database is of another version.
        StoreUnavailableError: it cannot be opened.
    """
    return SqlObservationLog(config.init.controller.observations or home.observations)
