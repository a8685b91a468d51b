"""Options that several commands share, and what stands behind them."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.errors import ConfigurationError, KatibError

if TYPE_CHECKING:
    from katib.apps.home import Home
    from katib.configuration import KatibConfig
    from katib.stores.sqlite import SqliteReader

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="KATIB_HOME",
        help="The folder that holds everything. Default: the user's data folder.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="KATIB_CONFIG",
        metavar="FILE",
        help="A KatibConfig. Default: katib-config.yaml in the home, when there is one.",
        show_default=False,
    ),
]
PythonOption = Annotated[
    Path | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The interpreter that programs find. Default: the one that runs Katib.",
        show_default=False,
    ),
]
ImageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="NAME=PATH",
        help="What stands for a container image: a folder that holds its files, or a program.",
    ),
]
KubeconfigOption = Annotated[
    Path | None,
    typer.Option(
        "--kubeconfig",
        metavar="FILE",
        help="The cluster. Default: the one that this pod is in, else KUBECONFIG or "
        "~/.kube/config.",
        show_default=False,
    ),
]
ContextOption = Annotated[
    str,
    typer.Option(
        "--context",
        help="Of the kubeconfig. Default: its current one.",
        show_default=False,
    ),
]
NamespaceOption = Annotated[
    str, typer.Option("--namespace", "-n", help="The namespace of the resource.")
]


class NothingHereError(KatibError):
    """A home holds no experiments yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"there are no experiments in {path} yet; start one with: katib run FILE, or name "
            "another home with --home DIR"
        )


def open_home(path: Path | None) -> Home:
    """The home that an option names."""
    from katib.apps.home import Home, default_home

    return Home((path or default_home()).expanduser().absolute())


def open_config(home: Home, path: Path | None) -> KatibConfig:
    """The configuration that an option names, else the home's own, else the defaults.

    Raises:
        ConfigurationError: the file cannot be read, or is no legal configuration.
    """
    from katib.configuration import read_file

    return home.read_config() if path is None else read_file(path.expanduser())


def open_reader(home: Home) -> SqliteReader:
    """A view of the home's resources, also while an engine works there.

    Raises:
        NothingHereError: the home is empty.
    """
    from katib.stores.sqlite import SqliteReader

    if not home.resources.exists():
        raise NothingHereError(home.path)
    return SqliteReader(home.resources)


def check_cluster_is_installed(command: str) -> None:
    """Raise when what speaks to clusters was not installed with the package."""
    if find_spec("kubernetes") is None:
        raise ConfigurationError(
            f"{command} needs a package that is not installed (kubernetes): "
            "pip install 'katib[cluster]'"
        )


def find_interpreter(path: Path | None) -> Path | None:
    """The Python that an option names, if it does."""
    if path is None:
        return None
    # Not resolved: an environment's interpreter is a link, and the link is what counts.
    place = path.expanduser().absolute()
    if not (place.is_file() and os.access(place, os.X_OK)):
        raise typer.BadParameter(f"--python {path}: {place} is no program that can be run")
    return place
