from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from katib.api.values import Key
from katib.observations.memory import MemoryObservationLog
from katib.rpc import loop
from katib.rpc.db_manager import serve
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub
from katib.rpc.serving import Server

QUESTION = pb.GetObservationLogRequest(trial_name="x")


def a_server() -> Server:
    return serve(MemoryObservationLog(), lambda name: Key("", name), "127.0.0.1:0")


async def name_of_thread() -> str:
    return threading.current_thread().name


def test_whoever_asks_there_is_one_loop() -> None:
    with ThreadPoolExecutor(16) as many:
        names = set(many.map(lambda _: loop.run(name_of_thread()), range(64)))
    assert names == {"grpc"}
    assert [one.name for one in threading.enumerate()].count("grpc") == 1


def test_what_goes_wrong_there_is_raised_here() -> None:
    async def fail() -> None:
        raise LookupError("of the loop")

    with pytest.raises(LookupError, match="of the loop"):
        loop.run(fail())


def test_a_server_that_ends_while_its_callers_leave_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(40):
        server = a_server()
        channel = grpc.insecure_channel(f"127.0.0.1:{server.port}")
        read = DBManagerStub(channel).GetObservationLog
        read(QUESTION, timeout=60)
        for _ in range(20):
            read.future(QUESTION)
        leaving = threading.Thread(target=channel.close)
        leaving.start()
        server.close()
        del server
        leaving.join()
    assert [record.getMessage() for record in caplog.records] == []
