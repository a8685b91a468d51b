from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any, TypeVar, cast

import msgspec
import pytest

from katib.errors import (
    ExpiredError,
    KatibError,
    NotFoundError,
    RequestRefusedError,
    StoreAwayError,
)
from katib.kubernetes import informer as informer_module
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.informer import Informer, Source
from katib.ports.resource_store import EventType

T = TypeVar("T")

PATIENCE = 10.0


def wait_until(is_so: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE
    while not is_so():
        assert monotonic() < deadline, "it never comes"
        sleep(0.005)


def line(type: str, version: int, **rest: object) -> bytes:
    thing = {"metadata": {"resourceVersion": str(version)}, **rest}
    return msgspec.json.encode({"type": type, "object": thing})


def page(version: int, *names: str, rest: str = "") -> bytes:
    metadata = {"resourceVersion": str(version), "continue": rest}
    return msgspec.json.encode({"metadata": metadata, "items": [{"name": one} for one in names]})


class Lines:
    """A watch that gives lines, and then ends, breaks or waits to be closed."""

    def __init__(self, lines: Sequence[bytes], end: KatibError | None, stays: bool) -> None:
        self._lines, self._end, self._stays = list(lines), end, stays
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from self._lines
        if self._end is not None:
            raise self._end
        if self._stays:
            self._closed.wait(PATIENCE)

    def close(self) -> None:
        self._closed.set()


@dataclass
class Api:
    """Answers lists and watches one after the other."""

    lists: list[bytes | KatibError] = field(default_factory=list)
    watches: list[Lines | KatibError] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def request(self, method: str, path: str, query: Mapping[str, str]) -> bytes:
        self.asked.append(dict(query))
        return _next(self.lists)

    def watch(self, path: str, query: Mapping[str, str]) -> Lines:
        self.asked.append(dict(query))
        return _next(self.watches or [Lines([], None, stays=True)])


def _next(answers: list[T | KatibError]) -> T:
    found = answers.pop(0)
    if isinstance(found, KatibError):
        raise found
    return found


@dataclass
class Taken:
    """A copy that notes what it is told."""

    told: list[Any] = field(default_factory=list)

    def reset(self, texts: Sequence[bytes], version: int) -> None:
        self.told.append(([msgspec.json.decode(text)["name"] for text in texts], version))

    def change(self, type: EventType, text: bytes) -> None:
        self.told.append((type, msgspec.json.decode(text)["metadata"]["resourceVersion"]))

    def progress(self, version: int) -> None:
        self.told.append(version)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informer_module, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(informer_module, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def copy() -> Taken:
    return Taken()


def run(api: Api, copy: Taken) -> Informer:
    informer = Informer(cast("KubernetesClient", api), Source("/apis/a/v1/things", "run"), copy)
    informer.start()
    return informer


def test_it_lists_and_then_watches_from_there(copy: Taken) -> None:
    api = Api([page(7, "a", "b")], [Lines([line("ADDED", 8)], None, stays=True)])
    informer = run(api, copy)
    informer.wait(PATIENCE)
    wait_until(lambda: len(copy.told) == 2)
    informer.stop()
    assert copy.told == [(["a", "b"], 7), (EventType.ADDED, "8")]
    assert api.asked == [
        {"limit": "500", "labelSelector": "run"},
        {"labelSelector": "run", "resourceVersion": "7", "allowWatchBookmarks": "true"},
    ]


def test_a_long_list_comes_in_pages(copy: Taken) -> None:
    api = Api([page(7, "a", rest="more"), page(7, "b")])
    informer = run(api, copy)
    informer.wait(PATIENCE)
    informer.stop()
    assert copy.told == [(["a", "b"], 7)]
    assert api.asked[1]["continue"] == "more"


def test_a_list_whose_rest_is_no_longer_kept_begins_anew(copy: Taken) -> None:
    api = Api([page(7, "a", rest="more"), ExpiredError(said="too old"), page(9, "a", "b")])
    informer = run(api, copy)
    informer.wait(PATIENCE)
    informer.stop()
    assert copy.told == [(["a", "b"], 9)]


@pytest.mark.parametrize("end", [None, StoreAwayError("/apis", "broken")])
def test_a_watch_is_resumed_after_what_it_told_last(copy: Taken, end: KatibError | None) -> None:
    first = Lines([line("MODIFIED", 8), line("BOOKMARK", 30)], end, stays=False)
    api = Api([page(7)], [first, StoreAwayError("/apis", "refused"), Lines([], None, stays=True)])
    informer = run(api, copy)
    wait_until(lambda: len(api.asked) == 4)
    informer.stop()
    assert [one.get("resourceVersion") for one in api.asked] == [None, "7", "30", "30"]
    assert copy.told == [([], 7), (EventType.MODIFIED, "8"), 30]


@pytest.mark.parametrize("is_told_in_the_watch", [True, False])
def test_a_version_that_is_too_old_means_a_new_list(
    copy: Taken, is_told_in_the_watch: bool
) -> None:
    status = {"kind": "Status", "code": 410, "message": "too old resource version"}
    told = msgspec.json.encode({"type": "ERROR", "object": status})
    end = Lines([told], None, False) if is_told_in_the_watch else ExpiredError(said="too old")
    api = Api([page(7), page(90, "a")], [end, Lines([], None, stays=True)])
    informer = run(api, copy)
    wait_until(lambda: len(api.asked) == 4)
    informer.stop()
    assert copy.told == [([], 7), (["a"], 90)]
    assert api.asked[3]["resourceVersion"] == "90"


def test_a_kind_that_is_gone_is_empty_until_it_comes_back(copy: Taken) -> None:
    gone = NotFoundError("things", "", "")
    api = Api([page(7, "a"), gone, page(20, "b")], [gone])
    informer = run(api, copy)
    wait_until(lambda: copy.told[-1:] == [(["b"], 20)])
    informer.stop()
    assert copy.told == [(["a"], 7), ([], 0), ([], 0), (["b"], 20)]


@pytest.mark.parametrize(
    "problem",
    [
        RequestRefusedError("GET /apis", 403, "forbidden"),
        StoreAwayError("/apis", "refused"),
        NotFoundError("things", "", ""),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_who_waits_hears_what_hinders_it_and_waits_no_longer(
    copy: Taken, problem: KatibError
) -> None:
    informer = run(Api([problem] * 10_000), copy)
    began = monotonic()
    with pytest.raises(type(problem)):
        informer.wait(PATIENCE)
    assert monotonic() - began < PATIENCE / 2
    informer.stop()


def test_who_waits_does_not_wait_for_ever(copy: Taken) -> None:
    go_on = threading.Event()

    class Slow(Api):
        def request(self, method: str, path: str, query: Mapping[str, str]) -> bytes:
            go_on.wait(PATIENCE)
            return page(7)

    informer = run(Slow(), copy)
    with pytest.raises(StoreAwayError, match=r"no list after 0\.2 s"):
        informer.wait(0.2)
    go_on.set()
    informer.wait(PATIENCE)
    informer.stop()


def test_it_can_be_stopped_while_its_watch_begins(copy: Taken) -> None:
    begins, go_on = threading.Event(), threading.Event()

    class Slow(Api):
        def watch(self, path: str, query: Mapping[str, str]) -> Lines:
            begins.set()
            go_on.wait(PATIENCE)
            return Lines([], None, stays=True)

    informer = run(Slow([page(7)]), copy)
    assert begins.wait(PATIENCE)
    stopping = threading.Thread(target=informer.stop)
    stopping.start()
    sleep(0.05)
    began = monotonic()
    go_on.set()
    stopping.join()
    assert monotonic() - began < PATIENCE / 2


def test_a_change_that_cannot_be_taken_ends_nothing(copy: Taken) -> None:
    first = Lines([line("ADDED", 8), line("UNHEARD-OF", 9)], None, stays=True)
    nonsense = Lines([b"<html>"], None, stays=True)
    last = Lines([line("ADDED", 31)], None, stays=True)
    api = Api([page(7), page(20, "a"), page(30, "b")], [first, nonsense, last])
    informer = run(api, copy)
    wait_until(lambda: copy.told[-1:] == [(EventType.ADDED, "31")])
    informer.stop()
    assert copy.told[1:-1] == [(EventType.ADDED, "8"), (["a"], 20), (["b"], 30)]


def test_a_server_that_does_not_answer_holds_up_no_end(
    copy: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(informer_module, "STOP_WITHIN", 0.1)
    asked, go_on = threading.Event(), threading.Event()

    class Mute(Api):
        def request(self, method: str, path: str, query: Mapping[str, str]) -> bytes:
            asked.set()
            go_on.wait(PATIENCE)
            return page(7)

    informer = run(Mute(), copy)
    assert asked.wait(PATIENCE)
    began = monotonic()
    informer.stop()
    assert monotonic() - began < PATIENCE / 2
    go_on.set()


def test_what_may_be_listed_and_not_watched_is_listed_with_growing_pauses_and_told_once(
    copy: Taken, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(informer_module, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(informer_module, "LONGEST_PAUSE", 10.0)
    refused = RequestRefusedError("GET /apis", 403, "cannot watch")
    api = Api([page(version, "a") for version in range(1, 10)], [refused] * 9)
    began = monotonic()
    informer = run(api, copy)
    wait_until(lambda: len(copy.told) == 5)
    assert monotonic() - began >= 0.02 + 0.04 + 0.08 + 0.16
    assert informer.problem is refused
    informer.stop()
    assert caplog.text.count("is not followed now") == 1
