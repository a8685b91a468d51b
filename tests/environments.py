"""Virtual environments for tests that need packages which Katib's own must not have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parent
_SCRIPT = _TESTS.parent / "scripts" / "make_environment.sh"

#: PyTorch, and all that tests want beside it: it is large, so there is one environment with it.
TORCH_PACKAGES = (_TESTS / "networks" / "requirements.txt").read_text().split()

#: The exit code of the script when packages cannot be had.
NOT_NOW = 75


def an_environment(name: str, *packages: str) -> str:
    """The Python of an environment of its own, with packages that Katib's must not have.

    The test is skipped when they cannot be had now.
    """
    made = subprocess.run(
        [str(_SCRIPT), name, *packages],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode == NOT_NOW:
        pytest.skip(f"{name} cannot be had now: {made.stderr.strip().splitlines()[-1]}")
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()
