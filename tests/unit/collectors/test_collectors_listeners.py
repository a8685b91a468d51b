from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from katib.collectors.addresses import AddressBook
from katib.collectors.listeners import LOOPBACK, Listeners
from katib.ports.sidecar import METRICS_PORT_VARIABLE

OWN, ANOTHERS = 5000, 5001

#: Listens on a port until its input ends, then no more, and stays until its output is read.
PROGRAM = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print(listener.getsockname()[1], flush=True)
sys.stdin.readline()
listener.close()
print("closed", flush=True)
sys.stdin.readline()
"""


class Program:
    """A program of a trial, in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._read())

    def stop_listening(self) -> None:
        self._tell()
        assert self._read() == "closed\n"

    def _tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def a_program(given: str, port: int = 0) -> Iterator[Program]:
    variables = {**os.environ, METRICS_PORT_VARIABLE: given}
    if not given:
        del variables[METRICS_PORT_VARIABLE]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port)],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Program(process)
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def test_a_program_is_known_by_the_port_that_it_was_given() -> None:
    with a_program(str(ANOTHERS)) as program:
        assert Listeners().given_port(program.port) == ANOTHERS


@pytest.mark.parametrize("given", ["", "http"])
def test_a_program_that_was_given_none_is_no_trials(given: str) -> None:
    with a_program(given) as program:
        assert Listeners().given_port(program.port) == 0


def test_where_nobody_listens_nobody_is_found() -> None:
    assert Listeners().given_port(free_port()) == 0


def test_a_program_that_listens_no_more_is_forgotten() -> None:
    listeners = Listeners()
    with a_program(str(OWN)) as first:
        assert listeners.given_port(first.port) == OWN
        first.stop_listening()
        assert listeners.given_port(first.port) == 0
        with a_program(str(ANOTHERS), first.port):
            assert listeners.given_port(first.port) == ANOTHERS
    assert listeners.given_port(first.port) == 0


def test_all_processes_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    listeners, looks, look = Listeners(), [], psutil.net_connections

    def count(kind: str) -> object:
        looks.append(kind)
        return look(kind)

    monkeypatch.setattr(psutil, "net_connections", count)
    with a_program(str(OWN)) as program:
        assert [listeners.given_port(program.port) for _ in range(3)] == [OWN] * 3
    assert len(looks) == 1


def test_where_it_may_not_be_seen_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: str) -> object:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with a_program(str(OWN)) as program:
        assert Listeners().given_port(program.port) == 0


def test_a_trial_is_asked_where_its_own_program_listens_whoever_came_first() -> None:
    port = free_port()
    book, stated = AddressBook(), {"port": port}
    first = book.open("a", OWN, stated, is_new=True)
    second = book.open("b", ANOTHERS, stated, is_new=True)
    # The first trial's program takes long to begin, and the second one's has taken the port.
    assert [one.port for one in first.addresses()] == [OWN, port]
    with a_program(str(ANOTHERS), port):
        assert [one.port for one in first.addresses()] == [OWN]
        assert first.rival == f"the program of another trial listens on port {port}"
        assert [one.port for one in second.addresses()] == [ANOTHERS, port]
        assert second.rival == ""
    assert [one.port for one in first.addresses()] == [OWN, port]
