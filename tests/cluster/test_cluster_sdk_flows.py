"""Katib's published flows with both SDKs, on a real API server with a training operator."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import test_sdk_flows
from cluster_home import ClusterHome, ClusterKatib
from test_sdk_flows import Place
from test_sdk_programs import serving
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


#: Takes the words of Kubeflow's trainer, and prints as it does.
TRAINER = """
import argparse, json

parser = argparse.ArgumentParser()
for name in (
    "model_uri", "transformer_type", "num_labels", "model_dir", "dataset_dir", "lora_config",
    "training_parameters",
):
    parser.add_argument(f"--{name}", required=True)
words = parser.parse_args()
assert words.transformer_type == "AutoModelForSequenceClassification"
rate = float(json.loads(words.training_parameters)["learning_rate"])
rank = int(json.loads(words.lora_config)["r"])
print({"train_loss": rate * rank, "epoch": 1.0}, flush=True)
"""


class Registry(BaseHTTPRequestHandler):
    """Tells what an image runs."""

    entrypoint: tuple[str, ...] = ()

    def do_GET(self) -> None:
        is_manifest = "/manifests/" in self.path
        config = {"config": {"Entrypoint": self.entrypoint}}
        found = {"config": {"digest": "sha256:0"}} if is_manifest else config
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(found).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_language_model_is_verified(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    program = place.katib.folder / "trainer.py"
    program.write_text(TRAINER)
    registry = type("Trainers", (Registry,), {"entrypoint": ("python3", str(program))})
    with serving(registry) as url:
        image = f"{url.removeprefix('http://')}/kubeflow/trainer"
        monkeypatch.setenv("TRAINER_TRANSFORMER_IMAGE", image)
        lines = place.succeed("run_e2e_tune_api", "language-model", "--namespace", "default")
    assert "verified: tune-example-llm-optimization" in lines
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    assert isinstance(place.katib, ClusterKatib)
    assert place.katib.client.request("GET", f"{claims}/tune-example-llm-optimization")


__all__ = ["left_out", "place"]
