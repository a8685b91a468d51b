from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.apps.collector_options import read_options
from katib.apps.metrics_collector import STATE_FOLDER, MetricsCollector, Surroundings, main
from katib.collectors.neighbours import Neighbours, Process
from katib.errors import KatibError, StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry

KEY = Key("team-a", "tune-x1")


class AwayLog(MemoryObservationLog):
    """Cannot be reached while ``is_away``."""

    is_away = False

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")
        return super().read(trial, metric)

    def close(self) -> None:
        """What it has is looked at afterwards."""


class Stage:
    """A shell of ours as the pod's only other container."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = folder / "metrics"
        self.metrics.mkdir()
        self.log = AwayLog()
        self.shown, self.said, self.stopped = b"", list[str](), list[str]()
        self.refusals = 0
        self.heard = threading.Condition()
        self.shell: subprocess.Popen[bytes] | None = None

    def start(self, script: str) -> subprocess.Popen[bytes]:
        """A wrapped program; it ends like one that was stopped when it is."""
        marker = f"{self.metrics}/$$.pid"
        line = (
            f"sh -c '{script}' 1>{self.metrics}/metrics.log 2>&1 || if test -f {marker} && "
            f"[ $(head -n 1 {marker}) = early-stopped ]; then :; else exit 1; fi "
            f"&& echo completed > {marker}"
        )
        self.shell = subprocess.Popen(["sh", "-c", line], cwd=self.folder, start_new_session=True)
        # Nobody but its parent may take it from the list of processes.
        threading.Thread(target=self.shell.wait, daemon=True).start()
        return self.shell

    def collector(self, *more: str, format: str = "TEXT") -> MetricsCollector:
        path = f"{self.metrics}/metrics.log" if format else str(self.metrics)
        formatted = ("-format", format) if format else ()
        words = ("-t", KEY.name, "-m", "loss;acc", "-s-db", "db:1", "-path", path, *formatted)
        neighbours = Neighbours(str(self.metrics), os.getpid(), is_main=self.is_main)
        around = Surroundings(
            neighbours,
            SystemClock(),
            lambda: self.log,
            self.tell_stopped,
            self.say,
            self.show,
            KEY.namespace,
            grace_seconds=0.5,
        )
        return MetricsCollector(read_options([*words, "-p", "20ms", *more]), around)

    def is_main(self, process: Process) -> bool:
        return self.shell is not None and process.pid == self.shell.pid

    def tell_stopped(self, reason: str) -> None:
        if self.refusals:
            self.refusals -= 1
            raise KatibError("the API server is away")
        self.stopped.append(reason)

    def say(self, text: str) -> None:
        with self.heard:
            self.said.append(text)
            self.heard.notify_all()

    def wait_until_said(self, text: str) -> None:
        with self.heard:
            assert self.heard.wait_for(lambda: any(text in one for one in self.said), 60), self.said

    def show(self, data: bytes) -> None:
        self.shown += data

    @property
    def values(self) -> list[str]:
        return [one.value for one in MemoryObservationLog.read(self.log, KEY)]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    if stage.shell is not None:
        stage.shell.kill()


def run_beside(collector: MetricsCollector) -> tuple[threading.Thread, list[int]]:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(collector.run()))
    thread.start()
    return thread, codes


def test_a_program_is_followed_to_its_end(stage: Stage) -> None:
    stage.start("echo loss=1 acc=2; echo loss=3; printf loss=4")
    assert stage.collector().run() == 0
    assert stage.values == ["1", "2", "3", "4"]
    assert stage.shown == b"loss=1 acc=2\nloss=3\nloss=4"
    left = [one.name for one in (stage.metrics / STATE_FOLDER).rglob("*") if one.is_file()]
    assert left == ["started"]


def test_a_metric_may_be_named_by_a_wildcard(stage: Stage) -> None:
    stage.start("echo loss=1 val_acc=2 acc=3")
    assert stage.collector("-m", "loss;val_*").run() == 0
    assert stage.values == ["1", "2"]


def test_json_is_read_too(stage: Stage) -> None:
    stage.start('echo "{\\"loss\\": \\"0.5\\"}"; echo "{\\"loss\\": 0.25}"')
    assert stage.collector(format="JSON").run() == 0
    assert stage.values == ["0.5", "0.25"]


def test_metrics_that_are_served_are_asked_for(stage: Stage) -> None:
    class Served(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"loss 0.5\nacc 1\n" if self.path == "/m" else b"loss 7\n")

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Served) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stage.start("until test -e gate; do sleep 0.02; done")
        endpoint = f'{{"port": {server.server_port}, "path": "/m"}}'
        thread, codes = run_beside(stage.collector("-http-get", endpoint, format=""))
        while len(stage.values) < 2 and thread.is_alive():
            thread.join(0.01)
        (stage.folder / "gate").touch()
        thread.join(60)
        server.shutdown()
    assert codes == [0]
    assert stage.values == ["0.5", "1.0"]


def test_a_folder_without_event_files_has_no_objective(stage: Stage) -> None:
    stage.start("true")
    assert stage.collector(format="").run() == 0
    assert stage.values == ["unavailable"]
    assert any("no event file" in one for one in stage.said)


def test_a_program_that_fails(stage: Stage) -> None:
    stage.start("echo loss=1; exit 3")
    collector = stage.collector()
    try:
        assert collector.run() == 1
        told = stage.said[-1]
    except KatibError as error:
        # The program was quicker.
        told = str(error)
    assert "training container is failed" in told
    assert stage.values == ["1"]


RULE = ("-stop-rule", "loss;1;greater;2", "-s-earlystop", "e:1", "-o-type", "minimize")


def test_rules_end_a_program_that_does_not_listen(stage: Stage) -> None:
    stage.refusals = 1
    shell = stage.start('trap "" TERM; echo loss=2; echo loss=3; while :; do sleep 0.05; done')
    assert stage.collector(*RULE).run() == 0
    assert shell.wait(60) == 0
    assert len(stage.stopped) == 1
    assert stage.values == ["2", "3"]
    assert any("the best by report 2, is greater than 1" in one for one in stage.said)
    assert "the best by report 2, is greater than 1" in stage.stopped[0]
    assert "the API server is away" in stage.said
    assert (stage.metrics / f"{shell.pid}.pid").read_text() == "completed\n"


def test_a_program_that_ends_by_itself_is_not_stopped(stage: Stage) -> None:
    shell = stage.start("echo loss=2; echo loss=3")
    shell.wait(60)
    assert stage.collector(*RULE).run() == 0
    assert stage.stopped == []
    assert stage.values == ["2", "3"]


def test_a_collector_that_was_killed_after_it_stopped_the_program(stage: Stage) -> None:
    shell = stage.start("echo loss=2; echo loss=3")
    shell.wait(60)
    state = stage.metrics / STATE_FOLDER
    state.mkdir()
    (state / "started").write_text("loss=3 is greater than 1")
    assert stage.collector(*RULE).run() == 0
    assert stage.stopped == ["loss=3 is greater than 1"]


def test_a_program_that_cannot_be_stopped_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.start("echo loss=2; echo loss=3; until test -e gate; do sleep 0.02; done; echo loss=0.5")

    def refuse(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    thread, codes = run_beside(stage.collector(*RULE))
    stage.wait_until_said("cannot be stopped and goes on: [Errno 1] Operation not permitted")
    (stage.folder / "gate").touch()
    thread.join(60)
    assert codes == [0]
    assert stage.stopped == []
    assert stage.values == ["2", "3", "0.5"]


def test_a_new_collector_of_the_same_pod_replaces_what_the_old_one_reported(stage: Stage) -> None:
    stage.start("echo loss=1; until test -e gate; do sleep 0.02; done; echo loss=2")
    first = stage.collector()
    thread, codes = run_beside(first)
    while stage.values != ["1"]:
        thread.join(0.01)
    first.stop()
    thread.join(60)
    assert codes == [143]
    (stage.folder / "gate").touch()
    assert stage.collector().run() == 0
    assert stage.values == ["1", "2"]


def test_a_log_that_is_away_is_waited_for_and_that_is_said(stage: Stage) -> None:
    stage.log.is_away = True
    stage.start("echo loss=1; echo loss=2")
    thread, codes = run_beside(stage.collector())
    stage.wait_until_said("2 entries wait in")
    assert codes == []
    assert stage.values == []
    stage.log.is_away = False
    thread.join(60)
    assert codes == [0]
    assert stage.values == ["1", "2"]


@pytest.mark.parametrize(
    ("name", "program"),
    [("LAST_SECONDS", "echo loss=1; exec sleep 600"), ("OVER_SECONDS", "echo loss=1")],
    ids=["while the program goes on", "when it has ended"],
)
def test_a_collector_that_is_asked_to_end_does_not_wait_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str, program: str
) -> None:
    monkeypatch.setattr(f"katib.apps.metrics_collector.{name}", 0.1)
    stage.log.is_away = True
    shell = stage.start(program)
    if name == "OVER_SECONDS":
        shell.wait(60)
    collector = stage.collector()
    thread, codes = run_beside(collector)
    while not stage.shown and thread.is_alive():
        thread.join(0.01)
    collector.stop()
    thread.join(60)
    assert codes == [143]
    assert any("1 entries wait in" in one for one in stage.said)


@pytest.mark.parametrize(("anew", "expected"), [("true", ["1"]), ("false", ["1", "7"])])
def test_what_an_earlier_pod_has_reported(stage: Stage, anew: str, expected: list[str]) -> None:
    stage.log.report(KEY, [MetricEntry(datetime(2026, 1, 1, tzinfo=UTC), "loss", "7")])
    stage.start("echo loss=1")
    assert stage.collector("-anew", anew).run() == 0
    assert stage.values == expected


def test_a_native_sidecar_is_asked_to_end_when_its_program_has(stage: Stage) -> None:
    # Between two looks: the last line is still to be read, and that the objective is missing.
    collector = stage.collector("-p", "600s")
    shell = stage.start("until test -e gate; do sleep 0.02; done; printf acc=1")
    thread, codes = run_beside(collector)
    while not (stage.metrics / STATE_FOLDER / "started").exists():
        thread.join(0.01)
    thread.join(0.5)
    (stage.folder / "gate").touch()
    assert shell.wait(60) == 0
    collector.stop()
    thread.join(60)
    assert codes == [0]
    assert stage.values == ["1", "unavailable"]


def test_a_native_sidecar_still_tells_that_it_stopped_the_program(stage: Stage) -> None:
    shell = stage.start("echo loss=2; echo loss=3; exec sleep 600")
    collector = stage.collector(*RULE)
    stage.refusals = 3
    thread, codes = run_beside(collector)
    assert shell.wait(60) == 0
    collector.stop()
    thread.join(60)
    assert codes == [0]
    assert len(stage.stopped) == 1


def test_a_sidecar_whose_program_has_ended_reports_as_soon_as_that_is_possible(
    stage: Stage,
) -> None:
    stage.log.is_away = True
    shell = stage.start("echo loss=1; echo loss=2")
    assert shell.wait(60) == 0
    thread, codes = run_beside(collector := stage.collector())
    stage.wait_until_said("2 entries wait in")
    collector.stop()
    thread.join(0.5)
    assert thread.is_alive()
    stage.log.is_away = False
    thread.join(60)
    assert codes == [0]
    assert stage.values == ["1", "2"]


def test_a_program_that_takes_too_long(stage: Stage) -> None:
    stage.start("echo loss=1; sleep 600")
    collector = stage.collector("-timeout", "1")
    with pytest.raises(KatibError, match="timed out waiting for pids to complete"):
        collector.run()
    assert stage.values == ["1"]


def test_a_folder_that_cannot_be_written_is_told(stage: Stage) -> None:
    shutil.rmtree(stage.metrics)
    stage.metrics.write_text("a file")
    with pytest.raises(OSError, match="Not a directory"):
        stage.collector()


def test_wrong_options_end_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-t", "tune"]) == 2
    assert "-m is missing" in capsys.readouterr().err
