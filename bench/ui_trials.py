"""The trials that the web UI and Optuna's dashboard are measured with: made once, and kept."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.served import serving
from katib.apps.connection import connect
from katib.apps.home import Home
from katib.apps.server_record import find_server
from katib.client.backend import Backend
from katib.client.exchange.archive import Archive, PastReport, PastTrial
from katib.client.exchange.calls import Source, Target, prepare

#: How many values each trial reports.
REPORTS = 20

#: The parameters: name, bounds or words.
SPACE: Mapping[str, Sequence[Any]] = {
    "rate": (1e-4, 1.0),
    "dropout": (0.0, 0.5),
    "momentum": (0.5, 0.999),
    "layers": (1, 8),
    "optimizer": ("sgd", "adam", "lion"),
}

#: The name of the experiment, and of the study.
NAME = "large"


@dataclass(frozen=True)
class Made:
    """A trial of a training that was never made.

    Attributes:
        point: what it was assigned.
        values: its losses, step by step.
    """

    point: Mapping[str, Any]
    values: Sequence[float]


def make_trials(count: int) -> Iterator[Made]:
    """So many trials, the same each time."""
    random = np.random.default_rng(count)
    for _ in range(count):
        point = {
            "rate": round(10 ** random.uniform(-4, 0), 6),
            "dropout": round(random.uniform(0, 0.5), 4),
            "momentum": round(random.uniform(0.5, 0.999), 4),
            "layers": int(random.integers(1, 9)),
            "optimizer": str(random.choice(SPACE["optimizer"])),
        }
        loss = 0.05 + 0.1 * (math.log10(point["rate"]) + 2) ** 2 + 0.02 * (point["layers"] - 4) ** 2
        loss += (0.2 if point["optimizer"] == "sgd" else 0.0) + abs(random.normal(0, 0.05))
        steps = loss + 2 * np.exp(-random.uniform(0.1, 0.5) * np.arange(REPORTS))
        yield Made(point, [round(float(value), 6) for value in steps])


def fill_home(home: Path, count: int) -> None:
    """Make a home with an experiment of so many trials, unless there is one."""
    mark = home / f"{count}-trials"
    if mark.exists():
        return
    with serving(home), closing(backend_of(home)) as backend:
        import_trials(backend, NAME, count)
    mark.touch()


def import_trials(backend: Backend, name: str, count: int) -> None:
    """Make an experiment of so many trials, which have ended."""
    archive = Archive("bench", list(_past(count)), _parameters(), _OBJECTIVE)
    spec: dict[str, Any] = {}
    bringing = prepare(Source("bench"), archive, spec, Target(backend, name))  # type: ignore[arg-type]
    bringing.run(lambda made, ended: None)


def backend_of(home: Path) -> Backend:
    """A client of the server that works in a home."""
    found = find_server(Home(home))
    assert found is not None
    return connect(Home(home), found)


def fill_storage(python: str, folder: Path, count: int) -> str:
    """Make a journal of Optuna with the same trials, unless there is one; its path.

    Args:
        python: of an environment that has Optuna.
        folder: where it is kept.
        count: of trials.
    """
    file = folder / f"optuna-{count}.log"
    if not file.exists():
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        script = Path(__file__).with_name("ui_optuna.py")
        trials = "\n".join(json.dumps([one.point, one.values]) for one in make_trials(count))
        words = [python, str(script), str(part), NAME]
        subprocess.run(words, input=trials, text=True, check=True)
        part.rename(file)
    return str(file)


def _past(count: int) -> Iterator[PastTrial]:
    for number, made in enumerate(make_trials(count)):
        reports = [PastReport({"loss": str(value)}) for value in made.values]
        point = {name: str(value) for name, value in made.point.items()}
        yield PastTrial(f"trial {number}", point, reports)


_OBJECTIVE = {"type": "minimize", "objectiveMetricName": "loss"}


def _parameters() -> list[dict[str, Any]]:
    def parameter(name: str, bounds: Sequence[Any]) -> dict[str, Any]:
        if isinstance(bounds[0], str):
            space: dict[str, Any] = {"list": list(bounds)}
            return {"name": name, "parameterType": "categorical", "feasibleSpace": space}
        kind = "int" if isinstance(bounds[0], int) else "double"
        space = {"min": str(bounds[0]), "max": str(bounds[1])}
        if name == "rate":
            space["distribution"] = "logUniform"
        return {"name": name, "parameterType": kind, "feasibleSpace": space}

    return [parameter(name, bounds) for name, bounds in SPACE.items()]
