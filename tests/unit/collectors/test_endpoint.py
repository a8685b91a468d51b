from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.trial import TRIALS, Trial, TrialStatus
from katib.api.values import Condition, Key, ObjectMeta
from katib.collectors import endpoint as module
from katib.collectors.endpoint import MOST_BYTES, MetricsEndpoint, path_of
from katib.collectors.inbox import Inbox
from katib.errors import StoreUnavailableError, TokenRefusedError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC)
MINE, THEIRS = Key("team-a", "tune-x1"), Key("team-a", "tune-x2")
TOKENS = {"mine": MINE, "theirs": THEIRS, "gone": Key("team-a", "gone")}
BEARER = {"Authorization": "Bearer mine"}
JSON = {**BEARER, "Content-Type": "application/json"}


class Log(MemoryObservationLog):
    """Can be broken, as by a disk that is full."""

    def __init__(self) -> None:
        super().__init__()
        self.problem: Exception | None = None

    def flush(self) -> None:
        if self.problem is not None:
            raise self.problem


class Stage:
    """Two trials, and a client of the endpoint."""

    def __init__(self) -> None:
        self.store, self.log = MemoryStore(FakeClock()), Log()
        for key in (MINE, THEIRS):
            self.store.create(
                TRIALS, Trial(metadata=ObjectMeta(name=key.name, namespace=key.namespace))
            )
        self.app = MetricsEndpoint(Inbox(self.store, self.log), self.find_caller, lambda: NOW)

    def find_caller(self, token: str) -> Key:
        if token not in TOKENS:
            raise TokenRefusedError
        return TOKENS[token]

    def post(
        self,
        content: Any = b"loss=0.5",
        headers: Mapping[str, str] = BEARER,
        path: str = path_of(MINE),
    ) -> httpx.Response:
        return self.ask("POST", path, content, headers)

    def ask(
        self, method: str, path: str, content: Any, headers: Mapping[str, str]
    ) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://katib") as client:
                return await client.request(method, path, content=content, headers=headers)

        return asyncio.run(ask())

    @property
    def entries(self) -> list[MetricEntry]:
        return [*self.log.read(MINE), *self.log.read(THEIRS)]


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def parts_of(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


PUSHED: dict[str, tuple[bytes, dict[str, str]]] = {
    "what curl -d sends": (b"loss=0.5", {"Content-Type": "application/x-www-form-urlencoded"}),
    "JSON": (b'{"loss": 0.5}', {"Content-Type": "application/json"}),
    "JSON of a charset": (b'{"loss": "0.5"}', {"Content-Type": "Application/JSON; charset=utf-8"}),
    "lines of JSON": (b'{"loss": 0.5}\n', {"Content-Type": "application/x-ndjson"}),
    "no type of content": (b"loss=0.5", {}),
    "a scheme in small letters": (b"loss=0.5", {"Authorization": "bearer mine"}),
}


@pytest.mark.parametrize("case", PUSHED)
def test_what_is_pushed_is_kept(case: str, stage: Stage) -> None:
    content, headers = PUSHED[case]
    answer = stage.post(content, {**BEARER, **headers})
    assert (answer.status_code, answer.content) == (204, b"")
    assert stage.entries == [MetricEntry(NOW, "loss", "0.5")]


def test_a_report_may_come_in_parts(stage: Stage) -> None:
    assert stage.post(parts_of(b"lo", b"ss=", b"0.5")).status_code == 204
    assert stage.entries == [MetricEntry(NOW, "loss", "0.5")]


def test_a_report_may_be_as_long_as_allowed(stage: Stage) -> None:
    body = b"loss=0.5&note=" + b"x" * (MOST_BYTES - 14)
    assert stage.post(body).status_code == 204
    assert len(stage.entries) == 2


def test_a_report_with_a_key_counts_once(stage: Stage) -> None:
    for key in ("a", "a", "b"):
        assert stage.post(headers={**BEARER, "Idempotency-Key": key}).status_code == 204
    assert len(stage.entries) == 2


Refusal = tuple[dict[str, Any], int, str]
REFUSED: dict[str, Refusal] = {
    "what is no report": ({"content": b"{", "headers": JSON}, 400, "the report is refused, 1 err"),
    "a key that is too long": (
        {"headers": {**BEARER, "Idempotency-Key": "x" * 256}},
        400,
        "the Idempotency-Key has 255 characters at most",
    ),
    "no token": ({"headers": {}}, 401, "Authorization: Bearer $KATIB_METRICS_TOKEN"),
    "another scheme": ({"headers": {"Authorization": "Basic mine"}}, 401, "there is no token"),
    "a wrong token": (
        {"headers": {"Authorization": "Bearer nonsense"}},
        401,
        "the token is that of no trial here",
    ),
    "another trial's token": (
        {"headers": {"Authorization": "Bearer theirs"}},
        403,
        "the token is that of trial team-a/tune-x2: it does not push for team-a/tune-x1",
    ),
    "a trial of another namespace": (
        {"path": "/trials/team-b/tune-x1/metrics"},
        403,
        "it does not push for team-b/tune-x1",
    ),
    "a trial that is gone since": (
        {"headers": {"Authorization": "Bearer gone"}, "path": "/trials/team-a/gone/metrics"},
        404,
        'Trial "gone" not found in namespace "team-a"',
    ),
    "another path": ({"path": "/"}, 404, "/: push to $KATIB_METRICS_URL as it is"),
    "a longer path": ({"path": "/trials/team-a/tune-x1/metrics/"}, 404, "push to $KATIB_METRICS"),
    "a report that is too long": ({"content": b"x" * (MOST_BYTES + 1)}, 413, "1048576 bytes"),
    "parts that are too long": (
        {"content": parts_of(b"x" * MOST_BYTES, b"x")},
        413,
        "bytes at most",
    ),
    "another type of content": (
        {"headers": {**BEARER, "Content-Type": "multipart/form-data; boundary=x"}},
        415,
        "the content type multipart/form-data is not read: send application/json",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_what_would_be_right(case: str, stage: Stage) -> None:
    arguments, status, message = REFUSED[case]
    answer = stage.post(**arguments)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert "nonsense" not in answer.text
    assert stage.entries == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "FETCH"])
def test_only_posts_are_answered(method: str, stage: Stage) -> None:
    answer = stage.ask(method, path_of(MINE), b"", BEARER)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert f"{method} is not answered here" in answer.text


@pytest.mark.parametrize("expects", [True, False])
def test_what_is_announced_as_too_long_is_not_waited_for(expects: bool, stage: Stage) -> None:
    length = MOST_BYTES + 1 if expects else module.MOST_DRAINED + 1
    headers = {"Content-Length": str(length), **({"Expect": "100-continue"} if expects else {})}
    answer = stage.post(b"", {**BEARER, **headers})
    assert answer.status_code == 413


def test_a_trial_that_has_ended_pushes_nothing(stage: Stage) -> None:
    trial = stage.store.get(TRIALS, MINE)
    ended = TrialStatus(conditions=(Condition(type=names.SUCCEEDED, status="True"),))
    stage.store.update_status(TRIALS, replace(trial, status=ended))
    answer = stage.post()
    assert answer.status_code == 409
    assert "trial team-a/tune-x1 has ended" in answer.text
    assert stage.entries == []


def test_while_the_store_is_away_one_is_to_come_again(stage: Stage) -> None:
    stage.log.problem = StoreUnavailableError("observations.db", "No space left on device")
    answer = stage.post()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "No space left on device" in answer.text
    stage.log.problem = None
    assert stage.post().status_code == 204
    assert stage.entries == [MetricEntry(NOW, "loss", "0.5")]


def test_a_fault_of_ours_is_in_the_log_without_the_token(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.log.problem = ZeroDivisionError("by nothing")
    with caplog.at_level(logging.DEBUG):
        answer = stage.post()
    assert (answer.status_code, answer.text) == (500, "a fault of the engine: see its log\n")
    assert "by nothing" in caplog.text
    assert "Bearer" not in caplog.text


def test_one_who_takes_too_long_is_sent_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SECONDS", 0.01)

    async def never_whole() -> AsyncIterator[bytes]:
        yield b"loss="
        await asyncio.Event().wait()

    answer = stage.post(never_whole())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


def test_names_are_quoted_in_a_path() -> None:
    assert path_of(Key("a b", "c?d")) == "/trials/a%20b/c%3Fd/metrics"
