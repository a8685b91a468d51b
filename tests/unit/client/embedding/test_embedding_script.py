from __future__ import annotations

import asyncio
import functools
import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from katib.client.embedding.script import installation_of, program_of, script_of
from katib.executors.command import expand

# Annotations of these functions would be names of this file, which trials do not have.
# mypy: allow-untyped-defs


def run(script: str, folder: Path, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a container would; ``programs`` are shell scripts on its path."""
    place = folder / "bin"
    place.mkdir()
    for name, text in programs.items():
        (place / name).write_text(f"#!/bin/sh\n{text}\n")
        (place / name).chmod(0o755)
    (place / "python").symlink_to(sys.executable)
    variables = {"PATH": f"{place}:/usr/bin:/bin", "HOME": "/home", "NAME": "a variable"}
    # Kubernetes looks at the words before bash does.
    words = ["bash", "-c", expand(script, variables)]
    return subprocess.run(words, env=variables, capture_output=True, text=True, check=False)


def awkward(parameters):
    print("$HOME ${HOME} $$ $$$ $(HOME) $$(NAME) `date` \\ \\\\ \\$ \\n'\"!")
    print(
        """
EOM
EOM_
  indented"""
    )
    print(parameters)


def test_a_program_arrives_as_it_is(tmp_path: Path) -> None:
    program = program_of(awkward, "{'x': '1'}")
    direct = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "$HOME ${HOME} $$ $$$ $(HOME) $$(NAME) `date` \\ \\\\ \\$" in direct.stdout
    script = script_of(program, "python -u")
    assert run(script, tmp_path).stdout == direct.stdout


def test_placeholders_stay_for_katib() -> None:
    script = script_of("f({'a': '${trialParameters.a}'})\n", "python -u")
    assert "f({'a': '${trialParameters.a}'})" in script


def test_the_last_line_is_the_program() -> None:
    # Katib's collector redirects what the last line prints, and only that.
    lines = script_of("f()\n", "torchrun").splitlines()
    assert lines[-1] == 'torchrun "$program_path/ephemeral_script.py"'


def test_a_function_that_is_indented_is_moved() -> None:
    def inner(parameters):
        if parameters:
            print("yes")

    assert program_of(inner, "{}") == (
        'def inner(parameters):\n    if parameters:\n        print("yes")\n\ninner({})\n'
    )


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*given: Any) -> Any:
        return function(*given)

    return inner


@decorated
def with_decorator(parameters):
    print(parameters)


def with_globals(parameters):
    print(os.getcwd(), shlex.join(parameters))


def with_annotation(parameters: Path) -> None:
    print(parameters)


def with_default(parameters, path=Path):
    print(parameters, path)


FREE = """
def with_nothing_from_outside(parameters):
    import os.path as place

    global counted
    counted = [number for number in range(3) if parameters is not None]

    class Inner:
        one = 1
        two = one + 1

        def three(self):
            return self.two + 1

    def recursive(count: int) -> int:
        x: place.Unknown = count  # of a local variable, and so never looked up
        return x and recursive(x - 1)

    if __name__ == "__main__":
        print(place, counted, Inner().three(), recursive(2), __file__)
    return with_nothing_from_outside
"""


def generating(parameters):
    yield parameters


async def awaiting(parameters):
    await asyncio.sleep(parameters)


class Callables:
    def method(self, parameters):
        print(parameters)

    def __call__(self, parameters):
        print(parameters)


nameless = lambda parameters: print(parameters)  # noqa: E731

LOCAL = 7


def a_closure() -> Callable[..., Any]:
    local = LOCAL

    def closing(parameters):
        print(parameters, local)

    return closing


def typed_at_a_prompt() -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec("def objective(parameters): pass", space)
    found: Callable[..., Any] = space["objective"]
    return found


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "a lambda": (nameless, "must be written with def, got <function <lambda>"),
    "a bound method": (Callables().method, "must be written with def, got <bound method"),
    "an object that is called": (Callables(), "must be written with def"),
    "a partial": (functools.partial(awkward), "must be written with def"),
    "a class": (dict, "must be written with def, got <class 'dict'>"),
    "a built-in": (print, "must be written with def"),
    "a decorated function": (with_decorator, "is decorated with @decorated, which trials do not"),
    "globals": (with_globals, "with_globals uses os, shlex from outside of it"),
    "an annotation": (with_annotation, "uses Path from outside of it"),
    "a default": (with_default, "uses Path from outside of it"),
    "a closure": (a_closure(), "closing uses local from outside of it"),
    "a generator": (generating, "would not run when it is called"),
    "a coroutine": (awaiting, "would not run when it is called"),
    "typed at a prompt": (typed_at_a_prompt(), "has no text that could be sent to trials"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_its_text_does_not_say_is_refused(case: str) -> None:
    objective, problem = REFUSED[case]
    with pytest.raises(ValueError, match=r"^Objective function") as refused:
        program_of(objective, "{}")
    assert problem in str(refused.value)


def test_a_function_may_use_all_that_python_has(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(FREE)
    by_another_name = runpy.run_path(str(tmp_path / "module.py"))["with_nothing_from_outside"]
    program = program_of(by_another_name, "{}")
    ended = run(script_of(program, "python"), tmp_path)
    assert "[0, 1, 2] 3 0" in ended.stdout, ended.stderr


def test_a_function_whose_place_cannot_be_left_is_refused() -> None:
    def inner(parameters):
        print("""
at the margin""")

    with pytest.raises(ValueError, match="inner cannot be taken out of its place"):
        program_of(inner, "{}")


INSTALLED = 'for word in "$@"; do echo "<$word>"; done'


def test_packages_are_words_of_pip(tmp_path: Path) -> None:
    packages = ["numpy>=1.20", "one[extra]; python_version > '3'", "$HOME"]
    script = installation_of(packages, ["http://first/simple", "http://second/a b"])
    printed = run(script, tmp_path, python3=INSTALLED, pip="").stdout.splitlines()
    assert printed[printed.index("<--index-url>") :] == [
        "<--index-url>",
        "<http://first/simple>",
        "<--extra-index-url>",
        "<http://second/a b>",
        "<numpy>=1.20>",
        "<one[extra]; python_version > '3'>",
        "<$HOME>",
    ]
    assert list(tmp_path.glob("*=*")) == []


def test_pip_looks_where_it_always_does_when_nothing_is_said() -> None:
    assert "index" not in installation_of(["numpy"], ())


def test_a_program_does_not_run_without_its_packages(tmp_path: Path) -> None:
    script = installation_of(["numpy"], ()) + script_of("print('it ran')\n", "python")
    ended = run(script, tmp_path, python3="exit 3", pip="")
    assert (ended.returncode, ended.stdout) == (1, "")
