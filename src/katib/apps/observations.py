"""Where a home keeps its observation logs: in a file of its own, or as it is configured."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from katib.api.values import Key
from katib.apps.home import Home
from katib.configuration import KatibConfig
from katib.errors import StoreUnavailableError
from katib.observations.outbox import Outbox
from katib.observations.sql import SqliteObservationLog, SqlObservationLog
from katib.ports.clock import Clock
from katib.ports.observation_log import ObservationLog

_LOG = logging.getLogger(__name__)

#: No trial has this name: reading it shows whether a database can be used.
_NO_TRIAL = Key("", "-")


def open_observations(
    home: Home, config: KatibConfig, clock: Clock, hear_of_delay: Callable[[Key], None]
) -> ObservationLog:
    """The observation logs for the engine of a home, which owns the file.

    A server may be away, now and later: reports wait in the home.

    Args:
        home: where the file is, or what waits.
        config: says where else.
        clock: for pauses.
        hear_of_delay: called with a trial when its reports begin to wait, and when they no longer
            do.

    Raises:
        ConfigurationError: the URL names no database, or its driver is missing.
        SchemaError: the database is of another version.
        StoreUnavailableError: the home's file cannot be opened.
    """
    url = config.init.controller.observations
    if not url or url.startswith("sqlite:"):
        return SqlObservationLog(url) if url else SqliteObservationLog(home.observations)
    outbox = Outbox(partial(SqlObservationLog, url), str(home.outbox), clock, hear_of_delay)
    try:
        # What is wrong for good is told at once.
        outbox.read(_NO_TRIAL)
    except StoreUnavailableError as error:
        _LOG.warning("Reports wait in %s: %s", home.outbox, error)
    except BaseException:
        outbox.close()
        raise
    outbox.start()
    return outbox


def follow_observations(home: Home, config: KatibConfig) -> ObservationLog:
    """The same for one that looks on while an engine writes.

    Raises:
        ConfigurationError: the URL names no database, or its driver is missing.
        SchemaError: the database is of another version.
        StoreUnavailableError: it cannot be opened.
    """
    return SqlObservationLog(config.init.controller.observations or home.observations)
