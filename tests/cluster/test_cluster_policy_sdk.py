"""The laptop's journey with fields that Katib does not have, on a real API server."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import test_policy_sdk
from cluster_home import ClusterHome, ClusterKatib

from control_plane import ControlPlane
from journeys import journeys_of, left_out
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

globals().update(journeys_of(test_policy_sdk))


@pytest.fixture(scope="module")
def katib(
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterKatib]:
    folder = tmp_path_factory.mktemp("policy-sdk")
    home = ClusterHome(administrator, control_plane.kubeconfig, folder, sys.executable)
    yield home.katib
    home.close()


__all__ = ["katib", "left_out"]
