"""``katib status``: whether a server works in a home, and what it has to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from katib.cli.numbers import age
from katib.cli.options import HomeOption, open_home

if TYPE_CHECKING:
    from katib.apps.home import Home
    from katib.apps.server_record import ServerRecord

#: How long the web UI may take to answer before it is said that it does not, in seconds.
UI_PATIENCE = 5.0


def status(home: HomeOption = None) -> None:
    """.

    Exit codes: 0 a server works in the home, and answers; 1 none does.
    """
    from katib.apps.connection import connect
    from katib.apps.server_record import find_server

    place = open_home(home)
    record = find_server(place)
    is_ready = record is not None and connect(place, record, patience=5.0).is_ready()
    for line in _lines(place, record, is_ready):
        typer.echo(line)
    if not is_ready:
        raise typer.Exit(1)


def count_trials(place: Home) -> int:
    """How many trials of the home have not ended."""
    from katib.api.trial import TRIALS
    from katib.stores.sqlite import SqliteReader

    if not place.resources.exists():
        return 0
    return sum(not trial.is_completed for trial in SqliteReader(place.resources).list(TRIALS))


def ui_address(place: Home, record: ServerRecord) -> str:
    """Where a browser sees the experiments; who has it may do everything."""
    from katib.apps.kubeconfig import read_token

    return f"{record.ui}/?token={read_token(place)}"


def _lines(place: Home, record: ServerRecord | None, is_ready: bool) -> Iterator[str]:
    yield f"home: {place.path}"
    if record is None:
        yield f"server: none{_other(place)}; start one with: katib up"
    else:
        now = datetime.now(UTC)
        answer = "" if is_ready else ", but it does not answer"
        who = f" ({record.program}, a program that runs the engine)" if record.program else ""
        yield f"server: {record.address}, process {record.pid}{who}{answer}"
        yield f"since: {record.started:%Y-%m-%d %H:%M:%S} UTC, {age(record.started, now)} ago"
        if record.ui:
            yield f"ui: {ui_address(place, record)}{_silence(place, record)}"
    yield f"experiments active: {_count_experiments(place)}"
    yield f"trials running: {count_trials(place)}"
    for path in (place.resources, place.observations):
        yield f"{path.name}: {_size(path)}"


def _silence(place: Home, record: ServerRecord) -> str:
    """That the UI does not answer, and where it says why; empty when it does."""
    from katib.apps.ui_child import ui_log_path
    from katib.client.http import Access, HttpBackend

    if HttpBackend(Access(record.ui), UI_PATIENCE).is_ready():
        return ""
    return f", which does not answer; what it says is in {ui_log_path(place)}"


def _count_experiments(place: Home) -> int:
    from katib.api import conditions, names
    from katib.api.experiment import EXPERIMENTS
    from katib.stores.sqlite import SqliteReader

    if not place.resources.exists():
        return 0
    ends = (names.SUCCEEDED, names.FAILED)
    return sum(
        not any(conditions.has(experiment.status.conditions, end) for end in ends)
        for experiment in SqliteReader(place.resources).list(EXPERIMENTS)
    )


def _other(place: Home) -> str:
    holder = place.holder() if place.path.exists() else None
    return f" ({holder} works here)" if holder else ""


def _size(path: Path) -> str:
    """Of a database and its log, in words."""
    parts = [path, path.with_name(f"{path.name}-wal")]
    size = float(sum(part.stat().st_size for part in parts if part.exists()))
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
