"""Katib's published flows as programs: with its own SDK, and with ours after a change of imports.

Ours also runs them without a server, by an engine of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command_line import REPOSITORY, Answer, Katib
from test_tune_documents import LIBRARIES

from environments import an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

EXAMPLES = REPOSITORY / "examples"
PROGRAMS = (EXAMPLES / "sdk", REPOSITORY / "tests" / "journeys" / "flows")

#: Our imports, and those of a program for Katib's SDK; the first that fits counts.
IMPORTS = {
    r"from katib import (?=HuggingFace)": "from kubeflow.storage_initializer.hugging_face import ",
    r"from katib(?=[ .])": "from kubeflow.katib",
}


@dataclass(frozen=True)
class Place:
    """Where programs run, and with which SDK.

    Attributes:
        katib: the home.
        python: an interpreter that has the SDK.
        is_ours: whether that is ours.
        is_served: whether there is a server.
    """

    katib: Katib
    python: str
    is_ours: bool
    is_served: bool = True

    def prepare(self) -> None:
        """Write the programs, with the SDK's imports."""
        for folder in PROGRAMS:
            for path in folder.glob("*.py"):
                text = path.read_text()
                for ours, theirs in () if self.is_ours else IMPORTS.items():
                    text = re.sub(ours, theirs, text)
                (self.katib.folder / path.name).write_text(text)
        for name, text in LIBRARIES.items():
            (self.katib.folder / name).write_text(text)

    def __call__(self, program: str, *words: str) -> Answer:
        """Run a program to its end."""
        environment = {**self.katib.environment, "HOME": str(self.katib.folder)}
        if self.is_served:
            environment["KUBECONFIG"] = str(self.katib.home / "kubeconfig")
        ended = subprocess.run(
            [self.python, f"{program}.py", *words],
            cwd=self.katib.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    def succeed(self, program: str, *words: str) -> list[str]:
        """Run a program that ends well; the lines that it prints."""
        answer = self(program, *words)
        assert answer.code == 0, answer.text
        return answer.out.splitlines()


@pytest.fixture(scope="module")
def sdk() -> str:
    """An interpreter with Katib's SDK."""
    return an_environment("katib-sdk", "kubeflow-katib==0.19.0", "kubernetes<36")


@pytest.fixture(scope="module", params=["embedded", "ours", "theirs"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A home without a server, and homes with one whose trials find the SDK."""
    root = tmp_path_factory.mktemp("flows")
    katib = Katib(root / "home", root / "folder")
    katib.folder.mkdir()
    is_ours = request.param != "theirs"
    python = sys.executable if is_ours else request.getfixturevalue("sdk")
    place = Place(katib, python, is_ours, is_served=request.param != "embedded")
    place.prepare()
    if place.is_served:
        katib("up", "--detach", "--port", "0", "--python", python, check=0)
    yield place
    if place.is_served:
        katib("down", "--stop-trials", check=0)


def the_line(lines: list[str], beginning: str) -> str:
    """What follows the beginning of the one line that has it."""
    [line] = [one for one in lines if one.startswith(beginning)]
    return line.removeprefix(beginning)


def test_a_function_pushes_its_metrics(place: Place) -> None:
    lines = place.succeed("push_metrics")
    assert any(line.startswith("4 trials, the best push-metrics-") for line in lines)
    accuracy, _, values = the_line(lines, "best accuracy: ").partition(" with ")
    assert 0.5 < float(accuracy) <= 1
    assert re.fullmatch(r"\{'lr': [\d.e-]+, 'momentum': 0\.\d+\}", values)
    epochs = lines[lines.index("log of the best:") + 1 :]
    assert [line.split(":")[0] for line in epochs] == [f"  epoch {number}" for number in range(5)]


def test_a_function_prints_its_metrics(place: Place) -> None:
    lines = place.succeed("tune_function")
    assert "succeeded: True" in lines
    assert the_line(lines, "is distributed: ") == "False"
    assert re.fullmatch(
        r"\{'lr': '0\.\d+', 'num_epoch': '\d+'\}", the_line(lines, "training with ")
    )
    assert lines[-1].startswith("epoch=")


def test_experiments_of_models_are_resumed(place: Place) -> None:
    lines = place.succeed("resume_policies")
    assert the_line(lines, "all are listed: ") == "True"
    assert the_line(lines, "trials of the first: ") == "3"
    for name in ("never-resume", "from-volume", "long-running"):
        assert f"{name}: Succeeded, ExperimentMaxTrialsReached" in lines
    assert "from-volume: 5 suggestions" in lines
    assert "long-running: 5 suggestions" in lines


@pytest.mark.parametrize(
    "path",
    [
        "hp-tuning/random.yaml",
        "hp-tuning/hyperband.yaml",
        "early-stopping/median-stop.yaml",
        "resume-experiment/from-volume-resume.yaml",
        "resume-experiment/long-running-resume.yaml",
    ],
)
def test_an_experiment_of_a_file_is_verified(place: Place, path: str) -> None:
    # There are no images: the program is where this machine has it.
    program = EXAMPLES / "programs" / "pytorch-mnist" / "opt" / "pytorch-mnist"
    text = (EXAMPLES / path).read_text().replace("/opt/pytorch-mnist", str(program))
    (place.katib.folder / "experiment.yaml").write_text(text)
    words = ("--experiment-path", "experiment.yaml", "--namespace", "default")
    annotations = ("--trial-pod-annotations", "{'sidecar.istio.io/inject': 'false'}")
    lines = place.succeed("run_e2e_experiment", *words, *annotations)
    assert lines[-1] == f"verified: {Path(path).stem.replace('cma-es', 'cmaes')}"


def test_a_tuned_function_is_verified(place: Place) -> None:
    lines = place.succeed("run_e2e_tune_api", "function", "--namespace", "default")
    assert "verified: tune-example" in lines


def test_a_distributed_function_needs_a_cluster(place: Place) -> None:
    lines = place("run_e2e_tune_api", "distributed", "--namespace", "default").out.splitlines()
    reasons = [line for line in lines if line.startswith("trial: Failed True")]
    assert len(reasons) == 3
    for reason in reasons:
        assert "KindNotRunnable" in reason
        assert "the kind PyTorchJob (kubeflow.org/v1) needs a cluster that knows it" in reason


def test_a_language_model_needs_a_cluster(place: Place) -> None:
    answer = place("run_e2e_tune_api", "language-model", "--namespace", "default")
    assert "the kind PyTorchJob (kubeflow.org/v1) needs a cluster that knows it" in answer.out
    again = place("run_e2e_tune_api", "language-model", "--namespace", "default")
    name = "tune-example-llm-optimization"
    assert f"PVC '{name}' already exists in namespace default." in again.out
