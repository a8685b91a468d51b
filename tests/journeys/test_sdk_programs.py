"""Programs that Kubeflow's SDKs send: functions given to ``tune``, and TrainJobs of the optimizer.

The documents are those that the SDKs really post; a server that only listens kept them.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from command_line import REPOSITORY, Katib, Manifest, finish, wait_for

from environments import an_environment
from katib.api.kinds import TRAIN_JOBS
from katib.api.values import Key, Unstructured
from katib.apps.home import Home
from katib.executors.runtimes import builtin_runtimes
from katib.stores.sqlite import SqliteReader

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

PUBLISHED = REPOSITORY / "tests" / "journeys" / "published" / "sdk"

#: The port that the recorded documents look for packages at; each test has one of its own.
RECORDED_INDEX = "http://127.0.0.1:8765/simple"

_TUNE = """
import sys
from kubernetes import client
from kubeflow.katib import KatibClient, search

{objective}

parameters = {{"a": search.int(min=10, max=20), "b": search.double(min=0.1, max=0.2)}}
KatibClient(client_configuration=client.Configuration(host=sys.argv[1])).tune(
    name="{name}",
    objective=objective,
    parameters=parameters,
    objective_metric_name="result",
    max_trial_count=4,
    parallel_trial_count=2,
    {more}
)
"""

_OBJECTIVE = """
def objective(parameters):
    import time

    time.sleep(0.1)
    result = 4 * int(parameters["a"]) - float(parameters["b"]) ** 2
    print(f"result={result}")
"""

_OBJECTIVE_WITH_PACKAGE = """
def objective(parameters):
    import sys
    import tinypackage

    print(f"result={tinypackage.double(int(parameters['a']))}")
    print("python", sys.prefix, sys.base_prefix)
"""

_OPTIMIZE = """
import sys
import uuid
from kubernetes import client
from kubeflow.optimizer import (
    KubernetesBackendConfig, Objective, OptimizerClient, Search, TrainJobTemplate, TrialConfig
)
from kubeflow.trainer import CustomTrainer

# The generated name would be another one each time.
uuid.uuid4 = lambda: uuid.UUID(int={number})

{function}

config = KubernetesBackendConfig(
    client_configuration=client.Configuration(host=sys.argv[1]), namespace="default"
)
OptimizerClient(config).optimize(
    TrainJobTemplate(
        trainer=CustomTrainer(func=train, func_args={{"lr": "0", "epochs": "3"}}, {more}),
        {runtime}
    ),
    trial_config=TrialConfig(num_trials=4, parallel_trials=2),
    search_space={{"lr": Search.uniform(0.1, 0.2)}},
    objectives=[Objective(metric="loss")],
)
"""

_TRAIN = """
def train(lr, epochs):
    import os
    import time

    for epoch in range(int(epochs)):
        print(f"loss={float(lr) / (epoch + 1)}", flush=True)
        time.sleep(0.1)
    print("torch", os.environ["PET_NNODES"], os.environ["PET_NODE_RANK"], os.environ["RANK"])
"""

_TRAIN_ON_TWO = """
def train(lr, epochs):
    import os
    import socket

    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    where = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    assert os.environ["JAX_PROCESS_ID"] == os.environ["JOB_COMPLETION_INDEX"] == str(rank)
    assert os.environ["JAX_COORDINATOR_ADDRESS"] == "%s:%d" % where
    if rank == 0:
        with socket.create_server(where) as server:
            other, _ = server.accept()
            print("heard", other.recv(100).decode(), "of", size)
        print(f"loss={lr}")
        return
    while True:
        try:
            with socket.create_connection(where) as master:
                master.sendall(b"rank %d" % rank)
            break
        except ConnectionRefusedError:
            pass
    print("loss=-1")
"""

#: Where documents lie: which SDK posts them, and the program that makes it do so.
RECORDINGS: dict[str, tuple[str, str]] = {
    "tune.json": (
        "katib",
        _TUNE.format(
            name="tune-example", objective=_OBJECTIVE, more='resources_per_trial={"cpu": "2"}'
        ),
    ),
    "tune-packages.json": (
        "katib",
        _TUNE.format(
            name="tune-packages",
            objective=_OBJECTIVE_WITH_PACKAGE,
            more=f'packages_to_install=["tinypackage"], pip_index_urls=["{RECORDED_INDEX}"]',
        ),
    ),
    "optimizer.json": (
        "optimizer",
        _OPTIMIZE.format(number=1, function=_TRAIN, more="num_nodes=1", runtime=""),
    ),
    "optimizer-packages.json": (
        "optimizer",
        _OPTIMIZE.format(
            number=2,
            function=_TRAIN.replace("import os\n", "import os\n    import tinypackage\n", 1),
            more=f'packages_to_install=["tinypackage"], pip_index_urls=["{RECORDED_INDEX}"]',
            runtime="",
        ),
    ),
    "optimizer-two-nodes.json": (
        "optimizer",
        _OPTIMIZE.format(
            number=3,
            function=_TRAIN_ON_TWO,
            more="num_nodes=2",
            runtime='runtime="jax-distributed"',
        ),
    ),
}

SDKS = {
    "katib": ("katib-sdk", "kubeflow-katib==0.19.0", "kubernetes<36"),
    "optimizer": ("kubeflow-sdk", "kubeflow==0.5.0"),
}


class Listener(http.server.BaseHTTPRequestHandler):
    """Answers the SDKs and keeps what they post; has no runtimes but those that are built in."""

    posted: list[Manifest]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.posted.append(body)
        self._answer(200, body)

    def do_GET(self) -> None:
        name = self.path.rpartition("/clustertrainingruntimes/")[2]
        found = [one for one in builtin_runtimes() if one["metadata"]["name"] == name]
        if found:
            self._answer(200, found[0])
        else:
            self._answer(404, {"kind": "Status", "status": "Failure", "code": 404})

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, code: int, manifest: Manifest) -> None:
        data = json.dumps(manifest).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Index(http.server.SimpleHTTPRequestHandler):
    """Serves a folder as an index of packages."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(handler: Callable[..., http.server.BaseHTTPRequestHandler]) -> Iterator[str]:
    """A server on this machine; its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def interpreter_of(sdk: str) -> str:
    """An interpreter with one of the SDKs."""
    return an_environment(*SDKS[sdk])


def record(name: str, folder: Path) -> Manifest:
    """What the SDK posts today."""
    sdk, program = RECORDINGS[name]
    (folder / "program.py").write_text(program)
    posted: list[Manifest] = []
    handler = type("Recorder", (Listener,), {"posted": posted})
    with serving(handler) as url:
        subprocess.run(
            [interpreter_of(sdk), "program.py", url], cwd=folder, check=True, capture_output=True
        )
    [document] = posted
    # A letter of it is random; the rest comes from the program.
    if sdk == "optimizer":
        document["metadata"]["name"] = f"o{document['metadata']['name'][1:]}"
    return document


def published(name: str) -> Manifest:
    document: Manifest = json.loads((PUBLISHED / name).read_text())
    return document


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_documents_are_what_the_sdks_send(name: str, tmp_path: Path) -> None:
    assert record(name, tmp_path) == published(name)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """An index with one package, which no machine has."""
    folder = tmp_path / "index" / "simple" / "tinypackage"
    folder.mkdir(parents=True)
    about = "tinypackage-1.0.dist-info"
    files = {
        "tinypackage.py": "def double(number):\n    return 2 * number\n",
        f"{about}/METADATA": "Metadata-Version: 2.1\nName: tinypackage\nVersion: 1.0\n",
        f"{about}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
    }
    rows = [f"{about}/RECORD,,"]
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(text)}")
    with zipfile.ZipFile(folder / "tinypackage-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{about}/RECORD", "\n".join(rows) + "\n")
    root = str(tmp_path / "index")

    with serving(partial(Index, directory=root)) as url:
        yield f"{url}/simple"


def write(katib: Katib, name: str, index: str = "") -> str:
    """The path of a document, with the index of packages that there is."""
    text = (PUBLISHED / name).read_text().replace(RECORDED_INDEX, index)
    path = katib.folder / name
    path.write_text(text)
    return str(path)


def assignments_of(trial: Manifest) -> dict[str, float]:
    return {one["name"]: float(one["value"]) for one in trial["spec"]["parameterAssignments"]}


def latest(trial: Manifest) -> float:
    [metric] = trial["status"]["observation"]["metrics"]
    return float(metric["latest"])


def texts_of(katib: Katib, trial: Manifest) -> list[str]:
    folder = katib.home / "trials" / "default" / trial["metadata"]["name"]
    return [path.read_text() for path in sorted(folder.glob("*.log"))]


def train_job_of(katib: Katib, trial: Manifest) -> Unstructured:
    reader = SqliteReader(Home(katib.home).resources)
    found: Unstructured = reader.get(TRAIN_JOBS, Key("default", trial["metadata"]["name"]))
    return found


def succeeded(katib: Katib, name: str) -> list[Manifest]:
    trials = katib.trials(name)
    assert len(trials) == 4
    for trial in trials:
        assert trial["status"]["conditions"][-1]["type"] == "Succeeded", trial["status"]
    return trials


def test_a_function_given_to_tune_runs(katib: Katib) -> None:
    katib("run", write(katib, "tune.json"), check=0)
    for trial in succeeded(katib, "tune-example"):
        given = assignments_of(trial)
        assert 10 <= given["a"] <= 20
        assert 0.1 <= given["b"] <= 0.2
        assert latest(trial) == pytest.approx(4 * given["a"] - given["b"] ** 2)
    assert not (katib.home / "environments").exists()


def test_packages_that_a_function_needs_are_installed_for_trials_alone(
    katib: Katib, index: str
) -> None:
    katib("run", write(katib, "tune-packages.json", index), check=0)
    [environment] = (katib.home / "environments").glob("[0-9a-f]*")
    for trial in succeeded(katib, "tune-packages"):
        assert latest(trial) == 2 * assignments_of(trial)["a"]
        [text] = texts_of(katib, trial)
        found = re.search(r"^python (\S+) (\S+)$", text, re.MULTILINE)
        assert found is not None
        assert found[1] == str(environment)
    assert list(environment.glob("lib/*/site-packages/tinypackage.py"))
    tried = subprocess.run([sys.executable, "-c", "import tinypackage"], capture_output=True)
    assert b"ModuleNotFoundError" in tried.stderr


def test_a_train_job_of_one_node_runs(katib: Katib) -> None:
    document = published("optimizer.json")
    katib("run", write(katib, "optimizer.json"), check=0)
    for trial in succeeded(katib, document["metadata"]["name"]):
        assert latest(trial) == pytest.approx(assignments_of(trial)["lr"] / 3)
        [text] = texts_of(katib, trial)
        assert "torch 1 0 0" in text
        # It is kept, as the document asks.
        status = train_job_of(katib, trial).status
        [condition] = status["conditions"]
        assert (condition["type"], condition["reason"]) == ("Complete", "AllJobsCompleted")
        [states] = status["jobsStatus"]
        assert (states["name"], states["succeeded"], states["active"]) == ("node", 1, 0)


def test_packages_of_a_train_job_are_installed_for_trials_alone(katib: Katib, index: str) -> None:
    document = published("optimizer-packages.json")
    katib("run", write(katib, "optimizer-packages.json", index), check=0)
    [environment] = (katib.home / "environments").glob("[0-9a-f]*")
    for trial in succeeded(katib, document["metadata"]["name"]):
        [text] = texts_of(katib, trial)
        assert "Successfully installed Python packages (user): tinypackage" in text
    assert list(environment.glob("lib/*/site-packages/tinypackage.py"))
    # The program is written into each trial's own folder.
    assert not list(katib.folder.glob("*.log"))
    assert not list(katib.folder.glob("*.py"))


def test_the_nodes_of_a_train_job_find_each_other(katib: Katib) -> None:
    document = published("optimizer-two-nodes.json")
    katib("run", write(katib, "optimizer-two-nodes.json"), check=0)
    for trial in succeeded(katib, document["metadata"]["name"]):
        # What the second node prints is no metric of the trial.
        assert latest(trial) == pytest.approx(assignments_of(trial)["lr"])
        first, second = texts_of(katib, trial)
        assert "heard rank 1 of 2" in first
        assert "loss=-1" in second


WAITING = """
import pathlib, time
pathlib.Path({marks!r}, str(time.time_ns())).touch()
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
print("loss=${{trialParameters.lr}}")
"""


def waiting(katib: Katib, nodes: int) -> tuple[str, Path, Path]:
    """A TrainJob whose nodes wait: its document, the folder that each marks, and the gate."""
    marks, gate = katib.folder / "marks", katib.folder / "gate"
    marks.mkdir()
    document = published("optimizer.json")
    trainer = document["spec"]["trialTemplate"]["trialSpec"]["spec"]["trainer"]
    program = WAITING.format(marks=str(marks), gate=str(gate))
    trainer |= {"command": ["python", "-c", program], "numNodes": nodes}
    document["spec"] |= {"maxTrialCount": 1, "parallelTrialCount": 1}
    return katib.write(document), marks, gate


def test_the_nodes_of_a_train_job_outlive_the_engine(katib: Katib) -> None:
    path, marks, gate = waiting(katib, nodes=1)
    first = katib.start("run", path)
    wait_for(lambda: bool(list(marks.iterdir())), "the node runs")
    first.kill()
    finish(first)
    second = katib.start("run", path)
    gate.touch()
    answer = finish(second)

    assert answer.code == 0, answer.text
    [trial] = katib.trials(published("optimizer.json")["metadata"]["name"])
    assert latest(trial) == assignments_of(trial)["lr"]
    assert len(list(marks.iterdir())) == 1


def test_a_train_job_that_is_interrupted_runs_again(katib: Katib) -> None:
    path, marks, gate = waiting(katib, nodes=2)
    first = katib.start("run", path)
    wait_for(lambda: len(list(marks.iterdir())) == 2, "both nodes run")
    [before] = katib.trials(published("optimizer.json")["metadata"]["name"])
    first.send_signal(signal.SIGINT)
    answer = finish(first)
    assert answer.code == 130, answer.text
    gate.touch()
    katib("run", path, check=0)

    [trial] = katib.trials(published("optimizer.json")["metadata"]["name"])
    assert trial["metadata"]["name"] == before["metadata"]["name"]
    assert latest(trial) == assignments_of(trial)["lr"] == assignments_of(before)["lr"]
    assert len(list(marks.iterdir())) == 4
