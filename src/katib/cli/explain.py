"""``katib explain``: the first thing that is wrong, from the experiment down to its metrics."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from katib.cli.completion import complete_experiments
from katib.cli.options import (
    ContextOption,
    HomeOption,
    KubeconfigOption,
    NamespaceOption,
    check_cluster_is_installed,
    open_home,
    open_reader,
)

if TYPE_CHECKING:
    from katib.api.experiment import Experiment
    from katib.cli.diagnosis.finding import Finding
    from katib.cli.diagnosis.places import Place
    from katib.ports.resource_store import ResourceReader


ClusterOption = Annotated[
    bool,
    typer.Option(
        "--cluster",
        help="Look into a cluster instead of a home: that of --kubeconfig and --context.",
    ),
]


class Output(StrEnum):
    """How the cause is printed."""

    TEXT = "text"
    JSON = "json"


def explain(
    name: Annotated[
        str, typer.Argument(help="The experiment's name.", autocompletion=complete_experiments)
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.TEXT,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
    cluster: ClusterOption = False,
    context: ContextOption = "",
    kubeconfig: KubeconfigOption = None,
) -> None:
    """.

    Walks experiment → suggestion → trials → runs → metrics, and names the first cause and what
    mends it. With -o json: an object of cause, reason, message, fix and object.

    Examples:

      katib explain random
      katib explain random -n team-a --cluster
    """
    from katib.api.experiment import EXPERIMENTS
    from katib.api.values import Key
    from katib.cli.diagnosis.scene import Scene
    from katib.cli.diagnosis.walk import diagnose

    # A process that soon ends need not look for cycles.
    gc.disable()
    is_elsewhere = cluster or bool(context) or kubeconfig is not None
    reader, place = _in_cluster(kubeconfig, context) if is_elsewhere else _at_home(home)
    experiment = reader.get(EXPERIMENTS, Key(namespace, name.removeprefix("experiment/")))
    found = diagnose(Scene(reader, place, experiment))
    for line in _as_json(found) if output is Output.JSON else _as_text(experiment, found):
        typer.echo(line)


def _at_home(home: Path | None) -> tuple[ResourceReader, Place]:
    from katib.cli.diagnosis.places import HomePlace

    opened = open_home(home)
    return open_reader(opened), HomePlace(opened)


def _in_cluster(kubeconfig: Path | None, context: str) -> tuple[ResourceReader, Place]:
    check_cluster_is_installed("katib explain")
    from katib.apps.clock import SystemClock
    from katib.cli.diagnosis.cluster import ClusterPlace
    from katib.kubernetes.client import KubernetesClient
    from katib.stores.kubernetes import KubernetesStore

    client = KubernetesClient.connect(kubeconfig, context)
    # Nothing is watched: what is looked at is asked for.
    return KubernetesStore(client, SystemClock(), label_of=lambda kind: None), ClusterPlace(client)


def _as_json(found: Finding) -> Iterator[str]:
    import json

    yield json.dumps(found.to_json(), indent=2, ensure_ascii=False)


def _as_text(experiment: Experiment, found: Finding) -> Iterator[str]:
    from katib.api import conditions

    status = experiment.status
    newest = conditions.newest(status.conditions)
    said = f"{newest.type}: {newest.message}" if newest else "not looked at by an engine yet"
    yield f"experiment {experiment.metadata.name}: {said}"
    yield (
        f"trials: {status.trials} of {experiment.spec.max_trial_count or 'no limit'}, "
        f"{status.trials_succeeded} succeeded, {status.trials_failed} failed, "
        f"{status.trial_metrics_unavailable} without metrics, "
        f"{status.trials_running + status.trials_pending} active"
    )
    if not found.is_wrong:
        yield "nothing is wrong"
        yield f"{found.cause}: {found.message}"
    else:
        yield f"cause: {found.cause} ({found.reason}), seen at {found.object}"
        yield found.message
    if found.fix:
        yield f"{'fix' if found.is_wrong else 'next'}: {found.fix}"
