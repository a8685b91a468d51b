"""A cluster in which pods run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class NodeCluster:
    """A cluster in which pods run.

    Attributes:
        kubeconfig: the administrator's.
        image: ours, as the cluster knows it.
    """

    kubeconfig: Path
    image: str
