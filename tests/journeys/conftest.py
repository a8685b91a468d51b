from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from command_line import REPOSITORY, Answer, Katib


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Katib, Answer]:
    """The digits example, run once for all who look at it, from where its commands expect to be."""
    katib = Katib(tmp_path_factory.mktemp("digits") / "home", REPOSITORY)
    return katib, katib("run", "examples/digits/experiment.yaml")


@pytest.fixture
def katib(tmp_path: Path) -> Iterator[Katib]:
    """A home and a folder of one's own; whatever a failed test left running is ended."""
    folder = tmp_path / "folder"
    folder.mkdir()
    yield Katib(tmp_path / "home", folder)
    for process in psutil.process_iter():
        try:
            if str(tmp_path) in " ".join(process.cmdline()):
                process.kill()
        except psutil.Error:
            continue
