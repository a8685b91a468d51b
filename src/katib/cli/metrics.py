"""``katib metrics``: a trial's observation log."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_trials
from katib.cli.options import (
    ConfigOption,
    HomeOption,
    NamespaceOption,
    open_config,
    open_home,
    open_reader,
)
from katib.cli.results import ExitCode
from katib.errors import KatibError, suggest

if TYPE_CHECKING:
    from katib.api.trial import Trial
    from katib.api.values import Key


class NoMetricError(KatibError):
    """A trial has no metric of that name."""

    def __init__(self, trial: str, metric: str, known: Collection[str]) -> None:
        super().__init__(
            f'trial "{trial}" has no metric "{metric}"{suggest(metric, known)}; it has '
            f"{', '.join(known)}"
        )


def metrics(
    trial: Annotated[
        str | None, typer.Argument(help="The trial's name.", autocompletion=complete_trials)
    ] = None,
    metric: Annotated[str | None, typer.Option("--metric", "-m", help="Only this one.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read a log, and run nothing."),
    ] = False,
    log: Annotated[
        Path | None, typer.Option("--from", metavar="LOGFILE", help="The log of a dry run.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The Experiment of a dry run; - is stdin.")
    ] = None,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """.

    One line per value: time, metric, value. A value without a time has none in the program's
    output.

    With --dry-run nothing is run: a log, or a folder of event files, is read as the experiment's
    collector would read it at the program's end. What became of each metric, and lines that nearly
    were one, follow on the standard error. Exits with 1 when the objective metric is not found.

    Examples:

      katib metrics random-gw7wzdw2 -m Validation-accuracy
      katib metrics --dry-run --from train.log -f experiment.yaml
    """
    if dry_run and trial is None and log is not None and file is not None:
        from katib.cli.dry_run import show

        if not show(file, log, metric):
            raise typer.Exit(ExitCode.FAILED)
    elif not dry_run and trial is not None and log is None and file is None:
        from katib.api.values import Key

        _show(Key(namespace, trial.removeprefix("trial/")), metric, home, config)
    else:
        raise typer.BadParameter("name a TRIAL, or give --dry-run with --from LOGFILE and -f FILE")


def _show(key: Key, metric: str | None, home: Path | None, config: Path | None) -> None:
    from katib.api.trial import TRIALS
    from katib.apps.observations import follow_observations
    from katib.cli.dry_run import print_entry

    place = open_home(home)
    found = open_reader(place).get(TRIALS, key)
    log = follow_observations(place, open_config(place, config))
    try:
        entries = log.read(key, metric)
        if metric and not entries:
            _check_metric(found, metric, {entry.name for entry in log.read(key)})
    finally:
        log.close()
    if not entries:
        typer.echo(f'No metrics of trial "{key.name}" yet.', err=True)
    for entry in entries:
        print_entry(entry)


def _check_metric(trial: Trial, metric: str, reported: Iterable[str]) -> None:
    """See that the metric may still come.

    Raises:
        NoMetricError: nobody asks for it, and others have come.
    """
    from katib.api.wildcards import matches_any

    objective = trial.spec.objective
    asked = objective.metric_names if objective else ()
    known = sorted({*asked, *reported})
    wildcards = objective.wildcards if objective else ()
    if known and metric not in known and not matches_any(wildcards, metric):
        raise NoMetricError(trial.metadata.name, metric, known)
