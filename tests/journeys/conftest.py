from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from browsing import Ui, Visit, a_served_home, served_ui, visiting
from command_line import REPOSITORY, Answer, Katib
from kubectl import Cluster
from playwright.sync_api import Browser

from scripts.draw_plots import a_browser

# Who starts the tests behind a shell's back has Ctrl-C ignored, and so would every command have it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
            # A trial's program is known by where it works.
            if str(tmp_path) in " ".join([process.cwd(), *process.cmdline()]):
                process.kill()
        except psutil.Error:
            continue


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server for all that is here; what still runs at the end is ended."""
    folder = tmp_path_factory.mktemp("kubectl")
    katib = Katib(folder / "home", folder)
    katib("up", "--detach", "--port", "0", check=0)
    yield Cluster(katib)
    katib("down", "--stop-trials", check=0)


@pytest.fixture(scope="module")
def held(cluster: Cluster) -> Cluster:
    """A cluster where the experiment ``held`` has one trial, which does not end."""
    cluster("apply", "-f", cluster.write("held", labels={"team": "seen"}))
    cluster.running_pod("held")
    return cluster


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for all that is here; not for the session, since its event loop is in the way."""
    with a_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    """A home that is served, for all that is here; its experiments are for tests to make."""
    with a_served_home(tmp_path_factory.mktemp("looked-at")) as katib:
        yield katib


@pytest.fixture(scope="module")
def ui(looked_at: Katib) -> Iterator[Ui]:
    """The web UI of that home."""
    with served_ui(looked_at) as ui:
        yield ui


@pytest.fixture
def visit(browser: Browser, ui: Ui) -> Iterator[Visit]:
    """A browser of a person's own that has been let in; what goes wrong in it fails the test."""
    with visiting(browser, ui) as visit:
        yield visit
