"""The volume on which trials find the checkpoints of others and leave their own.

Each trial has a folder there. A trial that goes on from another begins with a copy of that one's
folder, which a container makes before the program starts: with the program's image, and so as the
user who has to read the copy.
"""

from __future__ import annotations

from katib.api import names
from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.trial import Trial
from katib.api.values import Manifest
from katib.kubernetes.sidecars import TELL_LAST_LINES
from katib.kubernetes.wrapping import literal

VOLUME, CONTAINER = "suggestion-volume", "katib-checkpoints"

#: What an earlier pod of the trial has left stays. Renamed when it is whole: a pod that ends
#: meanwhile leaves nothing that looks like it.
COPY = """\
[ ! -e "$2" ] || exit 0
if [ ! -d "$1" ]; then
  echo "it goes on from the checkpoints of trial $1, and found no folder of that name on the volume"
  exit 1
fi
rm -rf ".$2" && cp -RP "$1" ".$2" && mv ".$2" "$2"
"""

#: What the container that copies shares with the program's.
_SHARED = ("image", "imagePullPolicy", "resources", "securityContext")


def with_checkpoints(spec: Manifest, trial: Trial, experiment: Experiment | None) -> Manifest:
    """The pod with the volume, if the algorithm's settings name a path for checkpoints."""
    algorithm = (None if experiment is None else experiment.spec.algorithm) or AlgorithmSpec()
    given = {setting.name: setting.value for setting in algorithm.algorithm_settings}
    path = given.get(names.SETTING_TRIAL_DIR)
    if not path or experiment is None:
        return spec
    folder, name = experiment.metadata.name, trial.metadata.name
    claim = {"claimName": f"{folder}-{algorithm.algorithm_name}"}
    volume = {"name": VOLUME, "persistentVolumeClaim": claim}
    spec = {**spec, "volumes": [*(spec.get("volumes") or ()), volume]}
    if parent := trial.metadata.label(names.LABEL_PARENT):
        mount = {"name": VOLUME, "mountPath": path, "subPath": folder}
        spec = _copying(spec, trial, mount, parent)
    mount = {"name": VOLUME, "mountPath": path, "subPath": f"{folder}/{name}"}
    return with_mount(spec, trial.spec.primary_container_name, mount)


def with_mount(spec: Manifest, name: str, mount: Manifest) -> Manifest:
    """The pod with one more mount in one of its containers."""

    def extended(container: Manifest) -> Manifest:
        if container.get("name") != name:
            return container
        return {**container, "volumeMounts": [*(container.get("volumeMounts") or ()), mount]}

    return {**spec, "containers": [extended(one) for one in spec["containers"]]}


def _copying(spec: Manifest, trial: Trial, mount: Manifest, parent: str) -> Manifest:
    """The pod in which the parent's folder is copied first."""
    primary = trial.spec.primary_container_name
    [program] = [one for one in spec["containers"] if one.get("name") == primary]
    container = {
        "name": CONTAINER,
        **{field: program[field] for field in _SHARED if field in program},
        "command": ["sh", "-c", literal(COPY), "sh", parent, trial.metadata.name],
        "workingDir": mount["mountPath"],
        "terminationMessagePolicy": TELL_LAST_LINES,
        "volumeMounts": [mount],
    }
    return {**spec, "initContainers": [*(spec.get("initContainers") or ()), container]}
