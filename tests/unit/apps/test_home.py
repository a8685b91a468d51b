from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from katib.apps.home import Home, default_home
from katib.errors import HomeLockedError, StoreUnavailableError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setattr(sys, "argv", ["anything", "run", "experiment.yaml"])
    return Home(tmp_path / "deep" / "home")


def test_nothing_is_made_before_it_is_locked(home: Home) -> None:
    assert home.trials.parent == home.resources.parent == home.observations.parent == home.path
    assert not home.path.exists()
    home.lock().release()
    assert home.path.is_dir()


def test_a_second_engine_is_refused_and_told_who_is_there(home: Home) -> None:
    lock = home.lock()
    words = f"process {os.getpid()} (katib run experiment.yaml)"
    with pytest.raises(HomeLockedError) as caught:
        home.lock()
    assert f"is in use by {words}." in str(caught.value)
    assert home.holder() == words
    lock.release()


def test_a_released_home_is_free(home: Home) -> None:
    home.lock().release()
    assert home.holder() is None
    again = home.lock()
    with pytest.raises(HomeLockedError):
        home.lock()
    again.release()


def test_looking_for_a_holder_leaves_the_lock_alone(home: Home) -> None:
    lock = home.lock()
    assert home.holder() == home.holder()
    with pytest.raises(HomeLockedError):
        home.lock()
    lock.release()
    assert home.holder() is None


def test_what_a_dead_engine_wrote_locks_nothing(home: Home) -> None:
    home.path.mkdir(parents=True)
    (home.path / "lock").write_text("process 1 (katib run something long gone.yaml)\n")
    lock = home.lock()
    holder = home.holder()
    assert holder is not None
    assert "long gone" not in holder
    lock.release()


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailableError, match=r"cannot use .*file.home: Not a directory"):
        Home(tmp_path / "file" / "home").lock()


def test_the_environment_names_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATIB_HOME", str(tmp_path))
    assert default_home() == tmp_path
    monkeypatch.delenv("KATIB_HOME")
    assert default_home().name == "katib"
