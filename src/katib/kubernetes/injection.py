"""What the pods of trials are given, so that their metrics are read.

Every pod of a trial gets the trial's labels, and its program is told which trial it is. The pod
whose metrics count gets the collector, which shares the program's processes and, where metrics are
in files, its folder. Pure: a pod goes in and another comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.api.values import Manifest
from katib.errors import RenderError
from katib.kubernetes.checkpoints import with_checkpoints, with_mount
from katib.kubernetes.sidecars import (
    LOGGER,
    READ_KINDS,
    TELL_LAST_LINES,
    Cluster,
    Place,
    build_sidecar,
    find_place,
    kind_of_collector,
)
from katib.kubernetes.variables import (
    ANNOTATION,
    parameters_volume,
    render_parameters,
    with_variables,
)
from katib.kubernetes.wrapping import with_command, wrap

#: The volume that program and collector share.
METRICS_VOLUME = "metrics-volume"

#: The annotation by which kubectl knows whose log is meant.
DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"

#: How long a native sidecar may take to report the rest, in seconds; Kubernetes' own default of 30
#: is less than a database manager may be away.
PATIENCE_SECONDS = 300


class Role(Enum):
    """What a pod is to its trial.

    Attributes:
        OTHER: its metrics are none of the trial's.
        PRIMARY: its metrics are the trial's, perhaps with those of other pods.
        SOLE: no other pod's are at the same time; what an earlier one has reported is replaced.
    """

    OTHER = auto()
    PRIMARY = auto()
    SOLE = auto()


def is_prepared(pod: Manifest) -> bool:
    """Whether a pod, or a template of pods, has already got what it needs."""
    labels: Manifest = (pod.get("metadata") or {}).get("labels") or {}
    return names.LABEL_PREPARED in labels


def find_role(trial: Trial, labels: Mapping[str, str]) -> Role:
    """What a pod with these labels is to its trial."""
    wanted: Mapping[str, str] = trial.spec.primary_pod_labels or {}
    is_primary = all(labels.get(name) == value for name, value in wanted.items())
    return Role.PRIMARY if is_primary else Role.OTHER


def inject(
    pod: Manifest, trial: Trial, experiment: Experiment | None, cluster: Cluster, role: Role
) -> Manifest:
    """A pod of a trial with what it needs.

    Args:
        pod: a Pod, or a template of pods: ``metadata`` and ``spec``.
        trial: whose pod.
        experiment: the trial's, as far as it is known.
        cluster: what its containers are told.
        role: what the pod is to the trial.

    Raises:
        ConfigurationError: no image is known for the kind of collector, or what the program's
            image runs.
        RenderError: the pod is such that its metrics cannot be read.
    """
    metadata: Manifest = pod.get("metadata") or {}
    labels = {
        **(metadata.get("labels") or {}),
        **(trial.metadata.labels or {}),
        names.LABEL_TRIAL: trial.metadata.name,
        names.LABEL_PREPARED: "true",
    }
    text = render_parameters(trial, experiment)
    annotations = {
        **_shown(trial, role),
        **(metadata.get("annotations") or {}),
        ANNOTATION: text,
    }
    metadata = {**metadata, "labels": labels, "annotations": annotations}
    return {**pod, "metadata": metadata, "spec": _spec(pod, trial, experiment, cluster, role)}


def _shown(trial: Trial, role: Role) -> Mapping[str, str]:
    """Whose output is meant when no container is named: that of who prints what the program did."""
    is_printed = role is not Role.OTHER and kind_of_collector(trial) == "StdOut"
    return {DEFAULT_CONTAINER: LOGGER} if is_printed else {}


def _spec(
    pod: Manifest, trial: Trial, experiment: Experiment | None, cluster: Cluster, role: Role
) -> Manifest:
    spec: Manifest = pod.get("spec") or {}
    kind, name = kind_of_collector(trial), trial.spec.primary_container_name
    held = [str(one.get("name", "")) for one in spec.get("containers") or ()]
    is_read = role is not Role.OTHER and kind != "Push"
    if name not in held:
        if is_read:
            listed = ", ".join(held) or "none"
            raise RenderError(
                f"unable to find primary container in mutated pod containers: {listed}; "
                f'spec.trialTemplate.primaryContainerName is "{name}"'
            )
        return spec
    spec = _with_variables(spec, trial, experiment, cluster)
    if role is not Role.OTHER:
        spec = with_checkpoints(spec, trial, experiment)
    if not is_read:
        return spec
    place = find_place(trial)
    sidecar = build_sidecar(trial, experiment, spec, cluster, role is Role.SOLE)
    _check_free(sidecar, spec)
    spec = _wrapped(spec, trial, place, cluster)
    return _add(spec, sidecar, name, place, cluster.has_native_sidecars)


def _with_variables(
    spec: Manifest, trial: Trial, experiment: Experiment | None, cluster: Cluster
) -> Manifest:
    name = trial.spec.primary_container_name
    containers = [
        {
            "terminationMessagePolicy": TELL_LAST_LINES,
            **with_variables(one, trial, experiment, cluster),
        }
        if one.get("name") == name
        else one
        for one in spec["containers"]
    ]
    volumes = [*(spec.get("volumes") or ()), parameters_volume()]
    return {**spec, "containers": containers, "volumes": volumes}


def _wrapped(spec: Manifest, trial: Trial, place: Place, cluster: Cluster) -> Manifest:
    kind, name = kind_of_collector(trial), trial.spec.primary_container_name
    if kind not in READ_KINDS:
        return spec
    output = place.path if kind == "StdOut" else ""
    is_stoppable = bool(trial.spec.early_stopping_rules)

    def wrapped(container: Manifest) -> Manifest:
        if container.get("name") != name:
            return container
        container = with_command(container, cluster.find_entry_point)
        return wrap(container, place.folder, output, is_stoppable)

    return {**spec, "containers": [wrapped(one) for one in spec["containers"]]}


def _add(
    spec: Manifest, sidecar: Manifest, primary: str, place: Place, is_native: bool
) -> Manifest:
    """The pod with one more container, which shares the program's folder and sees its processes."""
    if place.folder:
        spec, mount = _with_folder(spec, primary, place.folder)
        sidecar = {**sidecar, "volumeMounts": [*(sidecar.get("volumeMounts") or ()), mount]}
    spec = {**spec, "shareProcessNamespace": True}
    if is_native:
        # So long the collector may go on when the program has ended, if its reports are not taken.
        spec = {"terminationGracePeriodSeconds": PATIENCE_SECONDS, **spec}
        first = [*(spec.get("initContainers") or ()), {**sidecar, "restartPolicy": "Always"}]
        return {**spec, "initContainers": first}
    return {**spec, "containers": [*spec["containers"], sidecar]}


def _with_folder(spec: Manifest, primary: str, folder: str) -> tuple[Manifest, Manifest]:
    """The pod whose program has a volume at the folder, and how that is mounted."""
    for container in spec["containers"]:
        for mount in container.get("volumeMounts") or ():
            if container["name"] == primary and mount.get("mountPath", "").rstrip("/") == folder:
                return spec, mount
    mount = {"name": METRICS_VOLUME, "mountPath": folder}
    volume = {"name": METRICS_VOLUME, "emptyDir": {}}
    spec = {**spec, "volumes": [*(spec.get("volumes") or ()), volume]}
    return with_mount(spec, primary, mount), mount


def _check_free(sidecar: Manifest, spec: Manifest) -> None:
    name = sidecar.get("name")
    for part in ("containers", "initContainers"):
        if any(one.get("name") == name for one in spec.get(part) or ()):
            raise RenderError(
                f'the pod has a container "{name}" already, which is the name of the one that '
                "reads its metrics; give the template's another name"
            )
