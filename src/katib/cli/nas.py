"""``katib nas``: what an architecture search has found."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader

if TYPE_CHECKING:
    from katib.search.nas.found import Found


class Action(Enum):
    """What is done with an architecture."""

    EXPORT = "export"


def nas(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="export: write the network of a trial as a Python module for PyTorch, and as a "
            "drawing.",
        ),
    ],
    trial: Annotated[str, typer.Argument(help="The trial's name.", autocompletion=complete_trials)],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Where the files are written."),
    ] = Path("."),
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    The network is the architecture that a trial of enas, regularized-evolution or random was given,
    or the genotype that one of darts has reported. Its weights are not part of it.

    Example:

      katib nas export enas-gw7wzdw2 --output found
    """
    from katib.api.trial import TRIALS
    from katib.api.values import Key
    from katib.search.nas.drawing import drawings_of
    from katib.search.nas.found import NoArchitectureError, find_network
    from katib.search.nas.svg import svg_of

    # As `katib get -o name` and kubectl print it, the kind is before it.
    name = trial.rpartition("/")[2]
    found = find_network(open_reader(open_home(home)).get(TRIALS, Key(namespace, name)))
    try:
        source = _source_of(found, f"The network of trial {name}.")
    except ValueError as error:
        raise NoArchitectureError(name, str(error)) from error
    output.mkdir(parents=True, exist_ok=True)
    for suffix, text in ((".py", source), (".svg", svg_of(drawings_of(found)))):
        # A module's name has no hyphens.
        path = output / f"{name.replace('-', '_')}{suffix}"
        path.write_text(text, encoding="utf-8")
        typer.echo(path)


def _source_of(found: Found, title: str) -> str:
    from katib.search.nas.cell_source import cell_source
    from katib.search.nas.found import FoundLayers
    from katib.search.nas.layer_source import layer_source

    if isinstance(found, FoundLayers):
        return layer_source(found, title)
    return cell_source(found, title)
