"""The page about Kubernetes, followed from top to bottom in a real cluster."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from node_cluster import NodeCluster, a_volume

PAGE = Path(__file__).resolve().parent.parent.parent.parent / "docs" / "kubernetes.md"

pytestmark = [pytest.mark.node, pytest.mark.timeout(1800)]

#: Blocks of the page that are followed here.
_BLOCK = re.compile(
    r"^<!-- not run: a test in a cluster runs it -->\n```bash\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def blocks() -> list[str]:
    return [found["text"] for found in _BLOCK.finditer(PAGE.read_text())]


def test_the_page_leads_to_an_optimum(node_cluster: NodeCluster, tmp_path: Path) -> None:
    node_cluster.apply(a_volume("katib-observations", tmp_path / "observations"))
    installing, experiment, explaining, labelling, removing, namespaced = blocks()
    node_cluster.run(installing)
    told = node_cluster.run(experiment)
    assert '"bestTrialName":"first-' in told
    assert '"latest":"0"' in told
    assert '{"name":"x","value":"3"}' in told
    assert "nothing is wrong" in node_cluster.run(explaining)
    node_cluster.run(labelling)
    node_cluster.run(removing)
    assert "kubeflow.org" not in node_cluster.run("kubectl get customresourcedefinitions -o name")
    assert node_cluster.run(namespaced).splitlines()[-1] == "yes"
    node_cluster.run("kubectl delete namespace tuning team-a; kubectl delete pv katib-observations")
