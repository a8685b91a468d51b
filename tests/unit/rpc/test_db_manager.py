from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from katib.api.values import Key
from katib.errors import (
    ConfigurationError,
    KatibError,
    StoreUnavailableError,
    TokenRefusedError,
)
from katib.observations.memory import MemoryObservationLog
from katib.observations.sql import SqlObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.rpc.db_manager import Guard, serve
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub
from katib.rpc.serving import MOST_BYTES

Code = grpc.StatusCode
TRIAL = Key("team-a", "tune-x1")
NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)


class Log(MemoryObservationLog):
    """Counts how often it was made safe; a broken one never is."""

    def __init__(self) -> None:
        super().__init__()
        self.flushes = 0
        self.is_broken = False

    def flush(self) -> None:
        self.flushes += 1
        if self.is_broken:
            raise StoreUnavailableError("observations.db", "No space left on device")


class Stage:
    """A served log, in which one trial is known, and a client."""

    def __init__(self, guard: Guard | None = None) -> None:
        self.log = Log()
        self.server = serve(self.log, self.find, "127.0.0.1:0", guard)
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.client = DBManagerStub(self.channel)

    def find(self, name: str) -> Key | None:
        if name == "twice":
            raise KatibError('the namespaces a and b all have a trial "twice"')
        return TRIAL if name == TRIAL.name else None

    def report(self, *logs: pb.MetricLog, trial: str = TRIAL.name) -> None:
        message = pb.ObservationLog(metric_logs=logs)
        request = pb.ReportObservationLogRequest(trial_name=trial, observation_log=message)
        assert self.client.ReportObservationLog(request).ByteSize() == 0

    def get(self, trial: str = TRIAL.name, **asked: str) -> list[tuple[str, str, str]]:
        request = pb.GetObservationLogRequest(trial_name=trial, **asked)
        reply = self.client.GetObservationLog(request)
        assert reply.HasField("observation_log")
        found = reply.observation_log.metric_logs
        return [(one.time_stamp, one.metric.name, one.metric.value) for one in found]

    def check(self, service: str) -> int:
        method = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        reply = method(health_pb2.HealthCheckRequest(service=service))
        status: int = reply.status
        return status

    @property
    def entries(self) -> Sequence[MetricEntry]:
        return self.log.read(TRIAL)

    def close(self) -> None:
        self.channel.close()
        self.server.close()


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def log_of(time: str, name: str = "loss", value: str = "0.5") -> pb.MetricLog:
    return pb.MetricLog(time_stamp=time, metric=pb.Metric(name=name, value=value))


TIMES: dict[str, tuple[str, datetime]] = {
    "a time in UTC is kept": ("2026-05-01T12:00:00Z", NOON),
    "a fraction is kept": ("2026-05-01T12:00:00.25Z", NOON.replace(microsecond=250_000)),
    "a time of another zone is kept in UTC": ("2026-05-01T21:00:00+09:00", NOON),
    "nanoseconds are cut to microseconds": (
        "2026-05-01T12:00:00.123456789Z",
        NOON.replace(microsecond=123_456),
    ),
    "the first second of all is kept": ("0001-01-01T00:00:00Z", NO_TIME),
}


@pytest.mark.parametrize("case", TIMES)
def test_reported_times(case: str, stage: Stage) -> None:
    text, time = TIMES[case]
    stage.report(log_of(text))
    assert stage.entries == [MetricEntry(time, "loss", "0.5")]


def test_several_metrics_of_one_moment_are_kept_in_order(stage: Stage) -> None:
    text = "2026-05-01T12:00:00Z"
    stage.report(*(log_of(text, name, name) for name in "badc"))
    assert [entry.name for entry in stage.entries] == ["b", "a", "d", "c"]


def test_reporting_twice_keeps_both(stage: Stage) -> None:
    for _ in range(2):
        stage.report(log_of("2026-05-01T12:00:00Z"))
    assert len(stage.entries) == 2


def test_any_text_is_a_value(stage: Stage) -> None:
    stage.report(
        *(log_of("2026-05-01T12:00:00Z", "loss", text) for text in ("unavailable", "", "é"))
    )
    assert [entry.value for entry in stage.entries] == ["unavailable", "", "é"]


def test_entries_without_a_time_are_left_out(stage: Stage) -> None:
    stage.report(log_of("", value="1"), log_of("2026-05-01T12:00:00Z", value="2"))
    assert [entry.value for entry in stage.entries] == ["2"]


def test_a_report_is_safe_before_it_is_answered(stage: Stage) -> None:
    stage.report(log_of("2026-05-01T12:00:00Z"))
    assert stage.log.flushes == 1


def test_reports_at_once_are_all_kept(stage: Stage) -> None:
    with ThreadPoolExecutor(16) as many:
        logs = [log_of("2026-05-01T12:00:00Z", value=str(number)) for number in range(64)]
        assert list(many.map(stage.report, logs)) == [None] * 64
    assert sorted(int(entry.value) for entry in stage.entries) == list(range(64))


GOOD = log_of("2026-05-01T12:00:00Z")
REFUSED: dict[str, tuple[pb.ReportObservationLogRequest, Code, str]] = {
    "a report without an observation log": (
        pb.ReportObservationLogRequest(trial_name=TRIAL.name),
        Code.INVALID_ARGUMENT,
        "there is nothing to report: observation_log needs metric_logs",
    ),
    "a report of nothing": (
        pb.ReportObservationLogRequest(
            trial_name=TRIAL.name, observation_log=pb.ObservationLog(metric_logs=[log_of("")])
        ),
        Code.INVALID_ARGUMENT,
        "there is nothing to report: observation_log needs metric_logs",
    ),
    "a report for nobody": (
        pb.ReportObservationLogRequest(observation_log=pb.ObservationLog(metric_logs=[GOOD])),
        Code.INVALID_ARGUMENT,
        "trial_name is empty",
    ),
    "an entry without a metric": (
        pb.ReportObservationLogRequest(
            trial_name=TRIAL.name,
            observation_log=pb.ObservationLog(
                metric_logs=[GOOD, pb.MetricLog(time_stamp="2026-05-01T12:00:00Z")]
            ),
        ),
        Code.INVALID_ARGUMENT,
        "the entry of 2026-05-01T12:00:00Z has no metric; name one and its value",
    ),
    "a trial that is not here": (
        pb.ReportObservationLogRequest(
            trial_name="other", observation_log=pb.ObservationLog(metric_logs=[GOOD])
        ),
        Code.NOT_FOUND,
        'there is no trial "other" here; report for the name in the variable KATIB_TRIAL_NAME',
    ),
    "a trial of two namespaces": (
        pb.ReportObservationLogRequest(
            trial_name="twice", observation_log=pb.ObservationLog(metric_logs=[GOOD])
        ),
        Code.FAILED_PRECONDITION,
        "the namespaces a and b",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_as_a_whole(case: str, stage: Stage) -> None:
    request, code, message = REFUSED[case]
    with pytest.raises(grpc.RpcError) as caught:
        stage.client.ReportObservationLog(request)
    assert caught.value.code() is code
    assert message in str(caught.value.details())
    assert stage.entries == []


NO_TIMES = {
    "no time at all": "yesterday",
    "no zone": "2026-05-01T12:00:00",
    "no seconds": "2026-05-01T12:00Z",
    "only a date": "2026-05-01",
    "a blank for the T": "2026-05-01 12:00:00Z",
    "the short form of ISO 8601": "20260501T120000Z",
    "a week": "2026-W18-5T12:00:00Z",
    "a zone without a colon": "2026-05-01T12:00:00+0200",
    "a month too many": "2026-13-01T12:00:00Z",
    "an hour too many": "2026-05-01T24:00:00Z",
    "before the first year": "0001-01-01T00:00:00+09:00",
    "after the last year": "9999-12-31T23:59:59-09:00",
    "digits of another script": "\uff12026-05-01T12:00:00Z",
    "a line's end": "2026-05-01T12:00:00Z\n",
}


@pytest.mark.parametrize("case", NO_TIMES)
def test_one_time_that_is_none_refuses_the_whole_report(case: str, stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stage.report(GOOD, log_of(NO_TIMES[case]))
    assert caught.value.code() is Code.INVALID_ARGUMENT
    assert f"Error parsing start time {NO_TIMES[case]!r}: " in str(caught.value.details())
    assert stage.entries == []


@pytest.mark.parametrize("case", NO_TIMES)
@pytest.mark.parametrize(("field", "word"), [("start_time", "start"), ("end_time", "completion")])
def test_a_bound_that_is_no_time_is_refused(case: str, field: str, word: str, stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stage.get(**{field: NO_TIMES[case]})
    assert caught.value.code() is Code.INVALID_ARGUMENT
    assert f"Error parsing {word} time " in str(caught.value.details())


FIRST, SECOND, THIRD = (f"2026-05-01T12:00:0{second}Z" for second in (1, 2, 3))
ASKED: dict[str, tuple[dict[str, str], list[str]]] = {
    "everything by time, and then as it came": ({}, ["a", "b", "c", "d"]),
    "an empty metric is all metrics": ({"metric_name": ""}, ["a", "b", "c", "d"]),
    "one metric": ({"metric_name": "loss"}, ["a", "b", "d"]),
    "an unknown metric": ({"metric_name": "los"}, []),
    "from a time on, that included": ({"start_time": SECOND}, ["b", "c", "d"]),
    "up to a time, that included": ({"end_time": SECOND}, ["a", "b", "c"]),
    "one moment": ({"start_time": SECOND, "end_time": SECOND}, ["b", "c"]),
    "a bound of another zone": ({"start_time": "2026-05-01T14:00:03+02:00"}, ["d"]),
    "a bound with a fraction": ({"start_time": "2026-05-01T12:00:02.5Z"}, ["d"]),
    "bounds that leave nothing": ({"start_time": THIRD, "end_time": FIRST}, []),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_is_asked_for(case: str, stage: Stage) -> None:
    asked, expected = ASKED[case]
    stage.report(log_of(THIRD, value="d"), log_of(FIRST, value="a"), log_of(SECOND, value="b"))
    stage.report(log_of(SECOND, "accuracy", "c"))
    assert [value for _, _, value in stage.get(**asked)] == expected


def test_times_are_given_in_utc(stage: Stage) -> None:
    stage.report(log_of("2019-02-03T04:05:06+09:00"), log_of("0001-01-01T00:00:00Z"))
    times = [time for time, _, _ in stage.get()]
    assert times == ["0001-01-01T00:00:00Z", "2019-02-02T19:05:06Z"]


@pytest.mark.parametrize("fraction", ["", ".5", ".000001", ".12345", ".123456"])
def test_a_fraction_has_no_zeros_at_its_end(fraction: str, stage: Stage) -> None:
    stage.report(log_of(f"2019-02-03T04:05:00{fraction}Z"))
    assert [time for time, _, _ in stage.get()] == [f"2019-02-03T04:05:00{fraction}Z"]


def test_an_unknown_trial_has_no_entries(stage: Stage) -> None:
    assert stage.get("other") == []


def test_a_trial_is_forgotten(stage: Stage) -> None:
    stage.report(GOOD)
    for name in ("other", TRIAL.name, TRIAL.name):
        stage.client.DeleteObservationLog(pb.DeleteObservationLogRequest(trial_name=name))
    assert stage.entries == []


def test_a_full_disk_is_told(stage: Stage) -> None:
    stage.log.is_broken = True
    with pytest.raises(grpc.RpcError) as caught:
        stage.report(GOOD)
    assert caught.value.code() is Code.UNAVAILABLE
    assert "No space left on device" in str(caught.value.details())


def test_a_message_beyond_the_limit_is_refused(stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stage.report(log_of("2026-05-01T12:00:00Z", value="x" * MOST_BYTES))
    assert caught.value.code() is Code.RESOURCE_EXHAUSTED
    stage.report(log_of("2026-05-01T12:00:00Z", value="x" * 5_000_000))
    assert [len(entry.value) for entry in stage.entries] == [5_000_000]


def test_who_names_a_namespace_is_not_asked_whose_trial_it_is(stage: Stage) -> None:
    other = (("katib-namespace", "elsewhere"),)
    message = pb.ObservationLog(metric_logs=[GOOD])
    stage.client.ReportObservationLog(
        pb.ReportObservationLogRequest(trial_name="twice", observation_log=message), metadata=other
    )
    assert len(stage.log.read(Key("elsewhere", "twice"))) == 1
    asked = pb.GetObservationLogRequest(trial_name="twice")
    found = stage.client.GetObservationLog(asked, metadata=other)
    assert len(found.observation_log.metric_logs) == 1
    gone = pb.DeleteObservationLogRequest(trial_name="twice")
    stage.client.DeleteObservationLog(gone, metadata=other)
    assert stage.log.read(Key("elsewhere", "twice")) == []


def test_what_a_log_cannot_hold_is_the_callers_fault(tmp_path: Path) -> None:
    log = SqlObservationLog(f"sqlite:///{tmp_path}/observations.db")
    server = serve(log, lambda name: Key("", name), "127.0.0.1:0")
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        message = pb.ObservationLog(metric_logs=[log_of("2026-05-01T12:00:00Z", "m" * 256)])
        request = pb.ReportObservationLogRequest(trial_name="x", observation_log=message)
        with pytest.raises(grpc.RpcError) as caught:
            DBManagerStub(channel).ReportObservationLog(request)
    assert caught.value.code() is Code.INVALID_ARGUMENT
    assert "has 256 characters; at most 255 are kept" in str(caught.value.details())
    server.close()
    log.close()


def test_an_answer_beyond_the_limit_is_refused(stage: Stage) -> None:
    entry = MetricEntry(NOON, "loss", "x" * (MOST_BYTES // 8))
    stage.log.report(TRIAL, [entry] * 9)
    with pytest.raises(grpc.RpcError) as caught:
        stage.get()
    assert caught.value.code() is Code.RESOURCE_EXHAUSTED
    assert stage.get(metric_name="other") == []


SERVICES = ("", "grpc.health.v1.Health", "api.v1.beta1.DBManager")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_works_is_healthy(service: str, stage: Stage) -> None:
    assert stage.check(service) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_that_cannot_keep_anything_is_not(service: str, stage: Stage) -> None:
    stage.log.is_broken = True
    assert stage.check(service) == 2


def test_the_health_of_another_service_is_not_known(stage: Stage) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stage.check("grpc.health.v1.1.Health")
    assert caught.value.code() is Code.NOT_FOUND
    assert '"grpc.health.v1.1.Health" is not served here' in str(caught.value.details())


def test_tools_learn_how_it_is_called(stage: Stage) -> None:
    found = ProtoReflectionDescriptorDatabase(stage.channel)
    assert set(found.get_services()) >= set(SERVICES) - {""}
    described = DescriptorPool(found).FindServiceByName("api.v1.beta1.DBManager")
    assert "ReportObservationLog" in described.methods_by_name


def test_a_taken_port_is_not_shared(stage: Stage) -> None:
    address = f"127.0.0.1:{stage.server.port}"
    with pytest.raises(ConfigurationError, match=f"cannot be served at {address}: it is taken"):
        serve(stage.log, stage.find, address)


def test_a_closed_server_gives_its_port_back(stage: Stage) -> None:
    stage.server.close()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", stage.server.port))


class GuardedStage(Stage):
    """The same, where a trial is known by its token or by where it calls from."""

    def __init__(self) -> None:
        self.taken: list[tuple[Key, int, bytes]] = []
        self.known_from = ""
        super().__init__(Guard(self.find_caller, self.take))

    def find_caller(self, token: str, peer: str) -> Key | None:
        assert peer.startswith("ipv4:127.0.0.1:")
        token = token or self.known_from
        if token == "wrong":
            raise TokenRefusedError
        return Key("team-a", token) if token else None

    def take(self, trial: Key, entries: Sequence[MetricEntry], content: bytes) -> None:
        self.taken.append((trial, len(entries), content))


@pytest.fixture
def guarded() -> Iterator[GuardedStage]:
    stage = GuardedStage()
    yield stage
    stage.close()


Metadata = tuple[tuple[str, str], ...]
KNOWN: dict[str, tuple[Metadata, str]] = {
    "by a token": ((("authorization", f"Bearer {TRIAL.name}"),), ""),
    "by a token of small letters": ((("authorization", f"bearer  {TRIAL.name} "),), ""),
    "by where it calls from": ((), TRIAL.name),
    "by a token, wherever it calls from": ((("authorization", f"Bearer {TRIAL.name}"),), "wrong"),
    "by where it calls from, without a bearer": ((("authorization", "Basic x"),), TRIAL.name),
}


@pytest.mark.parametrize("case", KNOWN)
def test_a_guarded_trial_writes_its_own_entries(case: str, guarded: GuardedStage) -> None:
    metadata, guarded.known_from = KNOWN[case]
    message = pb.ObservationLog(metric_logs=[GOOD])
    request = pb.ReportObservationLogRequest(trial_name=TRIAL.name, observation_log=message)
    guarded.client.ReportObservationLog(request, metadata=metadata)
    assert guarded.taken == [(TRIAL, 1, request.SerializeToString())]
    guarded.log.report(TRIAL, [MetricEntry(NOON, "loss", "1")])
    delete = pb.DeleteObservationLogRequest(trial_name=TRIAL.name)
    guarded.client.DeleteObservationLog(delete, metadata=metadata)
    assert guarded.entries == []


UNKNOWN: dict[str, tuple[Metadata, Code, str]] = {
    "nobody": ((), Code.UNAUTHENTICATED, "keep the variable grpc_proxy as it is, or send the"),
    "a wrong token": (
        (("authorization", "Bearer wrong"),),
        Code.UNAUTHENTICATED,
        "the token is that of no trial here",
    ),
    "another trial": (
        (("authorization", "Bearer tune-x2"),),
        Code.PERMISSION_DENIED,
        'trial team-a/tune-x2 writes its own entries, not those of "tune-x1"',
    ),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_nobody_else_writes_them(case: str, guarded: GuardedStage) -> None:
    metadata, code, told = UNKNOWN[case]
    guarded.log.report(TRIAL, [MetricEntry(NOON, "loss", "1")])
    message = pb.ObservationLog(metric_logs=[GOOD])
    report = pb.ReportObservationLogRequest(trial_name=TRIAL.name, observation_log=message)
    with pytest.raises(grpc.RpcError) as caught:
        guarded.client.ReportObservationLog(report, metadata=metadata)
    assert (caught.value.code(), told in str(caught.value.details())) == (code, True)
    with pytest.raises(grpc.RpcError) as caught:
        guarded.client.DeleteObservationLog(
            pb.DeleteObservationLogRequest(trial_name=TRIAL.name), metadata=metadata
        )
    assert caught.value.code() is code
    assert guarded.taken == []
    # To read is everybody's.
    assert guarded.get() == [("2026-05-01T12:00:00Z", "loss", "1")]
