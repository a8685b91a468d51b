from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from katib.api.codec import with_status
from katib.api.kinds import CONFIG_MAPS, PODS
from katib.api.values import Key, Manifest, ObjectMeta, Resource, Strings, Unstructured
from katib.apps.call_worker import call_command
from katib.executors import EXECUTORS
from katib.executors.calls.pool import Place
from katib.executors.calls.reconciler import CallReconciler, Users
from katib.executors.command import Images
from katib.executors.job import JobReconciler
from katib.executors.pod import Here, PodReconciler
from katib.executors.process import KILLED, Command, Process, Processes, is_alive, read_pid
from katib.executors.torchrun import Torchrun
from katib.executors.train_job import TrainJobReconciler
from katib.ports.call_reports import CallReports
from katib.ports.reconciler import Reconciler
from katib.ports.sidecar import Sidecar
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

#: Long enough for any machine; nothing waits so long when it works.
PATIENCE = 10.0

KEY = Key("default", "train-x1")
DONE = ("Succeeded", "Failed")


class Told:
    """Hears of processes that may have ended."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self.processes = Processes(lambda _: self._changed.set())

    def wait(self, process: Process) -> int:
        """The exit code, when the process has ended."""
        while (code := process.poll()) is None:
            assert self._changed.wait(PATIENCE)
            self._changed.clear()
        return code


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    yield told
    told.processes.close()


def shell(script: str, directory: Path, **environment: str) -> Command:
    return Command(
        ["/bin/sh", "-c", script], {"PATH": os.environ["PATH"], **environment}, str(directory)
    )


def read_all(fifo: Path) -> str:
    """What is written into a pipe; waits until every writer is gone."""
    with fifo.open() as file:
        return file.read()


def start(told: Told, folder: Path, script: str, **environment: str) -> Process:
    command = shell(script, folder, **environment)
    return told.processes.start(command, str(folder / "run"), str(folder / "log"))


def test_a_run_leaves_its_output_and_its_exit_code(told: Told, tmp_path: Path) -> None:
    process = start(told, tmp_path, "echo out; echo err >&2; pwd; echo $LR; exit 3", LR="0.1")
    assert told.wait(process) == 3
    assert process.poll() == 3
    log = (tmp_path / "log").read_text().splitlines()
    assert log == ["out", "err", str(tmp_path), "0.1"]


def test_a_run_sees_nothing_but_its_variables_and_no_input(told: Told, tmp_path: Path) -> None:
    process = start(told, tmp_path, "cat; env | grep -c KATIB_SECRET || true")
    assert told.wait(process) == 0
    assert (tmp_path / "log").read_text() == "0\n"


def test_a_run_starts_once(told: Told, tmp_path: Path) -> None:
    first = start(told, tmp_path, "echo once")
    told.wait(first)
    with pytest.raises(FileExistsError):
        start(told, tmp_path, "echo twice")
    assert (tmp_path / "log").read_text() == "once\n"


@pytest.mark.parametrize(
    ("words", "code"), [(["no-such-program"], 127), (["/"], 126), (["false"], 1)]
)
def test_what_cannot_run_has_an_exit_code(
    told: Told, tmp_path: Path, words: list[str], code: int
) -> None:
    command = Command(words, {"PATH": os.environ["PATH"]}, str(tmp_path))
    process = told.processes.start(command, str(tmp_path / "run"), str(tmp_path / "log"))
    assert told.wait(process) == code


def test_a_missing_directory_is_as_a_missing_program(told: Told, tmp_path: Path) -> None:
    command = Command(["true"], {"PATH": os.environ["PATH"]}, str(tmp_path / "missing"))
    process = told.processes.start(command, str(tmp_path / "run"), str(tmp_path / "log"))
    assert told.wait(process) == 127


def test_a_signal_reaches_the_whole_group(told: Told, tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    script = f"sh -c 'echo child; exec sleep 60' > {fifo} & wait"
    process = start(told, tmp_path, script)
    with fifo.open() as file:
        assert file.readline() == "child\n"
        process.signal(signal.SIGKILL)
        assert told.wait(process) == KILLED
        assert file.read() == "", "the child's end of the pipe is closed, so it is gone"


def test_what_a_run_leaves_behind_ends_with_it(told: Told, tmp_path: Path) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    process = start(told, tmp_path, f"sh -c 'echo child; exec sleep 60' > {fifo} & exit 0")
    with fifo.open() as file:
        assert file.readline() == "child\n"
        assert told.wait(process) == 0
        assert file.read() == ""


def test_a_program_may_end_in_its_own_way_when_it_is_asked_to(told: Told, tmp_path: Path) -> None:
    fifo = tmp_path / "ready"
    os.mkfifo(fifo)
    script = f"trap 'exit 5' TERM; echo x > {fifo}; while :; do sleep 0.01; done"
    process = start(told, tmp_path, script)
    read_all(fifo)
    process.signal(signal.SIGTERM)
    assert told.wait(process) == 5


def another_engines_run(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A run started by a process that is not ours, as an engine that died would have."""
    program = (
        "import sys; from katib.executors.process import Command, Processes\n"
        "folder, script = sys.argv[1:]\n"
        "command = Command(['/bin/sh', '-c', script], {'PATH': '/usr/bin:/bin'}, folder)\n"
        "run = Processes(lambda _: None).start(command, folder + '/run', folder + '/log')\n"
    )
    return subprocess.Popen([sys.executable, "-c", program, str(folder), script])


def test_a_run_of_a_dead_engine_is_adopted(told: Told, tmp_path: Path) -> None:
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    assert another_engines_run(tmp_path, f"read x < {fifo}; echo $x; exit 4").wait(PATIENCE) == 0
    process = told.processes.adopt(str(tmp_path / "run"))
    assert process is not None
    assert process.poll() is None
    fifo.write_text("hello\n")
    assert told.wait(process) == 4
    assert not process.is_lost
    assert (tmp_path / "log").read_text() == "hello\n"


def test_a_run_that_ended_meanwhile_tells_its_exit_code(told: Told, tmp_path: Path) -> None:
    told.wait(start(told, tmp_path, "exit 6"))
    process = told.processes.adopt(str(tmp_path / "run"))
    assert process is not None
    assert (process.poll(), process.is_lost) == (6, False)


def test_a_run_that_vanished_is_lost(told: Told, tmp_path: Path) -> None:
    process = start(told, tmp_path, "sleep 60")
    assert read_pid(str(tmp_path / "run")) == process.pid
    process.signal(signal.SIGKILL)
    told.wait(process)
    again = told.processes.adopt(str(tmp_path / "run"))
    assert again is not None
    assert (again.poll(), again.is_lost) == (KILLED, True)


def test_a_run_that_was_never_started_cannot_be_adopted(told: Told, tmp_path: Path) -> None:
    assert told.processes.adopt(str(tmp_path / "run")) is None


def test_another_process_of_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    (tmp_path / "run.run").write_text(f"{os.getpid()}\n")
    assert read_pid(str(tmp_path / "run")) == os.getpid()
    assert not is_alive(os.getpid(), str(tmp_path / "run"))


class FakeSidecar:
    """Remembers how it was called, and needs one more call at the end."""

    environment: Mapping[str, str] = {"FROM_SIDECAR": "yes"}
    note = "all was read"
    stop_reason = ""

    def __init__(self) -> None:
        self.ends: list[bool] = []
        self.stops: list[str] = []

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        if is_ended:
            self.ends.append(is_failed)
        return not is_ended or len(self.ends) > 1

    def note_stop(self, reason: str) -> None:
        self.stops.append(reason)


class Kubelet:
    """One pod and its reconciler; time passes only here."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.folder = folder
        self.sidecar = FakeSidecar()
        self.attached: list[str] = []
        self.flushed = 0
        self._woken = threading.Event()
        self.reconciler = self.engine()

    def engine(self) -> PodReconciler:
        images = Images({}, str(self.folder))
        here = Here(self.folder / "trials", images, self, self._flush, lambda _: self._woken.set())
        return PodReconciler(self.store, self.clock, here)

    def attach(self, pod: Unstructured, log_of: Callable[[str], str]) -> Sidecar | None:
        self.attached.append(log_of("main"))
        return self.sidecar

    def create(self, *scripts: str, **spec: Any) -> None:
        names = ["main", "second"]
        containers = [
            {"name": name, "image": "any", "command": ["/bin/sh", "-c", script]}
            for name, script in zip(names, scripts, strict=False)
        ]
        metadata = ObjectMeta(
            name=KEY.name,
            namespace=KEY.namespace,
            labels=Strings({"batch.kubernetes.io/job-name": "train"}),
        )
        body = {
            "spec": {"containers": containers, "restartPolicy": "Never", **spec},
            "status": {"phase": "Pending"},
        }
        self.store.create(
            PODS, Unstructured(api_version="v1", kind="Pod", metadata=metadata, body=body)
        )

    @property
    def status(self) -> Manifest:
        return self.store.get(PODS, KEY).status

    def run(self, until: Callable[[], bool]) -> None:
        """Reconcile whenever a process ends, or half a second of the pod's time has passed."""
        for _ in range(500):
            self.reconciler.reconcile(KEY)
            if until():
                return
            if not self._woken.wait(0.02):
                self.clock.advance(0.5)
            self._woken.clear()
        raise AssertionError(f"it does not end: {self.status}")

    def run_to_the_end(self) -> Manifest:
        """The pod's last status."""
        self.run(lambda: self.status["phase"] in DONE)
        return self.status

    def file(self, name: str) -> Path:
        return self.folder / "trials" / "default" / "train" / name

    def _flush(self) -> None:
        self.flushed += 1


@pytest.fixture
def kubelet(tmp_path: Path) -> Iterator[Kubelet]:
    kubelet = Kubelet(tmp_path)
    yield kubelet
    kubelet.reconciler.kill()
    kubelet.reconciler.close()


def ended(status: Manifest, number: int = 0, group: str = "containerStatuses") -> Manifest:
    found: Manifest = status[group][number]["state"]["terminated"]
    return found


def test_a_pod_runs_and_succeeds(kubelet: Kubelet) -> None:
    kubelet.create("echo hello $FROM_SIDECAR")
    status = kubelet.run_to_the_end()
    assert (status["phase"], status["message"]) == ("Succeeded", "all was read")
    assert (ended(status)["exitCode"], ended(status)["reason"]) == (0, "Completed")
    (container,) = status["containerStatuses"]
    assert (container["name"], container["image"]) == ("main", "any")
    assert (container["started"], container["ready"], container["restartCount"]) == (True, False, 0)
    assert kubelet.file("x1.log").read_text() == "hello yes\n"
    assert kubelet.sidecar.ends == [False, False]
    assert kubelet.attached == [str(kubelet.file("x1.log"))]
    assert kubelet.flushed == 1


def test_a_running_pod_says_so(kubelet: Kubelet) -> None:
    kubelet.create("sleep 60")
    kubelet.run(lambda: kubelet.status["phase"] == "Running")
    (container,) = kubelet.status["containerStatuses"]
    assert container["ready"]
    assert "running" in container["state"]


def test_a_pod_fails_with_its_last_words(kubelet: Kubelet) -> None:
    kubelet.create("echo first; echo it broke >&2; exit 3")
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Failed"
    assert status["message"] == (
        "Container main exited with code 3; its last output:\nfirst\nit broke"
    )
    assert (ended(status)["exitCode"], ended(status)["reason"]) == (3, "Error")
    assert kubelet.sidecar.ends == [True, True]


def test_a_silent_failure_says_that_it_was_silent(kubelet: Kubelet) -> None:
    kubelet.create("exit 5")
    status = kubelet.run_to_the_end()
    assert status["message"] == "Container main exited with code 5; it wrote no output"


def test_a_killed_container_says_so(kubelet: Kubelet) -> None:
    # A doubled dollar is one, here as in Kubernetes.
    kubelet.create("kill -9 $$$$")
    status = kubelet.run_to_the_end()
    assert status["message"].startswith("Container main was killed (SIGKILL), exit code 137;")


def test_a_container_that_cannot_start_says_what_to_do(kubelet: Kubelet) -> None:
    kubelet.create(containers=[{"name": "main", "image": "trainer"}])
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Failed"
    assert status["message"].startswith(
        'Container main was not started: container "main" has no command'
    )
    assert (ended(status)["exitCode"], ended(status)["reason"]) == (128, "StartError")


def test_containers_run_beside_each_other_into_logs_of_their_own(kubelet: Kubelet) -> None:
    kubelet.file("").mkdir(parents=True)
    pipe = kubelet.file("pipe")
    os.mkfifo(pipe)
    kubelet.create(f"echo one; echo meet > {pipe}", f"read x < {pipe}; echo $x; exit 7")
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Failed"
    assert [ended(status, number)["exitCode"] for number in (0, 1)] == [0, 7]
    assert kubelet.file("x1.main.log").read_text() == "one\n"
    assert kubelet.file("x1.second.log").read_text() == "meet\n"
    assert status["message"].startswith("Container second exited with code 7")


def init(*scripts: str) -> list[Manifest]:
    return [
        {"name": f"init-{number}", "command": ["/bin/sh", "-c", script]}
        for number, script in enumerate(scripts)
    ]


def test_init_containers_run_first_and_one_after_the_other(kubelet: Kubelet) -> None:
    kubelet.create("cat order", initContainers=init("echo 1 > order", "echo 2 >> order"))
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Succeeded"
    assert kubelet.file("x1.main.log").read_text() == "1\n2\n"
    codes = [ended(status, number, "initContainerStatuses")["exitCode"] for number in (0, 1)]
    assert codes == [0, 0]


def test_a_failed_init_container_ends_the_pod(kubelet: Kubelet) -> None:
    kubelet.create("echo main", initContainers=init("exit 4", "echo never"))
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Failed"
    assert status["message"].startswith("Container init-0 exited with code 4")
    assert not kubelet.file("x1.main.log").exists()
    assert not kubelet.file("x1.init-1.log").exists()
    assert status["containerStatuses"][0]["started"] is False


def test_a_failed_container_is_run_again_when_the_pod_says_so(kubelet: Kubelet) -> None:
    script = "echo try >> tries; test $(wc -l < tries) -eq 3"
    kubelet.create(script, restartPolicy="OnFailure")
    status = kubelet.run_to_the_end()
    assert status["phase"] == "Succeeded"
    (container,) = status["containerStatuses"]
    assert container["restartCount"] == 2
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert (kubelet.folder / "tries").read_text() == "try\n" * 3


def test_a_container_waits_before_it_is_run_again(kubelet: Kubelet) -> None:
    kubelet.create("exit 9", restartPolicy="OnFailure")
    kubelet.run(lambda: "waiting" in str(kubelet.status) and "CrashLoop" in str(kubelet.status))
    (container,) = kubelet.status["containerStatuses"]
    waiting = container["state"]["waiting"]
    assert waiting["reason"] == "CrashLoopBackOff"
    assert waiting["message"] == "the last run exited with code 9"
    assert kubelet.status["phase"] == "Running"


def test_a_deadline_ends_a_pod(kubelet: Kubelet) -> None:
    kubelet.create("sleep 60", activeDeadlineSeconds=3)
    status = kubelet.run_to_the_end()
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
    assert status["message"] == (
        "The pod was active for 3 s, its limit. "
        "Container main was still running; it wrote no output"
    )
    assert ended(status)["exitCode"] == 143


def test_deleting_a_pod_ends_its_process_group(kubelet: Kubelet) -> None:
    kubelet.file("").mkdir(parents=True)
    pipe = kubelet.file("pipe")
    os.mkfifo(pipe)
    kubelet.create(f"sh -c 'echo child; exec sleep 60' > {pipe} & wait")
    kubelet.reconciler.reconcile(KEY)
    with pipe.open() as file:
        assert file.readline() == "child\n"
        kubelet.store.delete(PODS, KEY)
        place = str(kubelet.file("x1"))
        pid = read_pid(place)
        kubelet.run(lambda: not is_alive(pid, place))
        assert file.read() == ""


def test_a_process_that_does_not_listen_is_killed_after_its_grace(kubelet: Kubelet) -> None:
    kubelet.file("").mkdir(parents=True)
    pipe = kubelet.file("pipe")
    os.mkfifo(pipe)
    script = f"trap '' TERM; echo ready > {pipe}; while :; do sleep 0.01; done"
    kubelet.create(script, terminationGracePeriodSeconds=2)
    kubelet.reconciler.reconcile(KEY)
    read_all(pipe)
    kubelet.store.delete(PODS, KEY)
    kubelet.reconciler.reconcile(KEY)
    place = str(kubelet.file("x1"))
    pid = read_pid(place)
    kubelet.clock.advance(1)
    kubelet.reconciler.reconcile(KEY)
    assert is_alive(pid, place)
    kubelet.run(lambda: not is_alive(pid, place))


def test_another_engine_goes_on_with_a_running_pod(kubelet: Kubelet) -> None:
    kubelet.file("").mkdir(parents=True)
    pipe = kubelet.file("pipe")
    os.mkfifo(pipe)
    kubelet.create(f"echo once; read x < {pipe}; echo $x; exit 2")
    kubelet.run(lambda: kubelet.status["phase"] == "Running")
    kubelet.reconciler.close()
    kubelet.reconciler = kubelet.engine()
    kubelet.reconciler.reconcile(KEY)
    pipe.write_text("and on\n")
    place = str(kubelet.file("x1"))
    # It is still our child, so that somebody must fetch its end.
    os.waitpid(read_pid(place) or 0, 0)
    status = kubelet.run_to_the_end()
    assert ended(status)["exitCode"] == 2
    assert kubelet.file("x1.log").read_text() == "once\nand on\n"
    assert kubelet.attached == [str(kubelet.file("x1.log"))] * 2


def test_a_finished_pod_is_left_alone(kubelet: Kubelet) -> None:
    kubelet.create("true")
    pod = kubelet.store.get(PODS, KEY)
    kubelet.store.update_status(PODS, with_status(pod, {"phase": "Succeeded"}))
    kubelet.reconciler.reconcile(KEY)
    assert kubelet.status == {"phase": "Succeeded"}
    assert kubelet.attached == []


def test_variables_come_from_config_maps(kubelet: Kubelet) -> None:
    metadata = ObjectMeta(name="settings", namespace="default")
    body = {"data": {"lr": "0.1"}}
    kubelet.store.create(
        CONFIG_MAPS,
        Unstructured(api_version="v1", kind="ConfigMap", metadata=metadata, body=body),
    )
    source = {"configMapKeyRef": {"name": "settings", "key": "lr"}}
    container = {
        "name": "main",
        "command": ["echo", "$(LR)", "$(POD)"],
        "env": [
            {"name": "LR", "valueFrom": source},
            {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
    }
    kubelet.create(containers=[container])
    kubelet.run_to_the_end()
    assert kubelet.file("x1.log").read_text() == "0.1 train-x1\n"


class Deaf:
    """Takes no reports."""

    def attach_call(self, call: Unstructured) -> CallReports | None:
        """See the port."""
        return None


class Quiet:
    """Records no events."""

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """See the port."""


@pytest.mark.parametrize("name", sorted(EXECUTORS))
def test_every_registered_executor_is_named_by_its_kind(name: str, kubelet: Kubelet) -> None:
    place = Place(kubelet.folder, kubelet.folder, call_command)
    calls = CallReconciler(kubelet.store, kubelet.clock, place, Users(Deaf(), lambda key: None))
    made: dict[type, Reconciler] = {
        PodReconciler: kubelet.reconciler,
        JobReconciler: JobReconciler(kubelet.store, kubelet.clock),
        TrainJobReconciler: TrainJobReconciler(
            kubelet.store, Quiet(), kubelet.clock, Torchrun(kubelet.folder, "")
        ),
        CallReconciler: calls,
    }
    calls.close()
    assert made[EXECUTORS.load(name)].kinds[0].name == name
