"""The container that reads the metrics of the program beside it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
from msgspec import UNSET

from katib.api import names
from katib.api.codec import from_raw
from katib.api.experiment import (
    CollectorSpec,
    Experiment,
    FileSystemPath,
    FilterSpec,
    ObjectiveSpec,
    SourceSpec,
)
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.api.values import Manifest, Strings
from katib.configuration import KatibConfig
from katib.configuration.lookups import find_collector
from katib.configuration.models import MetricsCollectorConfig, Resources
from katib.errors import ConfigurationError, RenderError
from katib.kubernetes.registry import EntryPoint
from katib.kubernetes.wrapping import literal

#: What is printed goes there, whatever the experiment says.
PRINTED = "/var/log/katib/metrics.log"

#: The names that Katib gives the container, and so what ``kubectl logs -c`` is told.
LOGGER, COLLECTOR = names.COLLECTOR_CONTAINERS

#: The folder that is shared when metrics are served, and in no file.
SERVED = posixpath.dirname(PRINTED)

#: Kinds whose program is wrapped, and read by our own collector.
READ_KINDS = ("StdOut", "File", "TensorFlowEvent", "PrometheusMetric")

#: The port at which an early stopping service beside an algorithm answers.
EARLY_STOPPING_PORT = 6788

#: By this a container's last lines stand in the status of its pod when it fails.
TELL_LAST_LINES = "FallbackToLogsOnError"

# Python with gRPC needs so much; Katib's own default would be too little to ask for.
_OWN_RESOURCES = Resources(
    requests=Strings({"cpu": "50m", "memory": "40Mi"}),
    limits=Strings({"cpu": "500m", "memory": "200Mi"}),
)

_RESTRICTED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}

#: What of the program's own security context says as whom it runs.
_USER = ("runAsUser", "runAsGroup", "runAsNonRoot")


def _no_entry_point(image: str) -> EntryPoint:
    raise ConfigurationError(
        f'the entry point of the image "{image}" is not known here: write the command into '
        "spec.trialTemplate, so that what the program reports can be read and its end be seen"
    )


def _no_token(trial: Trial) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the pods of trials need to know of the cluster.

    Attributes:
        config: how Katib is configured.
        db_manager: where metrics are reported, ``host:port``.
        operator: who is told that a trial was stopped early, ``host:port``.
        image: that holds our own collector; empty when it is not known.
        has_native_sidecars: whether an init container may go on beside the others.
        token_of: by what a trial shows who it is.
        find_entry_point: what an image runs; a ``ConfigurationError`` says why that is not known.
    """

    config: KatibConfig = field(default_factory=KatibConfig)
    db_manager: str = "katib-db-manager.kubeflow:6789"
    operator: str = "katib-controller.kubeflow:6788"
    image: str = ""
    has_native_sidecars: bool = False
    token_of: Callable[[Trial], str] = _no_token
    find_entry_point: Callable[[str], EntryPoint] = _no_entry_point


@dataclass(frozen=True, slots=True)
class Place:
    """Where the metrics of a trial's program are, as its containers see it.

    Attributes:
        path: the file, or the folder of event files; empty when they are in none.
        folder: the folder that program and collector share.
    """

    path: str = ""
    folder: str = ""


def kind_of_collector(trial: Trial) -> str:
    """How a trial's metrics are read."""
    return (trial.spec.metrics_collector.collector or CollectorSpec()).kind or "StdOut"


def find_place(trial: Trial) -> Place:
    """Where a trial's metrics are.

    Raises:
        RenderError: the folder cannot be one that two containers share.
    """
    kind, named = kind_of_collector(trial), _file_of(trial)
    path = {"StdOut": PRINTED, "PrometheusMetric": SERVED, "Push": ""}.get(kind, named.path)
    if not path:
        return Place()
    path = posixpath.normpath(path)
    is_folder = kind in ("TensorFlowEvent", "PrometheusMetric") or named.kind == "Directory"
    folder = path if is_folder else posixpath.dirname(path)
    if folder.strip("/") == "":
        raise RenderError(
            "spec.metricsCollectorSpec.source.fileSystemPath.path: found "
            f'"{named.path}", whose folder is that of the whole container; name one below it, as '
            f"{PRINTED}"
        )
    return Place(path, folder)


def build_sidecar(
    trial: Trial,
    experiment: Experiment | None,
    pod: Manifest,
    cluster: Cluster,
    is_sole: bool = False,
) -> Manifest:
    """The container that reads a trial's metrics; its volumes are mounted by who adds it.

    Args:
        trial: whose metrics.
        experiment: the trial's, as far as it is known.
        pod: the spec of the pod that gets the container.
        cluster: what it is told.
        is_sole: whether no other pod reports for the trial at the same time.

    Raises:
        ConfigurationError: no image is known for the kind of collector.
    """
    kind = kind_of_collector(trial)
    if kind == "Custom":
        collector = trial.spec.metrics_collector.collector or CollectorSpec()
        raw = collector.custom_collector
        custom: Manifest = {} if raw is UNSET else from_raw(raw)
        return custom
    entry = _find_entry(kind, cluster)
    is_own = bool(cluster.image) and entry.image == cluster.image
    container: Manifest = {
        "name": COLLECTOR if kind in ("TensorFlowEvent", "PrometheusMetric") else LOGGER,
        "image": entry.image,
        "imagePullPolicy": entry.image_pull_policy or "IfNotPresent",
        "args": [literal(word) for word in _words(trial, experiment, entry, cluster, is_own)],
        "resources": msgspec.to_builtins(entry.resources),
        "securityContext": _security(trial, pod, cluster),
    }
    if is_own:
        # Why a program failed is told of its trial: the collector prints what the program printed.
        container["terminationMessagePolicy"] = TELL_LAST_LINES
        # What a pod has reported that was deleted, or has failed, is none of the next one's.
        container["args"] += ["-anew", "true"] if is_sole else []
        container["command"] = ["katib", "metrics-collector"]
        container["env"] = _environment(trial, cluster)
    return container


def _find_entry(kind: str, cluster: Cluster) -> MetricsCollectorConfig:
    """How the sidecar of a kind is made: as configured, else of our own image."""
    try:
        return find_collector(cluster.config, kind, READ_KINDS if cluster.image else ())
    except ConfigurationError:
        if not cluster.image or kind not in READ_KINDS:
            raise
        return MetricsCollectorConfig(kind=kind, image=cluster.image, resources=_OWN_RESOURCES)


def _words(
    trial: Trial,
    experiment: Experiment | None,
    entry: MetricsCollectorConfig,
    cluster: Cluster,
    is_own: bool,
) -> Iterator[str]:
    """The options, in Katib's order."""
    objective = trial.spec.objective or ObjectiveSpec()
    yield from ("-t", trial.metadata.name, "-m", ";".join(objective.metric_names))
    yield from ("-o-type", objective.type, "-s-db", cluster.db_manager)
    yield from _of_source(trial, is_own)
    is_native = is_own and cluster.has_native_sidecars
    waits = False if is_native and entry.wait_all_processes is None else entry.wait_all_processes
    if waits is not None:
        yield from ("-w", str(waits).lower())
    if is_native:
        yield from ("-marked", "true")
    for rule in trial.spec.early_stopping_rules:
        yield from ("-stop-rule", _rule(rule))
    if trial.spec.early_stopping_rules:
        yield from ("-s-earlystop", _early_stopping(trial, experiment, cluster, is_own))


def _of_source(trial: Trial, is_own: bool) -> Iterator[str]:
    """What is read, and how."""
    kind = kind_of_collector(trial)
    if path := find_place(trial).path:
        yield from ("-path", path)
    source = trial.spec.metrics_collector.source or SourceSpec()
    filters = (source.filter or FilterSpec()).metrics_format
    for text in filters if is_own else filter(None, (";".join(filters),)):
        yield from ("-f", text)
    if kind == "PrometheusMetric" and is_own and source.http_get is not UNSET:
        yield from ("-http-get", bytes(source.http_get).decode())
    if kind in ("StdOut", "File"):
        yield from ("-format", "TEXT" if kind == "StdOut" else _file_of(trial).format or "TEXT")


def _rule(rule: EarlyStoppingRule) -> str:
    return f"{rule.name};{rule.value};{rule.comparison};{rule.start_step}"


def _early_stopping(
    trial: Trial, experiment: Experiment | None, cluster: Cluster, is_own: bool
) -> str:
    """Who is told of a stop: the operator, by who can show which trial it is."""
    if is_own:
        return cluster.operator
    name = trial.metadata.label(names.LABEL_EXPERIMENT)
    algorithm = None if experiment is None else experiment.spec.algorithm
    if algorithm is None:
        raise RenderError(f'invalid suggestion name: the trial has no experiment "{name}"')
    namespace = trial.metadata.namespace
    return f"{name}-{algorithm.algorithm_name}.{namespace}:{EARLY_STOPPING_PORT}"


def _environment(trial: Trial, cluster: Cluster) -> list[Manifest]:
    namespace = {"fieldRef": {"fieldPath": "metadata.namespace"}}
    found: list[Manifest] = [{"name": names.ENV_NAMESPACE, "valueFrom": namespace}]
    if token := cluster.token_of(trial):
        found.append({"name": names.ENV_DB_MANAGER_TOKEN, "value": token})
    return found


def _security(trial: Trial, pod: Manifest, cluster: Cluster) -> Manifest:
    """As whom the collector runs: unprivileged, and as the program where that is said."""
    containers: list[Manifest] = pod.get("containers") or []
    if cluster.config.init.controller.inject_security_context and containers:
        copied: Manifest = containers[0].get("securityContext") or {}
        return copied
    primary = trial.spec.primary_container_name
    own = next((one for one in containers if one.get("name") == primary), {})
    said: Manifest = own.get("securityContext") or {}
    user = {name: said[name] for name in _USER if name in said}
    everywhere = {**(pod.get("securityContext") or {}), **user}
    if not trial.spec.early_stopping_rules or everywhere.keys() & {"runAsUser", "runAsNonRoot"}:
        return {**_RESTRICTED, **user}
    # The program runs as whom its image says, and only root can end the processes of anybody.
    capabilities = {"drop": ["ALL"], "add": ["KILL"]}
    return {**_RESTRICTED, "capabilities": capabilities, **user, "runAsUser": 0}


def _file_of(trial: Trial) -> FileSystemPath:
    source = trial.spec.metrics_collector.source or SourceSpec()
    return source.file_system_path or FileSystemPath()
