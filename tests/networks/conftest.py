"""Tests for an environment that has PyTorch; ``test_networks`` of the journeys starts them there.

Elsewhere they are passed over.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parents[2] / "examples" / "networks"

if find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    import torch

    sys.path.insert(0, str(PROGRAMS))
    torch.set_num_threads(1)
