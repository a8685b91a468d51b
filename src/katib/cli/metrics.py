"""``katib metrics``: a trial's observation log."""

from __future__ import annotations

from typing import Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader


def metrics(
    trial: Annotated[str, typer.Argument(help="The trial's name.", autocompletion=complete_trials)],
    metric: Annotated[str | None, typer.Option("--metric", "-m", help="Only this one.")] = None,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    One line per value: time, metric, value. A value without a time has none in the program's
    output.

    Example:

      katib metrics random-gw7wzdw2 -m Validation-accuracy
    """
    from katib.api.codec import format_time
    from katib.api.trial import TRIALS
    from katib.api.values import Key
    from katib.observations.sql import SqlObservationLog
    from katib.ports.observation_log import NO_TIME

    place, key = open_home(home), Key(namespace, trial.removeprefix("trial/"))
    open_reader(place).get(TRIALS, key)
    log = SqlObservationLog(f"sqlite:///{place.observations}")
    try:
        entries = log.read(key, metric)
    finally:
        log.close()
    if not entries:
        typer.echo(f'No metrics of trial "{key.name}" yet.', err=True)
    for entry in entries:
        when = "-" if entry.time == NO_TIME else format_time(entry.time)
        typer.echo(f"{when}\t{entry.name}\t{entry.value}")
