"""Pods of trials with their sidecars, in real processes: paths, files and company."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.codec import from_manifest, to_raw
from katib.api.experiment import (
    EXPERIMENTS,
    CollectorSpec,
    FileSystemPath,
    MetricsCollectorSpec,
    SourceSpec,
)
from katib.api.kinds import CONFIG_MAPS, PODS, SECRETS
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api.values import (
    Condition,
    Key,
    Kind,
    Manifest,
    NameValue,
    ObjectMeta,
    Resource,
    Strings,
    Unstructured,
    owner_reference,
)
from katib.collectors.sidecar import LogSidecars
from katib.errors import ObservationLogAwayError, OutboxFullError, StoreUnavailableError
from katib.executors.command import Images
from katib.executors.pod import Here, PodReconciler
from katib.executors.process import read_exit, read_pid
from katib.executors.run import BESIDE_SECONDS
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")


class Machine:
    """One trial's pod on this machine; time passes only here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.observations = MemoryObservationLog()
        self.told: list[tuple[str, str]] = []
        self._woken = threading.Event()
        self.reconciler = self.engine()
        self.experiment = self.store.create(
            EXPERIMENTS,
            an_experiment()
            .with_parameter("lr", min="0.01", max="0.1")
            .with_parameter("batch-size", names.INT, min="1", max="64")
            .build(),
        )

    def engine(self, python: Path | None = None) -> PodReconciler:
        """One that knows of the pod what the store and the files say."""
        sidecars = LogSidecars(self.store, self.observations, self, self.clock)
        images = Images({}, str(self.folder))
        trials = self.folder / "trials"
        here = Here(trials, images, sidecars, lambda: None, self._wake, python)
        return PodReconciler(self.store, self.clock, here)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((reason, message))

    def create(
        self,
        *scripts: str,
        collector: MetricsCollectorSpec | None = None,
        rules: Sequence[EarlyStoppingRule] = (),
        **spec: Any,
    ) -> None:
        made = TrialSpec(
            objective=self.experiment.spec.objective,
            parameter_assignments=(
                NameValue(name="lr", value="0.050"),
                NameValue(name="batch-size", value="32"),
            ),
            early_stopping_rules=tuple(rules),
            metrics_collector=collector or MetricsCollectorSpec(),
            primary_container_name="main",
        )
        owners = (owner_reference(self.experiment),)
        metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace, owner_references=owners)
        trial = self.store.create(TRIALS, Trial(metadata=metadata, spec=made))
        containers = [
            {"name": name, "command": ["/bin/sh", "-c", script]}
            for name, script in zip(("main", "second"), scripts, strict=False)
        ]
        body = {
            "spec": {"containers": containers, "restartPolicy": "Never", **spec},
            "status": {"phase": "Pending"},
        }
        owned = ObjectMeta(
            name=KEY.name, namespace=KEY.namespace, owner_references=(owner_reference(trial),)
        )
        self.store.create(
            PODS, Unstructured(api_version="v1", kind="Pod", metadata=owned, body=body)
        )

    def step(self, seconds: float) -> None:
        """Reconcile, and again when a process ends or the time has passed."""
        self.reconciler.reconcile(KEY)
        if not self._woken.wait(0.02):
            self.clock.advance(seconds)
        self._woken.clear()

    def run(self) -> Manifest:
        """The pod's last status."""
        for _ in range(500):
            self.step(0.25)
            if self.status["phase"] in ("Succeeded", "Failed"):
                return self.status
        raise AssertionError(f"it does not end: {self.status}")

    @property
    def status(self) -> Manifest:
        return self.store.get(PODS, KEY).status

    @property
    def values(self) -> list[str]:
        return [entry.value for entry in self.observations.read(KEY, "loss")]

    @property
    def place(self) -> str:
        return self.reconciler.place(self.store.get(PODS, KEY))

    def read(self, path: str) -> str:
        """A file of the pod; ``path`` follows the place."""
        return Path(self.place + path).read_text()

    def pipe(self) -> Path:
        """A named pipe, by which two programs wait for each other."""
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        return pipe

    def _wake(self, key: Key) -> None:
        self._woken.set()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.reconciler.kill()
    machine.reconciler.close()


def file(path: str, format: str = "TEXT") -> MetricsCollectorSpec:
    place = FileSystemPath(path=path, kind="File", format=format)
    return MetricsCollectorSpec(
        collector=CollectorSpec(kind="File"), source=SourceSpec(file_system_path=place)
    )


def custom(path: str = "/katib/mnist.log", **container: Any) -> MetricsCollectorSpec:
    place = FileSystemPath(path=path, kind="File")
    return MetricsCollectorSpec(
        collector=CollectorSpec(
            kind="Custom", custom_collector=to_raw({"name": "collect", **container})
        ),
        source=SourceSpec(file_system_path=place),
    )


def shell(script: str) -> Sequence[str]:
    return ["/bin/sh", "-c", script]


def test_a_program_writes_its_metrics_into_a_file_of_its_own(machine: Machine) -> None:
    machine.create("echo loss=0.5 > /katib/mnist.log", collector=file("/katib/mnist.log"))
    assert machine.run()["phase"] == "Succeeded"
    assert machine.values == ["0.5"]
    assert machine.read(".files/katib/mnist.log") == "loss=0.5\n"
    assert not Path("/katib").exists()


def test_json_is_read_from_a_file(machine: Machine) -> None:
    script = """echo '{"loss": "0.25", "timestamp": 1638422847.28721}' >> /katib/mnist.json"""
    machine.create(script, collector=file("/katib/mnist.json", "JSON"))
    assert machine.run()["phase"] == "Succeeded"
    (entry,) = machine.observations.read(KEY)
    assert (entry.value, entry.time.isoformat()) == ("0.25", "2021-12-02T05:27:27.287210+00:00")


def test_what_is_printed_is_no_metric_of_a_file(machine: Machine) -> None:
    machine.create("echo loss=1; echo Loss: 2 > /katib/log", collector=file("/katib/log"))
    status = machine.run()
    assert machine.values == [names.UNAVAILABLE]
    assert status["message"] == (
        'The program ended well but wrote no line into /katib/log with "loss=<number>". '
        "These lines were nearly that: Loss: 2"
    )


def test_a_file_that_was_not_written_is_told(machine: Machine) -> None:
    machine.create("echo loss=1", collector=file("/katib/log"))
    status = machine.run()
    assert status["phase"] == "Succeeded"
    message = (
        "The program ended well but did not write /katib/log. For this trial that is "
        f"{machine.place}.files/katib/log, which the variable KATIB_METRICS_FILE holds"
    )
    assert (status["message"], machine.told) == (message, [("MetricNotFound", message)])


def test_a_program_may_find_its_file_by_its_variable(machine: Machine) -> None:
    machine.create('echo loss=2 > "$KATIB_METRICS_FILE"', collector=file("/katib/log"))
    machine.run()
    assert machine.values == ["2"]


def test_a_file_in_the_root_is_mapped_without_its_folder(machine: Machine) -> None:
    machine.create("echo loss=3 > /metrics.log; ls / > /dev/null", collector=file("/metrics.log"))
    assert machine.run()["phase"] == "Succeeded"
    assert machine.values == ["3"]


def test_metrics_are_read_while_the_program_runs(machine: Machine) -> None:
    pipe = machine.pipe()
    script = f"echo loss=1 > /katib/log; read x < {pipe}; echo loss=2 >> /katib/log"
    machine.create(script, collector=file("/katib/log"))
    for _ in range(500):
        machine.step(0.25)
        if machine.values:
            break
    assert machine.values == ["1"]
    pipe.write_text("go on\n")
    machine.run()
    assert machine.values == ["1", "2"]


def test_all_containers_of_a_pod_share_its_paths(machine: Machine) -> None:
    init = [{"name": "init", "command": shell("echo loss=1 > /katib/log")}]
    machine.create("cat /katib/log", collector=file("/katib/log"), initContainers=init)
    assert machine.run()["phase"] == "Succeeded"
    assert machine.read(".main.log") == "loss=1\n"
    assert machine.values == ["1"]


def test_an_empty_volume_is_a_folder_of_the_pod(machine: Machine) -> None:
    mounts = [{"name": "scratch", "mountPath": "/scratch/"}]
    other = [{"name": "scratch", "mountPath": "/elsewhere", "subPath": "deep"}]
    containers = [
        {"name": "main", "command": shell("cat /elsewhere/x"), "volumeMounts": other},
    ]
    init = [
        {
            "name": "init",
            "command": shell("mkdir -p /scratch/deep; echo loss=4 > /scratch/deep/x"),
            "volumeMounts": mounts,
        }
    ]
    volumes = [{"name": "scratch", "emptyDir": {}}]
    machine.create(containers=containers, initContainers=init, volumes=volumes)
    assert machine.run()["phase"] == "Succeeded"
    assert machine.read(".volumes/scratch/deep/x") == "loss=4\n"
    assert machine.values == ["4"]


def a_source(kind: Kind[Any], name: str, content: Manifest) -> Unstructured:
    metadata = {"name": name, "namespace": KEY.namespace}
    made: Unstructured = from_manifest(
        kind, {"apiVersion": "v1", "kind": kind.name, "metadata": metadata, **content}
    )
    return made


def test_volumes_of_config_maps_and_secrets_have_their_files(machine: Machine) -> None:
    texts = {"data": {"deep": "one\n"}, "binaryData": {"raw": "AAH/"}}
    machine.store.create(CONFIG_MAPS, a_source(CONFIG_MAPS, "texts", texts))
    secret = a_source(SECRETS, "secret", {"data": {"word": "bG9zcz03Cg=="}})
    machine.store.create(SECRETS, secret)
    items = [{"key": "word", "path": "in/word"}]
    volumes = [
        {"name": "texts", "configMap": {"name": "texts"}},
        {"name": "secret", "secret": {"secretName": "secret", "items": items}},
        {"name": "none", "configMap": {"name": "none", "optional": True}},
    ]
    mounts = [
        {"name": "texts", "mountPath": "/texts"},
        {"name": "texts", "mountPath": "/one", "subPath": "deep"},
        {"name": "secret", "mountPath": "/secret"},
        {"name": "none", "mountPath": "/none"},
    ]
    script = "cat /one /texts/deep; wc -c < /texts/raw; ls /none; cat /secret/in/word"
    command = {"name": "main", "command": shell(script), "volumeMounts": mounts}
    machine.create(containers=[command], volumes=volumes)
    assert machine.run()["phase"] == "Succeeded"
    assert machine.read(".log").split() == ["one", "one", "3", "loss=7"]


@pytest.mark.parametrize(
    ("volume", "problem"),
    [
        ({"configMap": {"name": "none"}}, 'is of ConfigMap "none", which does not exist here'),
        (
            {"configMap": {"name": "texts", "items": [{"key": "x", "path": "x"}]}},
            'is of ConfigMap "texts", which has no key "x"',
        ),
    ],
)
def test_a_volume_of_what_is_not_there_is_told(
    machine: Machine, volume: Manifest, problem: str
) -> None:
    machine.store.create(CONFIG_MAPS, a_source(CONFIG_MAPS, "texts", {"data": {"deep": "one"}}))
    mounts = [{"name": "texts", "mountPath": "/texts"}]
    containers = [{"name": "main", "command": shell("true"), "volumeMounts": mounts}]
    machine.create(containers=containers, volumes=[{"name": "texts", **volume}])
    status = machine.run()
    assert status["phase"] == "Failed"
    assert problem in str(status)


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "data", "hostPath": {"path": "/"}},
        {"name": "other", "emptyDir": {}},
        {"name": "data", "emptyDir": None},
    ],
    ids=["another type", "another name", "no type"],
)
def test_other_volumes_are_nothing_here(machine: Machine, volume: Manifest) -> None:
    here = machine.folder / "data"
    here.write_text("loss=5\n")
    mounts = [{"name": "data", "mountPath": str(machine.folder)}]
    containers = [{"name": "main", "command": ["cat", str(here)], "volumeMounts": mounts}]
    machine.create(containers=containers, volumes=[volume])
    machine.run()
    assert machine.values == ["5"]


def test_a_volume_whose_name_is_a_path_is_no_folder(machine: Machine) -> None:
    mounts = [{"name": "../up", "mountPath": "/up"}]
    containers = [{"name": "main", "command": ["echo", "/up"], "volumeMounts": mounts}]
    machine.create(containers=containers, volumes=[{"name": "../up", "emptyDir": {}}])
    machine.run()
    assert machine.read(".log") == "/up\n"


def test_parameters_are_variables_and_a_file(machine: Machine) -> None:
    script = "echo $KATIB_PARAMETER_LR $KATIB_PARAMETER_BATCH_SIZE; cat $KATIB_PARAMETERS_FILE"
    machine.create(script)
    machine.run()
    line, text = machine.read(".log").splitlines()
    assert line == "0.050 32"
    assert json.loads(text) == {"lr": 0.05, "batch-size": 32}
    assert (Path(machine.place).parent / "parameters.json").read_text() == text + "\n"


def test_the_variables_of_the_template_win(machine: Machine) -> None:
    container = {
        "name": "main",
        "command": shell("echo $KATIB_PARAMETER_LR $KATIB_PARAMETERS_FILE"),
        "env": [
            {"name": "KATIB_PARAMETER_LR", "value": "own"},
            {"name": "KATIB_PARAMETERS_FILE", "value": "mine"},
        ],
    }
    machine.create(containers=[container])
    machine.run()
    assert machine.read(".log") == "own mine\n"


def test_an_older_file_of_parameters_is_replaced(machine: Machine) -> None:
    machine.create("cat $KATIB_PARAMETERS_FILE")
    old = Path(machine.place).parent / "parameters.json"
    old.parent.mkdir(parents=True)
    old.write_text("{}" + " " * 1000)
    with old.open() as reader:
        machine.run()
        assert json.loads(machine.read(".log"))["lr"] == 0.05
        assert reader.read().strip() == "{}", "who has it open still reads all of the old one"


def test_a_folder_that_cannot_be_made_is_told(machine: Machine) -> None:
    machine.create("true", collector=file("/katib/log"))
    blocked = Path(f"{machine.place}.files")
    blocked.parent.mkdir(parents=True)
    blocked.touch()
    status = machine.run()
    assert status["phase"] == "Failed"
    assert status["message"].startswith("Container main was not started: ")
    assert str(blocked) in status["message"]


def test_a_custom_collector_reads_beside_the_program_and_is_ended(machine: Machine) -> None:
    pipe = machine.pipe()
    script = (
        "echo $1 $KATIB_TRIAL_NAME $PREFIX; until test -s $1; do sleep 0.01; done; cat $1; "
        f"echo seen > {pipe}; exec sleep 60"
    )
    collect: dict[str, Any] = {
        "command": shell(script),
        "args": ["collect", "/katib/mnist.log"],
        "env": [
            {"name": "PREFIX", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    program = f"echo loss=0.5 > /katib/mnist.log; read x < {pipe}"
    machine.create(program, collector=custom(**collect))
    began = machine.clock.monotonic()
    status = machine.run()
    assert (status["phase"], status.get("message")) == ("Succeeded", None)
    assert machine.values == ["0.5"]
    assert machine.clock.monotonic() - began >= BESIDE_SECONDS
    head, line, *_ = machine.read(".collect.log").splitlines()
    assert head.split() == [f"{machine.place}.files/katib/mnist.log", KEY.name, KEY.name]
    assert line == "loss=0.5"
    assert machine.read(".log") == ""
    assert [one["name"] for one in status["containerStatuses"]] == ["main"]


def test_the_last_words_of_a_custom_collector_are_read(machine: Machine) -> None:
    pipe = machine.pipe()
    script = (
        "trap 'cat /katib/mnist.log; exit 1' TERM; "
        f"echo ready > {pipe}; while :; do sleep 0.01; done"
    )
    program = f"read x < {pipe}; echo loss=7 > /katib/mnist.log"
    machine.create(program, collector=custom(command=shell(script)))
    assert machine.run()["phase"] == "Succeeded", "how it ends when it is asked to is its affair"
    assert machine.values == ["7"]


def test_a_custom_collector_that_does_not_listen_is_killed(machine: Machine) -> None:
    pipe = machine.pipe()
    script = f"trap '' TERM; echo loss=8; echo ready > {pipe}; while :; do sleep 0.01; done"
    machine.create(
        f"read x < {pipe}",
        collector=custom(command=shell(script)),
        terminationGracePeriodSeconds=1,
    )
    assert machine.run()["phase"] == "Succeeded"
    assert machine.values == ["8"]


def test_a_custom_collector_that_ends_by_itself_is_not_waited_for(machine: Machine) -> None:
    pipe = machine.pipe()
    machine.create(f"cat {pipe}", collector=custom(command=shell("echo loss=9")))
    machine.step(0)
    pipe.write_text("end\n")
    began = machine.clock.monotonic()
    for _ in range(500):
        machine.step(0)
        if machine.status["phase"] == "Succeeded":
            break
    assert machine.clock.monotonic() == began
    assert machine.values == ["9"]


def test_a_custom_collector_that_breaks_fails_the_pod(machine: Machine) -> None:
    collector = custom(command=shell("echo no such module; exit 3"))
    machine.create("true", collector=collector)
    status = machine.run()
    assert status["phase"] == "Failed"
    assert status["message"] == (
        "Container collect exited with code 3; its last output:\nno such module"
    )
    assert machine.values == []


def test_a_custom_collector_that_is_only_an_image_says_what_to_do(machine: Machine) -> None:
    machine.create("true", collector=custom(image="me/collector", args=["-m", "loss"]))
    status = machine.run()
    assert status["phase"] == "Failed"
    assert "--image me/collector=PROGRAM" in status["message"]


def test_a_custom_collector_without_metrics_is_told(machine: Machine) -> None:
    machine.create("true", collector=custom(command=["echo", "nothing"]))
    assert machine.run()["message"] == (
        'The collector ended well but printed no line with "loss=<number>". '
        "Its last output: nothing"
    )


def test_a_deleted_pod_takes_its_custom_collector_along(machine: Machine) -> None:
    pipe = machine.pipe()
    collector = custom(command=shell(f"echo here > {pipe}; exec sleep 60 > {pipe}"))
    machine.create("sleep 60", collector=collector)
    machine.reconciler.reconcile(KEY)
    with pipe.open() as reader:
        assert reader.readline() == "here\n"
        machine.store.delete(PODS, KEY)
        for _ in range(500):
            machine.step(0.25)
            if machine.reconciler.is_idle:
                break
        assert machine.reconciler.is_idle
        assert reader.read() == ""


def test_another_engine_goes_on_with_a_custom_collector(machine: Machine) -> None:
    pipe = machine.pipe()
    collector = custom(command=shell("echo loss=1; exec sleep 60"))
    machine.create(f"read x < {pipe}", collector=collector)
    for _ in range(500):
        machine.step(0.25)
        if machine.values:
            break
    machine.reconciler.close()
    machine.reconciler = machine.engine()
    machine.reconciler.adopt()
    pipe.write_text("end\n")
    # It is still our child, so that somebody must fetch its end.
    os.waitpid(read_pid(machine.place) or 0, 0)
    assert machine.run()["phase"] == "Succeeded"
    assert machine.values == ["1"]
    assert machine.read(".collect.run").split()[1] == "143"


# Early stopping

#: Met by the first report above 1.
RULES = (EarlyStoppingRule(name="loss", value="1", comparison="greater", start_step=1),)
REASON = "loss=2.0, the best by report 1, is greater than 1"

#: Goes on until it is told to end.
FOR_EVER = "while :; do sleep 0.02; done"


def trial_conditions(machine: Machine) -> list[tuple[str, str, str]]:
    found = machine.store.get(TRIALS, KEY).status.conditions
    return [(one.type, one.reason, one.message) for one in found]


STOPPED = [("EarlyStopped", "TrialEarlyStopped", f"Trial is early stopped: {REASON}")]


@pytest.mark.rule("A program that is stopped gets SIGTERM and may end in its own way")
@pytest.mark.rule("What a program prints until its end is reported before its trial is stopped")
@pytest.mark.rule("The pod of a stopped trial has succeeded, however its programs ended")
@pytest.mark.parametrize("code", [0, 7])
def test_a_trial_that_meets_its_rules_is_ended(code: int, machine: Machine) -> None:
    farewell = f"trap 'echo loss=3; exit {code}' TERM; echo loss=2; {FOR_EVER}"
    machine.create(farewell, rules=RULES)
    noted: list[list[str]] = []
    machine.store.subscribe(
        lambda event: noted.append(machine.values) if event.kind is TRIALS else None
    )
    status = machine.run()
    assert (status["phase"], status["reason"], status["message"]) == (
        "Succeeded",
        "EarlyStopped",
        REASON,
    )
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == code
    assert trial_conditions(machine) == STOPPED
    assert noted == [["2", "3"]]
    assert machine.told == [STOPPED[0][1:]]


def stop(machine: Machine) -> int:
    """Go on until the pod is to be stopped; its process."""
    for _ in range(500):
        machine.step(0.25)
        if machine.status.get("reason") == "EarlyStopped":
            pid = read_pid(machine.place)
            assert pid is not None
            return pid
    raise AssertionError(f"it is not stopped: {machine.status}")


def wait_for(fact: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if fact():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it does not become true")


def is_gone(group: int) -> bool:
    """Whether no process of the group goes on; one that nobody reaps has ended too."""
    return not any(goes_on(one, group) for one in psutil.process_iter())


def goes_on(process: psutil.Process, group: int) -> bool:
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ProcessLookupError):
        return False


@pytest.mark.rule("A program that ignores SIGTERM is killed when its grace period is over")
def test_a_program_that_ignores_the_signal(machine: Machine) -> None:
    stubborn = f"trap : TERM; echo loss=2; {FOR_EVER}"
    machine.create(stubborn, rules=RULES, terminationGracePeriodSeconds=5)
    pid = stop(machine)
    asked = machine.clock.monotonic()
    assert machine.status["phase"] == "Running"
    status = machine.run()
    assert machine.clock.monotonic() - asked >= 5
    assert (status["phase"], trial_conditions(machine)) == ("Succeeded", STOPPED)
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    wait_for(lambda: is_gone(pid))


@pytest.mark.rule("All containers and all their processes are ended, where Katib knew one child")
def test_all_processes_are_ended(machine: Machine) -> None:
    many = f"({FOR_EVER}) & (echo loss=2; {FOR_EVER}) | cat"
    machine.create(many, FOR_EVER, rules=RULES)
    machine.step(0.25)
    pids = [read_pid(f"{machine.place}.{name}") for name in ("main", "second")]
    status = machine.run()
    assert (status["phase"], trial_conditions(machine)) == ("Succeeded", STOPPED)
    for pid in pids:
        assert pid is not None
        wait_for(partial(is_gone, pid))


@pytest.mark.rule("A stopped container is not run again")
@pytest.mark.parametrize("policy", ["Always", "OnFailure"])
def test_a_stopped_container_is_not_run_again(policy: str, machine: Machine) -> None:
    machine.create(f"echo loss=2; {FOR_EVER}", rules=RULES, restartPolicy=policy)
    status = machine.run()
    assert status["phase"] == "Succeeded"
    [told] = status["containerStatuses"]
    # Clients of Kubernetes refuse a container without either.
    assert (told["restartCount"], told["imageID"]) == (0, "")
    assert machine.values == ["2"]


@pytest.mark.rule(
    "A program that ends by itself is not stopped, though it meets its rules at the end"
)
@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (3, "Failed")])
def test_a_program_that_ends_by_itself(code: int, phase: str, machine: Machine) -> None:
    pipe = machine.pipe()
    machine.create(f"read line < {pipe}; echo loss=2; exit {code}", rules=RULES)
    machine.reconciler.reconcile(KEY)
    # Nobody reads its log between its line and its end.
    pipe.write_text("go on\n")
    assert machine._woken.wait(60)
    status = machine.run()
    assert (status["phase"], status.get("reason")) == (phase, None)
    assert trial_conditions(machine) == []
    assert machine.values == ["2"]


@pytest.mark.rule("An engine that dies while a program is being stopped comes back to the same end")
def test_an_engine_that_dies_before_the_program_has_ended(machine: Machine) -> None:
    pipe = machine.pipe()
    machine.create(f"trap 'read line < {pipe}; exit 3' TERM; echo loss=2; {FOR_EVER}", rules=RULES)
    stop(machine)
    machine.reconciler.reconcile(KEY)
    machine.reconciler.close()
    pipe.write_text("end\n")
    wait_for(lambda: read_exit(machine.place) == 3)
    machine.reconciler = machine.engine()
    machine.reconciler.adopt()
    status = machine.run()
    assert (status["phase"], status["message"]) == ("Succeeded", REASON)
    assert trial_conditions(machine) == STOPPED
    assert machine.values == ["2"]


@pytest.mark.rule("An engine that dies while a program is being stopped comes back to the same end")
def test_an_engine_that_dies_before_the_pod_has_ended(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.create(f"trap 'exit 3' TERM; echo loss=2; {FOR_EVER}", rules=RULES)
    stop(machine)
    write = machine.store.update_status

    def die(kind: Any, resource: Any) -> Any:
        if kind is PODS and resource.status["phase"] == "Succeeded":
            raise StoreUnavailableError("disk", "full")
        return write(kind, resource)

    with monkeypatch.context() as patch:
        patch.setattr(machine.store, "update_status", die)
        with pytest.raises(StoreUnavailableError):
            machine.run()
    assert trial_conditions(machine) == STOPPED
    machine.reconciler.close()
    machine.reconciler = machine.engine()
    machine.reconciler.adopt()
    status = machine.run()
    assert (status["phase"], status["message"]) == ("Succeeded", REASON)
    assert trial_conditions(machine) == STOPPED
    assert machine.values == ["2"]


def test_a_pod_of_a_stopped_trial_starts_nothing(machine: Machine) -> None:
    machine.create("echo loss=2; touch started", rules=RULES)
    trial = machine.store.get(TRIALS, KEY)
    stopped = Condition(type=names.EARLY_STOPPED, status="True", reason="TrialEarlyStopped")
    status = replace(trial.status, conditions=(stopped,))
    machine.store.update_status(TRIALS, replace(trial, status=status))
    machine.observations.report(KEY, [MetricEntry(NO_TIME, "loss", "5")])
    found = machine.run()
    assert (found["phase"], found["message"]) == ("Succeeded", "The trial is early stopped")
    assert not (machine.folder / "started").exists()
    assert machine.values == ["5"]


def interpreter(machine: Machine, text: str) -> Path:
    """A program that takes the place of Python."""
    program = machine.folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return program


def use(machine: Machine, python: Path) -> None:
    machine.reconciler.close()
    machine.reconciler = machine.engine(python)


def test_a_pod_says_that_it_waits_for_its_python(machine: Machine) -> None:
    pipe = machine.pipe()
    use(machine, interpreter(machine, f"read line <{pipe}; echo no venv here; exit 1"))
    machine.create("pip install six && echo loss=1")

    machine.step(0.25)
    machine.step(0.25)

    assert machine.status["phase"] == "Pending"
    [container] = machine.status["containerStatuses"]
    waiting = container["state"]["waiting"]
    assert waiting["reason"] == "ContainerCreating"
    place = f"{machine.folder}/environments/"
    assert waiting["message"].startswith(
        f"a Python environment for its packages is made in {place}"
    )
    pipe.write_text("go\n")
    status = machine.run()
    assert status["phase"] == "Failed"
    assert "Container main was not started: no Python environment" in status["message"]
    assert "no venv here" in status["message"]


def test_programs_find_the_python_that_was_given(machine: Machine) -> None:
    use(machine, interpreter(machine, "echo loss=0.25"))
    machine.create("python -c 'print(1)'")
    assert machine.run()["phase"] == "Succeeded"
    assert machine.values == ["0.25"]


def test_files_of_a_train_jobs_nodes_lie_with_the_trial(machine: Machine) -> None:
    labels = {"jobset.sigs.k8s.io/jobset-name": "tune-x1", names.LABEL_JOB: "tune-x1-node-0"}
    metadata = ObjectMeta(
        name="tune-x1-node-0-1-abcde", namespace="default", labels=Strings(labels)
    )
    pod = Unstructured(api_version="v1", kind="Pod", metadata=metadata)
    trials = machine.folder / "trials"
    assert machine.reconciler.place(pod) == f"{trials}/default/tune-x1/node-0-1-abcde"


class FullLog(MemoryObservationLog):
    """Takes nothing for a while."""

    refusals = 0

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OutboxFullError("outbox", 10, "the database is away")
        super().report(trial, entries)


def test_a_pod_goes_on_while_nothing_is_taken_and_loses_nothing(machine: Machine) -> None:
    machine.reconciler.close()
    machine.observations = log = FullLog()
    machine.reconciler = machine.engine()
    log.refusals = 3
    pipe = machine.pipe()
    machine.create(f"echo loss=1; read word < {pipe}; echo loss=2; echo loss=3")
    while log.refusals:
        machine.step(0.25)
        assert machine.status["phase"] in ("Pending", "Running")
    log.refusals = 2
    pipe.write_text("go\n")
    assert machine.run()["phase"] == "Succeeded"
    assert log.refusals == 0
    assert machine.values == ["1", "2", "3"]


class UnknownLog(MemoryObservationLog):
    """Cannot be read while ``is_away``."""

    is_away = False

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        if self.is_away:
            raise ObservationLogAwayError("postgresql://db", "connection refused")
        return super().read(trial, metric)


def test_a_pod_that_pushes_is_adopted_when_the_log_is_there_again(machine: Machine) -> None:
    machine.reconciler.close()
    machine.observations = log = UnknownLog()
    machine.reconciler = machine.engine()
    pushed = MetricsCollectorSpec(collector=CollectorSpec(kind="Push"))
    pipe = machine.pipe()
    machine.create(f"echo begun >> begun; read word < {pipe}", collector=pushed)
    log.is_away = True
    machine.step(0.25)
    assert machine.status["phase"] == "Pending"
    log.is_away = False
    while not (machine.folder / "begun").exists():
        machine.step(0.25)
    log.is_away = True
    machine.reconciler.close()
    machine.reconciler = machine.engine()
    machine.reconciler.adopt()
    assert not machine.reconciler.is_idle
    machine.step(0.25)
    log.is_away = False
    pipe.write_text("go\n")
    assert machine.run()["phase"] == "Succeeded"
    assert (machine.folder / "begun").read_text() == "begun\n"


def test_a_pod_that_was_never_adopted_is_ended_when_it_is_deleted(machine: Machine) -> None:
    machine.reconciler.close()
    machine.observations = log = UnknownLog()
    machine.reconciler = machine.engine()
    pushed = MetricsCollectorSpec(collector=CollectorSpec(kind="Push"))
    pipe = machine.pipe()
    machine.create(f"echo here > {pipe}; exec sleep 600 > {pipe}", collector=pushed)
    machine.reconciler.reconcile(KEY)
    with pipe.open() as reader:
        assert reader.readline() == "here\n"
        log.is_away = True
        machine.reconciler.close()
        machine.reconciler = machine.engine()
        machine.reconciler.adopt()
        machine.store.delete(PODS, KEY)
        while not machine.reconciler.is_idle:
            machine.step(0.25)
        assert reader.read() == ""
