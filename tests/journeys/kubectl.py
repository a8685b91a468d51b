"""kubectl, and what it takes for a cluster: the server of a home."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from command_line import Answer, Katib, an_experiment

#: The oldest kubectl whose ways of waiting and of checking fields the journeys use.
OLDEST = (1, 27)


def why_not() -> str:
    """Why the kubectl of this machine cannot take part; empty if it can."""
    if shutil.which("kubectl") is None:
        return "kubectl is not on the PATH"
    command = ["kubectl", "version", "--client", "-o", "json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    version = told["clientVersion"]
    found = int(version["major"]), int(version["minor"].rstrip("+"))
    return "" if found >= OLDEST else f"kubectl is {found}, and these journeys need {OLDEST}"


_WHY_NOT = why_not()

#: What every module that uses it is marked with.
MARKS = [
    pytest.mark.journey,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT),
]

#: What the webhooks say first when they refuse.
REFUSED = 'admission webhook "{}.experiment.katib.kubeflow.org" denied the request: '


@dataclass(frozen=True)
class Cluster:
    """What kubectl takes for one: the server of a home.

    Every test has a namespace of its own, which has the name of its experiment.

    Attributes:
        katib: the home.
        containers: the names of those that a trial's pod has; the log of the last one is shown.
        others: case of a table → what is expected of it here instead.
    """

    katib: Katib
    containers: tuple[str, ...] = ("main",)
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __call__(self, *words: str, check: int | None = 0, editor: str = "false") -> Answer:
        """Run kubectl to its end; ``check`` is the exit code that it must have."""
        ended = subprocess.run(
            ["kubectl", *words],
            cwd=self.katib.folder,
            env={**self._variables, "KUBE_EDITOR": editor},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        answer = Answer(ended.returncode, ended.stdout, ended.stderr)
        assert check in (None, answer.code), f"exit code {answer.code}: {answer.text}"
        return answer

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start kubectl and leave it going."""
        return subprocess.Popen(
            ["kubectl", *words],
            cwd=self.katib.folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )

    def prepare(self, namespace: str) -> None:
        """Let there be a namespace; here there is every one."""

    def write(self, name: str, labels: dict[str, str] | None = None, **spec: object) -> str:
        """Write the document of an experiment that runs until it is told; its path."""
        script = f"echo loss=2; while [ ! -e end-{name} ]; do sleep 0.05; done; echo loss=1"
        manifest = an_experiment(script, name=name, **spec)
        manifest["metadata"] |= {"namespace": name, "labels": labels or {}}
        manifest["spec"]["trialTemplate"]["retain"] = True
        return self.katib.write(manifest, f"{name}.yaml")

    def changed(self, name: str, said: str, instead: str) -> str:
        """Write the document with other words in one place; its path."""
        was = (self.katib.folder / f"{name}.yaml").read_text()
        assert said in was
        path = self.katib.folder / f"{name}-changed.yaml"
        path.write_text(was.replace(said, instead))
        return str(path)

    def end(self, name: str) -> None:
        """Tell the trials of an experiment to end, those that are still to come too."""
        (self.katib.folder / f"end-{name}").touch()

    def wait(self, name: str, condition: str) -> Answer:
        """``kubectl wait`` for an experiment."""
        resource = f"experiment/{name}"
        return self("wait", "-n", name, f"--for={condition}", resource, "--timeout=240s")

    def running_pod(self, name: str) -> str:
        """The pod of an experiment's only trial, as soon as it runs and is counted."""
        self.wait(name, "jsonpath={.status.trialsRunning}=1")
        (pod,) = self.names(name, "pods")
        running = "--for=jsonpath={.status.phase}=Running"
        self("wait", "-n", name, running, pod, "--timeout=240s")
        return pod

    def read(self, name: str, path: str) -> str:
        """One field of an experiment."""
        return self("get", "experiment", name, "-n", name, "-o", f"jsonpath={{{path}}}").out

    def names(self, name: str, kinds: str) -> list[str]:
        """What there is in the namespace of an experiment."""
        return self("get", kinds, "-n", name, "-o", "name").out.split()

    @property
    def _variables(self) -> dict[str, str]:
        kubeconfig = str(self.katib.home / "kubeconfig")
        return {**self.katib.environment, "KUBECONFIG": kubeconfig, "HOME": str(self.katib.folder)}


def lines(printed: str) -> list[str]:
    """The lines of a table, one space between its cells."""
    return [" ".join(line.split()) for line in printed.splitlines() if line]
