"""``katib explain``: the first thing that is wrong, from the experiment down to its metrics."""

from __future__ import annotations

from typing import Annotated

import typer

from katib.cli.completion import complete_experiments
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader


def explain(
    name: Annotated[
        str, typer.Argument(help="The experiment's name.", autocompletion=complete_experiments)
    ],
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    Walks experiment → suggestion → trials → runs → metrics.

    Example:

      katib explain random
    """
    from katib.api.values import Key
    from katib.cli.diagnosis import Diagnosis

    place = open_home(home)
    key = Key(namespace, name.removeprefix("experiment/"))
    diagnosis = Diagnosis(open_reader(place), place, key)
    for line in diagnosis.lines():
        typer.echo(line)
