"""From older tables to the present one, step by step, with Alembic.

A module here is a step: its revision, the one before it, and what it does. A step looks at what
there is and may be done again: not every database takes back what a killed one has done.
"""

from __future__ import annotations

from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from katib.observations.sql.schema import HEAD


def migrate(connection: Connection) -> None:
    """Bring a table of any age to this version, with all that is in it."""
    folder = __path__[0]
    script = ScriptDirectory(folder, version_locations=[folder])

    def find_steps(revision: Any, _: MigrationContext) -> Any:
        return script._upgrade_revs(HEAD, revision)

    context = MigrationContext.configure(connection, opts={"fn": find_steps})
    with Operations.context(context), context.begin_transaction():
        context.run_migrations()
