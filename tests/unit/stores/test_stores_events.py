from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from katib.api.trial import Trial
from katib.api.values import ObjectMeta, Unstructured
from katib.errors import StoreUnavailableError
from katib.stores import events
from katib.stores.events import COMPARED, WRITE_EVERY, SqliteEventRecorder, list_events
from katib.testing.clocks import FakeClock


def a_trial(name: str = "one", uid: str = "uid-one") -> Trial:
    return Trial(metadata=ObjectMeta(name=name, namespace="default", uid=uid))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "katib.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def recorder(path: Path, clock: FakeClock) -> Iterator[SqliteEventRecorder]:
    recorder = SqliteEventRecorder(path, clock)
    yield recorder
    recorder.close()


def told(path: Path, trial: Trial) -> list[tuple[str, int]]:
    return [(one.body["reason"], one.body["count"]) for one in list_events(path, trial)]


def test_an_event_reads_as_kubernetes_writes_it(recorder: SqliteEventRecorder, path: Path) -> None:
    recorder.record(a_trial(), "JobCreated", "Job one has been created")
    recorder.record(a_trial(), "MetricsUnavailable", "no metrics", warning=True)
    recorder.flush(is_last=True)
    first, second = list_events(path, a_trial())
    assert (first.api_version, first.kind, first.metadata.namespace) == ("v1", "Event", "default")
    assert first.metadata.name.startswith("one.")
    assert first.body == {
        "involvedObject": {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Trial",
            "name": "one",
            "namespace": "default",
            "uid": "uid-one",
        },
        "type": "Normal",
        "reason": "JobCreated",
        "message": "Job one has been created",
        "source": {"component": "trial-controller"},
        "count": 1,
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    assert second.body["type"] == "Warning"
    assert second.metadata.name != first.metadata.name


def test_equal_events_are_counted_up(
    recorder: SqliteEventRecorder, path: Path, clock: FakeClock
) -> None:
    for _ in range(3):
        recorder.record(a_trial(), "ReconcileError", "it broke")
        recorder.flush(is_last=True)
        clock.advance(60)
    recorder.record(a_trial(), "ReconcileError", "it broke otherwise")
    recorder.flush(is_last=True)
    first, second = list_events(path, a_trial())
    assert (first.body["count"], second.body["count"]) == (3, 1)
    assert first.body["firstTimestamp"] == "2026-01-01T00:00:00Z"
    assert first.body["lastTimestamp"] == "2026-01-01T00:02:00Z"


def test_equal_words_about_others_are_other_events(
    recorder: SqliteEventRecorder, path: Path
) -> None:
    again = a_trial(uid="uid-of-the-next-one")
    recorder.record(a_trial(), "JobCreated", "Job one has been created")
    recorder.record(again, "JobCreated", "Job one has been created")
    recorder.flush(is_last=True)
    assert told(path, a_trial()) == told(path, again) == [("JobCreated", 1)]
    assert told(path, a_trial("two")) == []


def test_an_old_event_is_written_anew(recorder: SqliteEventRecorder, path: Path) -> None:
    recorder.record(a_trial(), "First", "x")
    for number in range(COMPARED):
        recorder.record(a_trial("other", "uid-other"), "Noise", str(number))
    recorder.record(a_trial(), "First", "x")
    recorder.flush(is_last=True)
    assert told(path, a_trial()) == [("First", 1), ("First", 1)]


def test_only_the_newest_are_kept(
    recorder: SqliteEventRecorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KEPT", 5)
    for number in range(12):
        recorder.record(a_trial(), f"R{number}", "x")
        recorder.flush(is_last=True)
    assert [reason for reason, _ in told(path, a_trial())] == [f"R{n}" for n in range(7, 12)]


def test_events_wait_a_while_to_be_written(
    recorder: SqliteEventRecorder, path: Path, clock: FakeClock
) -> None:
    recorder.record(a_trial(), "JobCreated", "x")
    clock.advance(WRITE_EVERY / 2)
    recorder.flush()
    assert told(path, a_trial()) == []
    clock.advance(WRITE_EVERY)
    recorder.flush()
    assert told(path, a_trial()) == [("JobCreated", 1)]


def test_closing_writes_what_waits_and_numbers_go_on(path: Path, clock: FakeClock) -> None:
    for reason in ("First", "Second"):
        recorder = SqliteEventRecorder(path, clock)
        recorder.record(a_trial(), reason, "x")
        recorder.close()
    assert told(path, a_trial()) == [("First", 1), ("Second", 1)]


@pytest.mark.parametrize("name", ["missing/katib.db", "katib.db"])
def test_there_is_nothing_to_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"katib\.db"):
        list_events(tmp_path / name, a_trial())


def reasons(recorder: SqliteEventRecorder, *where: str | None) -> list[tuple[str, int]]:
    namespace, uid = where
    found = recorder.list_events(namespace, uid)
    return [(one.body["reason"], one.body["count"]) for one in found]


@pytest.mark.parametrize("is_written", [True, False], ids=["written", "not yet written"])
def test_a_server_lists_events_by_namespace_and_object(
    recorder: SqliteEventRecorder, is_written: bool
) -> None:
    elsewhere = Trial(metadata=ObjectMeta(name="one", namespace="team", uid="uid-three"))
    for trial in (a_trial(), a_trial("two", "uid-two"), elsewhere):
        recorder.record(trial, f"Of{trial.metadata.uid}", "something")
    recorder.flush(is_last=is_written)
    first, second, third = ("Ofuid-one", 1), ("Ofuid-two", 1), ("Ofuid-three", 1)
    assert reasons(recorder, None, None) == [first, second, third]
    assert reasons(recorder, "default", None) == [first, second]
    assert reasons(recorder, "default", "uid-two") == [second]
    assert reasons(recorder, None, "uid-three") == [third]
    assert reasons(recorder, "team", "uid-one") == []


def test_a_server_lists_an_event_once_with_its_newest_count(
    recorder: SqliteEventRecorder,
) -> None:
    recorder.record(a_trial(), "Again", "something")
    recorder.flush(is_last=True)
    recorder.record(a_trial(), "Again", "something")
    assert reasons(recorder, None, None) == [("Again", 2)]


def test_who_listens_is_told_each_event_as_it_will_be_read(recorder: SqliteEventRecorder) -> None:
    heard: list[Unstructured] = []
    recorder.record(a_trial(), "Before", "nobody listens")
    stop = recorder.subscribe(heard.append)
    recorder.record(a_trial(), "Twice", "x")
    assert heard == recorder.list_events("default", None)[1:]
    recorder.record(a_trial(), "Twice", "x")
    stop()
    recorder.record(a_trial(), "After", "nobody listens")
    assert [(one.body["reason"], one.body["count"]) for one in heard] == [
        ("Twice", 1),
        ("Twice", 2),
    ]
    assert heard[1] == recorder.list_events("default", None)[1]
