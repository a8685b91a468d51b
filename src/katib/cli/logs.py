"""``katib logs``: what a trial's program wrote."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader
from katib.errors import KatibError

if TYPE_CHECKING:
    from katib.apps.home import Home


class NoLogError(KatibError):
    """A trial has no log."""

    def __init__(self, trial: str, folder: Path) -> None:
        super().__init__(
            f'trial "{trial}" has written no log yet ({folder} holds none); see what it waits for '
            f"with: katib describe trial {trial}"
        )


def logs(
    trial: Annotated[str, typer.Argument(help="The trial's name.", autocompletion=complete_trials)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on while it runs.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the attempt before the last one.")
    ] = False,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    Example:

      katib logs random-gw7wzdw2 -f
    """
    from katib.api.trial import TRIALS
    from katib.api.values import Key

    place = open_home(home)
    key = Key(namespace, trial.removeprefix("trial/"))
    reader = open_reader(place)
    reader.get(TRIALS, key)
    path = _wait_for(place, key, follow, previous)
    with path.open("rb") as file:
        while True:
            is_over = not follow or reader.get(TRIALS, key).is_completed
            while chunk := file.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            if is_over:
                return
            time.sleep(0.1)


def find_logs(home: Home, namespace: str, trial: str) -> list[Path]:
    """The logs of a trial's containers and attempts, the newest last."""
    folder = home.trials / namespace / trial
    return sorted(folder.glob("*.log"), key=lambda path: path.stat().st_mtime)


def _wait_for(place: Home, key: tuple[str, str], follow: bool, previous: bool) -> Path:
    wanted = 2 if previous else 1
    while True:
        found = find_logs(place, *key)
        if len(found) >= wanted:
            return found[-wanted]
        if not follow:
            raise NoLogError(key[1], place.trials / key[0] / key[1])
        time.sleep(0.1)
