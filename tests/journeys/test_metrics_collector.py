from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from command_line import finish, has_text, wait_for
from pods import Pod, a_pod, wrapped
from stores import DbManager, sqlite

from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import (
    EarlyStoppingServicer,
    add_EarlyStoppingServicer_to_server,
)

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

TRIAL = "tune-x1"


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    with a_pod(tmp_path) as made:
        yield made


@pytest.fixture
def db_manager(tmp_path: Path) -> Iterator[DbManager]:
    manager = DbManager(sqlite(tmp_path))
    manager.start()
    yield manager
    manager.kill()


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    """The folder that a program and its collector share."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    return folder


class EarlyStopping(EarlyStoppingServicer):
    """Notes which trials were stopped; the first call fails."""

    def __init__(self) -> None:
        self.stopped: list[str] = []
        self.calls = 0

    def SetTrialStatus(
        self, request: pb.SetTrialStatusRequest, context: grpc.ServicerContext
    ) -> pb.SetTrialStatusReply:
        self.calls += 1
        if self.calls == 1:
            context.abort(grpc.StatusCode.UNKNOWN, "the API server is away")
        self.stopped.append(request.trial_name)
        return pb.SetTrialStatusReply()


@pytest.fixture
def early_stopping() -> Iterator[tuple[EarlyStopping, str]]:
    with ThreadPoolExecutor(2) as workers:
        server = grpc.server(workers)
        service = EarlyStopping()
        add_EarlyStoppingServicer_to_server(service, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield service, f"127.0.0.1:{port}"
        server.stop(None).wait()


def options(db_manager: DbManager, folder: Path, *more: str) -> Sequence[str]:
    """What Katib's webhook gives a collector."""
    return (
        *("-t", TRIAL, "-m", "loss;accuracy", "-o-type", "minimize"),
        *("-s-db", db_manager.address, "-path", f"{folder}/metrics.log"),
        *("-format", "TEXT", *more),
    )


def values(db_manager: DbManager, metric: str = "loss") -> list[str]:
    return [one.value for one in db_manager.read(TRIAL) if one.name == metric]


PRINTING = "echo loss=0.5 accuracy=0.1; echo loss=0.4; until test -e gate; do sleep 0.05; done; "


def test_what_is_printed_is_stored_while_the_program_runs(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    command = f"sh -c '{PRINTING} printf loss=0.3'"
    program = pod.start(*wrapped(command, metrics))
    collector = pod.collect(*options(db_manager, metrics))
    wait_for(lambda: values(db_manager) == ["0.5", "0.4"], "reports come while the program runs")
    assert program.poll() is None
    (pod.folder / "gate").touch()
    assert finish(program).code == 0
    answer = finish(collector)
    assert answer.code == 0, answer.text
    assert answer.out == "loss=0.5 accuracy=0.1\nloss=0.4\nloss=0.3"
    assert values(db_manager) == ["0.5", "0.4", "0.3"]
    assert values(db_manager, "accuracy") == ["0.1"]


def test_a_program_that_has_ended_before_anybody_looked_is_collected(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    assert finish(pod.start(*wrapped("echo loss=0.5", metrics))).code == 0
    answer = finish(pod.collect(*options(db_manager, metrics)))
    assert answer.code == 0, answer.text
    assert values(db_manager) == ["0.5"]


def test_without_the_objective_there_is_one_entry_that_says_so(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    program = pod.start(*wrapped("sh -c 'echo Loss: 0.5; sleep 1'", metrics))
    answer = finish(pod.collect(*options(db_manager, metrics)))
    assert answer.code == 0, answer.text
    assert "Loss: 0.5" in answer.err
    assert values(db_manager) == ["unavailable"]
    assert finish(program).code == 0


def test_a_program_that_fails_fails_its_collector(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    program = pod.start(*wrapped("sh -c 'echo loss=1; sleep 1; exit 3'", metrics))
    answer = finish(pod.collect(*options(db_manager, metrics)))
    assert answer.code == 1
    assert f"training container is failed. Unable to read file {metrics}/" in answer.err, (
        answer.text
    )
    assert values(db_manager) == ["1"]
    assert finish(program).code == 3


# A pipeline, a child of a child and one that left its session: all of them go.
LONG = """
echo loss=0.1; echo loss=0.9
setsid sh -c 'echo $$ > left; exec sleep 600' &
sh -c 'sh -c "echo \\$\\$ > deep; exec sleep 600"; true' &
sleep 600 | sleep 600
"""

ALIVE = "for one in /proc/[0-9]*; do grep -q '^State:.Z' $one/status || cat $one/comm; done"


def test_a_program_is_stopped_with_everything_that_it_started(
    pod: Pod,
    db_manager: DbManager,
    metrics: Path,
    early_stopping: tuple[EarlyStopping, str],
) -> None:
    service, address = early_stopping
    (pod.folder / "program.sh").write_text(LONG)
    program = pod.start(*wrapped("sh program.sh", metrics, has_rules=True))
    for file in ("left", "deep"):
        wait_for(lambda file=file: has_text(pod.folder / file), f"{file} has started")  # type: ignore[misc]
    rules = ("-stop-rule", "loss;0.05;greater;2", "-s-earlystop", address)
    collector = pod.collect(*options(db_manager, metrics, *rules))
    answer, ended = finish(collector), finish(program)
    assert answer.code == 0, answer.text
    assert (ended.code, ended.out) == (0, "Training Container was Early Stopped\n")
    assert "the best by report 2, is greater than 0.05" in answer.err
    assert "the API server is away" in answer.err
    assert service.stopped == [TRIAL]
    [marker] = metrics.glob("*.pid")
    assert marker.read_text() == "completed\n"
    assert values(db_manager) == ["0.1", "0.9"]
    # That of the pause, which reaps nobody.
    assert finish(pod.start("sh", "-c", ALIVE)).out.split().count("sleep") == 1


COUNTING = """
number=0
while test $number -lt 300; do
  number=$((number + 1))
  echo loss=$number
  test $((number % 10)) -ne 0 || sleep 0.1
done
"""


def test_nothing_is_lost_or_doubled_when_manager_and_collector_are_killed(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    (pod.folder / "program.sh").write_text(COUNTING)
    program = pod.start(*wrapped("sh program.sh", metrics))
    for reports in (20, 60, 100, 140, 180):
        collector = pod.collect(*options(db_manager, metrics, "-p", "50ms"))
        db_manager.kill()
        wait_for(lambda: (metrics / "metrics.log").exists(), "the program has begun")
        log = metrics / "metrics.log"
        wait_for(
            lambda reports=reports, log=log: log.read_text().count("\n") > reports,  # type: ignore[misc]
            "the program goes on",
        )
        db_manager.start()
        if reports % 40:
            wait_for(lambda: len(values(db_manager)) > 0, "reports arrive")
        _kill_inside(collector.pid)
        finish(collector)
    answer = finish(pod.collect(*options(db_manager, metrics)))
    assert answer.code == 0, answer.text
    assert finish(program).code == 0
    assert values(db_manager) == [str(number) for number in range(1, 301)]


def _kill_inside(pid: int) -> None:
    """Kill what a container runs; `nsenter` waits for it."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        os.kill(int(child), 9)


def test_a_manager_that_is_away_at_the_end_is_waited_for(
    pod: Pod, db_manager: DbManager, metrics: Path
) -> None:
    db_manager.kill()
    program = pod.start(*wrapped("sh -c 'echo loss=1; sleep 1; echo loss=2'", metrics))
    collector = pod.collect(*options(db_manager, metrics))
    assert finish(program).code == 0
    assert collector.stderr is not None
    assert b"2 entries wait in" in _first(collector.stderr, b"wait in")
    assert collector.poll() is None
    db_manager.start()
    answer = finish(collector)
    assert answer.code == 0, answer.text
    assert values(db_manager) == ["1", "2"]


def _first(lines: Iterator[bytes], text: bytes) -> bytes:
    return next(line for line in lines if text in line)
