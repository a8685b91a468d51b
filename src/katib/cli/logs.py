"""``katib logs``: what a trial's program wrote."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader
from katib.errors import KatibError, suggest

if TYPE_CHECKING:
    from katib.api.trial import Trial
    from katib.apps.home import Home


class NoLogError(KatibError):
    """A trial has no log."""

    def __init__(self, trial: str, folder: Path) -> None:
        super().__init__(
            f'trial "{trial}" has written no log yet ({folder} holds none); see what it waits for '
            f"with: katib describe trial {trial}"
        )


class NothingPrintedError(KatibError):
    """A trial has ended and has no log."""

    def __init__(self, trial: str) -> None:
        super().__init__(f'trial "{trial}" is a call of a function, and has printed nothing')


class NoContainerError(KatibError):
    """A trial has no container of that name."""

    def __init__(self, trial: str, container: str, known: Collection[str]) -> None:
        super().__init__(
            f'trial "{trial}" has no container "{container}"{suggest(container, known)}; it has '
            f"{', '.join(known)}"
        )


def logs(
    trial: Annotated[str, typer.Argument(help="The trial's name.", autocompletion=complete_trials)],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on while it runs.")] = False,
    previous: Annotated[
        bool, typer.Option("--previous", "-p", help="Of the attempt before the last one.")
    ] = False,
    container: Annotated[
        str | None,
        typer.Option("--container", "-c", help="Another than the primary container."),
    ] = None,
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
    found = reader.get(TRIALS, key)
    if container is not None:
        _check_container(place, found, container)
    last = 2 if previous else 1

    def find() -> Path | None:
        logs = find_logs(place, found, container)
        return logs[-last] if len(logs) >= last else None

    while (path := find()) is None:
        # One that has ended in between has written all that it will.
        if (not follow or reader.get(TRIALS, key).is_completed) and find() is None:
            raise _no_log(place, found)
        time.sleep(0.1)
    with path.open("rb") as file:
        while True:
            is_over = not follow or reader.get(TRIALS, key).is_completed
            while chunk := file.read(1 << 16):
                sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            if is_over:
                return
            time.sleep(0.1)


def find_logs(home: Home, trial: Trial, container: str | None = None) -> list[Path]:
    """The logs of a container in all attempts of a trial, the newest last.

    Args:
        home: where they are.
        trial: whose.
        container: which; ``None`` for the primary one.
    """
    folder = home.trials / trial.metadata.namespace / trial.metadata.name
    name = container or trial.spec.primary_container_name
    # A pod of one container has no name of it in its files.
    found = list(folder.glob(f"*.{name}.log"))
    if not found and container in (None, trial.spec.primary_container_name):
        found = [path for path in folder.glob("*.log") if path.name.count(".") == 1]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def _check_container(home: Home, trial: Trial, container: str) -> None:
    """See that a container of that name may write, or has written.

    Raises:
        NoContainerError: the run has others only.
    """
    from msgspec import UNSET

    from katib.admission.job import container_names
    from katib.api.codec import from_raw

    folder = home.trials / trial.metadata.namespace / trial.metadata.name
    # A name of a file is the attempt, the container, perhaps a number, and what it is.
    written = {path.name.split(".")[1] for path in folder.glob("*.*.log")}
    run = {} if trial.spec.run_spec is UNSET else from_raw(trial.spec.run_spec)
    names = (*container_names(run, "initContainers"), *container_names(run))
    known = sorted({*names, *written, trial.spec.primary_container_name} - {""})
    if container not in known:
        raise NoContainerError(trial.metadata.name, container, known)


def _calls_function(trial: Trial) -> bool:
    from katib.api.kinds import FUNCTION_CALLS
    from katib.controllers.trial.runs import kind_of_run

    return kind_of_run(trial) is FUNCTION_CALLS


def _no_log(place: Home, trial: Trial) -> KatibError:
    namespace, name = trial.key
    if _calls_function(trial) and trial.is_completed:
        return NothingPrintedError(name)
    return NoLogError(name, place.trials / namespace / name)
