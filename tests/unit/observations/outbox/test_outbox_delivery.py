from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from katib.api.values import Key
from katib.errors import EntryRefusedError, OutboxFullError, StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.observations.outbox import Outbox, delivery
from katib.ports.observation_log import MetricEntry
from katib.testing.clocks import FakeClock
from katib.testing.observation_log_contract import TRIAL, entry, values

OTHER = Key("team-a", "trial-b")


class FailingLog:
    """A log that may be away, or lose its answer."""

    def __init__(self) -> None:
        self.kept = MemoryObservationLog()
        self.is_away = self.is_cut = False
        self.refused: set[str] = set()
        self.calls: list[str] = []
        self.between: Callable[[], None] = lambda: None

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        self._enter("report")
        if any(one.value in self.refused for one in entries):
            raise EntryRefusedError("the value is too long")
        self.between()
        self.kept.report(trial, entries)
        self._leave()

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        self._enter("read")
        return self.kept.read(trial, metric)

    def delete(self, trial: Key) -> None:
        self._enter("delete")
        self.kept.delete(trial)
        self._leave()

    def flush(self) -> None:
        self._enter("flush")

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        self.calls.append("close")

    def _enter(self, call: str) -> None:
        self.calls.append(call)
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")

    def _leave(self) -> None:
        if self.is_cut:
            self.is_away, self.is_cut = True, False
            raise StoreUnavailableError("db:6789", "the connection was lost")


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock, self.log = folder, FakeClock(), FailingLog()
        self.heard: list[Key] = []
        self.outbox = self.restart()

    def restart(self) -> Outbox:
        """What a process does that begins after another one was killed."""
        self.outbox = Outbox(lambda: self.log, str(self.folder), self.clock, self.heard.append)
        return self.outbox

    def come_back(self) -> None:
        self.log.is_away = False
        self.clock.advance(delivery.PAUSE_SECONDS)

    @property
    def stored(self) -> list[str]:
        return values(self.log.kept)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "outbox")


def test_reports_are_taken_while_the_log_is_away_and_told_once(stage: Stage) -> None:
    stage.log.is_away = True
    for value in "abc":
        stage.outbox.report(TRIAL, [entry(value), entry(value)])
        assert not stage.outbox.deliver()
    stage.come_back()
    assert stage.outbox.deliver()
    assert stage.outbox.deliver()
    assert stage.stored == ["a", "a", "b", "b", "c", "c"]
    assert [file for file in stage.folder.rglob("*") if file.is_file()] == []


def test_a_report_whose_answer_was_lost_is_not_told_twice(stage: Stage) -> None:
    stage.outbox.report(TRIAL, [entry("a")])
    assert stage.outbox.deliver()
    stage.log.is_cut = True
    stage.outbox.report(TRIAL, [entry("a"), entry("b")])
    assert not stage.outbox.deliver()
    stage.outbox.report(TRIAL, [entry("b")])
    stage.come_back()
    assert stage.outbox.deliver()
    assert stage.stored == ["a", "a", "b", "b"]


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_killed_process_does_not_know_and_asks(stage: Stage, is_stored: bool) -> None:
    stage.log.kept.report(TRIAL, [entry("before")])
    stage.log.is_cut = is_stored

    def lose() -> None:
        if not is_stored:
            raise StoreUnavailableError("db:6789", "the connection was lost")

    stage.log.between = lose
    stage.outbox.report(TRIAL, [entry("a")])
    assert not stage.outbox.deliver()
    outbox = stage.restart()
    stage.log.between = lambda: None
    stage.come_back()
    assert outbox.deliver()
    assert stage.stored == ["before", "a"]


def test_what_others_reported_is_not_taken_for_ones_own(stage: Stage) -> None:
    stage.log.is_cut = True
    stage.outbox.report(TRIAL, [entry("a"), entry("b")])
    assert not stage.outbox.deliver()
    stage.log.kept.report(TRIAL, [entry("other")])
    stage.come_back()
    assert stage.outbox.deliver()
    assert stage.stored == ["a", "b", "other"]


def test_what_others_deleted_is_not_told_again_but_what_was_on_its_way_is(stage: Stage) -> None:
    stage.outbox.report(TRIAL, [entry("a")])
    assert stage.outbox.deliver()
    stage.log.is_cut = True
    stage.outbox.report(TRIAL, [entry("b")])
    assert not stage.outbox.deliver()
    stage.log.kept.delete(TRIAL)
    stage.come_back()
    assert stage.outbox.deliver()
    assert stage.stored == ["b"]


def test_deleting_waits_too_and_comes_before_what_is_reported_later(stage: Stage) -> None:
    stage.outbox.report(TRIAL, [entry("old")])
    assert stage.outbox.deliver()
    stage.log.is_away = True
    stage.outbox.report(TRIAL, [entry("never told")])
    stage.outbox.delete(TRIAL)
    stage.outbox.report(TRIAL, [entry("new")])
    assert not stage.outbox.deliver()
    outbox = stage.restart()
    stage.come_back()
    assert outbox.deliver()
    assert stage.stored == ["new"]


def test_deleting_while_a_report_is_on_its_way(stage: Stage) -> None:
    stage.outbox.report(TRIAL, [entry("old")])

    def forget() -> None:
        stage.log.between = lambda: None
        stage.outbox.delete(TRIAL)
        stage.outbox.report(TRIAL, [entry("new")])

    stage.log.between = forget
    assert stage.outbox.deliver()
    assert stage.stored == ["new"]


def test_a_read_sees_what_waits_or_says_that_it_cannot(stage: Stage) -> None:
    stage.outbox.report(TRIAL, [entry("a")])
    assert values(stage.outbox) == ["a"]
    stage.log.is_away = True
    stage.outbox.report(TRIAL, [entry("b")])
    with pytest.raises(StoreUnavailableError, match="connection refused"):
        stage.outbox.read(TRIAL)
    stage.log.calls.clear()
    with pytest.raises(StoreUnavailableError, match="connection refused"):
        stage.outbox.read(OTHER)
    assert stage.log.calls == [], "a log that was away keeps nobody waiting"
    stage.come_back()
    assert stage.outbox.deliver()
    assert values(stage.outbox) == ["a", "b"]


def test_a_log_that_was_away_is_left_alone_for_a_while(stage: Stage) -> None:
    stage.log.is_away = True
    stage.outbox.report(TRIAL, [entry("a")])
    assert not stage.outbox.deliver()
    stage.log.is_away = False
    stage.log.calls.clear()
    assert not stage.outbox.deliver()
    assert stage.log.calls == []
    stage.come_back()
    assert stage.outbox.deliver()


def test_a_log_that_cannot_be_connected_to_is_tried_again(tmp_path: Path) -> None:
    clock, log = FakeClock(), FailingLog()
    problems = ["no route to host"]

    def connect() -> FailingLog:
        if problems:
            raise StoreUnavailableError("db:6789", problems.pop())
        return log

    outbox = Outbox(connect, str(tmp_path), clock)
    outbox.report(TRIAL, [entry("a")])
    assert not outbox.deliver()
    assert "no route to host" in outbox.delay(TRIAL)
    clock.advance(delivery.PAUSE_SECONDS)
    assert outbox.deliver()
    assert values(log.kept) == ["a"]
    outbox.close()
    assert log.calls[-1] == "close"


def test_who_waits_is_told_and_when_it_is_over(stage: Stage) -> None:
    stage.outbox.report(OTHER, [entry("a")])
    assert stage.outbox.delay(OTHER) == "", "what is on its way has not been held up"
    assert stage.outbox.deliver()
    stage.log.is_away = True
    stage.outbox.report(TRIAL, [entry("a"), entry("b")])
    assert not stage.outbox.deliver()
    assert not stage.outbox.deliver()
    stage.outbox.report(OTHER, [entry("b")])
    assert stage.heard == [TRIAL, OTHER]
    told = stage.outbox.delay(TRIAL)
    assert told.startswith("2 entries wait in ")
    assert told.endswith("db:6789: connection refused")
    stage.come_back()
    assert stage.outbox.deliver()
    assert stage.heard == [TRIAL, OTHER, TRIAL, OTHER]
    assert stage.outbox.delay(TRIAL) == ""


def test_a_full_box_takes_nothing_until_there_is_room(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "BOX_BYTES", 1000)
    stage.log.is_away = True
    taken = 0

    def fill() -> None:
        nonlocal taken
        while True:
            stage.outbox.report(TRIAL, [entry(str(taken))])
            taken += 1

    with pytest.raises(OutboxFullError, match=r"entries wait in .*trial-a\.reports") as caught:
        fill()
    assert 5 < taken == caught.value.waiting < 20
    stage.outbox.report(OTHER, [entry("another trial has room")])
    stage.come_back()
    assert stage.outbox.deliver()
    stage.outbox.report(TRIAL, [entry(str(taken))])
    assert stage.outbox.deliver()
    assert stage.stored == [str(number) for number in range(taken + 1)]


def test_an_entry_that_is_refused_holds_up_no_other(stage: Stage) -> None:
    values = [str(number) for number in range(20)]
    stage.log.refused = {"3", "19"}
    stage.outbox.report(TRIAL, [entry(value) for value in values])
    assert stage.outbox.deliver()
    assert stage.stored == [value for value in values if value not in stage.log.refused]


def test_a_trial_that_is_not_remembered_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "REMEMBERED", 1)
    for value in "ab":
        for trial in (TRIAL, OTHER):
            stage.outbox.report(trial, [entry(value)])
            assert stage.outbox.deliver()
    assert stage.stored == values(stage.log.kept, OTHER) == ["a", "b"]


def test_names_are_kept_apart_whatever_they_are(stage: Stage) -> None:
    trials = [Key("", "a"), Key("a", "b/c"), Key("a/b", "c"), Key("..", ".."), Key("ü", "%2F")]
    stage.log.is_away = True
    for number, trial in enumerate(trials):
        stage.outbox.report(trial, [entry(str(number))])
    assert not stage.outbox.deliver()
    outbox = stage.restart()
    stage.come_back()
    assert outbox.deliver()
    assert [values(stage.log.kept, trial) for trial in trials] == [[str(n)] for n in range(5)]
    assert [one.name for one in stage.folder.parent.iterdir()] == [stage.folder.name]


def test_a_thread_delivers_by_itself(tmp_path: Path) -> None:
    clock, log = FakeClock(), FailingLog()
    is_over = threading.Event()
    heard: list[Key] = []

    def hear(trial: Key) -> None:
        heard.append(trial)
        log.is_away = False
        clock.advance(delivery.PAUSE_SECONDS)
        if len(heard) == 2:
            is_over.set()

    log.is_away = True
    outbox = Outbox(lambda: log, str(tmp_path), clock, hear)
    outbox.start()
    outbox.report(TRIAL, [entry("a")])
    assert is_over.wait(60)
    outbox.close()
    assert values(log.kept) == ["a"]
    assert heard == [TRIAL, TRIAL]
