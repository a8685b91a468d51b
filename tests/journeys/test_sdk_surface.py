"""What programs see of Katib's own SDK and of ours, compared; the differences are documented."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import REPOSITORY, Katib
from test_katib_sdk import MODELS, PACKAGES, PREAMBLE, Sdk, run

from environments import an_environment

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]

SURFACE = Path(__file__).with_name("surface.py")
PAGE = REPOSITORY / "docs" / "compatibility.md"
MARK = "<!-- compared: names -->\n"


def surface_of(python: str, package: str) -> dict[str, Any]:
    ended = subprocess.run(
        [python, str(SURFACE), package], capture_output=True, text=True, check=False, timeout=300
    )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def documented() -> set[str]:
    """The names in the first column of the table."""
    table = PAGE.read_text().partition(MARK)[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    return surface_of(an_environment("katib-sdk", *PACKAGES), "kubeflow.katib")


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return surface_of(sys.executable, "katib")


def test_all_that_differs_is_documented_and_nothing_else(
    theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    different = {
        name: f"{facts}\n    is here: {ours.get(name)}"
        for name, facts in theirs.items()
        if facts != ours.get(name)
    }
    for name, words in different.items():
        print(f"{name}: {words}")
    assert set(different) == documented()


def test_much_is_compared(theirs: dict[str, Any]) -> None:
    models = [name for name in theirs if name.startswith("V1beta1")]
    methods = [name for name in theirs if name.startswith("KatibClient.")]
    assert (len(models), len(methods)) == (41, 21)
    assert len(theirs["KatibClient.tune"]["call"]) == 25
    assert theirs["ApiException"]["bases"] == ["OpenApiException", "Exception", "BaseException"]


BEHAVIOUR = """
import contextlib
import io
import re

SLEEPING = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "busybox",
                        "command": ["sh", "-c", "sleep 600; echo ${trialParameters.rate}"],
                    }
                ],
                "restartPolicy": "Never",
            }
        }
    },
}


def plain(text):
    text = re.sub(r"datetime.datetime\\(.*?\\)(, tzinfo=[a-z.]+\\(\\))?\\)?", "TIME", str(text))
    # Ours has one attribute more.
    text = re.sub(r"\\s*'non_finite': None,", "", text)
    return re.sub(r"(?<=behaves-)[a-z0-9]+|[0-9.]+", "N", text)


def printed(call, *args, **named):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        found = text_of(call, *args, **named)
    return [plain(line) for line in (found, *out.getvalue().splitlines())]


def gone(name):
    text_of(client.delete_experiment, name)
    until(lambda: text_of(client.get_experiment, name) != "no error")
    until(lambda: not client.list_trials(name))


nothing = dict(
    get=text_of(client.get_experiment, "nobody"),
    conditions=text_of(client.get_experiment_conditions, "nobody"),
    is_running=text_of(client.is_experiment_running, "nobody"),
    wait=text_of(client.wait_for_experiment_condition, "nobody"),
    optimal=text_of(client.get_optimal_hyperparameters, "nobody"),
    edit=text_of(client.edit_experiment_budget, "nobody", max_trial_count=3),
    edit_nothing=text_of(client.edit_experiment_budget, "nobody"),
    delete=text_of(client.delete_experiment, "nobody"),
    suggestion=text_of(client.get_suggestion, "nobody"),
    trial=text_of(client.get_trial, "nobody"),
    logs=text_of(lambda: list(client.get_job_logs("nobody", "nobody"))),
    logs_of_no_experiment=text_of(lambda: list(client.get_job_logs("", "nobody"))),
    logs_of_no_trial=text_of(lambda: list(client.get_job_logs("nobody", ""))),
    logs_not_read=text_of(client.get_job_logs, "", ""),
    list=len(client.list_experiments("elsewhere")),
    suggestions=len(client.list_suggestions("elsewhere")),
    trials=len(client.list_trials("nobody")),
    details=client.get_success_trial_details("nobody"),
    nameless=text_of(client.create_experiment, experiment(None)),
    no_condition=text_of(models.V1beta1TrialCondition, type=None),
    no_status=text_of(models.V1beta1TrialCondition, type="x", status=None),
    no_items=text_of(models.V1beta1ExperimentList),
    unknown=text_of(models.V1beta1FeasibleSpace, largest=3),
)
invalid = experiment("behaves", algorithm=models.V1beta1AlgorithmSpec(algorithm_name="randon"))
nothing["invalid"] = text_of(client.create_experiment, invalid)

client.create_experiment(experiment("behaves"))
nothing["again"] = text_of(client.create_experiment, experiment("behaves"))
found = client.wait_for_experiment_condition("behaves", polling_interval=1)
ended = dict(
    wait=printed(client.wait_for_experiment_condition, "behaves", polling_interval=1),
    created=printed(client.wait_for_experiment_condition, "behaves", None, "Created"),
    failed=client.is_experiment_failed("behaves"),
    succeeded=client.is_experiment_succeeded("behaves", experiment=found),
    dictionary=sorted(found.to_dict()),
    spec=plain(found.spec),
    conditions=[one.type for one in client.get_experiment_conditions("behaves")],
    times=[type(one.last_update_time).__name__ for one in found.status.conditions],
    zones=[str(one.last_update_time.utcoffset()) for one in found.status.conditions],
    best=plain(client.get_optimal_hyperparameters("behaves")),
    details=plain(client.get_success_trial_details("behaves")),
    suggestion=plain(client.get_suggestion("behaves").spec),
    trials=len(client.list_trials("behaves")),
    trial=plain(client.list_trials("behaves")[0].spec),
    metadata=[found.metadata.name, found.metadata.namespace, found.metadata.generation],
    created_at=type(found.metadata.creation_timestamp).__name__,
)
gone("behaves")

slow = experiment("sleeps")
slow.spec.trial_template.trial_spec = SLEEPING
client.create_experiment(slow)
until(lambda: client.is_experiment_running("sleeps"))
running = dict(
    timeout=text_of(client.wait_for_experiment_condition, "sleeps", timeout=1, polling_interval=1),
    running=text_of(client.wait_for_experiment_condition, "sleeps", None, "Running"),
    best=client.get_optimal_hyperparameters("sleeps"),
    details=client.get_success_trial_details("sleeps"),
)
gone("sleeps")
tell(nothing=nothing, ended=ended, running=running)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    root = tmp_path_factory.mktemp("behaviour")
    (root / "folder").mkdir()
    katib = Katib(root / "home", root / "folder")
    katib("up", "--detach", "--port", "0", check=0)
    yield katib
    katib("down", "--stop-trials", check=0)


def test_calls_do_and_say_the_same(home: Katib) -> None:
    python = an_environment("katib-sdk", *PACKAGES)
    theirs = run(home, Sdk(python), "theirs", MODELS + BEHAVIOUR)
    ours = run(home, Sdk(sys.executable, is_ours=True), "ours", MODELS + BEHAVIOUR)
    # Errors go on with the reason.
    told = theirs["nothing"]
    for case, text in ours["nothing"].items():
        if isinstance(text, str) and text.startswith(told[case]):
            ours["nothing"][case] = told[case]
    assert ours["nothing"] == told
    assert ours["ended"] == theirs["ended"]
    assert ours["running"] == theirs["running"]


LIGHT = """
import sys

client.create_experiment(experiment("light"))
client.wait_for_experiment_condition("light", polling_interval=1)
name = client.get_optimal_hyperparameters("light").best_trial_name
client.get_trial_metrics(name)
client.delete_experiment("light", wait=60)
heavy = ("google.protobuf", "grpc", "kubernetes", "numpy", "rich", "sqlalchemy", "starlette")
tell(loaded=[one for one in heavy if one in sys.modules])
"""


def test_a_client_of_a_server_needs_little(home: Katib) -> None:
    plain = MODELS.replace("kubernetes.V1PodSpec", "dict").replace("kubernetes.V1", "models.V1")
    preamble = PREAMBLE.replace("from kubernetes import client as kubernetes\n", "")
    program = plain.replace("restart_policy", "restartPolicy") + LIGHT
    path = home.folder / "light.py"
    path.write_text(Sdk(sys.executable, is_ours=True).program(preamble + program))
    ended = subprocess.run(
        [sys.executable, str(path)],
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == {"loaded": []}
