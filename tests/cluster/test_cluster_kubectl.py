"""kubectl's journeys of the laptop, on a real API server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import test_kubectl
import test_kubectl_looking
import test_kubectl_refused
from cluster_home import ClusterHome, RealCluster
from kubectl import MARKS, Cluster

from control_plane import ControlPlane
from journeys import journeys_of, left_out
from katib.kubernetes.client import KubernetesClient

pytestmark = MARKS

globals().update(journeys_of(test_kubectl, test_kubectl_looking, test_kubectl_refused))


@pytest.fixture(scope="module")
def cluster(
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("kubectl")
    home = ClusterHome(administrator, control_plane.kubeconfig, folder, sys.executable)
    yield RealCluster(home.katib)
    home.close()


@pytest.fixture(scope="module")
def held(cluster: Cluster) -> Cluster:
    """A cluster where the experiment ``held`` has one trial, which does not end."""
    cluster("apply", "-f", cluster.write("held", labels={"team": "seen"}))
    cluster.running_pod("held")
    return cluster


__all__ = ["cluster", "held", "left_out"]
