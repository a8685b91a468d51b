"""Environments for trials that install packages."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from katib.api.values import Manifest
from katib.executors.command import CommandError
from katib.executors.packages import Environments, installation_of

TUNE = """
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet --index-url http://i six

python -u program.py --lr={lr}
"""
OPTIMIZER = """
PACKAGES=({packages})
if python -m pip install --quiet \\
    --no-warn-script-location --user "${{PACKAGES[@]}}" >log 2>&1; then
    echo installed
fi
python program.py --lr={lr}
"""


def script(text: str) -> Manifest:
    return {"command": ["bash", "-c"], "args": [text]}


INSTALLING: dict[str, tuple[Manifest, bool]] = {
    "a function with packages": (script(TUNE), True),
    "a TrainJob with packages": (script(OPTIMIZER), True),
    "pip itself": ({"command": ["pip", "install", "six"]}, True),
    "a certain pip": (script("/usr/bin/pip3.11 install six"), True),
    "a program without packages": ({"command": ["python", "train.py"]}, False),
    "pip that only looks": (script("python -m pip list && python train.py"), False),
    "a program that is called like it": (script("./my-pip install six"), False),
    "no command": ({}, False),
}


@pytest.mark.parametrize("case", INSTALLING)
def test_which_containers_install_something(case: str) -> None:
    container, is_installing = INSTALLING[case]
    assert bool(installation_of(container)) is is_installing


SHARED: dict[str, tuple[Manifest, Manifest, bool]] = {
    "trials of one function": (
        script(TUNE.format(lr="0.1")),
        script(TUNE.format(lr="0.2")),
        True,
    ),
    "trials of one TrainJob": (
        script(OPTIMIZER.format(packages="six", lr="0.1")),
        script(OPTIMIZER.format(packages="six", lr="0.2")),
        True,
    ),
    "one line": (
        script("pip install six && python a.py --lr=0.1"),
        script("pip install six && python a.py --lr=0.2"),
        True,
    ),
    "other packages": (script("pip install six"), script("pip install attrs"), False),
    "other packages in a variable": (
        script(OPTIMIZER.format(packages="six", lr="0.1")),
        script(OPTIMIZER.format(packages="attrs", lr="0.1")),
        False,
    ),
}


@pytest.mark.parametrize("case", SHARED)
def test_which_containers_share_an_environment(case: str, tmp_path: Path) -> None:
    first, second, is_shared = SHARED[case]
    environments = Environments(tmp_path)
    found = environments.place_of(first), environments.place_of(second)
    assert None not in found
    assert (found[0] == found[1]) is is_shared


def test_another_interpreter_has_other_environments(tmp_path: Path) -> None:
    container = script("pip install six")
    other = Environments(tmp_path, Path("/opt/other/bin/python"))
    assert other.place_of(container) != Environments(tmp_path).place_of(container)


def test_who_installs_nothing_gets_the_interpreter_that_was_given(tmp_path: Path) -> None:
    container: Manifest = {"command": ["python", "train.py"]}
    assert Environments(tmp_path).variables(container, lambda: None) == {}
    given = Environments(tmp_path, Path("/opt/other/bin/python")).variables(container, print)
    assert given is not None
    assert given.keys() == {"PATH"}
    assert given["PATH"].split(os.pathsep)[0] == "/opt/other/bin"


def wait_for(environments: Environments, container: Manifest) -> Mapping[str, str]:
    """The variables, when there are some."""
    told = threading.Event()
    found = environments.variables(container, told.set)
    assert found is None
    assert told.wait(120)
    found = environments.variables(container, told.set)
    assert found is not None
    return found


def python(variables: Mapping[str, str], *words: str) -> str:
    """What the Python says that a program finds."""
    ended = subprocess.run(
        ["/bin/sh", "-c", 'python "$@"', "sh", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Mapping[str, str]]:
    """An environment, which takes some seconds to make; and the variables that lead to it."""
    environments = Environments(tmp_path_factory.mktemp("home") / "environments")
    container = script("pip install six")
    place = environments.place_of(container)
    assert place is not None
    return place, wait_for(environments, container)


def test_a_program_finds_its_environment_first(made: tuple[Path, Mapping[str, str]]) -> None:
    place, variables = made
    assert python(variables, "-c", "import sys; print(sys.prefix)") == str(place)
    found = python(variables, "-m", "pip", "--version")
    assert str(place) in found


def test_the_packages_of_the_interpreter_are_there_too(
    made: tuple[Path, Mapping[str, str]],
) -> None:
    found = python(made[1], "-c", "import msgspec, katib; print(katib.__file__)")
    assert found.endswith("katib/__init__.py")


def test_what_is_installed_for_the_user_alone_stays_in_the_environment(
    made: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    place, variables = made
    (tmp_path / "pyproject.toml").write_text("")
    wheel = tmp_path / "minute-1.0-py3-none-any.whl"
    build = (
        "import sys, zipfile\n"
        "about = 'minute-1.0.dist-info/'\n"
        "with zipfile.ZipFile(sys.argv[1], 'w') as wheel:\n"
        "    wheel.writestr('minute.py', '')\n"
        "    wheel.writestr(about + 'METADATA', "
        "'Metadata-Version: 2.1\\nName: minute\\nVersion: 1.0\\n')\n"
        "    wheel.writestr(about + 'WHEEL', "
        "'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "    wheel.writestr(about + 'RECORD', '')\n"
    )
    subprocess.run([sys.executable, "-c", build, str(wheel)], check=True)
    python(variables, "-m", "pip", "install", "--user", "--no-index", "--quiet", str(wheel))
    found = python(variables, "-c", "import minute; print(minute.__file__)")
    assert found.startswith(f"{place}/lib/")
    missing = subprocess.run(
        [sys.executable, "-c", "import minute"], capture_output=True, check=False
    )
    assert b"ModuleNotFoundError" in missing.stderr


def test_those_that_install_wait_for_each_other(
    made: tuple[Path, Mapping[str, str]], tmp_path: Path
) -> None:
    place, variables = made
    # A program called pip is pip, as far as starting it is concerned.
    program = tmp_path / "pip"
    program.write_text(
        "import fcntl, sys\n"
        "with open(sys.prefix + '/pip.lock') as lock:\n"
        "    try:\n"
        "        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "        print('free')\n"
        "    except BlockingIOError:\n"
        "        print('held')\n"
    )
    (place / "pip.lock").touch()
    assert python(variables, str(program), "install") == "held"
    assert python(variables, str(program), "list") == "free"
    # A build that pip starts must not wait for pip.
    inner = {**variables, "KATIB_PIP_LOCKED": "1"}
    assert python(inner, str(program), "install") == "free"


def test_an_environment_is_made_once(made: tuple[Path, Mapping[str, str]]) -> None:
    place, variables = made
    (place / "mine").touch()
    again = Environments(place.parent)
    assert again.variables(script("pip install six"), lambda: None) == variables
    again.make(place)
    assert (place / "mine").exists()


def test_an_environment_that_was_left_half_made_is_made_again(tmp_path: Path) -> None:
    environments = Environments(tmp_path)
    container = script("pip install six")
    place = environments.place_of(container)
    assert place is not None
    (place / "bin").mkdir(parents=True)
    (place / "bin" / "python").touch()
    (place / "rest").touch()
    wait_for(environments, container)
    assert not (place / "rest").exists()


def test_an_environment_that_cannot_be_made_is_told_and_tried_again(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no module named venv >&2\nexit 1\n")
    broken.chmod(0o755)
    environments = Environments(tmp_path / "environments", broken)
    container = script("pip install six")
    for _ in range(2):
        told = threading.Event()
        assert environments.variables(container, told.set) is None
        assert told.wait(60)
        with pytest.raises(
            CommandError, match=r"(?s)no module named venv.*let an interpreter run Katib"
        ):
            environments.variables(container, told.set)


class Late(Environments):
    """Makes nothing before it is let."""

    gate = threading.Event()

    def make(self, place: Path) -> None:
        self.gate.wait(60)


def test_all_who_wait_for_an_environment_are_told(tmp_path: Path) -> None:
    late = Late(tmp_path)
    told = [threading.Event() for _ in range(3)]
    for one in told:
        assert late.variables(script("pip install six"), one.set) is None
    assert not any(one.is_set() for one in told)
    late.gate.set()
    assert all(one.wait(60) for one in told)
