"""A cluster in which pods run, as somebody with a shell and ``kubectl`` sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from katib.api.values import Manifest

#: How long anything may take here, in seconds: the machine may be busy.
LONGEST = 300.0


@dataclass(frozen=True)
class NodeCluster:
    """A cluster in which pods run.

    Attributes:
        kubeconfig: the administrator's.
        image: ours, as the cluster knows it.
        folder: for files.
    """

    kubeconfig: Path
    image: str
    folder: Path

    def run(self, script: str, stdin: str = "") -> str:
        """Run lines of a shell to their end; what they print."""
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "KUBECONFIG": str(self.kubeconfig),
                "IMAGE": self.image,
            },
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * LONGEST,
        )
        assert ended.returncode == 0, f"{script}\nended with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout

    def apply(self, *manifests: Manifest, namespace: str = "default") -> None:
        """Make resources."""
        listed = {"apiVersion": "v1", "kind": "List", "items": manifests}
        self.run(f"kubectl -n {namespace} apply -f -", json.dumps(listed))

    def get(self, namespace: str, *words: str) -> Any:
        """What ``kubectl get`` gives, as JSON."""
        return json.loads(self.run(f"kubectl -n {namespace} get -o json {' '.join(words)}"))

    def trials_of(self, namespace: str, experiment: str) -> list[Manifest]:
        """The trials of one experiment."""
        label = f"-l katib.kubeflow.org/experiment={experiment}"
        items: list[Manifest] = self.get(namespace, "trials", label)["items"]
        return items

    def unfinished(self, namespace: str) -> list[str]:
        """The names of experiments that are not over."""
        found = self.get(namespace, "experiments")["items"]
        return [one["metadata"]["name"] for one in found if not end_of(one)]

    def install(self, *words: str) -> None:
        """Install Katib, and return when it is ready."""
        chosen = " ".join((*words, "--image", self.image))
        self.run(f"katib install {chosen} | kubectl apply --validate=false -f -")


def end_of(experiment: Manifest) -> str:
    """The reason why an experiment is over; empty while it is not."""
    for condition in experiment.get("status", {}).get("conditions", []):
        if condition["type"] in ("Succeeded", "Failed") and condition["status"] == "True":
            return str(condition["reason"])
    return ""


def a_volume(name: str, folder: Path, **spec: object) -> Manifest:
    """A volume in a folder of this machine: nothing in this cluster makes one by itself."""
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    usual: Manifest = {
        "capacity": {"storage": "10Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder)},
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }


def wait_for(fact: Callable[[], bool], what: str, seconds: float = LONGEST) -> None:
    """Return as soon as something is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.5)
