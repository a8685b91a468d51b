"""``katib down``: the server of a home is stopped."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.options import HomeOption, open_home
from katib.errors import KatibError

if TYPE_CHECKING:
    from katib.apps.home import Home
    from katib.apps.server_record import ServerRecord

#: How long a server may take to end, in seconds; an algorithm may be computing.
LONGEST_END = 90.0


class StillServingError(KatibError):
    """A server did not end in time."""

    def __init__(self, record: ServerRecord) -> None:
        super().__init__(
            f"process {record.pid} still serves {record.address} after {LONGEST_END:.0f} s; its "
            f"programs may be ending. Wait, or end it with: kill -9 {record.pid} (nothing that it "
            "acknowledged is lost)"
        )


class ProgramServesError(KatibError):
    """What serves a home is a user's program, which no command ends."""

    def __init__(self, place: Home, record: ServerRecord) -> None:
        super().__init__(
            f"{place.path} is served by process {record.pid} ({record.program}), a program of "
            "yours, as long as it runs; end that program, and its running trials start again with "
            "the next engine"
        )


def down(
    home: HomeOption = None,
    stop_trials: Annotated[
        bool,
        typer.Option("--stop-trials", help="End running trials too; they are run again later."),
    ] = False,
) -> None:
    """.

    Running trials are left alone: they go on by themselves, and the next engine adopts them.

    Example:

      katib down
    """
    from katib.apps.server_record import find_server
    from katib.cli.status import count_trials

    place = open_home(home)
    record = find_server(place)
    if record is None:
        typer.echo(f"No server works in {place.path}.")
        return
    if record.program:
        raise ProgramServesError(place, record)
    _stop(place, record, signal.SIGUSR1 if stop_trials else signal.SIGTERM)
    left = 0 if stop_trials else count_trials(place)
    goes = "trial goes" if left == 1 else "trials go"
    more = f" {left} {goes} on by themselves; the next engine adopts them." if left else ""
    typer.echo(f"Stopped: {place.path} is served no longer.{more}")


def _stop(place: Home, record: ServerRecord, number: int) -> None:
    from katib.apps.server_record import is_held

    try:
        os.kill(record.pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise KatibError(
            f"process {record.pid}, which serves {place.path}, belongs to another user; stop it as "
            "that user"
        ) from error
    deadline = time.monotonic() + LONGEST_END
    while is_held(place, record.pid):
        if time.monotonic() > deadline:
            raise StillServingError(record)
        time.sleep(0.05)
