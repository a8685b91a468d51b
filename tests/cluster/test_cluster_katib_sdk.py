"""The laptop's journeys with Katib's own SDK, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
import test_katib_sdk
from cluster_home import ClusterHome, ClusterKatib
from test_katib_sdk import Sdk

from control_plane import ControlPlane
from journeys import journeys_of, left_out
from katib import KatibClient
from katib.client.requests import path_of
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

globals().update(journeys_of(test_katib_sdk))


@pytest.fixture(scope="module")
def served(
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    sdk: Sdk,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterKatib]:
    folder = tmp_path_factory.mktemp("katib-sdk")
    home = ClusterHome(administrator, control_plane.kubeconfig, folder, sdk.python)
    yield home.katib
    home.close()


def test_a_cluster_is_asked_by_a_kubeconfig(
    administrator: KubernetesClient, control_plane: ControlPlane
) -> None:
    path = path_of("trials", "default")
    trial = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Trial", "metadata": {"name": "alone"}}
    administrator.request("POST", path, body=msgspec.json.encode(trial))
    client = KatibClient(config_file=str(control_plane.kubeconfig))
    assert client.get_trial("alone").kind == "Trial"
    # An API server has no observation logs: the database manager is looked for by its name.
    with pytest.raises(RuntimeError, match=r"manager at katib-db-manager\.kubeflow:6789 says "):
        client.get_trial_metrics("alone", timeout=5)
    for read in (client.get_trial, client.get_trial_metrics):
        with pytest.raises(RuntimeError, match='"nobody" not found'):
            read("nobody")
    administrator.request("DELETE", f"{path}/alone")
    client.close()


__all__ = ["left_out", "served"]
