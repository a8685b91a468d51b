"""A database manager as a process of its own, which may be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from command_line import LONGEST, REPOSITORY, read_until

from katib.api.values import Key
from katib.observations.sql import SqlObservationLog
from katib.ports.observation_log import MetricEntry

PROGRAM = (sys.executable, "-m", "katib", "db-manager")


class DbManager:
    """Serves a database at one port, whenever it runs.

    Args:
        url: of the database.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it serves."""
        self._process = subprocess.Popen(
            [*PROGRAM, self.url, "--listen-address", self.address],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        read_until(self._process, "Serving observation logs")

    def kill(self) -> None:
        """End it with ``kill -9``, if it runs."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.communicate(timeout=LONGEST)
            self._process = None

    def read(self, trial: str) -> Sequence[MetricEntry]:
        """What the database has of a trial, asked without the manager."""
        log = SqlObservationLog(self.url)
        try:
            return log.read(Key("", trial))
        finally:
            log.close()


def sqlite(folder: Path) -> str:
    """The URL of a database in a file."""
    return f"sqlite:///{folder}/observations.db"
