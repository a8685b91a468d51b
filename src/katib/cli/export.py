"""``katib export``: an experiment and its trials as a file."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_experiments
from katib.cli.options import (
    ConfigOption,
    HomeOption,
    NamespaceOption,
    open_config,
    open_home,
    open_reader,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from katib.api.values import Key
    from katib.client.exchange.results import Report
    from katib.ports.observation_log import ObservationLog


class Format(StrEnum):
    """What trials are exported as."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    OPTUNA = "optuna"


def export(
    experiment: Annotated[
        str, typer.Argument(help="The experiment's name.", autocompletion=complete_experiments)
    ],
    format: Annotated[Format, typer.Option("--format", help="As what.")] = Format.CSV,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where. Default: csv and json are printed.",
            show_default=False,
        ),
    ] = None,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
    config: ConfigOption = None,
) -> None:
    """.

    csv and parquet have a line for each trial, with columns parameters.NAME and metrics.NAME; json
    has every value that was reported, too. optuna is a study of the experiment's name, in a file
    of SQLite (.db), a journal (.log) or a storage's URL. parquet needs pyarrow, optuna Optuna.

    Examples:

      katib export random
      katib export random --format json -o random.json
      katib export random --format optuna -o random.db
    """
    from katib.api.codec import to_manifest
    from katib.api.experiment import EXPERIMENTS
    from katib.api.names import LABEL_EXPERIMENT
    from katib.api.trial import TRIALS
    from katib.api.values import Key
    from katib.apps.observations import follow_observations
    from katib.client.exchange.calls import export as write
    from katib.client.exchange.results import Results
    from katib.ports.resource_store import Selector

    place, key = open_home(home), Key(namespace, experiment.removeprefix("experiment/"))
    reader = open_reader(place)
    found = to_manifest(reader.get(EXPERIMENTS, key))
    where = Selector(namespace, {LABEL_EXPERIMENT: key.name})
    trials = [to_manifest(trial) for trial in reader.list(TRIALS, where)]
    log = follow_observations(place, open_config(place, config))
    try:
        results = Results(found, trials, lambda trial: _reports(log, Key(namespace, trial)))
        text = write(results, format, output)
    finally:
        log.close()
    typer.echo(text, nl=False)
    if output is not None:
        typer.echo(f"{len(trials)} trials are in {output}.")


def _reports(log: ObservationLog, trial: Key) -> Sequence[Report]:
    from katib.api.names import UNAVAILABLE
    from katib.client.exchange.results import Report
    from katib.ports.observation_log import NO_TIME

    return [
        Report(None if one.time == NO_TIME else one.time, one.name, one.value)
        for one in log.read(trial)
        if one.value != UNAVAILABLE
    ]
