"""Each command, as a user types it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import (
    Katib,
    Manifest,
    a_template,
    an_experiment,
    finish,
    has_text,
    is_running,
    read_until,
    wait_for,
)

pytestmark = pytest.mark.journey

#: Prints its metric and a line of its own.
PLAIN = "echo a line for people; echo loss=${trialParameters.x}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Katib:
    """A home with one experiment of four trials, which only looking commands may use."""
    folder = tmp_path_factory.mktemp("done")
    katib = Katib(folder / "home", folder)
    path = katib.write(an_experiment(PLAIN, maxTrialCount=4, parallelTrialCount=2))
    katib("run", path, check=0)
    return katib


def test_run_prints_a_line_for_each_trial_with_the_best_so_far(katib: Katib) -> None:
    manifest = an_experiment(PLAIN + "; sleep 0.4", maxTrialCount=3)

    answer = katib("run", katib.write(manifest), check=0)

    first, *_ = answer.out.splitlines()
    assert first == ("experiment tuned: minimize loss by random search, 3 trials, 1 in parallel")
    assert "image busybox is not used: programs run on this machine" in answer.out
    pattern = r"\[\d/3\] (tuned-\w+) loss=(\S+) \(x=\S+\); (best|no optimum)"
    told = re.findall(pattern, answer.out)
    trials = katib.trials("tuned")
    assert sorted(name for name, _, _ in told) == sorted(
        trial["metadata"]["name"] for trial in trials
    )
    smallest = min((value for _, value, _ in told), key=float)
    assert f"Best {smallest} of " in answer.out
    assert "Best trials of tuned" in answer.out
    assert str(katib.home) in answer.out


def test_run_goes_on_with_an_experiment_that_is_over_without_running_it_again(done: Katib) -> None:
    before = done("get", "trials", "-o", "name", check=0).out
    done("run", str(done.folder / "experiment.yaml"), check=0)
    assert done("get", "trials", "-o", "name", check=0).out == before


def test_run_refuses_another_experiment_of_the_same_name_unless_it_replaces(katib: Katib) -> None:
    katib("run", katib.write(an_experiment(PLAIN)), check=0)
    other = katib.write(an_experiment("echo loss=7"), "other.yaml")

    refused = katib("run", other, check=2)

    assert 'An experiment "tuned" exists already' in refused.err
    assert "--replace" in refused.err
    katib("run", other, "--replace", check=0)
    [trial] = katib.trials("tuned")
    assert trial["status"]["observation"]["metrics"][0]["latest"] == "7"


def test_run_reads_a_document_from_stdin(katib: Katib) -> None:
    line = [sys.executable, "-m", "katib", "run", "-"]
    given = yaml.safe_dump(an_experiment(PLAIN)).encode()
    ended = subprocess.run(
        line, input=given, cwd=katib.folder, env=katib.environment, capture_output=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    assert len(katib.trials("tuned")) == 1


def test_the_home_can_be_named_by_an_option(katib: Katib, tmp_path: Path) -> None:
    other = tmp_path / "other"
    katib("run", katib.write(an_experiment(PLAIN)), "--home", str(other), check=0)

    assert not katib.home.exists()
    assert "tuned" in katib("get", "experiments", "--home", str(other), check=0).out


def test_a_folder_stands_for_an_image(katib: Katib) -> None:
    program = katib.folder / "image" / "opt" / "mnist" / "train.sh"
    program.parent.mkdir(parents=True)
    program.write_text("echo here is $PWD; echo loss=$1\n")
    template = a_template(["/bin/sh", "/opt/mnist/train.sh", "${trialParameters.x}"])
    template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]["image"] = "org/mnist:v1"
    path = katib.write(an_experiment("", trialTemplate=template))

    katib("run", path, "--image", "org/mnist=image", check=0)

    [trial] = katib.trials("tuned")
    logged = katib("logs", trial["metadata"]["name"], check=0).out
    assert f"here is {katib.folder / 'image'}" in logged


def test_a_program_stands_for_an_image_that_has_its_own_entry_point(katib: Katib) -> None:
    template = a_template([])
    container = template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]
    container.pop("command")
    container["args"] = ["loss=${trialParameters.x}"]
    path = katib.write(an_experiment("", trialTemplate=template))

    without = katib("run", path, check=1)
    katib("run", path, "--replace", "--image", "busybox=/bin/echo", check=0)

    assert "has no command" in without.out
    assert "--image busybox=PROGRAM" in without.out


@pytest.mark.parametrize("given", ["busybox=nowhere", "busybox", "=image"])
def test_an_image_that_stands_for_nothing_is_refused(katib: Katib, given: str) -> None:
    answer = katib("run", katib.write(an_experiment(PLAIN)), "--image", given, check=2)
    assert f"--image {given}: " in re.sub(r"[\s│]+", " ", answer.err)


def test_get_prints_tables(done: Katib) -> None:
    experiments = done("get", "experiments", check=0).out.splitlines()
    suggestions = done("get", "suggestions", check=0).out.splitlines()
    trials = done("get", "trials", check=0).out.splitlines()

    assert experiments[0].split() == ["NAME", "TYPE", "STATUS", "AGE"]
    assert experiments[1].split()[:3] == ["tuned", "Succeeded", "True"]
    assert suggestions[0].split() == [
        "NAME", "TYPE", "STATUS", "REQUESTED", "ASSIGNED", "AGE",
    ]  # fmt: skip
    assert suggestions[1].split()[3:5] == ["4", "4"]
    assert len(trials) == 1 + 4
    for line in trials[1:]:
        assert re.fullmatch(r"tuned-\w{8} +Succeeded +True +[\dms]+", line)


def test_get_wide_shows_objective_and_assignments(done: Katib) -> None:
    trials = done.trials("tuned")
    lines = done("get", "trials", "-o", "wide", check=0).out.splitlines()
    [experiment] = done("get", "experiments", "-o", "wide", check=0).out.splitlines()[1:]

    assert lines[0].split() == [
        "NAME",
        "TYPE",
        "STATUS",
        "AGE",
        "OBJECTIVE",
        "ASSIGNMENTS",
        "REASON",
    ]
    for trial, line in zip(trials, lines[1:], strict=True):
        [x] = trial["spec"]["parameterAssignments"]
        assert trial["metadata"]["name"] in line
        assert f"x={x['value']}" in line
    best = done.get("experiment", "tuned")["status"]["currentOptimalTrial"]["bestTrialName"]
    assert best in experiment


def test_get_prints_yaml_json_and_names(done: Katib) -> None:
    as_yaml = yaml.safe_load(done("get", "experiment", "tuned", "-o", "yaml", check=0).out)
    as_json = json.loads(done("get", "experiment/tuned", "-o", "json", check=0).out)
    listed = json.loads(done("get", "trials", "-e", "tuned", "-o", "json", check=0).out)
    names = done("get", "trials", "-o", "name", check=0).out.split()

    assert as_yaml == as_json
    assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
    assert names == [f"trial.kubeflow.org/{trial['metadata']['name']}" for trial in listed["items"]]


def test_get_finds_by_experiment_and_namespace(done: Katib) -> None:
    for words in (["-e", "other"], ["-n", "elsewhere"]):
        nothing = done("get", "trials", *words, check=0)
        assert (nothing.out, nothing.err) == ("", "No trials found.\n")
        assert yaml.safe_load(done("get", "trials", *words, "-o", "yaml", check=0).out) == {
            "apiVersion": "v1",
            "kind": "List",
            "items": [],
        }
    head, *rows = done("get", "trials", "-A", check=0).out.splitlines()
    assert head.split()[:3] == ["NAMESPACE", "NAME", "TYPE"]
    assert [row.split()[0] for row in rows] == ["default"] * 4


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(
            ["get", "experiment", "tune"],
            'Experiment "tune" not found in namespace "default", did you mean "tuned"?',
            id="a name that is nearly right",
        ),
        pytest.param(
            ["explain", "tuned", "-n", "team-a"],
            'Experiment "tuned" not found in namespace "team-a"; it is in namespace default: '
            "-n default",
            id="a name of another namespace",
        ),
        pytest.param(
            ["get", "experimnt"],
            'unknown kind "experimnt", did you mean "experiments"?',
            id="a kind that is nearly right",
        ),
        pytest.param(["describe", "trial", "x"], 'Trial "x" not found', id="describe"),
        pytest.param(["delete", "trial", "x"], 'Trial "x" not found', id="delete"),
        pytest.param(["logs", "x"], 'Trial "x" not found', id="logs"),
        pytest.param(["metrics", "x"], 'Trial "x" not found', id="metrics"),
        pytest.param(["explain", "x"], 'Experiment "x" not found', id="explain"),
    ],
)
def test_what_does_not_exist_is_an_error(done: Katib, words: list[str], message: str) -> None:
    answer = done(*words, check=1)
    assert answer.out == ""
    assert answer.err.startswith(f"katib: {message}")


def test_an_empty_home_says_how_to_begin(katib: Katib) -> None:
    answer = katib("get", "experiments", check=1)
    assert f"there are no experiments in {katib.home} yet" in answer.err
    assert "katib run FILE" in answer.err


def test_get_watches_changes_as_they_come(katib: Katib) -> None:
    engine = katib.start("run", katib.write(an_experiment(held(PLAIN))))
    wait_for((katib.folder / "running").exists, "the trial runs")
    watch = katib.start("get", "trials", "-w")
    assert watch.stdout is not None
    assert watch.stdout.readline().split()[:1] == [b"NAME"]
    read_until(watch, "Running")

    (katib.folder / "go").touch()

    read_until(watch, "Succeeded")
    assert finish(engine).code == 0
    watch.send_signal(signal.SIGINT)
    assert finish(watch).code == 0


def test_describe_shows_everything_with_events(done: Katib) -> None:
    [name, *_] = [trial["metadata"]["name"] for trial in done.trials("tuned")]
    trial = done("describe", "trial", name, check=0).out
    experiment = done("describe", "experiment/tuned", check=0).out

    assert re.match(rf"Name: +{name}\nNamespace: +default\n", trial)
    assert "Primary Container Name:" in trial
    assert "API Version:" in trial
    assert re.search(r"Events:\n +Type +Reason +Age +From +Message\n", trial)
    assert f"Job {name} has succeeded" in trial
    assert "Max Trial Count:" in experiment
    assert "Best Trial Name:" in experiment


def test_logs_and_metrics_show_what_a_trial_wrote(done: Katib) -> None:
    trial = done.trials("tuned")[0]
    name, [x] = trial["metadata"]["name"], trial["spec"]["parameterAssignments"]

    assert done("logs", name, check=0).out == f"a line for people\nloss={x['value']}\n"
    assert done("metrics", name, check=0).out.split("\t")[1:] == ["loss", f"{x['value']}\n"]
    wrong = done("metrics", name, "-m", "lost", check=1)
    said = f'katib: trial "{name}" has no metric "lost", did you mean "loss"?; it has loss\n'
    assert (wrong.out, wrong.err) == ("", said)


def test_logs_follow_a_running_trial_to_its_end(katib: Katib) -> None:
    engine = katib.start("run", katib.write(an_experiment(f"echo early; {held('echo loss=1')}")))
    wait_for((katib.folder / "running").exists, "the trial runs")
    [trial] = katib.trials("tuned")
    follow = katib.start("logs", trial["metadata"]["name"], "-f")
    assert follow.stdout is not None
    assert follow.stdout.readline() == b"early\n"

    (katib.folder / "go").touch()

    assert finish(follow).out == "loss=1\n"
    assert follow.returncode == 0
    assert finish(engine).code == 0


def test_explain_says_that_nothing_is_wrong(done: Katib) -> None:
    explained = done("explain", "tuned", check=0).out.splitlines()
    assert explained[:3] == [
        "experiment tuned: Succeeded: Experiment has succeeded because max trial count has reached",
        "trials: 4 of 4, 4 succeeded, 0 failed, 0 without metrics, 0 active",
        "nothing is wrong",
    ]
    assert explained[3].startswith("the budget is spent: ")


def test_validate_checks_and_creates_nothing(katib: Katib) -> None:
    good = katib.write(an_experiment(PLAIN), "good.yaml")
    bad = katib.write(an_experiment(PLAIN, name="bad", maxTrialCount=0), "bad.yaml")

    assert katib("validate", good, check=0).out == f"{good}: experiment tuned is valid\n"
    refused = katib("validate", good, bad, check=2)
    assert f"{bad}: " in refused.err
    assert "spec.maxTrialCount: Invalid value: 0: must be greater than 0" in refused.err
    assert not katib.home.exists()


def test_validate_warns_of_fields_that_mean_nothing(katib: Katib) -> None:
    path = katib.write(an_experiment(PLAIN, maxTrailCount=3))
    answer = katib("validate", path, check=0)
    assert "warning: " in answer.err
    assert "maxTrailCount" in answer.err


def test_render_prints_the_manifest_of_a_trial(katib: Katib) -> None:
    path = katib.write(an_experiment(PLAIN))
    rendered: Manifest = yaml.safe_load(katib("render", path, "--set", "x=0.125", check=0).out)

    [container] = rendered["spec"]["template"]["spec"]["containers"]
    assert rendered["metadata"] == {"name": "tuned-xxxxxxxx", "namespace": "default"}
    assert container["command"][-1].endswith("echo loss=0.125")
    assert "${" not in katib("render", path, check=0).out
    assert "--set y=1" in katib("render", path, "--set", "y=1", check=2).err
    assert not katib.home.exists()


def test_delete_of_an_experiment_removes_all_that_was_its_own(katib: Katib) -> None:
    katib("run", katib.write(an_experiment(PLAIN, maxTrialCount=2)), check=0)
    katib("run", katib.write(an_experiment(PLAIN, name="kept")), check=0)
    [kept] = katib.trials("kept")

    answer = katib("delete", "experiment", "tuned", check=0)

    assert answer.out == 'experiment "tuned" deleted\n'
    assert katib("get", "experiments", "-o", "name", check=0).out.split() == [
        "experiment.kubeflow.org/kept"
    ]
    for kind in ("trials", "suggestions", "jobs", "pods"):
        listed = katib("get", kind, "-o", "name", check=0).out
        assert "tuned" not in listed
    name = kept["metadata"]["name"]
    assert [path.name for path in (katib.home / "trials" / "default").iterdir()] == [name]
    assert trials_with_metrics(katib) == [name]
    assert katib("logs", name, check=0).out.startswith("a line for people")


def test_delete_of_an_experiment_ends_its_running_programs(katib: Katib) -> None:
    script = "echo $$$$ > pid; sleep 1000 & echo $! > child; wait"
    engine = katib.start("run", katib.write(an_experiment(script)))
    wait_for(lambda: has_text(katib.folder / "child"), "the trial runs")
    engine.kill()
    finish(engine)
    pids = [int((katib.folder / file).read_text()) for file in ("pid", "child")]
    assert all(is_running(pid) for pid in pids)

    katib("delete", "experiment", "tuned", check=0)

    wait_for(lambda: not any(is_running(pid) for pid in pids), "its processes are gone")
    assert katib("get", "trials", check=0).out == ""
    assert not list((katib.home / "trials").glob("default/*"))


def test_delete_without_a_name_is_refused(done: Katib) -> None:
    answer = done("delete", "experiment", check=2)
    assert "a name is missing" in answer.err


def test_the_shell_completes_commands() -> None:
    program = Path(sys.executable).with_name("katib")
    asked = {"_KATIB_COMPLETE": "complete_bash", "COMP_WORDS": "katib de", "COMP_CWORD": "1"}
    ended = subprocess.run(
        [str(program)], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert ended.stdout.split() == ["describe", "delete"]


def test_help_names_every_command_and_the_exit_codes(katib: Katib) -> None:
    help = katib("--help", check=0).out
    for command in ("run", "get", "describe", "delete", "logs", "metrics", "explain", "validate"):
        assert re.search(rf"\b{command}\b", help)
    assert "130 interrupted" in re.sub(r"\s+", " ", katib("run", "--help", check=0).out)
    assert re.fullmatch(r"katib \d+\.\d+\.\d+\n", katib("--version", check=0).out)


@pytest.mark.parametrize("words", [["rum"], ["run"], ["get", "trials", "-o", "xml"]])
def test_a_wrong_command_line_is_refused(katib: Katib, words: list[str]) -> None:
    answer = katib(*words, check=2)
    assert answer.out == ""
    assert "Usage: " in answer.err
    assert "Traceback" not in answer.err


def held(command: str) -> str:
    """A script that says it runs, and goes on when the test lets it."""
    return f"touch running; until [ -e go ]; do sleep 0.05; done; {command}"


def trials_with_metrics(katib: Katib) -> list[str]:
    """The trials that the observation log knows, past the command line, which asks for trials."""
    with sqlite3.connect(katib.home / "observations.db") as connection:
        rows = connection.execute("SELECT DISTINCT trial_name FROM observation_logs").fetchall()
    connection.close()
    return [name for (name,) in rows]
