"""Whose program listens on a port of this machine."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from threading import Lock

import psutil

from katib.ports.sidecar import METRICS_PORT_VARIABLE

LOOPBACK = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            return False
        except OSError:
            return True
    return False


class Listeners:
    """Knows for which trial a program was started that listens somewhere. Safe for threads.

    To find the program is to look at every process of the machine, so it is remembered as long as
    it listens.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[int, tuple[psutil.Process, int]] = {}

    def given_port(self, port: int) -> int:
        """The port that whoever listens on this one was given as its trial's own.

        Returns:
            0 when nobody listens, or it cannot be seen who does, or it is no program of a trial.
        """
        with self._lock:
            known = self._found.pop(port, None)
            if known is None or not _listens(known[0], port):
                known = _find(port) if is_taken(port) else None
            if known is None:
                return 0
            self._found[port] = known
            return known[1]


def _find(port: int) -> tuple[psutil.Process, int] | None:
    """The program that listens on a port, and the port that it was given."""
    try:
        # Where only an administrator may see this, nobody is found.
        connections = psutil.net_connections("tcp")
        owners = (one.pid for one in connections if one.pid and _is_at(one.status, one.laddr, port))
        process = next(map(psutil.Process, owners), None)
        if process is None:
            return None
        given = process.environ().get(METRICS_PORT_VARIABLE, "")
    except psutil.Error:
        return None
    return process, int(given) if given.isdecimal() else 0


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        return process.is_running() and any(
            _is_at(one.status, one.laddr, port) for one in process.net_connections("tcp")
        )
    except psutil.Error:
        return False


def _is_at(status: str, at: Sequence[object], port: int) -> bool:
    """Whether a socket of that status, bound to that address, listens on the port."""
    return status == psutil.CONN_LISTEN and list(at[1:]) == [port]
