"""Programs that push their metrics: by Katib's own SDK, which knows nothing of this machine, by
``curl``, into a file, and by ``katib.report_metrics``.
"""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import stat
import sys
from contextlib import closing
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from command_line import (
    Katib,
    Manifest,
    a_template,
    an_experiment,
    finish,
    wait_for,
)

from environments import an_environment
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
    assert 'writes its own entries, not those of "another"' in text


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


def by_shell(katib: Katib, script: str, **spec: Any) -> str:
    """The path of an experiment whose trials run a shell script and push."""
    manifest = an_experiment(script, metricsCollectorSpec=PUSH, **spec)
    manifest["metadata"]["namespace"] = "team-a"
    return katib.write(manifest)


CURL = 'curl -sS -f -H "Authorization: Bearer $KATIB_METRICS_TOKEN"'


def test_curl_is_enough(katib: Katib, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy that somebody has for the world is not asked for this machine.
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    script = f"""
    set -e
    {CURL} -d loss=2 "$KATIB_METRICS_URL"
    {CURL} -d loss=1.50 -d extra=1e+5 "$KATIB_METRICS_URL"
    {CURL} --json '[{{"loss": 0.25, "note": "last"}}]' "$KATIB_METRICS_URL"
    """
    katib("run", by_shell(katib, script), check=0)
    [trial] = trials_of(katib)
    assert trial["status"]["observation"]["metrics"] == [
        {"name": "loss", "min": "0.25", "max": "2", "latest": "0.25"}
    ]
    assert entries_of(katib, trial) == [
        ("loss", "2"),
        ("loss", "1.50"),
        ("extra", "1e+5"),
        ("loss", "0.25"),
        ("note", "last"),
    ]


def test_a_trial_pushes_for_itself_alone(katib: Katib) -> None:
    script = f"""
    echo "$KATIB_METRICS_URL" > url.$KATIB_TRIAL_NAME
    while [ $(ls url.* | wc -l) -lt 2 ]; do sleep 0.05; done
    for other in url.*; do
        curl -sS -o /dev/null -w "$other %{{http_code}}\n" \
            -H "Authorization: Bearer $KATIB_METRICS_TOKEN" -d loss=-1 "$(cat $other)"
    done
    {CURL} -d loss=1 "$KATIB_METRICS_URL"
    """
    katib("run", by_shell(katib, script, maxTrialCount=2, parallelTrialCount=2), check=0)
    trials = trials_of(katib)
    assert len(trials) == 2
    for trial in trials:
        assert entries_of(katib, trial) == [("loss", "-1"), ("loss", "1")]
        name = trial["metadata"]["name"]
        [log] = (katib.home / "trials" / "team-a" / name).glob("*.log")
        answers = dict(line.split() for line in log.read_text().splitlines())
        assert answers.pop(f"url.{name}") == "204"
        assert list(answers.values()) == ["403"]


def test_tokens_stay_with_their_trials(katib: Katib) -> None:
    script = f"""
    {CURL} -d loss=1 "$KATIB_METRICS_URL"
    printf %s "$KATIB_METRICS_TOKEN" > token
    """
    shown = katib("run", by_shell(katib, script), check=0).text
    token = (katib.folder / "token").read_text()
    seal = token.rpartition(".")[2]
    assert len(seal) == 43
    for words in (
        ("get", "trials", "-o", "yaml"),
        ("get", "experiments", "-o", "yaml"),
        ("describe", "experiment", "tuned"),
        ("explain", "tuned"),
    ):
        shown += katib(*words, "-n", "team-a", check=0).text
    assert seal not in shown
    written = [path for path in katib.home.rglob("*") if path.is_file()]
    assert any(path.suffix == ".run" for path in written)
    assert [path for path in written if seal.encode() in path.read_bytes()] == []
    assert stat.S_IMODE((katib.home / "push.key").stat().st_mode) == 0o600


def test_lines_in_a_file_are_enough(katib: Katib) -> None:
    script = """
    echo "epoch 1: loss=2" >> "$KATIB_METRICS_DROP"
    echo '{"loss": "0.50", "note": 1}' >> "$KATIB_METRICS_DROP"
    printf loss=1 >> "$KATIB_METRICS_DROP"
    """
    katib("run", by_shell(katib, script), check=0)
    [trial] = trials_of(katib)
    assert entries_of(katib, trial) == [("loss", "2"), ("loss", "0.50"), ("loss", "1")]


DROPPING = """
for loss in 5 5 4; do echo loss=$loss >> "$KATIB_METRICS_DROP"; done
echo > dropped
while [ ! -e gate ]; do sleep 0.02; done
for loss in 4 3; do echo loss=$loss >> "$KATIB_METRICS_DROP"; done
"""


def test_a_file_outlives_an_engine_without_loss_or_doubles(katib: Katib) -> None:
    path = by_shell(katib, DROPPING)
    first = katib.start("run", path)
    wait_for((katib.folder / "dropped").exists, "the program has dropped something")
    wait_for(lambda: has_entries(katib), "it is safe in the log")
    first.kill()
    finish(first)
    (katib.folder / "gate").touch()
    katib("run", path, check=0)
    [trial] = trials_of(katib)
    assert [value for _, value in entries_of(katib, trial)] == ["5", "5", "4", "4", "3"]


def has_entries(katib: Katib) -> bool:
    """Whether the engine that runs has made an entry safe."""
    with closing(sqlite3.connect(f"file:{katib.home / 'observations.db'}?mode=ro", uri=True)) as db:
        ((count,),) = db.execute("SELECT count(*) FROM observation_logs")
    return bool(count)


def test_an_interrupted_trial_begins_its_file_anew(katib: Katib) -> None:
    script = """
    echo loss=5 >> "$KATIB_METRICS_DROP"
    if [ ! -e again ]; then echo > dropped; sleep 100; fi
    """
    path = by_shell(katib, script)
    first = katib.start("run", path)
    wait_for((katib.folder / "dropped").exists, "the program has dropped something")
    wait_for(lambda: has_entries(katib), "it is safe in the log")
    first.send_signal(signal.SIGINT)
    finish(first)
    (katib.folder / "again").touch()
    katib("run", path, check=0)
    [trial] = trials_of(katib)
    assert entries_of(katib, trial) == [("loss", "5")]


BY_KATIB = """
import sys, katib
x = float(sys.argv[1])
for step, loss in enumerate((x + 1, x)):
    katib.report_metrics({"loss": loss}, timestamp=1000.5 + step)
"""


def test_our_own_package_reports(katib: Katib) -> None:
    path = pushing(katib, sys.executable, BY_KATIB, maxTrialCount=2, parallelTrialCount=2)
    katib("run", path, check=0)
    for trial in trials_of(katib):
        x = trial["spec"]["parameterAssignments"][0]["value"]
        assert entries_of(katib, trial) == [("loss", str(float(x) + 1)), ("loss", str(float(x)))]


BY_EITHER = """
import sys
from {package} import report_metrics

try:
    report_metrics({{"loss": "low"}})
except ValueError as error:
    print(error)
report_metrics(metrics={{"loss": sys.argv[1], "unasked": 7}}, timeout=60)
"""


@pytest.mark.parametrize("package", ["katib", "kubeflow.katib"])
def test_both_packages_are_called_alike(katib: Katib, sdk: str, package: str) -> None:
    python = sys.executable if package == "katib" else sdk
    katib("run", pushing(katib, python, BY_EITHER.format(package=package)), check=0)
    [trial] = trials_of(katib)
    x = trial["spec"]["parameterAssignments"][0]["value"]
    assert entries_of(katib, trial) == [("loss", x), ("unasked", "7")]
    [log] = (katib.home / "trials" / "team-a").glob("*/*.log")
    assert "Invalid value low for metrics value" in log.read_text()


PATIENT = """
import os, time, katib

katib.report_metrics({"loss": 2})
open("pushed", "w").close()
while not os.path.exists("gate"):
    time.sleep(0.02)
open("trying", "w").close()
katib.report_metrics({"loss": 1})
"""


def test_our_own_package_waits_for_the_next_engine(katib: Katib) -> None:
    path = pushing(katib, sys.executable, PATIENT)
    first = katib.start("run", path)
    wait_for((katib.folder / "pushed").exists, "the program has pushed")
    first.kill()
    finish(first)
    (katib.folder / "gate").touch()
    wait_for((katib.folder / "trying").exists, "the program tries to push")
    katib("run", path, check=0)
    [trial] = trials_of(katib)
    assert entries_of(katib, trial) == [("loss", "2"), ("loss", "1")]


def test_who_forgets_to_push_learns_how_it_is_done(katib: Katib) -> None:
    answer = katib("run", by_shell(katib, "echo loss=1"))
    assert answer.code == 1, answer.text
    [trial] = trials_of(katib)
    last = trial["status"]["conditions"][-1]
    assert (last["type"], last["status"]) == ("MetricsUnavailable", "True")
    for hint in (
        'did not push "loss"',
        '-d loss=0.5 "$KATIB_METRICS_URL"',
        'echo loss=0.5 >> "$KATIB_METRICS_DROP"',
        'katib.report_metrics({"loss": 0.5})',
    ):
        assert hint in last["message"]
        assert hint in katib("explain", "tuned", "-n", "team-a").text
    assert entries_of(katib, trial) == [("loss", "unavailable")]


def test_a_program_that_pushes_and_fails_has_failed(katib: Katib) -> None:
    script = f"""
    {CURL} -d loss=1 "$KATIB_METRICS_URL"
    exit 3
    """
    answer = katib("run", by_shell(katib, script))
    assert answer.code == 1, answer.text
    [trial] = trials_of(katib)
    assert trial["status"]["conditions"][-1]["type"] == "Failed"
    assert entries_of(katib, trial) == [("loss", "1")]


def test_trials_that_push_are_stopped_early(katib: Katib) -> None:
    script = f"""
    x=${{trialParameters.x}}
    {CURL} -d loss=$x "$KATIB_METRICS_URL"
    if [ $x -ge 3 ]; then sleep 300; fi
    """
    path = by_shell(
        katib,
        script,
        maxTrialCount=5,
        algorithm={"algorithmName": "grid"},
        parameters=[
            {
                "name": "x",
                "parameterType": "int",
                "feasibleSpace": {"min": "0", "max": "4", "step": "1"},
            }
        ],
        earlyStopping={
            "algorithmName": "threshold",
            "algorithmSettings": [{"name": "upper", "value": "2.5"}],
        },
    )
    katib("run", path, check=0)
    ends = {
        trial["spec"]["parameterAssignments"][0]["value"]: trial["status"]["conditions"][-1]["type"]
        for trial in trials_of(katib)
    }
    assert ends == {
        "0": "Succeeded",
        "1": "Succeeded",
        "2": "Succeeded",
        "3": "EarlyStopped",
        "4": "EarlyStopped",
    }


def test_what_is_pushed_to_a_server_after_the_end_is_refused(katib: Katib) -> None:
    script = f"""
    {CURL} -d loss=1 "$KATIB_METRICS_URL"
    echo "$KATIB_METRICS_URL $KATIB_METRICS_TOKEN" > address
    """
    katib("up", "--detach", "--port", "0", check=0)
    try:
        katib("run", by_shell(katib, script), check=0)
        url, token = (katib.folder / "address").read_text().split()
        with pytest.raises(HTTPError) as caught:
            urlopen(Request(url, b"loss=2", {"Authorization": f"Bearer {token}"}), timeout=60)
        with caught.value as answer:
            assert answer.code == 409
            assert "has ended" in answer.read().decode()
    finally:
        katib("down", check=0)
    [trial] = trials_of(katib)
    assert entries_of(katib, trial) == [("loss", "1")]
