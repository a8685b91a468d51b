from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import (
    EXPERIMENTS,
    CollectorSpec,
    MetricsCollectorSpec,
    ObjectiveSpec,
)
from katib.api.kinds import PODS
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api.values import (
    Key,
    Manifest,
    ObjectMeta,
    Resource,
    Strings,
    Unstructured,
    owner_reference,
)
from katib.collectors.inbox import Report
from katib.collectors.sidecar import LogSidecars
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.sidecar import Sidecar
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "tune-x1")


class FakeOutfit:
    """Every file lies in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, container: str) -> str:
        return f"{self.folder}/{container}.log"

    def map_path(self, path: str, is_folder: bool = False) -> str:
        raise AssertionError("no path of a program that pushes is another one")

    def map_checkpoints(self, path: str, experiment: Key, trial: str, parent: str = "") -> str:
        raise AssertionError("there are none")

    def add_file(self, name: str, content: bytes) -> str:
        return f"{self.folder}/{name}"

    def add_container(self, container: Manifest) -> str:
        raise AssertionError("nothing runs beside a program that pushes")


class Stage:
    """A trial that pushes, and its pods."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = FakeClock(), folder
        self.store, self.log = MemoryStore(self.clock), MemoryObservationLog()
        self.told: list[tuple[str, str]] = []
        self.sidecars = LogSidecars(self.store, self.log, self, self.clock)
        experiment = self.store.create(EXPERIMENTS, an_experiment().build())
        self.spec = TrialSpec(
            objective=ObjectiveSpec(type="minimize", objective_metric_name="loss"),
            metrics_collector=MetricsCollectorSpec(collector=CollectorSpec(kind="Push")),
            primary_container_name="main",
        )
        self.metadata = ObjectMeta(
            name=KEY.name,
            namespace=KEY.namespace,
            owner_references=(owner_reference(experiment),),
        )

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.told.append((reason, message))

    def attach(self, name: str = "tune-x1-a", **labels: str) -> Sidecar:
        trial = self.store.find(TRIALS, KEY)
        if trial is None:
            trial = self.store.create(TRIALS, Trial(metadata=self.metadata, spec=self.spec))
        metadata = ObjectMeta(
            name=name,
            namespace=KEY.namespace,
            labels=Strings(labels),
            owner_references=(replace(owner_reference(trial), controller=True),),
        )
        pod = Unstructured(api_version="v1", kind="Pod", metadata=metadata)
        found = self.sidecars.attach(self.store.create(PODS, pod), FakeOutfit(self.folder))
        assert found is not None
        return found

    def push(self, name: str, value: str) -> None:
        report = Report([MetricEntry(self.clock.now(), name, value)], f"{name}={value}".encode())
        self.sidecars.inbox.take(KEY, report)

    @property
    def values(self) -> list[str]:
        return [entry.value for entry in self.log.read(KEY)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_drop_is_followed_and_read_to_its_end(stage: Stage) -> None:
    sidecar = stage.attach()
    drop = Path(sidecar.environment["KATIB_METRICS_DROP"])
    assert drop.parent == stage.folder
    assert sidecar.advance(False)
    drop.write_text("loss=2\nloss=1")
    assert sidecar.advance(False)
    assert stage.values == ["2"]
    assert sidecar.advance(True)
    assert stage.values == ["2", "1"]
    assert (sidecar.note, stage.told) == ("", [])


def test_pods_of_a_trial_share_a_drop_that_is_read_once(stage: Stage) -> None:
    first, second = stage.attach(), stage.attach("tune-x1-b")
    drop = Path(first.environment["KATIB_METRICS_DROP"])
    assert second.environment["KATIB_METRICS_DROP"] == str(drop)
    drop.write_text("loss=1\n")
    for sidecar in (first, second):
        assert sidecar.advance(True)
    assert stage.values == ["1"]


def test_a_later_trial_of_the_same_name_has_another_drop(stage: Stage) -> None:
    before = stage.attach().environment["KATIB_METRICS_DROP"]
    stage.store.delete(TRIALS, KEY)
    assert stage.attach("tune-x1-b").environment["KATIB_METRICS_DROP"] != before


def test_a_pod_that_is_not_the_primary_one_may_drop_and_is_not_asked(stage: Stage) -> None:
    stage.spec = replace(stage.spec, primary_pod_labels=Strings({"role": "master"}))
    worker, master = stage.attach("tune-x1-w"), stage.attach(role="master")
    Path(worker.environment["KATIB_METRICS_DROP"]).write_text("loss=1\n")
    assert worker.advance(True)
    assert stage.values == []
    assert master.advance(True)
    assert stage.values == ["1"]
    assert stage.told == []


RULES = (EarlyStoppingRule(name="speed", value="5", comparison="less"),)


def test_what_is_pushed_ends_a_pod_early(stage: Stage) -> None:
    stage.spec = replace(stage.spec, early_stopping_rules=RULES)
    sidecar = stage.attach()
    stage.push("speed", "7")
    assert sidecar.advance(False)
    assert sidecar.stop_reason == ""
    stage.push("speed", "3")
    assert sidecar.advance(False)
    assert sidecar.stop_reason
    assert sidecar.advance(True)
    sidecar.note_stop(sidecar.stop_reason)
    stopped = stage.store.get(TRIALS, KEY).status.conditions[-1]
    assert (stopped.type, stopped.message) == (
        names.EARLY_STOPPED,
        f"Trial is early stopped: {sidecar.stop_reason}",
    )


def test_what_is_dropped_ends_a_pod_early(stage: Stage) -> None:
    stage.spec = replace(stage.spec, early_stopping_rules=RULES)
    sidecar = stage.attach()
    Path(sidecar.environment["KATIB_METRICS_DROP"]).write_text('{"speed": 3}\n')
    assert sidecar.advance(False)
    assert sidecar.stop_reason
    # What only the rules are about is kept as well: the program wanted it to be.
    assert stage.log.read(KEY) == [MetricEntry(NO_TIME, "speed", "3")]


def test_rules_that_cannot_be_read_are_told(stage: Stage) -> None:
    rule = EarlyStoppingRule(name="loss", value="soon", comparison="less")
    stage.spec = replace(stage.spec, early_stopping_rules=(rule,))
    stage.attach()
    [(reason, message)] = stage.told
    assert (reason, '"soon"' in message) == ("EarlyStoppingRuleNeverMet", True)


def test_who_forgets_to_push_is_told_how_it_is_done(stage: Stage) -> None:
    sidecar = stage.attach()
    assert sidecar.advance(True)
    assert sidecar.note == (
        'The program ended well and did not push "loss". It can, before it ends, by '
        'curl -H "Authorization: Bearer $KATIB_METRICS_TOKEN" -d loss=0.5 "$KATIB_METRICS_URL"; or '
        'by echo loss=0.5 >> "$KATIB_METRICS_DROP"; or, in Python, by '
        'katib.report_metrics({"loss": 0.5})'
    )
    assert stage.told == [("MetricNotFound", sidecar.note)]
    # That there is nothing is the trial's to say, when none of its pods can push any more.
    assert stage.values == []


def test_who_pushes_something_else_is_told_what(stage: Stage) -> None:
    sidecar = stage.attach()
    stage.push("Loss", "1")
    stage.push("accuracy", "1")
    assert sidecar.advance(True)
    assert 'did not push "loss", but Loss, accuracy. It can,' in sidecar.note


def test_who_pushes_no_number_is_told(stage: Stage) -> None:
    sidecar = stage.attach()
    stage.push("loss", "nan")
    assert sidecar.advance(True)
    assert sidecar.note.startswith('No value of metric "loss" was a finite number')
    assert stage.told == [("MetricNotANumber", sidecar.note)]


def test_of_one_who_failed_nothing_is_missed(stage: Stage) -> None:
    sidecar = stage.attach()
    assert sidecar.advance(True, is_failed=True)
    assert (sidecar.note, stage.told) == ("", [])


def test_a_later_pod_knows_what_an_earlier_one_pushed(stage: Stage) -> None:
    first = stage.attach()
    stage.push("loss", "1")
    assert first.advance(True, is_failed=True)
    second = stage.attach("tune-x1-b")
    assert second.advance(True)
    assert (second.note, stage.told) == ("", [])
