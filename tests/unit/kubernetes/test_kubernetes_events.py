from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, cast

import msgspec
import pytest

from katib.apps.clock import SystemClock
from katib.errors import NotFoundError, RequestRefusedError, StoreAwayError
from katib.kubernetes import events
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.events import KubernetesEventRecorder
from katib.kubernetes.pace import Pace
from katib.testing.resources import a_suggestion

QUICK = Pace(per_second=1e6, burst=1_000)


@dataclass
class Api:
    """Keeps the events that it is sent, unless it is told to do otherwise."""

    posted: list[dict[str, Any]] = field(default_factory=list)
    patched: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    is_open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.is_open.set()

    def request(
        self, method: str, path: str, *, body: bytes, content_type: str = "application/json"
    ) -> bytes:
        assert self.is_open.wait(10)
        if self.errors:
            raise self.errors.pop(0)
        sent = msgspec.json.decode(body)
        (self.posted if method == "POST" else self.patched).append({"path": path, **sent})
        return msgspec.json.encode({"metadata": {"name": f"event-{len(self.posted)}"}})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def recorder(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesEventRecorder]:
    monkeypatch.setattr(events, "AWAY_PAUSE", 0.01)
    client = cast("KubernetesClient", api)
    recorder = KubernetesEventRecorder(client, SystemClock(), unwritten={"Dull"}, pace=QUICK)
    yield recorder
    api.is_open.set()
    recorder.close()


def test_an_event_names_what_it_is_about(api: Api, recorder: KubernetesEventRecorder) -> None:
    recorder.record(a_suggestion(uid="u"), "Told", "something", warning=True)
    recorder.close()
    (event,) = api.posted
    assert event["path"] == "/api/v1/namespaces/default/events"
    assert event["metadata"] == {"generateName": "one.", "namespace": "default"}
    assert event["involvedObject"]["uid"] == "u"
    assert (event["type"], event["reason"], event["message"]) == ("Warning", "Told", "something")
    assert event["count"] == 1


def test_dull_events_are_left_out_unless_they_warn(
    api: Api, recorder: KubernetesEventRecorder
) -> None:
    recorder.record(a_suggestion(), "Dull", "a")
    recorder.record(a_suggestion(), "Dull", "b", warning=True)
    recorder.close()
    assert [event["message"] for event in api.posted] == ["b"]


def test_nobody_waits_and_warnings_are_left_out_last(
    api: Api, recorder: KubernetesEventRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "WAITING", 100)
    api.is_open.clear()
    began = monotonic()
    for number in range(300):
        recorder.record(a_suggestion(), "Told", str(number), warning=number < 50)
    assert monotonic() - began < 5.0
    api.is_open.set()
    recorder.close()
    types = Counter(event["type"] for event in api.posted)
    # One more may be on its way while the others wait.
    assert types["Warning"] == 50
    assert 50 <= types["Normal"] <= 51
    assert api.posted[-1]["message"] == "299"


def test_what_waits_is_counted_up_before_it_is_written(
    api: Api, recorder: KubernetesEventRecorder
) -> None:
    api.is_open.clear()
    for _ in range(50):
        recorder.record(a_suggestion(), "First", "is on its way")
        recorder.record(a_suggestion(), "Told", "again")
    api.is_open.set()
    recorder.close()
    assert [event["count"] for event in api.posted if event["reason"] == "Told"] == [50]


def test_an_event_that_the_server_has_forgotten_is_written_anew(
    api: Api, recorder: KubernetesEventRecorder
) -> None:
    recorder.record(a_suggestion(), "Told", "again")
    deadline = monotonic() + 10
    while not api.posted and monotonic() < deadline:
        sleep(0.01)
    api.errors.append(NotFoundError("Event", "default", "event-1"))
    recorder.record(a_suggestion(), "Told", "again")
    recorder.close()
    assert [event["count"] for event in api.posted] == [1, 2]
    assert api.patched == []


def test_a_server_that_is_away_is_asked_again_and_a_refusal_is_not(
    api: Api, recorder: KubernetesEventRecorder
) -> None:
    api.errors += [
        StoreAwayError("/api", "refused"),
        StoreAwayError("/api", "refused"),
        RequestRefusedError("POST", 403, "the namespace is being terminated"),
        msgspec.DecodeError("a proxy's page"),
    ]
    recorder.record(a_suggestion(), "Told", "refused in the end")
    recorder.record(a_suggestion(), "Told", "answered with nonsense")
    deadline = monotonic() + 10
    while api.errors and monotonic() < deadline:
        sleep(0.01)
    recorder.record(a_suggestion(), "Told", "taken")
    recorder.close()
    assert [event["message"] for event in api.posted] == ["taken"]
