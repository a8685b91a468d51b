"""The command line as a user has it: real processes, a home and a folder of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import psutil
import yaml

#: A resource as YAML or JSON has it.
Manifest = dict[str, Any]

REPOSITORY = Path(__file__).parents[2]

#: How long a command may take, in seconds, and what is waited for; generous, since the machine may
#: be busy, and since nobody waits that long where all goes well.
LONGEST = 120.0


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that the user saw."""
        return self.out + self.err


@dataclass(frozen=True)
class Katib:
    """Runs ``katib`` in a home of its own.

    Attributes:
        home: the home of every command.
        folder: where commands, and so their trials, work.
        has_ui: whether ``up`` serves browsers, too, as it does for a user.
        tells_of_every_run: whether events tell what conditions of trials tell, too.
    """

    tells_of_every_run: ClassVar[bool] = True

    home: Path
    folder: Path
    has_ui: bool = field(default=False, kw_only=True)

    def __call__(self, *words: str, check: int | None = None) -> Answer:
        """Run a command to its end; ``check`` is the exit code that it must have."""
        ended = subprocess.run(
            self._line(words),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=LONGEST,
        )
        answer = Answer(
            ended.returncode,
            ended.stdout.decode(errors="replace"),
            ended.stderr.decode(errors="replace"),
        )
        assert check in (None, answer.code), f"exit code {answer.code}: {answer.text}"
        return answer

    def start(
        self, *words: str, before: Callable[[], None] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a command; ``before`` is called in its process before the program is."""
        return subprocess.Popen(
            self._line(words),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A line that is read must not take what is behind it into a buffer of ours.
            bufsize=0,
            preexec_fn=before,
        )

    def get(self, kind: str, name: str, namespace: str = "default") -> Manifest:
        """A resource, as ``get -o yaml`` prints it."""
        answer = self("get", kind, name, "-n", namespace, "-o", "yaml", check=0)
        manifest: Manifest = yaml.safe_load(answer.out)
        return manifest

    def trials(self, experiment: str) -> list[Manifest]:
        """The trials of an experiment, as ``get -o yaml`` prints them."""
        listed = yaml.safe_load(self("get", "trials", "-e", experiment, "-o", "yaml", check=0).out)
        trials: list[Manifest] = listed["items"]
        return trials

    def write(self, manifest: Manifest, file: str = "experiment.yaml") -> str:
        """Write a document into the folder; its path."""
        path = self.folder / file
        path.write_text(yaml.safe_dump(manifest))
        return str(path)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of every command; wide output, so that no table is broken."""
        return {
            **os.environ,
            "KATIB_HOME": str(self.home),
            "COLUMNS": "240",
            "NO_COLOR": "1",
            # Most look at no page, and do not wait for what it takes to serve one.
            **({} if self.has_ui else {"KATIB_NO_UI": "1"}),
        }

    def _line(self, words: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "katib", *words]


def an_experiment(script: str, name: str = "tuned", **spec: Any) -> Manifest:
    """An experiment whose trials run a shell script, once each.

    Args:
        script: may use ``${trialParameters.x}``, a number from 0 to 1.
        name: the experiment's name.
        spec: fields of ``spec`` that differ from the usual ones.
    """
    usual: Manifest = {
        "objective": {"type": "minimize", "objectiveMetricName": "loss"},
        "algorithm": {"algorithmName": "random"},
        "maxTrialCount": 1,
        "parallelTrialCount": 1,
        "maxFailedTrialCount": 1,
        "parameters": [
            {
                "name": "x",
                "parameterType": "double",
                "feasibleSpace": {"min": "0.0", "max": "1.0"},
            }
        ],
        "trialTemplate": a_template(["/bin/sh", "-c", f": ${{trialParameters.x}}\n{script}"]),
    }
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": name},
        "spec": {**usual, **spec},
    }


def a_template(command: Sequence[str], **job: Any) -> Manifest:
    """A trial template of one container that is not tried again; ``job`` adds to the Job's spec."""
    container = {"name": "main", "image": "busybox", "command": list(command)}
    pod = {"containers": [container], "restartPolicy": "Never"}
    return {
        "primaryContainerName": "main",
        "trialParameters": [{"name": "x", "reference": "x"}],
        "trialSpec": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": {"backoffLimit": 0, **job, "template": {"spec": pod}},
        },
    }


def wait_for(fact: Callable[[], bool], what: str, seconds: float = LONGEST) -> None:
    """Return as soon as something is true; fail when it does not become so in time."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.02)


def has_text(path: Path) -> bool:
    """Whether a program has written into the file; it is there a moment before its text is."""
    return path.exists() and bool(path.read_text())


def read_until(process: subprocess.Popen[bytes], text: str) -> str:
    """Read what a started command prints until a line holds the text; that line."""
    assert process.stdout is not None
    for line in iter(process.stdout.readline, b""):
        if text.encode() in line:
            return line.decode(errors="replace")
    answer = finish(process)
    raise AssertionError(f"ended with {answer.code} without {text!r}: {answer.err}")


def finish(process: subprocess.Popen[bytes], seconds: float = LONGEST) -> Answer:
    """Wait for a started command."""
    out, err = process.communicate(timeout=seconds)
    return Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def is_running(pid: int) -> bool:
    """Whether the process goes on; one that nobody has reaped yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
