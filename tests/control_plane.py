"""A real Kubernetes control plane for tests, on free ports of the loopback, with files of its own.

``KATIB_TEST_KUBECONFIG`` names an existing cluster to use instead, ``KUBEBUILDER_ASSETS`` a folder
with the programs; else they are where ``scripts/kubernetes.sh`` keeps them.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts" / "kubernetes"

#: What the scripts are told in variables: the ports, each a free one.
_PORTS = ("K8S_API_PORT", "K8S_ETCD_PORT", "K8S_ETCD_PEER_PORT", "K8S_KCM_PORT")

#: How long a process may take to end, in seconds.
END_WITHIN = 30.0


def programs() -> Path:
    """The folder that has the API server."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    named = os.environ.get("KUBEBUILDER_ASSETS")
    return Path(named) if named else cache / "katib-tests" / "kubernetes"


def find_gap() -> str:
    """Why no control plane can be started here; empty when one can."""
    folder = programs()
    missing = [
        name
        for name in ("kube-apiserver", "kube-controller-manager", "etcd", "openssl", "curl")
        if not (folder / name).is_file() and shutil.which(name) is None
    ]
    if not missing:
        return ""
    return (
        f"no {', '.join(missing)} in {folder} or on the PATH; run scripts/kubernetes.sh, or name a "
        "cluster in KATIB_TEST_KUBECONFIG"
    )


class ControlPlane:
    """An API server with its store and its controllers; no node, so that no pod runs.

    Attributes:
        kubeconfig: the administrator's.
        environment: what its scripts are told.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="katib-k8s-"))
        self.kubeconfig = self._folder / "data" / "kubeconfig"
        ports = dict(zip(_PORTS, map(str, free_ports(len(_PORTS))), strict=True))
        self.environment = {
            **os.environ,
            **ports,
            "K8S_BIN": str(programs()),
            "K8S_DATA": str(self._folder / "data"),
        }

    def start(self) -> None:
        """Start what does not run."""
        self.run("up.sh")

    def processes(self) -> list[psutil.Process]:
        """What runs of it."""
        files = sorted((self._folder / "data" / "run").glob("*.pid"))
        return [psutil.Process(int(file.read_text().split()[0])) for file in files]

    def kill_api_server(self) -> None:
        """End the API server as a crash would; what it has acknowledged is in its store."""
        pid_file = self._folder / "data" / "run" / "kube-apiserver.pid"
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        address = ("127.0.0.1", int(self.environment["K8S_API_PORT"]))
        deadline = time.monotonic() + END_WITHIN
        while _is_open(address):
            assert time.monotonic() < deadline, "the API server does not end"
            time.sleep(0.05)

    def close(self) -> None:
        """End everything and delete its files."""
        self.run("down.sh", "--wipe")
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, script: str, *words: str) -> None:
        """Run one of its scripts to its end."""
        done = subprocess.run(
            [SCRIPTS / script, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script} failed: {done.stdout}"


def _is_open(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has.

    They are below those that outgoing connections get: a server that is started again must find
    its port free.
    """
    found: list[int] = []
    for port in random.sample(range(10_000, 32_000), 1_000):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no port is free")
