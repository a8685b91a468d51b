"""A pod's processes without a cluster: containers that share their process ids, and a pause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import psutil
import pytest
from command_line import LONGEST, REPOSITORY

SOURCE = REPOSITORY / "src"

#: Makes a program the leader of a session inside, as a container's runtime does.
LEADER = (
    sys.executable,
    "-Sc",
    "import os, sys; os.setsid(); os.chdir(sys.argv[1]); os.execvp(sys.argv[2], sys.argv[2:])",
)


class Pod:
    """Runs containers side by side.

    As in a pod with one process namespace, the first process of each has no parent that can be seen
    there, and leads a session; its process id is found in ``/proc`` as there.

    Args:
        pause: the process that holds the namespace.
        folder: what the containers share.
    """

    def __init__(self, pause: int, folder: Path) -> None:
        self._pause, self.folder = pause, folder
        self._started: list[subprocess.Popen[bytes]] = []

    def start(
        self,
        *command: str,
        variables: Mapping[str, str] | None = None,
        log: IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a container.

        Args:
            command: what it runs.
            variables: its environment; else that of this process, and our own code.
            log: takes what it prints; else that is for the caller to read.
        """
        started = subprocess.Popen(
            [
                "nsenter",
                f"--target={self._pause}",
                "--pid",
                "--mount",
                *LEADER,
                str(self.folder),
                *command,
            ],
            env={**os.environ, "PYTHONPATH": str(SOURCE)} if variables is None else variables,
            stdin=subprocess.DEVNULL,
            stdout=log or subprocess.PIPE,
            stderr=log or subprocess.PIPE,
            bufsize=0,
        )
        self._started.append(started)
        return started

    def kill(self) -> None:
        """End all processes at once."""
        with suppress(ProcessLookupError):
            os.kill(self._pause, signal.SIGKILL)

    def close(self) -> None:
        """Take note that all have ended with the pause."""
        for one in self._started:
            if one.stdout is None:
                one.wait(LONGEST)
            elif not one.stdout.closed:
                one.communicate(timeout=LONGEST)

    def collect(self, *options: str) -> subprocess.Popen[bytes]:
        """Start the metrics collector."""
        return self.start(sys.executable, "-m", "katib", "metrics-collector", *options)


@contextmanager
def a_pod(folder: Path) -> Iterator[Pod]:
    """A pod, whose processes all end with it. The test is skipped where none can be made."""
    line = ["unshare", "--pid", "--fork", "--mount-proc", "sleep", "infinity"]
    held = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    pod = None
    try:
        pod = Pod(_child_of(held), folder)
        yield pod
    finally:
        for child in psutil.Process(held.pid).children() if held.poll() is None else ():
            child.send_signal(signal.SIGKILL)
        held.communicate(timeout=LONGEST)
        if pod is not None:
            pod.close()


def wrapped(command: str, folder: Path, has_rules: bool = False) -> Sequence[str]:
    """A container's command as Katib's webhook changes it, after Kubernetes has read its dollars.

    What the program prints goes into ``metrics.log``.
    """
    marker = f"{folder}/$$.pid"
    stopped = (
        f" || if test -f {marker} && [ $(head -n 1 {marker}) = early-stopped ]; then echo Training "
        "Container was Early Stopped; else echo Training Container was Failed; exit 1; fi"
    )
    rest = f"{stopped if has_rules else ''} && echo completed > {marker}"
    return ["sh", "-c", f"{command} 1>{folder}/metrics.log 2>&1{rest}"]


def _child_of(held: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        if held.poll() is not None:
            assert held.stderr is not None
            told = held.stderr.read().decode(errors="replace").strip()
            pytest.skip(f"no process namespace can be made here: {told}")
        for child in psutil.Process(held.pid).children():
            # It is the pause only when its own program has taken its place.
            if child.name() == "sleep":
                return child.pid
        time.sleep(0.02)
    raise AssertionError("unshare has not started its program")
