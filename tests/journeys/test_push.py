"""Programs that push their metrics by Katib's own SDK, which knows nothing of this machine."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from command_line import (
    Katib,
    Manifest,
    a_template,
    an_environment,
    an_experiment,
    finish,
    wait_for,
)

from katib.api.values import Key
from katib.observations.sql import SqlObservationLog

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

PACKAGES = ("kubeflow-katib==0.19.0", "kubernetes<36")

PUSH = {"collector": {"kind": "Push"}}


@pytest.fixture(scope="module")
def sdk() -> str:
    """An interpreter with Katib's SDK."""
    return an_environment("katib-sdk", *PACKAGES)


def pushing(katib: Katib, sdk: str, program: str, **spec: Any) -> str:
    """The path of an experiment whose trials run a program of Python with the SDK."""
    (katib.folder / "program.py").write_text(program)
    template = a_template([sdk, "program.py", "${trialParameters.x}"])
    manifest: Manifest = an_experiment(
        "", metricsCollectorSpec=PUSH, trialTemplate=template, **spec
    )
    manifest["metadata"]["namespace"] = "team-a"
    return katib.write(manifest)


def trials_of(katib: Katib) -> list[Manifest]:
    listed = katib("get", "trials", "-e", "tuned", "-n", "team-a", "-o", "json", check=0)
    trials: list[Manifest] = json.loads(listed.out)["items"]
    return trials


def entries_of(katib: Katib, trial: Manifest) -> list[tuple[str, str]]:
    log = SqlObservationLog(f"sqlite:///{katib.home / 'observations.db'}")
    try:
        key = Key("team-a", trial["metadata"]["name"])
        return [(entry.name, entry.value) for entry in log.read(key)]
    finally:
        log.close()


REPORTING = """
import sys
from kubeflow.katib import report_metrics

x = float(sys.argv[1])
for loss in (x + 1, x):
    report_metrics({"loss": loss, "accuracy": 1 - loss, "unasked": 7})
print("loss=-1")
"""


def test_what_programs_push_is_observed(katib: Katib, sdk: str) -> None:
    objective = {
        "type": "minimize",
        "objectiveMetricName": "loss",
        "additionalMetricNames": ["accuracy"],
    }
    path = pushing(
        katib, sdk, REPORTING, objective=objective, maxTrialCount=4, parallelTrialCount=2
    )
    katib("run", path, check=0)
    trials = trials_of(katib)
    assert len(trials) == 4
    for trial in trials:
        [assignment] = trial["spec"]["parameterAssignments"]
        x = float(assignment["value"])
        assert trial["status"]["observation"]["metrics"] == [
            {"name": "loss", "min": str(x), "max": str(x + 1), "latest": str(x)},
            {"name": "accuracy", "min": str(1 - (x + 1)), "max": str(1 - x), "latest": str(1 - x)},
        ]
        assert ("unasked", "7") in entries_of(katib, trial)


def test_a_program_that_pushes_nothing_has_no_metrics_at_once(katib: Katib, sdk: str) -> None:
    answer = katib("run", pushing(katib, sdk, 'print("loss=1")'))
    assert answer.code == 1, answer.text
    [trial] = trials_of(katib)
    assert trial["status"]["conditions"][-1]["type"] == "MetricsUnavailable"
    # Only one who does not wait for a report writes that there is none.
    assert entries_of(katib, trial) == [("loss", "unavailable")]


READING = """
import os
from kubeflow.katib import KatibClient, report_metrics

report_metrics({"loss": 0.5})
report_metrics({"loss": 0.25})
client = KatibClient(config_file="kube.yaml")
name = os.environ["KATIB_TRIAL_NAME"]
found = client.get_trial_metrics(name, namespace="team-a")
print("read", client.namespace, [(one.metric.name, one.metric.value) for one in found])
try:
    os.environ["KATIB_TRIAL_NAME"] = "another"
    report_metrics({"loss": 1})
except RuntimeError as error:
    print("refused", error)
"""

KUBE = """
apiVersion: v1
kind: Config
current-context: none
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: none, context: {cluster: none, user: none}}]
users: [{name: none, user: {}}]
"""


def test_a_program_reads_what_it_pushed_and_is_told_of_mistakes(katib: Katib, sdk: str) -> None:
    (katib.folder / "kube.yaml").write_text(KUBE)
    katib("run", pushing(katib, sdk, READING), check=0)
    [log] = (katib.home / "trials" / "team-a").glob("*/*.log")
    text = log.read_text()
    assert "read default [('loss', '0.5'), ('loss', '0.25')]" in text
    assert "refused Unable to push metrics to Katib DB for Trial team-a/another" in text
    assert 'there is no trial "another" here' in text


SURVIVING = """
import os, time
from kubeflow.katib import report_metrics

report_metrics({"loss": 2})
open("pushed", "w").close()
while not os.path.exists("gate"):
    time.sleep(0.02)
report_metrics({"loss": 1})
"""


def test_a_program_that_outlives_its_engine_pushes_to_the_next(katib: Katib, sdk: str) -> None:
    path = pushing(katib, sdk, SURVIVING)
    first = katib.start("run", path)
    wait_for((katib.folder / "pushed").exists, "the program has pushed")
    first.kill()
    finish(first)
    ports = (katib.home / "push.json").read_bytes()

    second = katib.start("run", path)
    wait_for(lambda: is_served(katib), "the next engine serves")
    (katib.folder / "gate").touch()
    answer = finish(second)

    assert answer.code == 0, answer.text
    assert (katib.home / "push.json").read_bytes() == ports
    [trial] = trials_of(katib)
    assert entries_of(katib, trial) == [("loss", "2"), ("loss", "1")]


def is_served(katib: Katib) -> bool:
    ports = json.loads((katib.home / "push.json").read_bytes())
    try:
        for port in ports.values():
            socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
