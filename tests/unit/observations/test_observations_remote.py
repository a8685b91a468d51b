from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from katib.api import names
from katib.api.values import Key
from katib.errors import EntryRefusedError, ObservationLogAwayError
from katib.observations.memory import MemoryObservationLog
from katib.observations.remote import RemoteObservationLog
from katib.rpc.db_manager import serve
from katib.rpc.serving import Server
from katib.testing.observation_log_contract import TRIAL, entry, values


@pytest.fixture
def kept() -> MemoryObservationLog:
    return MemoryObservationLog()


@pytest.fixture
def server(kept: MemoryObservationLog) -> Iterator[Server]:
    served = serve(kept, lambda name: TRIAL if name == TRIAL.name else None, "127.0.0.1:0")
    yield served
    served.close()


@pytest.fixture
def log(server: Server) -> Iterator[RemoteObservationLog]:
    found = RemoteObservationLog(f"127.0.0.1:{server.port}")
    yield found
    found.close()


def test_what_is_reported_is_stored_and_read(
    log: RemoteObservationLog, kept: MemoryObservationLog
) -> None:
    log.report(TRIAL, [entry("1"), entry("2", name="accuracy")])
    assert values(kept) == values(log) == ["1", "2"]
    assert values(log, metric="accuracy") == ["2"]
    log.delete(TRIAL)
    assert values(log) == values(kept) == []


def test_a_report_of_nothing_is_not_sent(log: RemoteObservationLog) -> None:
    log.report(Key("", "unknown"), [])


def test_a_refusal_is_told_with_its_reason(log: RemoteObservationLog) -> None:
    with pytest.raises(ObservationLogAwayError, match='NOT_FOUND: there is no trial "unknown"'):
        log.report(Key("", "unknown"), [entry("1")])


def test_an_entry_that_cannot_be_kept_is_told_apart(log: RemoteObservationLog) -> None:
    with pytest.raises(EntryRefusedError, match="trial_name is empty"):
        log.report(Key("", ""), [entry("1")])


def test_a_service_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = RemoteObservationLog(f"127.0.0.1:{port}")
    for act in (
        lambda: log.report(TRIAL, [entry("1")]),
        lambda: log.read(TRIAL),
        lambda: log.delete(TRIAL),
    ):
        with pytest.raises(ObservationLogAwayError, match=f"127.0.0.1:{port}: UNAVAILABLE") as away:
            act()
        # Nobody's disk is to blame.
        assert "see that what keeps observation logs runs" in str(away.value)
    log.close()


def test_the_namespace_and_the_token_go_along() -> None:
    seen: list[dict[str, str | bytes]] = []

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        seen.append(dict(context.invocation_metadata()))
        return b""

    methods = {"GetObservationLog": grpc.unary_unary_rpc_method_handler(answer)}
    handler = grpc.method_handlers_generic_handler("api.v1.beta1.DBManager", methods)
    with ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        log = RemoteObservationLog(f"127.0.0.1:{port}", token="s3cret")
        assert list(log.read(Key("team-a", "tune"))) == []
        assert list(log.read(Key("", "tune"))) == []
        log.close()
        server.stop(None).wait()
    assert [one["authorization"] for one in seen] == ["Bearer s3cret"] * 2
    assert [one.get(names.METADATA_NAMESPACE) for one in seen] == ["team-a", None]
