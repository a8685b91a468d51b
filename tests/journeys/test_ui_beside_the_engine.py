"""The web UI that ``katib up`` serves: where it is, and that it comes and goes with the engine."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from command_line import Katib, finish, is_running, read_until, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

#: How long the UI may outlive its engine, in seconds.
ALONE_WITHIN = 5.0


@pytest.fixture
def served(katib: Katib) -> Katib:
    """A home with an engine that serves browsers; whatever is left is ended by the other one."""
    return Katib(katib.home, katib.folder, has_ui=True)


def record_of(katib: Katib) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((katib.home / "server.json").read_text())
    return record


def ui_of(katib: Katib) -> psutil.Process | None:
    """The UI's process."""
    for one in psutil.Process(record_of(katib)["pid"]).children():
        if "ui_child" in " ".join(one.cmdline()) and is_running(one.pid):
            return one
    return None


def address_in(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", text)
    assert found is not None, text
    return found[0]


def title_of(address: str) -> str:
    with httpx.Client(timeout=60.0, follow_redirects=True) as client:
        answer = client.get(address)
    assert answer.status_code == 200
    return answer.text.partition("<title>")[2].partition("</title>")[0]


def test_up_serves_a_ui_that_status_tells_of_and_down_ends(served: Katib) -> None:
    told = served("up", "--detach", "--port", "0", "--ui-port", "0", check=0)
    address = address_in(told.out)
    assert "Experiments" in title_of(address)
    assert f"ui: {address}\n" in served("status", check=0).out
    ui = ui_of(served)
    assert ui is not None
    served("down", check=0)
    assert not is_running(ui.pid)
    assert not is_answered(address)


def test_without_a_ui_nothing_of_it_is_there(katib: Katib) -> None:
    assert "Open" not in katib("up", "--detach", "--port", "0", check=0).out
    assert "ui:" not in katib("status", check=0).out
    assert ui_of(katib) is None
    katib("down", check=0)


def test_a_port_that_is_taken_is_another_unless_it_was_named(served: Katib) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = served("up", "--detach", "--port", "0", "--ui-port", str(port), check=2)
        assert f"cannot listen at 127.0.0.1, port {port}" in answer.err
        assert "--ui-port 0" in answer.err
    with default_port_taken():
        told = served("up", "--detach", "--port", "0", check=0)
        assert "(port 8080 is taken)" in told.out
        assert "Experiments" in title_of(address_in(told.out))
    served("down", check=0)


def default_port_taken() -> socket.socket:
    """Port 8080, held by us, or by whoever had it before; closed at the end."""
    try:
        return socket.create_server(("127.0.0.1", 8080))
    except OSError:
        return socket.socket()


def test_a_ui_that_dies_comes_again_where_it_was(served: Katib) -> None:
    address = address_in(served("up", "--detach", "--port", "0", "--ui-port", "0", check=0).out)
    title_of(address)
    before = ui_of(served)
    assert before is not None
    before.kill()
    # Browsers wait meanwhile, and none is turned away.
    assert "Experiments" in title_of(address)
    after = ui_of(served)
    assert after is not None
    assert after.pid != before.pid
    assert "the web UI has ended with signal SIGKILL" in (served.home / "engine.log").read_text()
    served("down", check=0)


def test_an_engine_that_is_killed_takes_its_ui_along(served: Katib) -> None:
    address = address_in(served("up", "--detach", "--port", "0", "--ui-port", "0", check=0).out)
    title_of(address)
    ui, engine = ui_of(served), record_of(served)["pid"]
    assert ui is not None
    os.kill(engine, signal.SIGKILL)
    wait_for(lambda: not is_running(ui.pid), "the UI is gone", ALONE_WITHIN)
    assert not is_answered(address)
    assert served("status", check=1).out.count("ui:") == 0


def test_ctrl_c_ends_both(served: Katib) -> None:
    server = served.start("up", "--port", "0", "--ui-port", "0")
    address = address_in(read_until(server, "Open"))
    title_of(address)
    ui = ui_of(served)
    assert ui is not None
    server.send_signal(signal.SIGINT)
    answer = finish(server)
    assert answer.code == 0, answer.text
    assert answer.err == ""
    assert not is_running(ui.pid)


def test_modules_where_the_engine_works_are_not_taken_for_its_own(served: Katib) -> None:
    Path(served.folder, "nicegui.py").write_text("raise SystemExit('not this one')\n")
    address = address_in(served("up", "--detach", "--port", "0", "--ui-port", "0").out)
    assert "Experiments" in title_of(address)
    served("down", check=0)


def is_answered(address: str) -> bool:
    try:
        httpx.get(address, timeout=5.0)
    except httpx.ConnectError:
        return False
    return True
