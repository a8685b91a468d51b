"""Katib's published flows with both SDKs, on a real API server with a training operator."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import test_sdk_flows
from cluster_home import ClusterHome, ClusterKatib
from test_sdk_flows import Place
from training_operator import TrainingOperator

from control_plane import ControlPlane
from journeys import journeys_of, left_out
from katib.executors.torchrun import Torchrun
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

globals().update(journeys_of(test_sdk_flows))


@pytest.fixture(scope="module", params=["ours", "theirs"])
def place(
    request: pytest.FixtureRequest,
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("flows")
    is_ours = request.param == "ours"
    python = sys.executable if is_ours else request.getfixturevalue("sdk")
    stand_in = Torchrun(folder / "torchrun", "").stand_in()
    path = os.pathsep.join((str(Path(python).parent), os.environ["PATH"], stand_in))
    with ExitStack() as ends:
        home = ClusterHome(administrator, control_plane.kubeconfig, folder, python)
        ends.callback(home.close)
        operator = TrainingOperator(administrator, "default", {"PATH": path})
        ends.callback(operator.close)
        place = Place(home.katib, python, is_ours)
        place.prepare()
        yield place


def test_a_distributed_function_is_verified(place: Place) -> None:
    lines = place.succeed("run_e2e_tune_api", "distributed", "--namespace", "default")
    assert "verified: tune-example-pytorchjob" in lines


def test_a_language_model_gets_as_far_as_its_image(place: Place) -> None:
    answer = place("run_e2e_tune_api", "language-model", "--namespace", "default")
    # Nobody pulls images here, and nobody can say what this one would run.
    assert 'entry point of the image "docker.io/kubeflow/trainer-huggingface' in answer.text
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    assert isinstance(place.katib, ClusterKatib)
    assert place.katib.client.request("GET", f"{claims}/tune-example-llm-optimization")


__all__ = ["left_out", "place"]
