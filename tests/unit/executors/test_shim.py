from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from katib.executors import shim

NAMESPACE = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"


def run(program: str, folder: Path, *path: Path, namespace: str | None = "team-a") -> str:
    """What a program prints that finds the shim first on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "KATIB_NAMESPACE"}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, (shim.FOLDER, *path)))
    if namespace is not None:
        environment["KATIB_NAMESPACE"] = namespace
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


READING = {
    "as the SDK reads it": f'with open("{NAMESPACE}", "r") as f:\n    print(f.readline())',
    "without a mode": f'print(open("{NAMESPACE}").read())',
    "with the mode by name": f'print(open(file="{NAMESPACE}", mode="rt").read())',
    "with an encoding": f'print(open("{NAMESPACE}", encoding="utf-8").read())',
    "as bytes": f'print(open("{NAMESPACE}", "rb").read().decode())',
    "as a path": f'import pathlib\nprint(pathlib.Path("{NAMESPACE}").read_text())',
    "by another way to open": f'import io\nprint(io.open("{NAMESPACE}").read())',
    "by a class that holds open": (
        f'class Opener:\n    open = open\nprint(Opener().open("{NAMESPACE}").read())'
    ),
    "by a process of its own": (
        "import subprocess, sys\n"
        f"program = \"print(open('{NAMESPACE}').read())\"\n"
        "subprocess.run([sys.executable, '-c', program], check=True)"
    ),
}


@pytest.mark.parametrize("case", READING)
def test_the_namespace_is_found_where_a_pod_has_it(case: str, tmp_path: Path) -> None:
    assert run(READING[case], tmp_path) == "team-a\n"


UNCHANGED: dict[str, tuple[str, str]] = {
    "another file is opened": ('print(open("mine").read())', "hello\n"),
    "another file is written": (
        'with open("new", "w") as file:\n    file.write("x")\nprint(open("new").read())',
        "x\n",
    ),
    "a file is opened by its number": (
        'import os\nprint(open(os.open("mine", os.O_RDONLY)).read())',
        "hello\n",
    ),
    "this is still no pod": (
        'import os\nprint(os.path.isdir("/var/run/secrets/kubernetes.io/"))',
        f"{os.path.isdir('/var/run/secrets/kubernetes.io/')}\n",
    ),
    "a file that is not there is told": (
        'try:\n    open("/none")\nexcept FileNotFoundError as error:\n    print(error.filename)',
        "/none\n",
    ),
    "other secrets of a pod are not there": (
        f'import os\nprint(os.path.exists("{os.path.dirname(NAMESPACE)}/token"))',
        f"{os.path.exists(os.path.dirname(NAMESPACE) + '/token')}\n",
    ),
    "the path is what it would be": (
        f'import sys\nprint("{shim.FOLDER}" in sys.path)',
        "False\n",
    ),
    "open is called as ever": ("print(open.__name__, open.__doc__ is not None)", "open True\n"),
}


@pytest.mark.parametrize("case", UNCHANGED)
def test_nothing_else_is_changed(case: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("hello")
    program, expected = UNCHANGED[case]
    assert run(program, tmp_path) == expected


@pytest.mark.skipif(os.path.exists(NAMESPACE), reason="this is a pod")
@pytest.mark.parametrize("mode", ["w", "a", "r+", "x"])
def test_the_namespace_cannot_be_written(mode: str, tmp_path: Path) -> None:
    program = f'try:\n    open("{NAMESPACE}", "{mode}")\nexcept OSError:\n    print("refused")'
    assert run(program, tmp_path) == "refused\n"


@pytest.mark.skipif(os.path.exists(NAMESPACE), reason="this is a pod")
def test_a_program_that_is_no_trial_finds_no_namespace(tmp_path: Path) -> None:
    program = f'try:\n    open("{NAMESPACE}")\nexcept FileNotFoundError:\n    print("none")'
    assert run(program, tmp_path, namespace=None) == "none\n"


def test_the_users_own_sitecustomize_is_loaded(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text(
        'import builtins\nbuiltins.mine = f"{__name__}, {__file__}"'
    )
    program = "import sitecustomize\nprint(mine, sitecustomize.__file__, sep='\\n')"
    there = f"{own}/sitecustomize.py"
    assert run(program, tmp_path, own) == f"sitecustomize, {there}\n{there}\n"


def test_a_sitecustomize_of_the_users_that_fails_is_told_as_ever(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("1 / 0")
    environment = {
        **os.environ,
        "KATIB_NAMESPACE": "team-a",
        "PYTHONPATH": f"{shim.FOLDER}{os.pathsep}{own}",
    }
    program = [sys.executable, "-c", f'print(open("{NAMESPACE}").read())']
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert ended.stdout == "team-a\n"
    assert "ZeroDivisionError" in ended.stderr
