"""``katib suspend``, ``resume`` and ``stop``: whether an experiment gets new trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_experiments
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader
from katib.errors import KatibError

if TYPE_CHECKING:
    from pathlib import Path

    from katib.api.experiment import Experiment
    from katib.api.values import Key

ExperimentArgument = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=complete_experiments)
]


class ExperimentIsOverError(KatibError):
    """An experiment that has ended is to be suspended or stopped, or cannot go on."""

    def __init__(self, name: str, reason: str, advice: str) -> None:
        super().__init__(f'experiment "{name}" is over ({reason}){advice}')


def suspend(
    name: ExperimentArgument, namespace: NamespaceOption = "default", home: HomeOption = None
) -> None:
    """.

    Trials that run go on to their ends. In a cluster: kubectl annotate experiment NAME
    katib.kubeflow.org/suspend=true

    Example:

      katib suspend random
    """
    from katib.api import names

    _refuse_ended(_find(home, namespace, name), "")
    _annotate(home, namespace, name, {names.ANNOTATION_SUSPEND: "true"})
    typer.echo(f'experiment "{name}" suspended; go on with: katib resume {name}')


def resume(
    name: ExperimentArgument, namespace: NamespaceOption = "default", home: HomeOption = None
) -> None:
    """.

    Takes back what katib suspend and katib stop have said.

    Example:

      katib resume random
    """
    from katib.api import names

    experiment = _find(home, namespace, name)
    if not _may_go_on(experiment):
        policy = experiment.spec.resume_policy or names.NEVER
        _refuse_ended(
            experiment,
            f": it was stopped, or may have spent its budget, and its resumePolicy is {policy}; "
            "one that has spent its budget goes on when spec.maxTrialCount is raised, with "
            "resumePolicy LongRunning or FromVolume only",
        )
    taken = {names.ANNOTATION_SUSPEND: None, names.ANNOTATION_STOP: None}
    _annotate(home, namespace, name, taken)
    typer.echo(f'experiment "{name}" resumed')


def stop(
    name: ExperimentArgument, namespace: NamespaceOption = "default", home: HomeOption = None
) -> None:
    """.

    It ends with the trials that it has; those that run go on to their ends. With resumePolicy
    LongRunning or FromVolume, katib resume lets it go on later.

    Example:

      katib stop random
    """
    from katib.api import names

    _refuse_ended(_find(home, namespace, name), "")
    _annotate(home, namespace, name, {names.ANNOTATION_STOP: "true"})
    typer.echo(f'experiment "{name}" is stopped: it ends with the trials that it has')


def _find(home: Path | None, namespace: str, name: str) -> Experiment:
    from katib.api.experiment import EXPERIMENTS
    from katib.api.values import Key

    return open_reader(open_home(home)).get(EXPERIMENTS, Key(namespace, name))


def _may_go_on(experiment: Experiment) -> bool:
    from katib.api import conditions, names

    found = experiment.status.conditions
    succeeded = conditions.find(found, names.SUCCEEDED)
    if succeeded is None or succeeded.status != "True":
        return not conditions.has(found, names.FAILED)
    is_stopped = succeeded.reason == "ExperimentStopped"
    return is_stopped and experiment.spec.resume_policy in (names.LONG_RUNNING, names.FROM_VOLUME)


def _refuse_ended(experiment: Experiment, advice: str) -> None:
    from katib.api import conditions, names

    for type in (names.SUCCEEDED, names.FAILED):
        found = conditions.find(experiment.status.conditions, type)
        if found is not None and found.status == "True":
            raise ExperimentIsOverError(experiment.metadata.name, found.reason, advice)


def _annotate(
    home: Path | None, namespace: str, name: str, annotations: Mapping[str, str | None]
) -> None:
    """Set annotations, and take away those that are ``None``."""
    from katib.api.values import Key
    from katib.apps.connection import connect
    from katib.apps.server_record import find_server
    from katib.client.requests import path_of

    place = open_home(home)
    record = find_server(place)
    if record is None:
        _annotate_alone(place.path, Key(namespace, name), annotations)
        return
    path, changes = path_of("experiments", namespace, name), {"annotations": dict(annotations)}
    backend = connect(place, record)
    try:
        backend.ask("PATCH", path, {"metadata": changes}, "application/merge-patch+json")
    finally:
        backend.close()


def _annotate_alone(home: Path, key: Key, annotations: Mapping[str, str | None]) -> None:
    from msgspec.structs import replace

    from katib.api.experiment import EXPERIMENTS
    from katib.api.values import Strings
    from katib.apps.embedded import EmbeddedEngine
    from katib.apps.home import Home

    # It holds the home, and starts nothing.
    engine = EmbeddedEngine(Home(home))
    try:
        experiment = engine.store.get(EXPERIMENTS, key)
        changed = {**(experiment.metadata.annotations or {}), **annotations}
        kept = Strings({one: text for one, text in changed.items() if text is not None})
        metadata = replace(experiment.metadata, annotations=kept)
        engine.store.update(EXPERIMENTS, replace(experiment, metadata=metadata))
        engine.flush()
    finally:
        engine.close()
