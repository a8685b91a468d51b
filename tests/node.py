"""A control plane with a node, on which pods really run, and our images there.

One for a machine: it needs root, network interfaces and rules of the firewall, which go with it.
``KATIB_TEST_KUBECONFIG`` with ``KATIB_TEST_IMAGE`` names a cluster to use instead, and the image
that it knows; ``KATIB_TEST_NETWORKS_IMAGE`` the one with programs that train networks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from control_plane import ControlPlane, find_gap, free_ports, programs

ROOT = Path(__file__).resolve().parent.parent

#: Where pods reach this machine.
GATEWAY = "10.88.0.1"

#: The images that are built for tests: Katib's, and that of trials which train networks.
IMAGE, NETWORKS_IMAGE = "localhost/katib:test", "localhost/katib-networks:test"

#: What a node needs beside what the control plane needs, and what builds an image.
_PROGRAMS = (
    *("kube-scheduler", "kubelet", "kube-proxy", "pause", "containerd", "runc", "ctr"),
    *("ip", "iptables", "conntrack", "jq", "debootstrap"),
)

_PORTS = (
    "K8S_SCHEDULER_PORT",
    "K8S_KUBELET_PORT",
    "K8S_KUBELET_HEALTHZ_PORT",
    "K8S_PROXY_HEALTHZ_PORT",
    "K8S_PROXY_METRICS_PORT",
)


def find_node_gap() -> str:
    """Why no node can be started here; empty when one can."""
    if os.geteuid() != 0:
        return "a node runs containers, which needs root"
    gap = find_gap()
    if gap:
        return gap
    folder = programs()
    missing = [one for one in _PROGRAMS if not ((folder / one).is_file() or shutil.which(one))]
    if missing:
        return f"no {', '.join(missing)} in {folder} or on the PATH; run scripts/kubernetes.sh"
    asked = ["ip", "link", "show", "k8s0"]
    is_taken = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    return "this machine is the node of another cluster" if is_taken else ""


class Node(ControlPlane):
    """A cluster of one node."""

    def __init__(self) -> None:
        super().__init__()
        ports = map(str, free_ports(len(_PORTS)))
        self.environment.update(zip(_PORTS, ports, strict=True))

    def start(self) -> None:
        """Start what does not run."""
        self.run("up.sh", "--node")

    def build_image(self, name: str, *words: str) -> None:
        """Build an image into the node; the first time, this takes minutes.

        Args:
            name: what it is called there.
            words: options of ``image.sh``, which say what is in it.
        """
        variables = {**self.environment, "KATIB_IMAGE": name}
        done = subprocess.run(
            [ROOT / "scripts" / "image.sh", *words],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=1800,
        )
        assert done.returncode == 0, f"image.sh failed: {done.stdout[-2000:]}"
