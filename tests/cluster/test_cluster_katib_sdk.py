"""The laptop's journeys with Katib's own SDK, on a real API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import test_katib_sdk
from cluster_home import ClusterHome, ClusterKatib
from test_katib_sdk import Sdk

from control_plane import ControlPlane
from journeys import journeys_of, left_out
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


__all__ = ["left_out", "served"]
