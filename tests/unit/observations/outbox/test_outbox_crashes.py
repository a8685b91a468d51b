"""Whatever happens, and whenever: each point is in the log once, in order."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from unittest.mock import patch

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from katib.api.values import Key
from katib.errors import StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.observations.outbox import Outbox, delivery
from katib.ports.observation_log import MetricEntry
from katib.testing.clocks import FakeClock
from katib.testing.observation_log_contract import entry

TRIALS = (Key("default", "trial-a"), Key("team-a", "trial-a"))

SENT_ENTRIES = delivery.SENT_ENTRIES

_write = os.pwrite


class Killed(BaseException):
    """The process is gone at this moment."""


@dataclass
class Fate:
    """What happens to the calls that come: ``well``, ``lost before``, ``lost after``..."""

    what: str = "well"
    after_calls: int = 0

    def strikes(self) -> str:
        if self.what == "well":
            return ""
        if self.after_calls:
            self.after_calls -= 1
            return ""
        what, self.what = self.what, "well"
        return what


class Server:
    """A log on another machine, which is lost as its fate will have it."""

    def __init__(self, kept: MemoryObservationLog, fate: Fate) -> None:
        self.kept, self.fate = kept, fate

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        end = self._enter()
        self.kept.report(trial, entries)
        self._leave(end)

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        end = self._enter()
        found = self.kept.read(trial, metric)
        self._leave(end)
        return found

    def delete(self, trial: Key) -> None:
        end = self._enter()
        self.kept.delete(trial)
        self._leave(end)

    def flush(self) -> None:
        self._leave(self._enter())

    def delay(self, trial: Key) -> str:
        return ""

    def close(self) -> None:
        """Nothing."""

    def _enter(self) -> str:
        end = self.fate.strikes()
        if end.endswith("before"):
            self._end(end)
        return end

    def _leave(self, end: str) -> None:
        if end:
            self._end(end)

    def _end(self, end: str) -> None:
        if end.startswith("killed"):
            raise Killed
        raise StoreUnavailableError("db:6789", end)


ENDS = st.sampled_from(["lost before", "lost after", "killed before", "killed after"])
#: Few, so that equal ones come often.
REPORTS = st.lists(st.sampled_from("abc").map(entry), min_size=1, max_size=4)


class Crashes(RuleBasedStateMachine):
    """Reports to two trials; what may be there is told apart from what must be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.clock, self.kept, self.fate = FakeClock(), MemoryObservationLog(), Fate()
        self.outbox = self.open()
        # Each report, and whether it was acknowledged.
        self.given: dict[Key, list[tuple[list[MetricEntry], bool]]] = {one: [] for one in TRIALS}

    def teardown(self) -> None:
        self.fate.what = "well"
        self.clock.advance(delivery.PAUSE_SECONDS)
        assert self.outbox.deliver()
        for trial, given in self.given.items():
            assert is_made_of(list(self.kept.read(trial)), given), (given, self.kept.read(trial))
        self.outbox.close()
        shutil.rmtree(self.folder)
        delivery.SENT_ENTRIES = SENT_ENTRIES

    def open(self) -> Outbox:
        return Outbox(lambda: Server(self.kept, self.fate), self.folder, self.clock)

    def die(self) -> None:
        self.fate.what = "well"
        self.outbox.close()
        self.outbox = self.open()

    @initialize(sent=st.integers(1, 3))
    def send_few_at_once(self, sent: int) -> None:
        delivery.SENT_ENTRIES = sent

    @rule(trial=st.sampled_from(TRIALS), report=REPORTS)
    def report(self, trial: Key, report: list[MetricEntry]) -> None:
        self.outbox.report(trial, report)
        self.given[trial].append((report, True))

    @rule(trial=st.sampled_from(TRIALS), report=REPORTS, share=st.floats(0, 1))
    def die_while_a_report_is_written(
        self, trial: Key, report: list[MetricEntry], share: float
    ) -> None:
        def torn(file: int, data: bytes, at: int) -> int:
            _write(file, data[: round(len(data) * share)], at)
            raise Killed

        with patch("os.pwrite", torn):
            try:
                self.outbox.report(trial, report)
            except Killed:
                self.given[trial].append((report, False))
        self.die()

    @rule(trial=st.sampled_from(TRIALS))
    def forget(self, trial: Key) -> None:
        self.outbox.delete(trial)
        self.given[trial] = []

    @rule(end=ENDS, calls=st.integers(0, 6))
    def lose(self, end: str, calls: int) -> None:
        self.fate = Fate(end, calls)
        self.outbox._connect = lambda: Server(self.kept, self.fate)
        self.outbox._log = None

    @rule(share=st.floats(0, 1), writes=st.integers(0, 3))
    def die_while_a_mark_is_written(self, share: float, writes: int) -> None:
        left = writes

        def torn(file: int, data: bytes, at: int) -> int:
            nonlocal left
            if left:
                left -= 1
                return _write(file, data, at)
            _write(file, data[: round(len(data) * share)], at)
            raise Killed

        self.clock.advance(delivery.PAUSE_SECONDS)
        with patch("os.pwrite", torn):
            try:
                self.outbox.deliver()
            except Killed:
                pass
        self.die()

    @rule(is_patient=st.booleans())
    def deliver(self, is_patient: bool) -> None:
        if is_patient:
            self.clock.advance(delivery.PAUSE_SECONDS)
        try:
            self.outbox.deliver()
        except Killed:
            self.die()

    @rule(trial=st.sampled_from(TRIALS))
    def read(self, trial: Key) -> None:
        try:
            found = self.outbox.read(trial)
        except StoreUnavailableError:
            return
        except Killed:
            self.die()
            return
        assert is_made_of(list(found), self.given[trial])

    @precondition(lambda self: self.fate.what == "well")
    @rule()
    def stop_and_start(self) -> None:
        self.die()

    @invariant()
    def nothing_is_there_that_was_not_given(self) -> None:
        for trial in TRIALS:
            most = sum(len(report) for report, _ in self.given[trial])
            if not self.outbox._boxes.get(trial) or not self.outbox._boxes[trial].is_to_forget:
                assert len(self.kept.read(trial)) <= most


def is_made_of(found: list[MetricEntry], given: list[tuple[list[MetricEntry], bool]]) -> bool:
    """Whether what was found is every acknowledged report in order, and perhaps some others."""
    places = {0}
    for report, is_certain in given:
        after = {at + len(report) for at in places if found[at : at + len(report)] == report}
        places = after if is_certain else places | after
    return len(found) in places


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(max_examples=120, stateful_step_count=30, deadline=None)
