"""How commands are told of a database."""

from __future__ import annotations

import os
from typing import Annotated

import typer

#: The variable that may hold the URL, so that its password is in no list of processes.
DATABASE_URL = "KATIB_DATABASE_URL"

UrlArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[URL]",
        envvar=DATABASE_URL,
        help="The database, as postgresql://user@host/katib, mysql://user@host/katib or "
        "sqlite:////path/observations.db. Default: what DB_NAME and Katib's other variables say.",
        show_default=False,
    ),
]


def find_url(url: str | None) -> str:
    """The URL that was given, or that of the variables.

    Raises:
        ConfigurationError: neither is there.
    """
    from katib.configuration.databases import read_database_url

    return url or read_database_url(os.environ)
