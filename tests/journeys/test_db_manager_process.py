"""``katib db-manager`` as a process, over PostgreSQL and MariaDB, for Katib's own clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import yaml
from command_line import Katib, an_experiment, finish, read_until

from databases import DatabaseServer, execute, insert_as_katib
from environments import an_environment
from katib.executors import shim
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]
pytest_plugins = ("databases",)

SDK = ("kubeflow-katib==0.19.0", "kubernetes<36")


@dataclass(frozen=True)
class Manager(Katib):
    """Starts commands with the variables of a database."""

    variables: Mapping[str, str]

    @property
    def environment(self) -> Mapping[str, str]:
        return {**super().environment, **self.variables}


@contextmanager
def serving(manager: Manager, *words: str) -> Iterator[str]:
    """The address of a database manager, which is ended in the end."""
    process = manager.start("db-manager", "-listen-address=127.0.0.1:0", *words)
    try:
        found = re.search(r"at (127\.0\.0\.1:\d+);", read_until(process, "Serving"))
        assert found is not None
        yield found[1]
        process.send_signal(signal.SIGTERM)
        ended = finish(process)
        assert (ended.code, ended.err) == (0, "")
    finally:
        if process.poll() is None:
            process.kill()
            finish(process)


def a_manager(server: DatabaseServer, url: str, folder: Path) -> Manager:
    return Manager(folder / "home", folder, server.variables(url))


def read(address: str, trial: str, namespace: str = "") -> list[tuple[str, str, str]]:
    metadata = (("katib-namespace", namespace),) if namespace else ()
    with grpc.insecure_channel(address) as channel:
        request = pb.GetObservationLogRequest(trial_name=trial)
        reply = DBManagerStub(channel).GetObservationLog(request, metadata=metadata)
    logs = reply.observation_log.metric_logs
    return [(one.time_stamp, one.metric.name, one.metric.value) for one in logs]


def a_report(trial: str, value: str) -> pb.ReportObservationLogRequest:
    metric = pb.Metric(name="loss", value=value)
    log = pb.MetricLog(time_stamp="2027-01-01T00:00:00Z", metric=metric)
    message = pb.ObservationLog(metric_logs=[log])
    return pb.ReportObservationLogRequest(trial_name=trial, observation_log=message)


def report(address: str, trial: str, value: str, namespace: str) -> None:
    with grpc.insecure_channel(address) as channel:
        metadata = (("katib-namespace", namespace),)
        DBManagerStub(channel).ReportObservationLog(a_report(trial, value), metadata=metadata)


def test_the_sdk_reports_and_reads_metrics(postgres: DatabaseServer, tmp_path: Path) -> None:
    python = an_environment("katib-sdk", *SDK)
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "from kubeflow import katib\n"
        "katib.report_metrics({'loss': 0.25, 'accuracy': 0.5}, db_manager_address=sys.argv[1])\n"
        "print('reported')\n"
    )
    url = postgres.create()
    with serving(a_manager(postgres, url, tmp_path)) as address:
        ended = subprocess.run(
            [python, str(program), address],
            env={
                **os.environ,
                "KATIB_TRIAL_NAME": "tune-x",
                "KATIB_NAMESPACE": "team-a",
                "PYTHONPATH": str(shim.FOLDER),
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.stdout == "reported\n", ended.stderr
        found = read(address, "tune-x")
        assert [(name, value) for _, name, value in found] == [
            ("loss", "0.25"),
            ("accuracy", "0.5"),
        ]
        # The SDK names no namespace, so whoever asks for a trial of that name gets them.
        assert read(address, "tune-x", "team-a") == found


@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_database_of_katibs_is_taken_over(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    server: DatabaseServer = request.getfixturevalue(name)
    old = ("tune-x", "2026-01-01 12:00:00.250000", "loss", "0.5")
    url = server.create_katibs(old)
    manager = a_manager(server, url, tmp_path)
    assert "Kubeflow's Katib" in manager("db", "current", check=1).out
    skipping = Manager(manager.home, manager.folder, {**manager.variables, **SKIP})
    refused = skipping("db-manager", "-listen-address", "127.0.0.1:0", check=1)
    assert "katib db upgrade" in refused.err
    assert "s3cret" not in refused.err
    with serving(manager, "-connect-timeout", "1m") as address:
        assert read(address, "tune-x") == [("2026-01-01T12:00:00.25Z", "loss", "0.5")]
        report(address, "tune-x", "0.1", "team-a")
        insert_as_katib(url, "tune-x", "2028-01-01", "loss", "0.05")
        assert [value for _, _, value in read(address, "tune-x", "team-a")] == [
            "0.5",
            "0.1",
            "0.05",
        ]
        assert [value for _, _, value in read(address, "tune-x", "team-b")] == ["0.5", "0.05"]
    assert "which is this Katib's" in manager("db", "current", check=0).out
    assert "Nothing to do" in manager("db", "upgrade", check=0).out
    with serving(skipping) as address:
        assert len(read(address, "tune-x")) == 3


def test_an_engine_keeps_its_logs_in_a_server(
    postgres: DatabaseServer, katib: Katib, tmp_path: Path
) -> None:
    url = postgres.create()
    controller = {"observations": url.replace("+psycopg", "")}
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"init": {"controller": controller}}))
    words = ("run", katib.write(an_experiment("echo loss=0.5; echo loss=0.25")), "--config")
    refused = katib(*words, str(config), check=1)
    assert "katib db upgrade" in refused.err
    assert "s3cret" not in refused.text
    katib("db", "upgrade", url, check=0)
    katib(*words, str(config), check=0)
    (trial,) = (one["metadata"]["name"] for one in katib.trials("tuned"))
    metrics = katib("metrics", trial, "--config", str(config), check=0)
    assert [line.split()[-1] for line in metrics.out.splitlines()] == ["0.5", "0.25"]
    rows = execute(url, "SELECT namespace, trial_name, value FROM observation_logs ORDER BY id")
    assert rows == [("default", trial, "0.5"), ("default", trial, "0.25")]
    assert not (katib.home / "observations.db").exists()


def test_all_who_reported_during_a_pause_are_answered(katib: Katib, tmp_path: Path) -> None:
    reports, channels = 3000, 10
    url = f"sqlite:///{tmp_path}/observations.db"
    process = katib.start("db-manager", url, "--listen-address", "127.0.0.1:0")
    try:
        found = re.search(r"at (127\.0\.0\.1:\d+);", read_until(process, "Serving"))
        assert found is not None
        # A connection each: channels of equal options would share one.
        alone = [("grpc.use_local_subchannel_pool", 1)]
        opened = [grpc.insecure_channel(found[1], alone) for _ in range(channels)]
        for channel in opened:
            grpc.channel_ready_future(channel).result(timeout=60)
        stubs = [DBManagerStub(channel) for channel in opened]
        process.send_signal(signal.SIGSTOP)
        calls = [
            stubs[number % channels].ReportObservationLog.future(a_report(f"x-{number}", "0.5"))
            for number in range(reports)
        ]
        process.send_signal(signal.SIGCONT)
        failures = {call.exception() for call in calls}
        for channel in opened:
            channel.close()
    finally:
        process.kill()
        finish(process)
    assert failures == {None}
    assert execute(url, "SELECT COUNT(*) FROM observation_logs") == [(reports,)]


SKIP = {"SKIP_DB_INITIALIZATION": "true"}


def test_no_database_is_told(katib: Katib) -> None:
    refused = katib("db-manager", check=2)
    assert "DB_NAME env is not set" in refused.err
    refused = katib("db-manager", "sqlite:////x/y", "-listen-address", "0.0.0.0:0", check=2)
    assert "--insecure" in refused.err
