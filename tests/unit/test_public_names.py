"""``import katib`` is light, and what it offers is there."""

from __future__ import annotations

import subprocess
import sys
from typing import get_type_hints

import pytest

import katib

#: What takes long to load, or comes with an extra.
HEAVY = (
    "cloudpickle",
    "google.protobuf",
    "grpc",
    "kubernetes",
    "numpy",
    "pandas",
    "plotly",
    "rich",
    "scipy",
    "sqlalchemy",
    "starlette",
    "uvicorn",
)

#: Prints which of the modules it is told have been loaded by a program that it is told.
PROGRAM = """
import sys

exec(sys.argv[1])
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


def loaded_by(program: str, *modules: str) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, program, *modules],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.split()


def test_importing_katib_loads_nothing_but_itself() -> None:
    assert loaded_by("import katib", *HEAVY, "msgspec", "yaml", "katib.errors") == []


@pytest.mark.parametrize(
    "program",
    [
        "from katib import KatibClient, models, search",
        "from katib import report_metrics",
        "import katib; katib.search.double(0, 1); katib.V1beta1Experiment()",
        "import katib; dir(katib)",
    ],
)
def test_what_the_client_is_made_of_is_light(program: str) -> None:
    assert loaded_by(program, *HEAVY) == []


@pytest.mark.parametrize("name", katib.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(katib, name) is not None
    assert name in dir(katib)


def test_models_are_public_names_too() -> None:
    assert "V1beta1Experiment" in dir(katib)
    assert katib.V1beta1Experiment is katib.models.V1beta1Experiment


def test_other_names_are_missed() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = katib.Nothing


def test_the_constants_are_those_of_katibs_sdk() -> None:
    assert katib.BASE_IMAGE_TENSORFLOW == "docker.io/tensorflow/tensorflow:2.13.0"
    assert katib.BASE_IMAGE_TENSORFLOW_GPU == "docker.io/tensorflow/tensorflow:2.13.0-gpu"
    assert katib.BASE_IMAGE_PYTORCH.endswith("pytorch:2.2.1-cuda12.1-cudnn8-runtime")


def test_the_size_of_a_distributed_trial_is_told_with_words() -> None:
    resources = katib.TrainerResources(2, 1, {"cpu": "1"})
    assert resources.num_workers == 2
    assert list(get_type_hints(katib.TrainerResources)) == [
        "num_workers",
        "num_procs_per_worker",
        "resources_per_worker",
    ]
