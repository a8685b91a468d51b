"""The laptop's journeys with the optimizer of Kubeflow's SDK, on a real API server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import test_kubeflow_sdk
from cluster_home import ClusterHome, ClusterKatib
from trainer import Trainer

from control_plane import ControlPlane
from journeys import journeys_of, left_out
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

globals().update(journeys_of(test_kubeflow_sdk))


@pytest.fixture(scope="module")
def served(
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterKatib]:
    folder = tmp_path_factory.mktemp("kubeflow-sdk")
    home = ClusterHome(administrator, control_plane.kubeconfig, folder, sys.executable)
    trainer = Trainer(administrator, "default", folder)
    yield home.katib
    home.close()
    trainer.close()


__all__ = ["left_out", "served"]
