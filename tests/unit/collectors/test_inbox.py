from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import TRIALS, Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, Key, ObjectMeta
from katib.collectors import inbox as module
from katib.collectors.inbox import Inbox, Pushed, Report, TrialEndedError
from katib.collectors.push import PushCollector
from katib.collectors.stopping import RuleWatch
from katib.errors import NotFoundError, StoreUnavailableError
from katib.observations.memory import MemoryObservationLog
from katib.ports.collector import CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")
NOON = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
OBJECTIVE = ObjectiveSpec(type="minimize", objective_metric_name="loss")


class Log(MemoryObservationLog):
    """Can be broken, as by a disk that is full: nothing is safe then."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = self.takes_nothing = False
        self.flushes = 0

    def report(self, trial: Key, entries: Sequence[MetricEntry]) -> None:
        if self.takes_nothing:
            raise StoreUnavailableError("observations.db", "No space left on device")
        super().report(trial, entries)

    def flush(self) -> None:
        if self.is_broken:
            raise StoreUnavailableError("observations.db", "No space left on device")
        self.flushes += 1


class Stage:
    """A trial that pushes, and engines that follow one another over the same log."""

    def __init__(self, folder: Path) -> None:
        self.store, self.drop = MemoryStore(FakeClock()), folder / "drop"
        self.log: Log = Log()
        self.inbox = Inbox(self.store, self.log)
        spec = TrialSpec(objective=OBJECTIVE)
        metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
        self.trial = self.store.create(TRIALS, Trial(metadata=metadata, spec=spec))

    def restart(self) -> None:
        self.inbox = Inbox(self.store, self.log)

    def end(self, condition: str) -> None:
        status = TrialStatus(conditions=(Condition(type=condition, status="True"),))
        self.store.update_status(TRIALS, replace(self.trial, status=status))

    def take(self, *values: str, key: str = "", content: bytes = b"") -> None:
        report = Report(entries(*values), content or " ".join(values).encode(), key)
        self.inbox.take(KEY, report)

    def watch(self, *rules: EarlyStoppingRule) -> Pushed:
        def make() -> Pushed:
            drop = PushCollector(CollectorSource(("loss",), (), self.drop))
            return Pushed(drop, RuleWatch(rules, OBJECTIVE), OBJECTIVE)

        return self.inbox.watch(self.trial, make)

    def write(self, text: str) -> None:
        with self.drop.open("a") as file:
            file.write(text)

    def read(self, pushed: Pushed, is_ended: bool = False) -> None:
        assert self.inbox.follow(KEY, pushed, is_ended)

    @property
    def values(self) -> list[str]:
        return [entry.value for entry in self.log.read(KEY)]


def entries(*values: str) -> list[MetricEntry]:
    return [MetricEntry(NOON, "loss", value) for value in values]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_report_is_kept_in_order_and_made_safe(stage: Stage) -> None:
    stage.take("3", "1", "2")
    assert stage.values == ["3", "1", "2"]
    assert stage.log.flushes == 1


def test_the_same_values_may_be_pushed_again(stage: Stage) -> None:
    stage.take("1")
    stage.take("1")
    assert stage.values == ["1", "1"]


def test_a_report_with_a_key_counts_once(stage: Stage) -> None:
    stage.take("1", key="a")
    stage.take("1", key="a")
    stage.take("1", key="b")
    assert stage.values == ["1", "1"]
    assert stage.log.flushes == 3


def test_a_key_is_one_of_its_trial(stage: Stage) -> None:
    metadata = ObjectMeta(name="tune-x2", namespace=KEY.namespace)
    stage.store.create(TRIALS, Trial(metadata=metadata))
    stage.take("1", key="a")
    stage.inbox.take(Key(KEY.namespace, "tune-x2"), Report(entries("2"), b"2", "a"))
    assert [entry.value for entry in stage.log.read(Key(KEY.namespace, "tune-x2"))] == ["2"]


def test_not_every_key_is_known_for_ever(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED_REPORTS", 2)
    for key in ("a", "b", "c", "b", "a"):
        stage.take(key, key=key)
    assert stage.values == ["a", "b", "c", "a"]


@pytest.mark.parametrize("key", ["", "a"])
def test_a_report_that_was_not_safe_counts_once_when_it_is_sent_again(
    key: str, stage: Stage
) -> None:
    stage.log.is_broken = True
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            stage.take("1", key=key)
    stage.log.is_broken = False
    stage.take("1", key=key)
    assert stage.values == ["1"]
    stage.take("2", key=key and "b")
    stage.take("1", key=key and "c")
    assert stage.values == ["1", "2", "1"]


@pytest.mark.parametrize("key", ["", "a"])
def test_a_report_that_was_not_taken_is_taken_when_it_is_sent_again(key: str, stage: Stage) -> None:
    stage.log.takes_nothing = True
    with pytest.raises(StoreUnavailableError):
        stage.take("1", key=key)
    stage.log.takes_nothing = False
    stage.take("1", key=key)
    assert stage.values == ["1"]


def test_reports_at_once_are_all_kept(stage: Stage) -> None:
    pushed = stage.watch(EarlyStoppingRule(name="loss", value="-1", comparison="less"))
    with ThreadPoolExecutor(16) as many:
        list(many.map(stage.take, ["1"] * 64))
    assert stage.values == ["1"] * 64
    assert pushed.has_number


class SlowLog(Log):
    """Takes its time to read, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = Event(), Event()

    def read(self, trial: Key, metric: str | None = None) -> Sequence[MetricEntry]:
        self.is_asked.set()
        assert self.may_answer.wait(60)
        return super().read(trial, metric)


def test_reports_do_not_wait_while_the_log_of_another_trial_is_read(stage: Stage) -> None:
    stage.log = log = SlowLog()
    stage.restart()
    other = replace(stage.trial.metadata, name="tune-x2", uid="", resource_version="")
    stage.store.create(TRIALS, replace(stage.trial, metadata=other))
    their_report = Report(entries("2"), b"2")
    with ThreadPoolExecutor(3) as many:
        watching = many.submit(stage.watch)
        assert log.is_asked.wait(60)
        own = many.submit(stage.take, "1")
        theirs = many.submit(stage.inbox.take, Key(KEY.namespace, "tune-x2"), their_report)
        is_taken, is_own_taken = bool(wait([theirs], 10).done), own.done()
        log.may_answer.set()
        pushed = watching.result(60)
    assert (is_taken, is_own_taken) == (True, False)
    # Its own trial's report was shown once, after what was read.
    assert (stage.values, pushed.has_number) == (["1"], True)


def test_a_trial_that_is_not_there_has_no_reports(stage: Stage) -> None:
    with pytest.raises(NotFoundError, match='Trial "other" not found in namespace "default"'):
        stage.inbox.take(Key("default", "other"), Report(entries("1"), b"1"))
    assert stage.log.read(Key("default", "other")) == []


def test_a_report_with_a_key_that_an_earlier_engine_took_counts_once(stage: Stage) -> None:
    stage.take("1", "2", key="a")
    stage.restart()
    pushed = stage.watch()
    stage.take("1", "2", key="a")
    stage.take("1", "3", key="b")
    # Without a key the sender makes no difference, and means another.
    stage.take("1")
    assert stage.values == ["1", "2", "1", "3", "1"]
    assert pushed.has_number


ENDS = (
    names.SUCCEEDED,
    names.FAILED,
    names.KILLED,
    names.EARLY_STOPPED,
    names.METRICS_UNAVAILABLE,
)


@pytest.mark.parametrize("condition", ENDS)
def test_what_is_pushed_after_the_end_is_refused(condition: str, stage: Stage) -> None:
    stage.end(condition)
    with pytest.raises(TrialEndedError, match="trial default/tune-x1 has ended"):
        stage.take("1")
    assert stage.values == []


def test_a_report_of_before_the_end_may_be_sent_again_after_it(stage: Stage) -> None:
    stage.take("1", key="a")
    stage.end(names.SUCCEEDED)
    stage.take("1", key="a")
    assert stage.values == ["1"]


RULE = EarlyStoppingRule(name="loss", value="0.5", comparison="greater", start_step=3)


def test_rules_see_what_is_pushed_by_every_way(stage: Stage) -> None:
    pushed = stage.watch(RULE)
    stage.take("0.9")
    stage.write("loss=0.8\n")
    stage.read(pushed)
    assert pushed.watch.verdict == ""
    stage.take("0.7")
    stage.read(pushed)
    assert "loss" in pushed.watch.verdict


def test_rules_see_what_an_earlier_engine_took(stage: Stage) -> None:
    stage.take("0.9", "0.8")
    stage.restart()
    pushed = stage.watch(RULE)
    stage.read(pushed)
    assert pushed.watch.verdict == ""
    stage.take("0.7")
    stage.read(pushed)
    assert pushed.watch.verdict


def test_a_report_that_counts_once_is_seen_once(stage: Stage) -> None:
    pushed = stage.watch(RULE)
    for _ in range(3):
        stage.take("0.9", key="a")
    stage.read(pushed)
    assert pushed.watch.verdict == ""


def test_pods_of_one_trial_look_at_the_same(stage: Stage) -> None:
    assert stage.watch() is stage.watch()


def test_a_drop_is_read_as_text_and_as_json(stage: Stage) -> None:
    pushed = stage.watch()
    stage.write('epoch 1: loss=3\n{"loss": 2, "timestamp": "2026-05-01T12:00:00Z"}\nloss = 1\n')
    stage.read(pushed)
    assert stage.log.read(KEY) == [
        MetricEntry(NO_TIME, "loss", "3"),
        MetricEntry(NO_TIME, "loss", "1"),
        MetricEntry(NOON, "loss", "2"),
    ]


def test_nothing_of_a_drop_is_doubled_or_lost_by_a_restart(stage: Stage) -> None:
    pushed = stage.watch()
    stage.write("loss=1\nloss=1\nloss=2\n")
    stage.read(pushed)
    stage.take("7")
    stage.write("loss=1\nloss=3")
    del pushed
    stage.restart()
    pushed = stage.watch()
    stage.read(pushed)
    stage.read(pushed, is_ended=True)
    assert stage.values == ["1", "1", "2", "1", "3", "7"]
    del pushed
    # An engine may end between the last line and the pod's end.
    stage.restart()
    pushed = stage.watch()
    stage.read(pushed)
    stage.read(pushed, is_ended=True)
    assert stage.values == ["1", "1", "2", "1", "3", "7"]


def test_a_later_pod_goes_on_with_the_same_drop(stage: Stage) -> None:
    first = stage.watch()
    stage.write("loss=1\n")
    stage.read(first, is_ended=True)
    del first
    second = stage.watch()
    stage.write("loss=1\nloss=2\n")
    stage.read(second, is_ended=True)
    assert stage.values == ["1", "1", "2"]


def test_what_was_dropped_waits_for_the_store(stage: Stage) -> None:
    pushed = stage.watch()
    stage.write("loss=1\n")
    stage.log.takes_nothing = True
    with pytest.raises(StoreUnavailableError):
        stage.inbox.follow(KEY, pushed, False)
    assert not pushed.has_objective
    stage.log.takes_nothing = False
    stage.write("loss=2\n")
    stage.read(pushed)
    assert stage.values == ["1", "2"]


SEEN: dict[str, tuple[list[MetricEntry], bool, bool]] = {
    "nothing": ([], False, False),
    "another metric": ([MetricEntry(NOON, "accuracy", "1")], False, False),
    "no number": (entries("nan", "Genotype()"), True, False),
    "a number after others that are none": (entries("nan", "1"), True, True),
    "infinity": (entries("inf"), True, False),
}


@pytest.mark.parametrize("case", SEEN)
def test_what_is_known_of_the_objective(case: str, stage: Stage) -> None:
    found, has_objective, has_number = SEEN[case]
    pushed = stage.watch()
    pushed.note(found)
    assert (pushed.has_objective, pushed.has_number) == (has_objective, has_number)


def test_only_some_names_are_remembered(stage: Stage) -> None:
    pushed = stage.watch()
    pushed.note([MetricEntry(NOON, f"m{number}", "1") for number in range(1000)])
    assert list(pushed.names) == [f"m{number}" for number in range(module.REMEMBERED_NAMES)]


class CrashingLog(Log):
    """Loses in a crash what was not made safe."""

    def __init__(self) -> None:
        super().__init__()
        self._safe: list[MetricEntry] = []

    def flush(self) -> None:
        self._safe = list(self.read(KEY))

    def crash(self) -> None:
        self.delete(KEY)
        self.report(KEY, self._safe)


STEPS = st.lists(
    st.sampled_from(["drop 1", "drop 2", "push 1", "push 2", "read", "flush", "crash", "pod"]),
    max_size=40,
)


@given(STEPS)
def test_whenever_an_engine_crashes_each_value_counts_once(steps: list[str]) -> None:
    with TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.log = log = CrashingLog()
        stage.restart()
        pushed, wanted = stage.watch(), Counter[MetricEntry]()
        for step in steps:
            word, _, value = step.partition(" ")
            if word == "drop":
                stage.write(f"loss={value}\n")
                wanted[MetricEntry(NO_TIME, "loss", value)] += 1
            elif word == "push":
                stage.take(value)
                wanted[MetricEntry(NOON, "loss", value)] += 1
            elif word == "read":
                stage.read(pushed)
            elif word == "flush":
                log.flush()
            else:
                if word == "crash":
                    log.crash()
                    stage.restart()
                del pushed
                pushed = stage.watch()
        stage.read(pushed, is_ended=True)
        assert Counter(log.read(KEY)) == wanted
