"""Processes of ours beside a cluster: operators and database managers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from katib.api import codec
from katib.api.values import Manifest

#: How long anything may take here, in seconds; nobody waits that long where all goes well.
LONGEST = 120.0

#: The image of our own that an operator is told; nothing pulls it.
IMAGE = "localhost/katib:test"


def wait_for(fact: Callable[[], bool], what: str, seconds: float = LONGEST) -> None:
    """Return as soon as something is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.05)


def a_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """``katib`` with some words, in a process of its own that writes into a log.

    Args:
        folder: for its log.
        name: of the log.
        words: what follows ``katib``.
        ready: what it writes when it is ready.
        variables: of its environment, besides those of this process.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        words: Sequence[str],
        ready: str,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.log = folder / f"{name}.log"
        self._words, self._ready = tuple(words), ready
        self._variables = {**os.environ, "PYTHONUNBUFFERED": "1", **(variables or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, is_awaited: bool = True) -> None:
        """Start it, and return when it is ready."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "katib", *self._words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._variables,
            )
        if is_awaited:
            wait_for(lambda: self._ready in self.text(begin), f"{self._words[0]}: {self._ready}")

    def text(self, begin: int = 0) -> str:
        """What it has written from there on."""
        with self.log.open("rb") as log:
            log.seek(begin)
            return log.read().decode(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it at once, as a machine does that fails."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """End it as a cluster does; the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(LONGEST)

    def close(self) -> None:
        """See that it is gone."""
        if self.is_running:
            self.kill()


def a_db_manager(folder: Path) -> tuple[Program, str]:
    """A database manager that keeps a file, and its address."""
    address = f"127.0.0.1:{a_free_port()}"
    words = ("db-manager", f"sqlite:///{folder / 'observations.db'}", "--listen-address", address)
    return Program(folder, f"db-manager-{address}", words, "Serving observation logs"), address


def a_service(folder: Path, command: str, *words: str) -> tuple[Program, str]:
    """``katib suggestion`` or ``katib early-stopping``, and its address."""
    port = str(a_free_port())
    program = Program(folder, f"{command}-{port}", (command, "--port", port, *words), "Serving ")
    return program, f"127.0.0.1:{port}"


def an_operator(
    folder: Path,
    kubeconfig: Path,
    namespace: str,
    db_manager: str,
    runtime: Manifest | None = None,
    **controller: object,
) -> Program:
    """An operator of one namespace.

    Args:
        folder: for its files.
        kubeconfig: of the cluster.
        namespace: whose experiments it runs.
        db_manager: where observation logs are.
        runtime: of its configuration.
        controller: settings of its configuration.
    """
    name = f"operator-{a_free_port()}"
    config: Manifest = {
        "runtime": runtime or {},
        "init": {
            "controller": {
                "healthzAddr": "127.0.0.1:0",
                "metricsAddr": "127.0.0.1:0",
                **controller,
            }
        },
    }
    path = folder / f"{name}.yaml"
    path.write_text(codec.dump_yaml(config))
    words = ("operator", "--kubeconfig", str(kubeconfig), "--namespace", namespace)
    places = ("--db-manager", db_manager, "--early-stopping-address", "127.0.0.1:0")
    more = ("--katib-config", str(path), *places)
    variables = {"KATIB_IMAGE": IMAGE, "KATIB_CORE_NAMESPACE": namespace}
    return Program(folder, name, (*words, *more), "Running the experiments", variables)
