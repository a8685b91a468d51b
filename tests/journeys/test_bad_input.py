"""What bad input gets: for every way in which something is wrong, the message that a user sees."""

from __future__ import annotations

import os
import resource
import signal
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from command_line import Katib, Manifest, a_template, an_experiment, finish, is_running, wait_for

pytestmark = pytest.mark.journey


def test_unreadable_yaml_names_file_line_and_column(katib: Katib) -> None:
    path = katib.folder / "broken.yaml"
    path.write_text("kind: Experiment\nspec:\n  objective: [minimize\n  algorithm: x\n")

    answer = katib("run", str(path), check=2)

    assert f"{path}, line 4, column 12: " in answer.err
    assert "Traceback" not in answer.text
    assert_nothing_was_created(katib)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(b"just words\n", "is a str, not a resource", id="a text that is no map"),
        pytest.param(b"kind: \xff\xfe\n", "this is not YAML", id="bytes that are no text"),
        pytest.param(b"a: b: c\n", ", line 1, column 5: ", id="two colons"),
        pytest.param(b"a:\n\t- b\n", ", line 2, column 1: ", id="a tab"),
    ],
)
def test_a_file_that_is_no_resource_is_refused(katib: Katib, text: bytes, message: str) -> None:
    path = katib.folder / "broken.yaml"
    path.write_bytes(text)

    answer = katib("run", str(path), check=2)

    assert answer.err.startswith(f"katib: {path}")
    assert message in answer.err


def test_a_file_that_does_not_exist_is_named(katib: Katib) -> None:
    answer = katib("run", "nowhere.yaml")

    assert answer.code == 2
    assert "nowhere.yaml" in answer.err
    assert "Traceback" not in answer.text


def test_an_illegal_experiment_gets_all_errors_at_once_and_creates_nothing(katib: Katib) -> None:
    wrong = an_experiment("echo loss=1", name="Not_A_Name", parallelTrialCount=0)
    wrong["spec"]["resumePolicy"] = "Sometimes"
    wrong["spec"]["trialTemplate"]["trialParameters"].append({"name": "y", "reference": "z"})
    wrong["spec"]["parameters"][0]["feasibleSpace"] = {"min": "2", "max": "1"}
    legal = an_experiment("echo loss=1", name="legal")
    path = katib.folder / "two.yaml"
    path.write_text(yaml.safe_dump_all([legal, wrong]))

    answer = katib("run", str(path), check=2)

    for place, found, right in (
        ("metadata.name", "Not_A_Name", "must consist of lower case"),
        ("spec.parallelTrialCount", "0", "must be greater than 0"),
        ("spec.resumePolicy", '"Sometimes"', "use Never, LongRunning or FromVolume"),
        ("spec.trialTemplate.trialParameters[1].reference", '"z"', "does not exist in spec.param"),
        ("spec.trialTemplate.trialParameters[1].name", '"y"', "write ${trialParameters.y}"),
        ("spec.parameters[0].feasibleSpace.min", '"2"', "must not be greater than"),
    ):
        lines = [line for line in answer.err.splitlines() if line.strip().startswith(place)]
        assert len(lines) == 1, f"{place} in {answer.err}"
        assert found in lines[0]
        assert right in lines[0]
    assert "6 errors" in answer.err
    assert_nothing_was_created(katib)


def test_an_unknown_algorithm_gets_the_known_ones_and_the_nearest_name(katib: Katib) -> None:
    wrong = an_experiment("echo loss=1", algorithm={"algorithmName": "randon"})

    answer = katib("run", katib.write(wrong), check=2)

    assert "spec.algorithm.algorithmName" in answer.err
    assert '"randon"' in answer.err
    assert 'did you mean "random"?' in answer.err
    assert "known: " in answer.err
    assert_nothing_was_created(katib)


def test_wrong_settings_are_told_with_all_else_and_with_what_would_be_right(katib: Katib) -> None:
    algorithm = {
        "algorithmName": "tpe",
        "algorithmSettings": [
            {"name": "gama", "value": "0.2"},
            {"name": "n_startup_trials", "value": "few"},
        ],
    }
    stopping = {
        "algorithmName": "medianstop",
        "algorithmSettings": [{"name": "start_step", "value": "0"}],
    }
    wrong = an_experiment("echo loss=1", algorithm=algorithm, earlyStopping=stopping)
    wrong["spec"]["resumePolicy"] = "Sometimes"

    answer = katib("run", katib.write(wrong), check=2)

    for place, right in (
        ("spec.resumePolicy", "use Never, LongRunning or FromVolume"),
        (
            "spec.algorithm.algorithmSettings[0].name",
            'did you mean "gamma"?; known: random_state (a whole number from 0 on; default',
        ),
        ("spec.algorithm.algorithmSettings[0].name", "gamma (a number above 0 and below 1; "),
        ("spec.algorithm.algorithmSettings[1].value", "write a whole number from 0 on"),
        ("spec.earlyStopping.algorithmSettings[0].value", "greater or equal than one (>=1)"),
    ):
        lines = [line for line in answer.err.splitlines() if line.strip().startswith(place)]
        assert len(lines) == 1, f"{place} in {answer.err}"
        assert right in lines[0]
    assert "4 errors" in answer.err
    assert_nothing_was_created(katib)


@dataclass(frozen=True)
class Bad:
    """A program that goes wrong: what a trial becomes, and what its user is told of it."""

    command: str
    condition: str
    told: tuple[str, ...]
    job: tuple[tuple[str, Any], ...] = ()


#: 100 MB in lines, then 100 MB in one line, each written in less than a second.
LINES = "yes 'a line that says nothing of interest' | head -n 2500000"
ONE_LINE = "head -c 100000000 /dev/zero | tr '\\0' x"

BAD_PROGRAMS = {
    "a command that does not exist": Bad(
        "/no/such/program",
        "Failed",
        ("exited with code 127: the command or its directory was not found", "/no/such/program"),
    ),
    "a program that exits non-zero": Bad(
        "echo halfway; echo no more memory >&2; exit 3",
        "Failed",
        ("Container main exited with code 3; its last output:", "halfway\nno more memory"),
    ),
    "a program that exits non-zero and says nothing": Bad(
        "exit 5", "Failed", ("Container main exited with code 5; it wrote no output",)
    ),
    "a program that is killed": Bad(
        "echo halfway; kill -9 $$$$",
        "Failed",
        ("Container main was killed (SIGKILL), exit code 137; its last output:\nhalfway",),
    ),
    "a program that prints no metric, only something near it": Bad(
        "echo preparing; echo 'Loss: 0.5'",
        "MetricsUnavailable",
        (
            'The program ended well but printed no line with "loss=<number>". '
            "These lines were nearly that: Loss: 0.5",
        ),
    ),
    "a program that prints no metric, but other lines": Bad(
        "echo preparing; echo ready",
        "MetricsUnavailable",
        ('printed no line with "loss=<number>". Its last output: preparing | ready',),
    ),
    "a program that prints nothing": Bad(
        "true",
        "MetricsUnavailable",
        ('printed no line with "loss=<number>". It printed nothing',),
    ),
    "a program that prints nan": Bad(
        "echo loss=nan",
        "Succeeded",
        (
            'No value of metric "loss" was a finite number, but 1x nan',
            "the trial cannot be compared",
        ),
    ),
    "a program that prints 100 MB of lines and then fails": Bad(
        f"{LINES}; echo; echo too much; exit 6",
        "Failed",
        ("Container main exited with code 6; its last output:", "of interest\n", "\ntoo much"),
    ),
    "a program that prints invalid UTF-8 and then fails": Bad(
        "printf 'caf\\351 \\377\\n'; exit 4",
        "Failed",
        ("Container main exited with code 4; its last output:", "caf\ufffd \ufffd"),
    ),
    "a program that never ends": Bad(
        "echo still working; sleep 1000",
        "Failed",
        ("Job was active longer than specified deadline", "; its last output:\nstill working"),
        (("activeDeadlineSeconds", 1),),
    ),
}


@pytest.mark.parametrize("bad", [pytest.param(bad, id=name) for name, bad in BAD_PROGRAMS.items()])
def test_the_trial_says_what_happened_and_the_experiment_goes_on(katib: Katib, bad: Bad) -> None:
    # The first trial goes wrong, the second, which is the same program, finds a file and ends well.
    script = f": ${{trialParameters.x}}; if mkdir first; then {bad.command}; else echo loss=1; fi"
    template = a_template(["/bin/sh", "-c", script], **dict(bad.job))
    manifest = an_experiment("", trialTemplate=template, maxTrialCount=2, maxFailedTrialCount=2)

    answer = katib("run", katib.write(manifest), check=0)

    first, second = katib.trials("tuned")
    assert first["status"]["conditions"][-1]["type"] == bad.condition
    assert second["status"]["conditions"][-1]["type"] == "Succeeded"
    described = katib("describe", "trial", first["metadata"]["name"], check=0).out
    explained = katib("explain", "tuned", check=0).out
    for told in bad.told:
        assert told in described
        assert told in explained
    if bad.condition == "Failed":
        message = first["status"]["conditions"][-1]["message"]
        assert all(told in message for told in bad.told)
        assert all(told in answer.out for told in bad.told)
    assert "Traceback" not in answer.text
    assert "Experiment has succeeded because max trial count has reached" in answer.out
    best = katib.get("experiment", "tuned")["status"]["currentOptimalTrial"]["bestTrialName"]
    assert best == second["metadata"]["name"]


def test_a_metric_of_nan_is_shown_as_it_was_printed(katib: Katib) -> None:
    answer = katib("run", katib.write(an_experiment("echo loss=nan")), check=1)

    [trial] = katib.trials("tuned")
    assert "No optimum yet" in answer.out
    assert trial["status"]["observation"]["metrics"] == [
        {"name": "loss", "min": "nan", "max": "nan", "latest": "nan"}
    ]
    assert katib("metrics", trial["metadata"]["name"], check=0).out.endswith("\tloss\tnan\n")


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(LINES, id="100 MB of lines"),
        pytest.param(ONE_LINE, id="one line of 100 MB"),
        pytest.param("printf 'loss \\377= \\303\\050 \\n'", id="invalid UTF-8"),
    ],
)
def test_a_metric_is_found_behind_anything(katib: Katib, flood: str) -> None:
    katib("run", katib.write(an_experiment(f"{flood}; echo; echo loss=0.25")), check=0)

    [trial] = katib.trials("tuned")
    assert trial["status"]["observation"]["metrics"][0]["latest"] == "0.25"


def test_the_experiment_fails_when_too_many_trials_have_failed(katib: Katib) -> None:
    manifest = an_experiment("exit 1", maxTrialCount=9, maxFailedTrialCount=2)

    answer = katib("run", katib.write(manifest), check=1)

    assert "Experiment has failed because max failed count has reached" in answer.out
    assert len(katib.trials("tuned")) == 2


def test_a_program_that_does_not_want_to_end_does_not_outlive_the_command(katib: Katib) -> None:
    script = (
        ": ${trialParameters.x}; echo loss=1; echo $$$$ > program; trap : TERM; "
        "while :; do sleep 1000; done"
    )
    template = a_template(["/bin/sh", "-c", script], activeDeadlineSeconds=1)
    template["trialSpec"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 3

    katib("run", katib.write(an_experiment("", trialTemplate=template)), check=1)

    assert not is_running(int((katib.folder / "program").read_text()))


def test_a_program_that_never_ends_is_killed_with_all_it_started(katib: Katib) -> None:
    script = (
        ": ${trialParameters.x}; echo loss=1; "
        "(sh -c 'trap : TERM; while :; do sleep 1000; done' & echo $! > grandchild); sleep 1000"
    )
    template = a_template(["/bin/sh", "-c", script], activeDeadlineSeconds=1)

    answer = katib("run", katib.write(an_experiment("", trialTemplate=template)), check=1)

    assert "Job was active longer than specified deadline" in answer.out
    grandchild = int((katib.folder / "grandchild").read_text())
    wait_for(lambda: not is_running(grandchild), "the grandchild is gone")


def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(katib: Katib) -> None:
    script = "echo $$KATIB_TRIAL_NAME >> started; echo loss=${trialParameters.x}"
    template = a_template(["/bin/sh", "-c", script])
    path = katib.write(
        an_experiment("", trialTemplate=template, maxTrialCount=60, parallelTrialCount=2)
    )

    full = finish(katib.start("run", path, before=full_disk))

    assert full.code == 3, full.text
    assert "katib: cannot use " in full.err
    assert str(katib.home) in full.err
    assert "Nothing that was saved is lost; free the disk" in full.err
    assert "Traceback" not in full.text
    begun = (katib.folder / "started").read_text().split()
    assert 0 < len(begun) < 60

    katib("run", path, check=0)

    started = (katib.folder / "started").read_text().split()
    trials = katib.trials("tuned")
    assert len(started) == len(set(started)) == 60
    assert {trial["metadata"]["name"] for trial in trials} == set(started)
    assert {trial["status"]["conditions"][-1]["type"] for trial in trials} == {"Succeeded"}


def test_a_home_that_cannot_be_written_is_a_clear_error(katib: Katib) -> None:
    katib.home.write_text("a file where the folder should be")

    answer = katib("run", katib.write(an_experiment("echo loss=1")), check=3)

    assert f"katib: cannot use {katib.home}: " in answer.err
    assert "free the disk or mend the path, then start the same command again" in answer.err


def test_a_locked_home_names_its_holder_and_the_fix(katib: Katib) -> None:
    slow = katib.start("run", katib.write(an_experiment("sleep 1000"), "slow.yaml"))
    wait_for(lambda: bool(katib.home.is_dir() and (katib.home / "trials").exists()), "a trial runs")

    answer = katib("run", katib.write(an_experiment("echo loss=1", name="other")), check=3)

    assert f"katib: {katib.home} is in use by process {slow.pid} (katib run " in answer.err
    assert "slow.yaml" in answer.err
    assert "--home DIR or KATIB_HOME" in answer.err
    slow.send_signal(signal.SIGINT)
    assert finish(slow).code == 130
    assert "tuned" in katib("get", "experiments", check=0).out
    assert "other" not in katib("get", "experiments", check=0).out


def full_disk() -> None:
    """No file may grow beyond 512 KiB: a write that would, fails as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, 512 * 1024))


def assert_nothing_was_created(katib: Katib) -> None:
    """No experiment, not even the legal one that came with an illegal one."""
    if (katib.home / "katib.db").exists():
        listed = katib("get", "experiments", "-o", "json", check=0)
        found: Manifest = yaml.safe_load(listed.out)
        assert found["items"] == []
    assert not os.path.exists(katib.home / "trials")
