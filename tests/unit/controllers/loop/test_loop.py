from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest
from msgspec.structs import replace

from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.values import Key, Kind, Resource, Unstructured
from katib.apps.clock import SystemClock
from katib.controllers.loop import Loop
from katib.controllers.loop import loop as loop_module
from katib.controllers.loop.loop import Surroundings
from katib.controllers.loop.queue import WorkQueue
from katib.errors import ConflictError, RequestRefusedError, StoreAwayError, StoreUnavailableError
from katib.ports.reconciler import DONE, EVERY_KIND, Result
from katib.ports.resource_store import Event
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock
from katib.testing.resources import NAME, a_job, a_suggestion, asked

#: Long enough for any machine; nothing waits so long when it works.
PATIENCE = 10.0


@dataclass
class Recorder:
    told: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((resource.metadata.name, reason, message, warning))


@dataclass(eq=False)
class Script:
    """A reconciler that does what it is told, one step a call, and is finished after the last."""

    steps: Sequence[Callable[[], Result]]
    name: str = "script-controller"
    kinds: Sequence[Kind[Any]] = (SUGGESTIONS,)
    seen: list[tuple[Key, float]] = field(default_factory=list)
    finished: threading.Event = field(default_factory=threading.Event)

    def keys(self, event: Event) -> Iterable[Key]:
        yield event.key

    def reconcile(self, key: Key) -> Result:
        self.seen.append((key, monotonic()))
        number = len(self.seen)
        try:
            return self.steps[number - 1]() if number <= len(self.steps) else DONE
        finally:
            if number >= len(self.steps):
                self.finished.set()

    def wait(self) -> list[str]:
        """The names that were reconciled, after the last step."""
        assert self.finished.wait(PATIENCE)
        return [key.name for key, _ in self.seen]

    def pauses(self) -> list[float]:
        moments = [moment for _, moment in self.seen]
        return [later - earlier for earlier, later in pairwise(moments)]


@dataclass(eq=False)
class Busy(Script):
    """A reconciler that wants to be called again at once, until there was a flush."""

    flushed: threading.Event = field(default_factory=threading.Event)

    def reconcile(self, key: Key) -> Result:
        super().reconcile(key)
        return DONE if self.flushed.is_set() else Result(retry_after_seconds=0)


@dataclass
class Stage:
    store: MemoryStore = field(default_factory=lambda: MemoryStore(FakeClock()))
    events: Recorder = field(default_factory=Recorder)
    failures: list[BaseException] = field(default_factory=list)
    failed: threading.Event = field(default_factory=threading.Event)
    flush: Callable[[], None] = lambda: None

    @contextmanager
    def running(self, *scripts: Script, workers: int = 1) -> Iterator[Loop]:
        around = Surroundings(self.store, self.events, SystemClock(), self.flush, self._fail)
        loop = Loop(around, scripts, workers)
        loop.start()
        try:
            yield loop
        finally:
            loop.stop()

    def _fail(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def done() -> Result:
    return DONE


def fail() -> Result:
    raise ValueError("boom")


def conflict() -> Result:
    raise ConflictError("Suggestion", "one", "1", "2")


def away() -> Result:
    raise StoreAwayError("/apis", "connection refused")


def full_disk() -> None:
    raise StoreUnavailableError("katib.db", "disk full")


def broken() -> Result:
    full_disk()
    return DONE


def test_what_exists_at_the_start_is_looked_at(stage: Stage) -> None:
    for name in ("a", "b"):
        stage.store.create(SUGGESTIONS, a_suggestion(name))
    stage.store.create(JOBS, a_job("of another kind"))
    script = Script([done, done])
    with stage.running(script):
        assert script.wait() == ["a", "b"]


def test_what_changes_is_looked_at(stage: Stage) -> None:
    first = threading.Event()

    def begin() -> Result:
        first.set()
        return DONE

    script = Script([begin, done])
    with stage.running(script):
        one = stage.store.create(SUGGESTIONS, a_suggestion())
        stage.store.create(JOBS, a_job("of another kind"))
        assert first.wait(PATIENCE)
        stage.store.update(SUGGESTIONS, asked(one, 2))
        assert script.wait() == ["one", "one"]


def test_something_outside_the_store_can_ask_for_a_look(stage: Stage) -> None:
    script = Script([done])
    with stage.running(script) as loop:
        loop.wake(script, NAME)
        assert script.wait() == ["one"]


def test_a_reconciler_may_ask_to_be_called_later(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    script = Script([lambda: Result(retry_after_seconds=0.03), done])
    with stage.running(script):
        script.wait()
    assert script.pauses()[0] >= 0.03


def test_a_failure_is_told_and_tried_again_with_growing_pauses(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    script = Script([fail] * 5 + [lambda: Result(retry_after_seconds=0), fail, done])
    with stage.running(script):
        script.wait()
    pauses = script.pauses()
    for pause, least in zip(pauses, (0.005, 0.01, 0.02, 0.04, 0.08), strict=False):
        assert pause >= least
    assert pauses[6] < pauses[4], "a success makes the pauses short again"
    assert set(stage.events.told) == {("one", "ReconcileError", "Failed to reconcile: boom", True)}
    assert len(stage.events.told) == 6
    assert stage.failures == []


def test_a_failure_about_what_is_gone_has_nobody_to_tell(stage: Stage) -> None:
    script = Script([fail, done])
    with stage.running(script) as loop:
        loop.wake(script, NAME)
        script.wait()
    assert stage.events.told == []


def test_a_failure_about_what_may_not_be_read_ends_no_worker(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())

    def refuse(kind: Kind[Any], key: Key) -> Resource:
        raise RequestRefusedError("GET /suggestions", 403, "forbidden")

    monkeypatch.setattr(stage.store, "find", refuse)
    script = Script([fail, fail, done])
    with stage.running(script):
        assert script.wait() == ["one"] * 3
    assert stage.events.told == []


def test_a_conflict_is_no_failure(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    script = Script([conflict, conflict, done])
    with stage.running(script):
        assert script.wait() == ["one"] * 3
    assert stage.events.told == []


def test_a_conflict_that_stays_is_tried_with_growing_pauses(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    script = Script([conflict] * 5 + [done])
    with stage.running(script):
        script.wait()
    for pause, least in zip(script.pauses(), (0, 0.005, 0.015, 0.035, 0.075), strict=True):
        assert pause >= least


def test_what_changes_while_all_is_looked_at_is_heard_after_it(stage: Stage) -> None:
    """What is newer must be heard last, or an old state would be taken for the present one."""
    heard: list[int] = []

    class Hearing(Script):
        def keys(self, event: Event) -> Iterable[Key]:
            heard.append(int(event.metadata.resource_version))
            if len(heard) == 1:
                # Another thread writes while the list is walked.
                new = asked(stage.store.get(SUGGESTIONS, Key("default", "b")), 5)
                writer = threading.Thread(target=stage.store.update, args=(SUGGESTIONS, new))
                writer.start()
                writer.join()
            yield event.key

    for name in ("a", "b"):
        stage.store.create(SUGGESTIONS, a_suggestion(name))
    with stage.running(Hearing([done, done])) as loop:
        assert heard == [1, 2, 3]
        loop.stop()


def test_owners_are_served_in_turns(stage: Stage) -> None:
    for name in ("a1", "a2", "a3", "b1"):
        stage.store.create(SUGGESTIONS, a_suggestion(name))
    script = Script([done] * 4)
    around = Surroundings(
        stage.store,
        stage.events,
        SystemClock(),
        print,
        print,
        lambda name, key: (name, key.name[0]),
    )
    loop = Loop(around, [script])
    loop.start()
    try:
        assert script.wait() == ["a1", "b1", "a2", "a3"]
    finally:
        loop.stop()


def test_a_store_that_is_away_is_waited_for_and_told_to_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "AWAY_PAUSE", 0.05)
    stage.store.create(SUGGESTIONS, a_suggestion())
    script = Script([away, away, away, done])
    with stage.running(script):
        assert script.wait() == ["one"] * 4
    assert stage.events.told == []
    assert stage.failures == []
    assert min(script.pauses()) >= 0.05


def test_a_reconciler_may_hear_of_every_kind(stage: Stage) -> None:
    stage.store.create(JOBS, a_job("was there"))
    stage.store.create(SUGGESTIONS, a_suggestion("old"))
    script = Script([done, done, done], kinds=(SUGGESTIONS, EVERY_KIND))
    unknown: Kind[Any] = Kind("example.com/v1", "Widget", "widgets", Unstructured)
    with stage.running(script):
        widget = replace(a_job("new"), api_version="example.com/v1", kind="Widget")
        stage.store.create(unknown, widget)
        stage.store.create(SUGGESTIONS, a_suggestion("young"))
        assert sorted(script.wait()) == ["new", "old", "young"]


def test_reconciles_are_measured_also_when_they_fail(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    measured: list[tuple[str, float]] = []
    clock = FakeClock()

    def slow() -> Result:
        clock.advance(3)
        raise ValueError("boom")

    def measure(name: str, seconds: float) -> None:
        measured.append((name, seconds))

    around = Surroundings(stage.store, stage.events, clock, print, print, measure=measure)
    script = Script([slow])
    loop = Loop(around, [script])
    loop.start()
    assert script.finished.wait(PATIENCE)
    loop.stop()
    assert measured == [("script-controller", 3.0)]


def test_one_keys_failure_does_not_hold_up_another(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion("bad"))
    stage.store.create(SUGGESTIONS, a_suggestion("good"))
    script = Script([fail, done, done])
    with stage.running(script):
        assert script.wait() == ["bad", "good", "bad"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_store_that_cannot_be_written_stops_the_loop_and_is_reported_once(
    stage: Stage, workers: int
) -> None:
    stage.flush = full_disk
    script = Script([done])
    with stage.running(script, workers=workers) as loop:
        assert stage.failed.wait(PATIENCE)
        before = len(script.seen)
        loop.wake(script, NAME)
    assert [str(error).startswith("cannot use katib.db") for error in stage.failures] == [True]
    assert len(script.seen) == before


def test_a_reconcile_that_finds_the_store_unwritable_stops_the_loop(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion("a"))
    stage.store.create(SUGGESTIONS, a_suggestion("b"))
    script = Script([broken, done])
    with stage.running(script):
        assert stage.failed.wait(PATIENCE)
    assert [key.name for key, _ in script.seen] == ["a"]
    assert stage.events.told == []


def test_what_was_done_is_flushed_when_there_is_nothing_to_do(stage: Stage) -> None:
    flushed = threading.Event()
    script = Script([done])

    def flush() -> None:
        if script.seen:
            flushed.set()

    stage.flush = flush
    stage.store.create(SUGGESTIONS, a_suggestion())
    with stage.running(script):
        assert flushed.wait(PATIENCE)


def test_what_was_done_is_flushed_though_there_is_always_something_to_do(stage: Stage) -> None:
    flushed = threading.Event()
    script = Busy([], flushed=flushed)

    def flush() -> None:
        if script.seen:
            flushed.set()

    stage.flush = flush
    stage.store.create(SUGGESTIONS, a_suggestion())
    with stage.running(script):
        assert flushed.wait(PATIENCE)


def test_stopping_waits_for_what_runs_and_starts_nothing(stage: Stage) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion("a"))
    stage.store.create(SUGGESTIONS, a_suggestion("b"))
    started, may_end = threading.Event(), threading.Event()
    ended: list[bool] = []

    def slow() -> Result:
        started.set()
        assert may_end.wait(PATIENCE)
        ended.append(True)
        return DONE

    script = Script([slow, done])
    with stage.running(script) as loop:
        assert started.wait(PATIENCE)
        stopping = threading.Thread(target=loop.stop)
        stopping.start()
        stopping.join(0.02)
        assert stopping.is_alive()
        may_end.set()
        stopping.join(PATIENCE)
        assert ended == [True]
        stage.store.create(SUGGESTIONS, a_suggestion("c"))
    assert [key.name for key, _ in script.seen] == ["a"]


def test_two_workers_take_two_keys_at_once(stage: Stage) -> None:
    for name in ("a", "b"):
        stage.store.create(SUGGESTIONS, a_suggestion(name))
    together = threading.Barrier(2, timeout=PATIENCE)

    def meet() -> Result:
        together.wait()
        return DONE

    script = Script([meet, meet])
    with stage.running(script, workers=2):
        assert sorted(script.wait()) == ["a", "b"]
    assert stage.events.told == []


def test_one_key_is_never_taken_twice_at_once(stage: Stage) -> None:
    one = stage.store.create(SUGGESTIONS, a_suggestion())
    inside: list[int] = []
    most: list[int] = []

    def work() -> Result:
        inside.append(1)
        most.append(len(inside))
        stage.store.update(SUGGESTIONS, asked(stage.store.get(SUGGESTIONS, NAME), len(most) + 1))
        inside.pop()
        return DONE

    script = Script([work] * 50)
    with stage.running(script, workers=4):
        script.wait()
    assert set(most) == {1}
    assert one.spec.requests == 1


def test_a_wish_for_later_survives_the_end_of_the_run_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.store.create(SUGGESTIONS, a_suggestion())
    wished = threading.Event()
    add_after, forget_later = WorkQueue.add_after, WorkQueue.forget_later

    def slow_forget(queue: WorkQueue[Any], item: Any) -> None:
        wished.wait(0.05)
        forget_later(queue, item)

    def add(queue: WorkQueue[Any], item: Any, seconds: float) -> None:
        add_after(queue, item, seconds)
        wished.set()

    def change() -> Result:
        stage.store.update(SUGGESTIONS, asked(stage.store.get(SUGGESTIONS, NAME), 2))
        return DONE

    monkeypatch.setattr(WorkQueue, "forget_later", slow_forget)
    monkeypatch.setattr(WorkQueue, "add_after", add)
    script = Script([change, lambda: Result(retry_after_seconds=0.1), done])
    with stage.running(script, workers=2):
        assert script.wait() == ["one"] * 3
