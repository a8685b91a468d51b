"""``katib db``: the table of observation logs in a database."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from katib.cli.databases import UrlArgument, find_url
from katib.cli.results import ExitCode


class Action(Enum):
    """What is done with the database."""

    UPGRADE = "upgrade"
    CURRENT = "current"


def db(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="upgrade: make the table, or bring an older one to this version, with all that is "
            "in it. current: say what is there; exits with 1 when it is not of this version.",
        ),
    ],
    url: UrlArgument = None,
) -> None:
    """.

    A table that Kubeflow's Katib has made is taken over as it is, and its database manager can go
    on writing into it. An upgrade that was killed is done again by the same command.

    Examples:

      katib db upgrade postgresql://katib@localhost/katib
      katib db current
    """
    place = find_url(url)
    if action is Action.UPGRADE:
        _upgrade(place)
    else:
        _tell_current(place)


def _upgrade(url: str) -> None:
    from katib.observations.sql.preparing import prepare_database
    from katib.observations.sql.schema import HEAD

    before = prepare_database(url)
    if before == HEAD:
        typer.echo(f"Nothing to do: the database is at {HEAD}.")
    else:
        typer.echo(f"The database is at {HEAD} now.")


def _tell_current(url: str) -> None:
    from katib.observations.sql.preparing import read_revision
    from katib.observations.sql.schema import HEAD

    revision, has_logs = read_revision(url)
    if revision == HEAD:
        typer.echo(f"The database is at {HEAD}, which is this Katib's.")
        return
    if revision is None and has_logs:
        found = "has a table of Kubeflow's Katib, or of this one before there were revisions"
    elif revision is None:
        found = "has no observation logs"
    else:
        found = f"is at {revision}"
    typer.echo(f"The database {found}; this Katib's is {HEAD}: katib db upgrade brings it there.")
    raise typer.Exit(ExitCode.FAILED)
