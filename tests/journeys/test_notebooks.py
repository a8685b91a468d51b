"""Notebooks are run from top to bottom, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command_line import REPOSITORY, Katib

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

NOTEBOOK = REPOSITORY / "examples" / "notebooks" / "quickstart.ipynb"

#: Runs a notebook in a kernel of the same Python, and writes it with its outputs.
_RUN = """
import sys
import nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""

Outputs = Mapping[str, list[Mapping[str, Any]]]


def execute(notebook: Path, katib: Katib) -> Outputs:
    """The outputs of each cell of code, by the cell's text."""
    written = katib.folder / "executed.ipynb"
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    ended = subprocess.run(
        [sys.executable, "-c", _RUN, str(notebook), str(written)],
        cwd=katib.folder,
        env={**katib.environment, "PATH": programs},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    cells = json.loads(written.read_text())["cells"]
    return {
        "".join(cell["source"]): cell["outputs"] for cell in cells if cell["cell_type"] == "code"
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Katib:
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    return Katib(home, folder)


@pytest.fixture(scope="module")
def outputs(home: Katib) -> Outputs:
    return execute(NOTEBOOK, home)


def printed(outputs: Outputs, source: str) -> str:
    """What a cell has printed, and what it shows as text."""
    texts = [
        "".join(one.get("text", one.get("data", {}).get("text/plain", "")))
        for one in outputs[source]
    ]
    return "".join(texts)


def test_a_function_of_the_notebook_is_tuned(home: Katib, outputs: Outputs) -> None:
    value, parameters = printed(outputs, "print(result.best_value, result.best_parameters)").split(
        " ", 1
    )
    assert 0.05 < float(value) < 0.3
    assert '"' not in parameters
    assert "'layers': " in parameters
    assert len(home.trials("quickstart")) == 40


def test_the_trials_are_a_table(outputs: Outputs) -> None:
    shown = printed(outputs, 'result.to_dataframe().sort_values("loss").head()')
    assert all(word in shown for word in ("trial", "loss", "layers_used", "optimizer"))


def test_every_plot_is_shown(outputs: Outputs) -> None:
    plots = {source: found for source, found in outputs.items() if ".plot_" in source}
    assert len(plots) == 7
    for source, found in plots.items():
        figures = [one["data"] for one in found if "data" in one]
        plain = [data for data in figures if "application/vnd.plotly.v1+json" in data]
        assert plain, source
        assert plain[-1]["application/vnd.plotly.v1+json"]["data"], source


def test_the_study_has_been_told_all_it_asked_for(home: Katib, outputs: Outputs) -> None:
    assert len(home.trials("by-hand")) == 8


def test_the_document_and_the_command_line_show_the_same(outputs: Outputs) -> None:
    source = r'print(result.experiment.split("\n---\n")[-1])'
    assert "kind: Experiment\n" in printed(outputs, source)
    listed = printed(outputs, "!katib get experiments")
    assert "quickstart" in listed
    assert "by-hand" in listed
    trials = printed(outputs, "!katib get trials --experiment quickstart | head -4")
    assert len(trials.splitlines()) == 4


def test_a_notebook_is_kept_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [cell["outputs"] for cell in cells if cell.get("outputs")] == []
