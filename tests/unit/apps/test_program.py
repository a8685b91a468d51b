from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from katib.apps import program
from katib.apps.home import Home
from katib.apps.program import EngineInUseError, GuestBackend, HomeBackend, Program
from katib.apps.server_record import find_server
from katib.client.backend import AwayError, RefusedError

EXPERIMENTS = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"

#: How long something may take, in seconds; generous, since machines are busy.
LONGEST = 60.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def backend(home: Home) -> Iterator[HomeBackend]:
    backend = HomeBackend(home)
    yield backend
    backend.close()


def in_child(work: Callable[[], bool]) -> int:
    """Do something in the child of a fork; 0 if it was true."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_nothing_is_made_before_the_first_request(home: Home, backend: HomeBackend) -> None:
    assert (backend.namespace, backend.home) == ("default", home.path)
    assert not home.path.exists()
    assert backend.ask("GET", EXPERIMENTS)["items"] == []
    record = find_server(home)
    assert record is not None
    assert record.pid == os.getpid()
    assert record.program


def test_the_engine_ends_with_its_last_user(home: Home, backend: HomeBackend) -> None:
    other = HomeBackend(home)
    backend.ask("GET", EXPERIMENTS)
    other.ask("GET", EXPERIMENTS)
    backend.close()
    assert find_server(home) is not None
    assert other.ask("GET", EXPERIMENTS)["items"] == []
    other.close()
    assert find_server(home) is None
    home.lock().release()


def test_a_program_is_left_as_it_was(home: Home, backend: HomeBackend) -> None:
    logger = logging.getLogger("katib")

    def state() -> object:
        handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        return gc.get_threshold(), gc.get_freeze_count(), sys.getswitchinterval(), handlers

    before, propagates, listeners = state(), logger.propagate, list(logger.handlers)
    backend.ask("GET", EXPERIMENTS)
    assert state() == before
    backend.close()
    assert state() == before
    assert (logger.propagate, logger.handlers) == (propagates, listeners)
    assert not logging.getLogger("uvicorn.error").filters
    assert not [one.name for one in threading.enumerate() if one.name in ("katib", "api")]


@pytest.fixture
def usual() -> Iterator[None]:
    """The interpreter's usual settings, whatever engines have left here."""
    found = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(0.005)
    gc.set_threshold(700, 10, 10)
    yield
    sys.setswitchinterval(found[0])
    gc.set_threshold(*found[1])


def test_a_program_that_waits_lends_its_process(usual: None, backend: HomeBackend) -> None:
    before = sys.getswitchinterval(), gc.get_threshold()
    with backend.at_work():
        assert (sys.getswitchinterval(), gc.get_threshold()) == before
    backend.ask("GET", EXPERIMENTS)
    with backend.at_work():
        with backend.at_work():
            assert sys.getswitchinterval() < before[0]
        assert gc.get_threshold()[0] > before[1][0]
    assert (sys.getswitchinterval(), gc.get_threshold()) == before


def test_the_listener_says_nothing_in_the_programs_log(
    home: Home, backend: HomeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        backend.ask("GET", EXPERIMENTS)
        backend.close()
    assert not [one for one in caplog.records if one.name.startswith(("uvicorn", "katib"))]


def test_a_server_that_ended_is_followed(home: Home, backend: HomeBackend) -> None:
    other = HomeBackend(home)
    other.ask("POST", CONFIG_MAPS, {"metadata": {"name": "kept"}, "data": {"a": "b"}})
    first = find_server(home)
    backend.ask("GET", EXPERIMENTS)
    program._ENGINES.end()
    assert find_server(home) is None
    assert backend.ask("GET", f"{CONFIG_MAPS}/kept")["data"] == {"a": "b"}
    second = find_server(home)
    assert first is not None
    assert second is not None
    assert second.address != first.address
    other.close()


def test_a_guest_finds_servers_and_never_follows_one(home: Home, backend: HomeBackend) -> None:
    guest = GuestBackend(home)
    with pytest.raises(AwayError, match="none works there"):
        guest.ask("GET", EXPERIMENTS)
    assert find_server(home) is None
    backend.ask("GET", EXPERIMENTS)
    assert guest.ask("GET", EXPERIMENTS)["items"] == []
    backend.close()
    with pytest.raises(AwayError):
        guest.ask("GET", EXPERIMENTS)
    assert find_server(home) is None
    backend.ask("GET", EXPERIMENTS)
    assert guest.ask("GET", EXPERIMENTS)["items"] == []
    guest.close()


def test_an_engine_that_serves_nobody_is_told(home: Home, backend: HomeBackend) -> None:
    lock = home.lock("katib run experiment.yaml")
    with pytest.raises(EngineInUseError, match=r"katib run experiment\.yaml.*start katib up"):
        backend.ask("GET", EXPERIMENTS)
    lock.release()
    assert backend.ask("GET", EXPERIMENTS)["items"] == []


def test_who_holds_the_home_for_a_moment_is_waited_for(home: Home, backend: HomeBackend) -> None:
    lock = home.lock("katib delete experiment one")
    timer = threading.Timer(0.3, lock.release)
    timer.start()
    assert backend.ask("GET", EXPERIMENTS)["items"] == []
    timer.join()


def test_a_refusal_is_the_servers_own(backend: HomeBackend) -> None:
    with pytest.raises(RefusedError, match="not found") as caught:
        backend.ask("GET", f"{EXPERIMENTS}/none")
    assert (caught.value.code, caught.value.reason) == (404, "NotFound")


def test_a_stream_is_read_line_by_line(backend: HomeBackend) -> None:
    backend.ask("POST", CONFIG_MAPS, {"metadata": {"name": "seen"}})
    lines = backend.stream(f"{CONFIG_MAPS}?watch=true&resourceVersion=0")
    assert b'"seen"' in next(lines)
    lines.close()  # type: ignore[attr-defined]  # a generator
    with pytest.raises(RefusedError):
        next(backend.stream(f"{EXPERIMENTS}/none"))


def test_a_stream_breaks_off_when_the_server_ends(home: Home, backend: HomeBackend) -> None:
    backend.ask("POST", CONFIG_MAPS, {"metadata": {"name": "seen"}})
    lines = backend.stream(f"{CONFIG_MAPS}?watch=true&resourceVersion=0")
    next(lines)
    program._ENGINES.end()
    # A server that ends tells its watches, unless it is gone before.
    with suppress(AwayError):
        assert not [line for line in lines if b'"seen"' in line]


def test_a_forked_child_asks_the_parents_engine(home: Home, backend: HomeBackend) -> None:
    backend.ask("GET", EXPERIMENTS)

    def work() -> bool:
        is_ours = bool(program._ENGINES._engines)
        found = backend.ask("GET", EXPERIMENTS)["items"] == []
        backend.close()
        return found and not is_ours

    assert in_child(work) == 0
    assert backend.ask("GET", EXPERIMENTS)["items"] == []
    record = find_server(home)
    assert record is not None
    assert record.pid == os.getpid()


def test_a_forked_child_does_not_hold_the_home(home: Home, backend: HomeBackend) -> None:
    backend.ask("GET", EXPERIMENTS)
    child = os.fork()
    if child == 0:
        time.sleep(LONGEST)
        os._exit(0)
    try:
        backend.close()
        home.lock().release()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_the_kubeconfig_of_a_home_names_it(
    home: Home, backend: HomeBackend, tmp_path: Path
) -> None:
    backend.ask("GET", EXPERIMENTS)
    assert Program.find_home(home.path / "kubeconfig") == home.path
    (tmp_path / "kubeconfig").write_text("{}")
    assert Program.find_home(tmp_path / "kubeconfig") is None


def test_an_engine_that_cannot_begin_can_begin_later(home: Home, backend: HomeBackend) -> None:
    home.path.mkdir(parents=True)
    home.resources.write_text("this is no database, and was never one" * 100)
    with pytest.raises(Exception, match=r"katib\.db"):
        backend.ask("GET", EXPERIMENTS)
    home.resources.unlink()
    assert backend.ask("GET", EXPERIMENTS)["items"] == []
