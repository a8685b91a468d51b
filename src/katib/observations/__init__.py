"""Where metrics are kept: one file for each way of keeping observation logs.

Every module here holds one implementation of :class:`katib.ports.observation_log.ObservationLog`.
It may know the port and the library it stands on (only ``sql`` knows SQLAlchemy), and nothing of
its siblings. ``remote`` asks a database manager; ``outbox`` stands in front of a log that may be
away. What a log means for a trial, its smallest, largest and latest values, is decided by
the trial's controller; how metrics come out of a program, by ``collectors``.
"""

from __future__ import annotations

from katib.ports.observation_log import ObservationLog
from katib.registry import Registry

OBSERVATION_LOGS: Registry[ObservationLog] = Registry(
    "observation log",
    "katib.observation_logs",
    {
        "memory": "katib.observations.memory:MemoryObservationLog",
        "sql": "katib.observations.sql:SqlObservationLog",
        "sqlite": "katib.observations.sql:SqliteObservationLog",
    },
)
