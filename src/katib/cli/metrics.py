"""``katib metrics``: a trial's observation log."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader
from katib.errors import KatibError, suggest

if TYPE_CHECKING:
    from katib.api.trial import Trial


class NoMetricError(KatibError):
    """A trial has no metric of that name."""

    def __init__(self, trial: str, metric: str, known: Collection[str]) -> None:
        super().__init__(
            f'trial "{trial}" has no metric "{metric}"{suggest(metric, known)}; it has '
            f"{', '.join(known)}"
        )


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
    found = open_reader(place).get(TRIALS, key)
    log = SqlObservationLog(f"sqlite:///{place.observations}")
    try:
        entries = log.read(key, metric)
        if metric and not entries:
            _check_metric(found, metric, {entry.name for entry in log.read(key)})
    finally:
        log.close()
    if not entries:
        typer.echo(f'No metrics of trial "{key.name}" yet.', err=True)
    for entry in entries:
        when = "-" if entry.time == NO_TIME else format_time(entry.time)
        typer.echo(f"{when}\t{entry.name}\t{entry.value}")


def _check_metric(trial: Trial, metric: str, reported: Iterable[str]) -> None:
    """See that the metric may still come.

    Raises:
        NoMetricError: nobody asks for it, and others have come.
    """
    objective = trial.spec.objective
    asked = objective.metric_names if objective else ()
    known = sorted({*asked, *reported})
    if known and metric not in known:
        raise NoMetricError(trial.metadata.name, metric, known)
