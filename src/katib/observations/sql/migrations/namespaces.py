"""Trials of equal names in several namespaces, and an index by which each is found.

Kubeflow's Katib can go on writing: what it does not know has a default.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import Connection, inspect, text

revision = "0002"
down_revision = "0001"

#: The index of this Katib before it had migrations.
_FORMER_INDEX = "observation_logs_by_trial"
_INDEX = "observation_logs_of_trial"


def upgrade() -> None:
    """Add the namespace, ids for more than two billion entries, any text, and the index."""
    connection = op.get_bind()
    inspector = inspect(connection)
    is_named = any(one["name"] == "namespace" for one in inspector.get_columns("observation_logs"))
    addition = "" if is_named else "ADD COLUMN namespace VARCHAR(255) NOT NULL DEFAULT ''"
    _ALTER[connection.dialect.name](connection, addition)
    indexes = {one["name"] for one in inspector.get_indexes("observation_logs")}
    if _INDEX not in indexes:
        columns = ["trial_name", "namespace", "metric_name"]
        op.create_index(_INDEX, "observation_logs", columns)
    if _FORMER_INDEX in indexes:
        op.drop_index(_FORMER_INDEX, "observation_logs")


def _alter_sqlite(connection: Connection, addition: str) -> None:
    if addition:
        connection.execute(text(f"ALTER TABLE observation_logs {addition}"))


def _alter_postgresql(connection: Connection, addition: str) -> None:
    changes = ["ALTER COLUMN id TYPE BIGINT", *filter(None, [addition])]
    connection.execute(text(f"ALTER TABLE observation_logs {', '.join(changes)}"))
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence('observation_logs', 'id')")
    ).scalar()
    if sequence is not None:
        connection.execute(text(f"ALTER SEQUENCE {sequence} AS BIGINT"))


def _alter_mysql(connection: Connection, addition: str) -> None:
    changes = [
        "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "MODIFY id BIGINT NOT NULL AUTO_INCREMENT",
        "MODIFY value LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        *filter(None, [addition]),
    ]
    connection.execute(text(f"ALTER TABLE observation_logs {', '.join(changes)}"))


_ALTER = {"sqlite": _alter_sqlite, "postgresql": _alter_postgresql, "mysql": _alter_mysql}
