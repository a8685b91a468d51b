from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from katib.api.values import Manifest
from katib.errors import RenderError
from katib.executors.command import expand
from katib.kubernetes.registry import EntryPoint
from katib.kubernetes.wrapping import with_command, wrap

#: Prints the words that it was started with.
TELL = "import json, sys; print(json.dumps(sys.argv[1:]))"

SHELLS = [one for one in ("dash", "bash", "busybox") if os.path.exists(f"/bin/{one}")]


def argv(container: Manifest) -> list[str]:
    """What a kubelet starts: it replaces the variables that it knows, and pairs of dollars."""
    words = (*container["command"], *container["args"])
    return [expand(word, {"LR": "0.1"}) for word in words]


def run(container: Manifest, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv(container), cwd=folder, capture_output=True, text=True, timeout=60)


def markers(folder: Path) -> list[str]:
    return [one.read_text() for one in sorted(folder.glob("*.pid"))]


def telling(*args: str, **fields: object) -> Manifest:
    return {"name": "main", "command": [sys.executable, "-c", TELL, *args], **fields}


ODD = [
    "two words",
    'a "quoted" word',
    "it's",
    "$HOME",
    "`date`",
    "a;b && c | d > e",
    "*",
    "back\\slash",
    "",
    "line\nline",
    '{"a": [1, "b"]}',
    "ä",
]


@pytest.mark.parametrize("is_stoppable", [False, True])
def test_words_arrive_as_they_were_written(tmp_path: Path, is_stoppable: bool) -> None:
    made = wrap(telling(*ODD), str(tmp_path), f"{tmp_path}/out.log", is_stoppable)
    answer = run(made, tmp_path)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    assert json.loads((tmp_path / "out.log").read_text()) == ODD
    assert markers(tmp_path) == ["completed\n"]


def test_arguments_follow_the_command_and_variables_are_replaced(tmp_path: Path) -> None:
    container = telling("a", args=["--lr=$(LR)", "$$(LR)", "$(NONE)"])
    made = wrap(container, str(tmp_path), f"{tmp_path}/out.log")
    run(made, tmp_path)
    told = json.loads((tmp_path / "out.log").read_text())
    assert told == ["a", "--lr=0.1", "$(LR)", "$(NONE)"]


def test_a_script_of_several_lines_is_measured_as_a_whole(tmp_path: Path) -> None:
    container = {"command": ["/bin/sh", "-c"], "args": ["echo loss=1\necho loss=2 >&2\nexit 3"]}
    made = wrap(container, str(tmp_path), f"{tmp_path}/out.log")
    assert run(made, tmp_path).returncode == 3
    assert (tmp_path / "out.log").read_text() == "loss=1\nloss=2\n"
    assert markers(tmp_path) == ["failed\n"]


def test_what_katibs_shell_would_have_read_is_read(tmp_path: Path) -> None:
    words = ["--nn_config=\"{'a': 1, 'b': [2]}\"", "'{\"c\": 3}'", '"x y"', "--flag=it's"]
    made = wrap(telling(*words), str(tmp_path), f"{tmp_path}/out.log")
    run(made, tmp_path)
    told = json.loads((tmp_path / "out.log").read_text())
    assert told == ["--nn_config={'a': 1, 'b': [2]}", '{"c": 3}', "x y", "--flag=it's"]


def test_a_line_in_one_word_is_read_by_a_shell(tmp_path: Path) -> None:
    made = wrap({"command": ["echo loss=1; echo loss=2"]}, str(tmp_path), f"{tmp_path}/out.log")
    assert run(made, tmp_path).returncode == 0
    assert (tmp_path / "out.log").read_text() == "loss=1\nloss=2\n"


def test_output_is_left_alone_without_a_file(tmp_path: Path) -> None:
    answer = run(wrap(telling("a"), str(tmp_path)), tmp_path)
    assert answer.stdout == '["a"]\n'
    assert markers(tmp_path) == ["completed\n"]


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "it's $HOME; here"
    folder.mkdir()
    made = wrap(telling("a"), str(folder), f"{folder}/out.log")
    assert run(made, tmp_path).returncode == 0
    assert (folder / "out.log").read_text() == '["a"]\n'
    assert markers(folder) == ["completed\n"]


STOPPED = "echo early-stopped > $PPID.pid; exit 143"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_that_was_stopped_ends_well(tmp_path: Path, shell: str) -> None:
    made = wrap({"command": ["sh", "-c", STOPPED]}, str(tmp_path), is_stoppable=True)
    words = argv(made)
    words[:1] = [shell, "sh"] if shell == "busybox" else [shell]
    answer = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "Training Container was Early Stopped\n"
    assert markers(tmp_path) == ["completed\n"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_that_fails_keeps_its_exit_code(tmp_path: Path, shell: str) -> None:
    made = wrap({"command": ["sh", "-c", "exit 7"]}, str(tmp_path), is_stoppable=True)
    words = argv(made)
    words[:1] = [shell, "sh"] if shell == "busybox" else [shell]
    answer = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (answer.returncode, answer.stderr) == (7, "")
    assert answer.stdout == "Training Container was Failed\n"
    assert markers(tmp_path) == ["failed\n"]


def test_a_marker_is_nothing_to_a_trial_without_rules(tmp_path: Path) -> None:
    made = wrap({"command": ["sh", "-c", STOPPED]}, str(tmp_path))
    assert run(made, tmp_path).returncode == 143


GRACEFUL = """\
import pathlib, signal, sys, time
def end(*_):
    time.sleep(0.3)
    pathlib.Path("saved").touch()
    sys.exit(5)
signal.signal(signal.SIGTERM, end)
pathlib.Path("ready").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_program_hears_that_its_pod_is_to_end(tmp_path: Path, shell: str) -> None:
    made = wrap({"command": [sys.executable, "-c", GRACEFUL]}, str(tmp_path))
    words = argv(made)
    words[:1] = [shell, "sh"] if shell == "busybox" else [shell]
    program = subprocess.Popen(words, cwd=tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        program.send_signal(signal.SIGTERM)
        assert program.wait(60) == 5
    finally:
        program.kill()
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize(
    ("container", "words"),
    [
        ({}, ["entry", "$$x", "default"]),
        ({"args": ["--lr=$(LR)"]}, ["entry", "$$x", "--lr=$(LR)"]),
    ],
)
def test_a_container_without_a_command_has_its_images(
    container: Manifest, words: list[str]
) -> None:
    entry_point = EntryPoint(("entry", "$x"), ("default",))
    found = with_command({"image": "train:1", **container}, lambda image: entry_point)
    assert (*found["command"], *found["args"]) == tuple(words)


def test_a_command_needs_nobody_who_knows_its_image() -> None:
    def find(image: str) -> EntryPoint:
        raise AssertionError("nobody asks")

    container = {"image": "train:1", "command": ["train"], "args": ["a"]}
    assert with_command(container, find) == container


def test_an_image_that_runs_nothing_is_refused() -> None:
    with pytest.raises(RenderError) as refused:
        with_command({"name": "main", "image": "train:1"}, lambda image: EntryPoint())
    assert str(refused.value) == (
        'container "main" has no command, and neither has its image "train:1"; write the command '
        "into spec.trialTemplate"
    )
