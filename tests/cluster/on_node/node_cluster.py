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

    def install(self, *words: str) -> None:
        """Install Katib, and return when it is ready."""
        chosen = " ".join((*words, "--image", self.image))
        self.run(f"katib install {chosen} | kubectl apply --validate=false -f -")


def wait_for(fact: Callable[[], bool], what: str, seconds: float = LONGEST) -> None:
    """Return as soon as something is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.5)
