"""Each library in a virtual environment of its own, with the versions that are pinned here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent

#: Small matrices: more threads only wait for each other, and one core is easy to compare.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class UnavailableError(Exception):
    """An environment that cannot be had now."""


def python_of(environment: str) -> Path:
    """The Python of an environment, which is made when it is missing.

    Raises:
        UnavailableError: its packages cannot be installed; the message is what pip said last.
    """
    if environment == "katib":
        return Path(sys.executable)
    pinned = (HERE / "requirements" / f"{environment}.txt").read_text().split()
    made = subprocess.run(
        [ROOT / "scripts" / "make_environment.sh", f"bench-{environment}", *pinned],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise UnavailableError(f"{environment}: {(made.stderr.strip() or '?').splitlines()[-1]}")
    return Path(made.stdout.strip())


def call(environment: str, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of this package with an environment's Python; what it prints comes back.

    Raises:
        UnavailableError: the environment cannot be had.
        subprocess.CalledProcessError: the module failed.
    """
    command = [str(python_of(environment)), "-m", f"bench.search.{module}", *arguments]
    variables = {**os.environ, **ONE_THREAD, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        command, cwd=ROOT, env=variables, check=True, stdout=subprocess.PIPE, text=True
    )
