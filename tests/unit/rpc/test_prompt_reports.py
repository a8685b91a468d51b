"""Reports that wait for their commit on the event loop of the server, not in a thread each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future

import grpc
import pytest

from katib.api.values import Key
from katib.errors import StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.rpc.db_manager import SHORT, WORKERS, serve
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub

TIME = "2026-05-01T12:00:00Z"


class PromptLog(MemoryObservationLog):
    """Takes all reports that come until it is told what became of them."""

    def __init__(self, awaited: int) -> None:
        super().__init__()
        self.are_all_here = threading.Event()
        self._awaited = awaited
        self.outcome: Future[None] = Future()
        self.outcome.set_running_or_notify_cancel()
        self.trials: list[Key] = []

    def submit(self, trial: Key, entries: Sequence[MetricEntry]) -> Future[None]:
        self.trials.append(trial)
        if len(self.trials) == self._awaited:
            self.are_all_here.set()
        return self.outcome


class Stage:
    def __init__(self, log: PromptLog) -> None:
        self.server = serve(log, lambda name: Key("", name), "127.0.0.1:0")
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.server.port}")
        self.client = DBManagerStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.server.close()


MANY = 2 * WORKERS


@pytest.fixture
def log() -> PromptLog:
    return PromptLog(MANY)


@pytest.fixture
def stage(log: PromptLog) -> Iterator[Stage]:
    stage = Stage(log)
    yield stage
    stage.close()


def a_report(trial: str, entries: int = 1) -> pb.ReportObservationLogRequest:
    one = pb.MetricLog(time_stamp=TIME, metric=pb.Metric(name="loss", value="0.5"))
    message = pb.ObservationLog(metric_logs=[one] * entries)
    return pb.ReportObservationLogRequest(trial_name=trial, observation_log=message)


def test_more_reports_than_there_are_threads_wait_and_others_are_answered(
    log: PromptLog, stage: Stage
) -> None:
    report = stage.client.ReportObservationLog
    calls = [report.future(a_report(f"x-{number}"), timeout=60) for number in range(MANY)]
    assert log.are_all_here.wait(60)
    assert not any(call.done() for call in calls)
    question = pb.GetObservationLogRequest(trial_name="x-0")
    reply = stage.client.GetObservationLog(question, timeout=60)
    assert list(reply.observation_log.metric_logs) == []
    log.outcome.set_result(None)
    assert {call.exception() for call in calls} == {None}
    assert set(log.trials) == {Key("", f"x-{number}") for number in range(MANY)}


def test_each_of_them_is_told_when_nothing_was_kept(log: PromptLog, stage: Stage) -> None:
    report = stage.client.ReportObservationLog
    calls = [report.future(a_report(f"x-{number}"), timeout=60) for number in range(MANY)]
    assert log.are_all_here.wait(60)
    log.outcome.set_exception(StoreUnavailableError("observations.db", "No space left on device"))
    for call in calls:
        assert call.code() is grpc.StatusCode.UNAVAILABLE
        assert "No space left on device" in str(call.details())


def test_who_gives_up_takes_nothing_from_the_others(log: PromptLog, stage: Stage) -> None:
    report = stage.client.ReportObservationLog
    calls = [report.future(a_report(f"x-{number}"), timeout=60) for number in range(MANY)]
    assert log.are_all_here.wait(60)
    assert calls[0].cancel()  # type: ignore[no-untyped-call]  # its stub has no types
    with pytest.raises(grpc.RpcError) as caught:
        report(a_report("late"), timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    log.outcome.set_result(None)
    assert {call.exception() for call in calls[1:]} == {None}


def test_a_long_report_is_read_in_a_thread(log: PromptLog, stage: Stage) -> None:
    stage.client.ReportObservationLog(a_report("x", SHORT + 1), timeout=60)
    assert len(log.read(Key("", "x"))) == SHORT + 1
    assert log.trials == []


def test_a_closed_server_has_answered_what_it_was_asked(log: PromptLog, stage: Stage) -> None:
    report = stage.client.ReportObservationLog
    calls = [report.future(a_report(f"x-{number}"), timeout=60) for number in range(MANY)]
    assert log.are_all_here.wait(60)
    closing = threading.Thread(target=stage.server.close)
    closing.start()
    log.outcome.set_result(None)
    assert {call.exception() for call in calls} == {None}
    closing.join(60)
    assert not closing.is_alive()
