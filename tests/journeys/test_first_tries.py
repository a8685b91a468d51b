"""What somebody tries who has not read how it works inside."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
import yaml
from command_line import (
    LONGEST,
    Katib,
    a_template,
    an_experiment,
    finish,
    has_text,
    is_running,
    wait_for,
)

pytestmark = pytest.mark.journey

PRINT = ["/bin/sh", "-c", "echo loss=${trialParameters.x}"]


def test_a_name_can_be_generated(katib: Katib) -> None:
    manifest = an_experiment("", trialTemplate=a_template(PRINT))
    manifest["metadata"] = {"generateName": "made-"}
    answer = katib("run", katib.write(manifest), check=0)
    assert re.search(r"experiment made-\w{5}: minimize loss", answer.out)


def test_two_documents_of_one_name_are_refused_and_nothing_is_created(katib: Katib) -> None:
    one = an_experiment("", trialTemplate=a_template(PRINT))
    path = katib.folder / "two.yaml"
    path.write_text(yaml.safe_dump_all([one, one]))
    answer = katib("run", str(path), check=2)
    assert "Experiment tuned is there twice" in answer.err
    assert not katib("get", "experiments", "-o", "name").out


def test_a_reader_that_leaves_does_not_end_the_experiment(katib: Katib) -> None:
    path = katib.write(
        an_experiment("", trialTemplate=a_template(PRINT), maxTrialCount=20, maxFailedTrialCount=20)
    )
    command = [sys.executable, "-m", "katib", "run", path, "--home", str(katib.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=katib.folder) as run:
        assert run.stdout is not None
        run.stdout.readline()
        run.stdout.close()
        assert run.wait(timeout=LONGEST) == 0
    assert len(katib.trials("tuned")) == 20


def test_logs_are_those_of_the_primary_container_unless_another_is_named(katib: Katib) -> None:
    template = a_template(PRINT)
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    side = {"name": "side", "image": "busybox", "command": ["/bin/sh", "-c", "echo beside"]}
    pod["containers"].append(side)
    katib("run", katib.write(an_experiment("", trialTemplate=template)), check=0)
    trial = katib.trials("tuned")[0]["metadata"]["name"]
    assert katib("logs", trial, check=0).out.startswith("loss=")
    assert katib("logs", trial, "-c", "side", check=0).out == "beside\n"
    refused = katib("logs", trial, "-c", "sides", check=1).err
    assert f'trial "{trial}" has no container "sides", did you mean "side"?; it has main, side' in (
        refused
    )


def test_a_deletion_after_a_crash_waits_for_programs_that_do_not_want_to_end(
    katib: Katib,
) -> None:
    script = "trap '' TERM; echo $$$$ > pid; : ${trialParameters.x}; while :; do sleep 0.1; done"
    template = a_template(["/bin/sh", "-c", script])
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = 1
    engine = katib.start("run", katib.write(an_experiment("", trialTemplate=template)))
    wait_for(lambda: has_text(katib.folder / "pid"), "the program runs")
    engine.send_signal(signal.SIGKILL)
    finish(engine)
    pid = int((katib.folder / "pid").read_text())
    assert is_running(pid)

    katib("delete", "experiment", "tuned", check=0)

    assert not is_running(pid)


def test_explain_names_conditions_that_never_match(katib: Katib) -> None:
    template = a_template(PRINT)
    template["successCondition"] = 'status.conditions.#(type=="Succeeded")'
    engine = katib.start("run", katib.write(an_experiment("", trialTemplate=template)))

    said = ""

    def is_explained() -> bool:
        nonlocal said
        said = katib("explain", "tuned").out
        return "its Job has ended (Complete)" in said

    wait_for(is_explained, "explain names the cause")
    engine.send_signal(signal.SIGINT)
    finish(engine)
    assert 'successCondition status.conditions.#(type=="Succeeded")' in said
    assert "a Job has defaults that match" in said


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("metadata: foo", "metadata: must be a map, not 'foo'"),
        ("metadata: {name: [a]}", "metadata.name: must be a text, not ['a']"),
        ("kind: [a]", "kind: must be a text, not ['a']"),
    ],
)
def test_a_name_that_is_none_is_refused_with_its_place(
    katib: Katib, line: str, expected: str
) -> None:
    path = katib.folder / "odd.yaml"
    path.write_text(f"apiVersion: kubeflow.org/v1beta1\n{line}\n")
    refused = katib("validate", str(path), check=2)
    assert refused.err == f"katib: {path}: {expected}\n"


def test_a_list_is_read_as_its_items(katib: Katib) -> None:
    many = {"apiVersion": "v1", "kind": "List", "items": [an_experiment("echo loss=1")]}
    assert "experiment tuned is valid" in katib("validate", katib.write(many), check=0).out
