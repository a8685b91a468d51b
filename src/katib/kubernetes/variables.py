"""What the program of a trial is told: who it is, its parameters, where its metrics belong.

On one machine it is told the same. The file with the parameters is an annotation of the pod, which
Kubernetes shows to the container as a file.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from katib import parameters
from katib.api import names
from katib.api.codec import from_raw
from katib.api.experiment import Experiment, SourceSpec
from katib.api.trial import Trial
from katib.api.values import Manifest
from katib.kubernetes.sidecars import Cluster, find_place, kind_of_collector
from katib.kubernetes.wrapping import literal
from katib.ports.sidecar import METRICS_FILE_VARIABLE, METRICS_PORT_VARIABLE

#: The annotation that holds all parameters as JSON, and where the program finds it as a file.
ANNOTATION = "katib.kubeflow.org/parameters"
FOLDER, VOLUME = "/etc/katib", "katib-parameters"

_TRIAL_LABEL = f"metadata.labels['{names.LABEL_TRIAL}']"


def with_variables(
    container: Manifest, trial: Trial, experiment: Experiment | None, cluster: Cluster
) -> Manifest:
    """The container with all that its program is told; variables of its own of those names stay.

    They stand first, so that its own may refer to them.
    """
    own: list[Manifest] = container.get("env") or []
    taken = {one.get("name") for one in own} - {names.ENV_TRIAL_NAME}
    told = [one for one in _variables(trial, experiment, cluster) if one["name"] not in taken]
    kept = [one for one in own if one.get("name") != names.ENV_TRIAL_NAME]
    mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
    mounts = [*(container.get("volumeMounts") or ()), mount]
    return {**container, "env": [*told, *kept], "volumeMounts": mounts}


def render_parameters(trial: Trial, experiment: Experiment | None) -> str:
    """The text of :data:`ANNOTATION`."""
    declared = () if experiment is None else experiment.spec.parameters
    return parameters.render_json(declared, trial.spec.parameter_assignments).decode()


def parameters_volume() -> Manifest:
    """The volume that shows the annotation as a file."""
    field = {"fieldPath": f"metadata.annotations['{ANNOTATION}']"}
    items = [{"path": parameters.FILE_NAME, "fieldRef": field}]
    return {"name": VOLUME, "downwardAPI": {"items": items}}


def _variables(trial: Trial, experiment: Experiment | None, cluster: Cluster) -> Iterator[Manifest]:
    label = {"fieldRef": {"fieldPath": _TRIAL_LABEL}}
    yield {"name": names.ENV_TRIAL_NAME, "valueFrom": label}
    declared = () if experiment is None else experiment.spec.parameters
    values = parameters.environment(declared, trial.spec.parameter_assignments)
    values[parameters.FILE_VARIABLE] = f"{FOLDER}/{parameters.FILE_NAME}"
    kind = kind_of_collector(trial)
    if kind in ("File", "TensorFlowEvent", "Custom") and (path := find_place(trial).path):
        values[METRICS_FILE_VARIABLE] = path
    if kind == "PrometheusMetric":
        values[METRICS_PORT_VARIABLE] = _port(trial)
    if kind == "Push":
        values.update(_of_push(trial, cluster))
    for name, value in values.items():
        yield {"name": name, "value": literal(value)}


def _port(trial: Trial) -> str:
    source = trial.spec.metrics_collector.source or SourceSpec()
    endpoint: Manifest = {} if source.http_get is UNSET else from_raw(source.http_get)
    return str(endpoint.get("port") or "")


def _of_push(trial: Trial, cluster: Cluster) -> dict[str, str]:
    """Where the program reports, as Katib's SDK looks for it, and by what it shows who it is."""
    host, _, port = cluster.db_manager.rpartition(":")
    name, _, namespace = host.partition(".")
    found = {
        names.ENV_NAMESPACE: trial.metadata.namespace,
        names.ENV_DB_MANAGER_HOST: name,
        names.ENV_DB_MANAGER_NAMESPACE: namespace,
        names.ENV_DB_MANAGER_PORT: port,
    }
    token = cluster.token_of(trial)
    return {**found, names.ENV_METRICS_TOKEN: token} if token else found
