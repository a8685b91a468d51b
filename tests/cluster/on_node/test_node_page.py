"""The page about Kubernetes, followed from top to bottom in a real cluster."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from node_cluster import NodeCluster

PAGE = Path(__file__).resolve().parent.parent.parent.parent / "docs" / "kubernetes.md"

pytestmark = [pytest.mark.node, pytest.mark.timeout(1200)]

#: Blocks of the page that are followed here.
_BLOCK = re.compile(
    r"^<!-- not run: a test in a cluster runs it -->\n```bash\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks() -> list[str]:
    return [found["text"] for found in _BLOCK.finditer(PAGE.read_text())]


class Reader:
    """Somebody who does what the page says."""

    def __init__(self, cluster: NodeCluster, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "KUBECONFIG": str(cluster.kubeconfig),
            "IMAGE": cluster.image,
        }

    def follow(self, script: str) -> str:
        """Run a block to its end; what it prints."""
        ended = subprocess.run(
            ["bash", "-eu", "-o", "pipefail", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert ended.returncode == 0, f"{script}\nended with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout


def a_volume(name: str, folder: Path) -> str:
    """A volume for the claim of SQLite: nothing in this cluster makes one by itself."""
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    return f"""kubectl apply -f - <<END
apiVersion: v1
kind: PersistentVolume
metadata:
  name: {name}
spec:
  capacity: {{storage: 10Gi}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  hostPath: {{path: {folder}}}
END"""


def test_the_page_leads_to_an_optimum(node_cluster: NodeCluster, tmp_path: Path) -> None:
    reader = Reader(node_cluster, tmp_path)
    reader.follow(a_volume("observations", tmp_path / "observations"))
    installing, experiment, labelling, namespaced, removing = blocks()
    reader.follow(installing)
    told = reader.follow(experiment)
    assert '"bestTrialName":"first-' in told
    assert '"latest":"0"' in told
    assert '{"name":"x","value":"3"}' in told
    reader.follow(labelling)
    assert reader.follow(namespaced).splitlines()[-1] == "yes"
    reader.follow(removing)
    assert "kubeflow.org" not in reader.follow("kubectl get customresourcedefinitions -o name")
