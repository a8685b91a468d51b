"""Observation logs in a database: SQLite, PostgreSQL, MySQL or MariaDB, through SQLAlchemy Core.

``log`` is for a database that several programs share; ``file`` for a file of one program alone,
which therefore buffers and remembers. Both stand on ``schema``, the one table and what is asked of
it, on ``database``, which opens it and words what goes wrong, and on ``preparing``, which sees that
the table is there. ``migrations`` bring older tables, those of Kubeflow's Katib among them, to the
present one; only they know Alembic, which is loaded when there is something to do.
"""

from __future__ import annotations

from katib.observations.sql.file import SqliteObservationLog
from katib.observations.sql.log import SqlObservationLog

__all__ = ["SqlObservationLog", "SqliteObservationLog"]
