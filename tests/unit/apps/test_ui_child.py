"""The web UI beside an engine: started again when it ends, and given up when that goes on."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from katib.apps.home import Home
from katib.apps.listening import listen, listen_anywhere
from katib.apps.ui_child import RESTARTS, WITHIN_SECONDS, UiChild, ui_log_path
from katib.errors import ConfigurationError
from katib.testing.clocks import FakeClock

SLEEPING = (sys.executable, "-c", "import time; time.sleep(600)")
ENDING = (sys.executable, "-c", "import sys; print('no luck'); sys.exit(3)")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with listen("127.0.0.1", 0) as listener:
        yield listener


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def wait_for(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(child: UiChild) -> bool:
    return child.process is not None and child.process.poll() is not None


def test_one_that_goes_on_is_left_alone_and_ended_at_last(
    home: Home, listener: socket.socket
) -> None:
    child = UiChild(home, listener, SLEEPING)
    child.start()
    first = child.process
    assert first is not None
    child.look()
    assert child.process is first
    child.close()
    assert not psutil.pid_exists(first.pid)
    assert listener.fileno() == -1


def test_one_that_ends_is_started_again_but_not_for_ever(
    home: Home, listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    child = UiChild(home, listener, ENDING, FakeClock().monotonic)
    child.start()
    with caplog.at_level(logging.WARNING):
        for _ in range(RESTARTS + 1):
            wait_for(lambda: ended(child))
            child.look()
    assert child.is_given_up
    assert ui_log_path(home).read_text() == "no luck\n" * (RESTARTS + 1)
    *again, last = [record.getMessage() for record in caplog.records]
    assert again == ["the web UI has ended with exit code 3; it is started again"] * RESTARTS
    assert f"ended {RESTARTS + 1} times" in last
    assert str(ui_log_path(home)) in last
    # Whoever calls is refused, and does not wait for nobody.
    assert listener.fileno() == -1


def test_old_ends_are_forgiven(home: Home, listener: socket.socket) -> None:
    clock = FakeClock()
    child = UiChild(home, listener, ENDING, clock.monotonic)
    child.start()
    for _ in range(2 * RESTARTS):
        wait_for(lambda: ended(child))
        child.look()
        clock.advance(WITHIN_SECONDS / 2)
    assert not child.is_given_up
    child.close()


def test_what_cannot_be_started_is_told(
    home: Home, listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    child = UiChild(home, listener, ("/nowhere/at/all",))
    child.start()
    child.look()
    assert child.is_given_up
    assert "there is no web UI: it cannot be started" in caplog.text


def test_the_listener_is_the_childs_and_no_other_programs(
    home: Home, listener: socket.socket, tmp_path: Path
) -> None:
    port, told = listener.getsockname()[1], tmp_path / "told"
    program = (
        "import socket, sys; one = socket.socket(fileno=int(sys.argv[1])); "
        "open(sys.argv[2], 'w').write(str(one.getsockname()[1]))"
    )
    child = UiChild(
        home, listener, (sys.executable, "-c", program, str(listener.fileno()), str(told))
    )
    child.start()
    wait_for(lambda: ended(child))
    assert told.read_text() == str(port)
    assert not os.get_inheritable(listener.fileno())
    child.close()


def test_a_port_that_is_taken_is_refused_or_another_one_is_found(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError, match=f"port {port}: .*--ui-port 0"):
        listen("127.0.0.1", port, "--ui-port")
    with listen_anywhere("127.0.0.1", port) as other:
        assert other.getsockname()[1] != port
