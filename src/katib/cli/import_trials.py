"""``katib import``: an experiment of trials that ended elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.options import HomeOption, NamespaceOption, open_home

if TYPE_CHECKING:
    from katib.client.exchange.archive import Archive
    from katib.client.exchange.bringing import Bringing
    from katib.client.study.documents import StudySpec


def import_trials(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A CSV file; else a storage of Optuna: a file of SQLite, a journal, or a URL.",
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="The name of the experiment that is to be.")],
    like: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            "--like",
            metavar="EXPERIMENT",
            help="An Experiment with the parameters, the objective and the template to go on by.",
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option("--objective", metavar="METRIC", help="What is optimised, without -f."),
    ] = None,
    maximize: Annotated[
        bool, typer.Option("--maximize", help="More of it is better, without -f.")
    ] = False,
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="COLUMN", help="A column that is no parameter."),
    ] = None,
    algorithm: Annotated[
        str | None, typer.Option("--algorithm", help="What searches on, without -f.")
    ] = None,
    study: Annotated[str, typer.Option("--study", help="The study of Optuna.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be imported, and do nothing.")
    ] = False,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    A CSV file has a line for each trial and a column for each parameter and metric; columns
    parameters.NAME and metrics.NAME, as katib export writes them, say what they are, others are
    parameters unless -f, --objective or --metric name them. A column status says Succeeded (the
    default), EarlyStopped or Failed.

    Without -f the search space is found from the values and shown, and the search goes on by ask
    and tell: katib.Study(name=NAME). With a template in EXPERIMENT it goes on by itself. The
    algorithm sees the imported trials, and they count in maxTrialCount.

    Either everything is imported or nothing; what was broken off goes on with the same command.

    Examples:

      katib import runs.csv --name tuned --objective loss
      katib import runs.csv --name tuned -f experiment.yaml
      katib import optuna.db --name tuned --study my-study
    """
    from katib.client.exchange.calls import Source, Target, prepare, read_archive
    from katib.client.finding import find_backend

    if like is not None and (objective or maximize or algorithm):
        raise typer.BadParameter("EXPERIMENT says objective and algorithm; leave them out here")
    wanted = _spec(objective, maximize, algorithm)
    given = Source(source, like, study, metrics or ())
    archive = read_archive(given, wanted)
    backend = find_backend(home=open_home(home).path)
    bringing = prepare(given, archive, wanted, Target(backend, name, namespace))
    _show(archive, bringing)
    if dry_run:
        return
    try:
        bringing.run(_tell if sys.stderr.isatty() else _tell_nobody)
    finally:
        backend.close()
    _conclude(name, bringing)


def _spec(objective: str | None, maximize: bool, algorithm: str | None) -> StudySpec:
    spec: StudySpec = {}
    if objective is not None:
        spec["objective_metric_name"] = objective
    if maximize:
        spec["objective_type"] = "maximize"
    if algorithm is not None:
        spec["algorithm"] = algorithm
    return spec


def _show(archive: Archive, bringing: Bringing) -> None:
    from katib.client.exchange.spaces import tell_parameter

    spec = bringing.document["spec"]
    objective = spec["objective"]
    typer.echo(f"{len(archive.trials)} trials of {archive.source}")
    typer.echo(f"  {objective['type']} {objective['objectiveMetricName']}")
    for parameter in spec["parameters"]:
        typer.echo(f"  {tell_parameter(parameter)}")
    for note in archive.notes:
        typer.echo(f"  {note}")


def _tell(made: int, ended: int) -> None:
    typer.echo(f"\r{made} imported, {ended} known to the engine", nl=False, err=True)


def _tell_nobody(made: int, ended: int) -> None:
    return None


def _conclude(name: str, bringing: Bringing) -> None:
    from katib.client.exchange.bringing import tell_budget

    count = len(bringing.archive.trials)
    typer.echo(f'Experiment "{name}" has {count} imported trials.')
    for told in tell_budget(bringing.document["spec"], count):
        typer.echo(f"  {told}")
    if bringing.is_studied:
        typer.echo(f'  it goes on when it is asked: katib.Study(name="{name}")')
    else:
        typer.echo("  it goes on with: katib up, or katib run FILE")
