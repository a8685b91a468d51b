"""What a distributed trial needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class TrainerResources:
    """The size of a distributed trial.

    Attributes:
        num_workers: how many pods it has.
        num_procs_per_worker: how many processes each of them starts.
        resources_per_worker: what each needs, as ``{"cpu": "2", "gpu": "1"}``, or a
            ``V1ResourceRequirements``.
    """

    num_workers: int
    num_procs_per_worker: int
    resources_per_worker: Mapping[str, str] | Any
