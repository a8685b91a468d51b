"""What runs the tests is checked itself: no failure is lost by running it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "pytest.sh"

#: As many tests as are asked for, which fail until there is a file for each of them.
TESTS = """
from pathlib import Path

import pytest

@pytest.mark.parametrize("number", range({count}))
def test_it(number):
    mark = Path(__file__).with_name(f"mark-{{number}}")
    has_run = mark.exists()
    mark.touch()
    assert has_run and {is_mended}
"""


def run(folder: Path, count: int, is_mended: bool) -> tuple[int, str]:
    (folder / "test_it.py").write_text(TESTS.format(count=count, is_mended=is_mended))
    return run_pytest(folder, "-n", "2", "test_it.py")


def run_pytest(folder: Path, *words: str) -> tuple[int, str]:
    command: list[str | Path] = [SCRIPT, Path(sys.executable).with_name("pytest"), "-q", *words]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout


@pytest.mark.parametrize("count", [1, 3])
def test_a_few_that_fail_once_are_named(tmp_path: Path, count: int) -> None:
    code, printed = run(tmp_path, count, is_mended=True)
    assert code == 0
    _, named = printed.split("UNSTEADY")
    assert named.count("test_it.py::test_it[") == count


def test_one_that_fails_twice_fails(tmp_path: Path) -> None:
    code, printed = run(tmp_path, 1, is_mended=False)
    assert code == 1
    assert "UNSTEADY" not in printed


def test_many_that_fail_are_not_run_again(tmp_path: Path) -> None:
    code, printed = run(tmp_path, 4, is_mended=True)
    assert code == 1
    assert "Once more" not in printed


def test_what_does_not_run_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("import nothing_of_that_name\n")
    assert run_pytest(tmp_path, "test_it.py")[0] not in (0, 1)
    assert run_pytest(tmp_path, "elsewhere.py")[0] not in (0, 1)
