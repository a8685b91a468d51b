from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import Queue
from typing import Any, TypeVar

import pytest

from katib.api import names
from katib.api.codec import from_manifest, to_manifest, with_status
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import DEPLOYMENTS, JOBS, SERVICES
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Key, Kind, Manifest, Resource, Unstructured
from katib.apps.cluster_config import ClusterConfig
from katib.apps.operator import ClusterEngine, DBManager, Site
from katib.configuration import read_config
from katib.errors import AdmissionError, ConfigurationError, TokenRefusedError
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.ports.resource_store import Event, EventType
from katib.rpc import db_manager
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

R = TypeVar("R", bound=Resource)

KEY = Key("default", "an-experiment")
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
PATIENCE = 30.0


class CountingStore(MemoryStore):
    """Counts what is written, by the words of calls and kinds."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.writes: Counter[str] = Counter()
        #: Has ``is_other`` in threads that stand for others than the engine.
        self.thread = threading.local()

    def create(self, kind: Kind[R], resource: R) -> R:
        self._count("create", kind)
        return super().create(kind, resource)

    def update(self, kind: Kind[R], resource: R) -> R:
        self._count("update", kind)
        return super().update(kind, resource)

    def update_status(self, kind: Kind[R], resource: R) -> R:
        before = self.get(kind, resource.metadata.key)
        after = super().update_status(kind, resource)
        if after.metadata.resource_version != before.metadata.resource_version:
            self._count("status", kind)
        return after

    def delete(self, kind: Kind[Any], key: Key, uid: str | None = None) -> None:
        self._count("delete", kind)
        super().delete(kind, key, uid)

    def _count(self, what: str, kind: Kind[Any]) -> None:
        if not getattr(self.thread, "is_other", False):
            self.writes[f"{what} {kind.plural}"] += 1


class Stage:
    """An engine over a store in memory, and what finishes Jobs."""

    def __init__(self, config: str = "", image: str = "localhost/katib:1") -> None:
        self.store, self.events = CountingStore(), Counter[str]()
        self.log = MemoryObservationLog()
        self.manager = db_manager.serve(self.log, lambda name: Key("", name), "127.0.0.1:0")
        address = DBManager(f"127.0.0.1:{self.manager.port}")
        site = Site(address, "katib-controller.kubeflow:6788", b"secret", image)
        given = ClusterConfig(lambda: read_config(config, "file"), FakeClock())
        self.engine = ClusterEngine(self.store, self, given, site)
        self._made: Queue[Key | None] = Queue()
        self.over = threading.Event()
        self.store.subscribe(self._hear)
        self._finisher = threading.Thread(target=self._finish)
        self._finisher.start()

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        self.events[f"{resource.kind} {reason}"] += 1

    def run(self, experiment: Experiment) -> Experiment:
        """Run it to its end, as it was written: without defaults."""
        self.store.thread.is_other = True
        self.store.create(EXPERIMENTS, experiment)
        self.engine.start()
        assert self.over.wait(PATIENCE)
        return self.store.get(EXPERIMENTS, KEY)

    def close(self) -> None:
        self.engine.close()
        self._made.put(None)
        self._finisher.join()
        self.manager.close()

    def _hear(self, event: Event) -> None:
        if event.kind is JOBS and event.type is EventType.ADDED:
            self._made.put(event.key)
        if event.kind is EXPERIMENTS and event.type is not EventType.DELETED:
            found = event.resource
            if isinstance(found, Experiment) and ended(found):
                self.over.set()

    def _finish(self) -> None:
        self.store.thread.is_other = True
        while (key := self._made.get()) is not None:
            self.log.report(key, [MetricEntry(datetime.now(UTC), "loss", "0.5")])
            job = self.store.get(JOBS, key)
            self.store.update_status(JOBS, with_status(job, COMPLETE))


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def ended(experiment: Experiment) -> str:
    found = experiment.status.conditions
    ends = (one for one in found if one.type in (names.SUCCEEDED, names.FAILED))
    return next((f"{one.reason}: {one.message}" for one in ends if one.status == "True"), "")


def as_written(**spec: Any) -> Experiment:
    """An experiment as a user writes it, without what has a default."""
    manifest = to_manifest(an_experiment().with_trials(6, parallel=2).build())
    written: Manifest = {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": KEY.name, "namespace": KEY.namespace},
        "spec": {**manifest["spec"], **spec},
    }
    for field in ("metricsCollectorSpec", "resumePolicy"):
        written["spec"].pop(field, None)
    return from_manifest(EXPERIMENTS, written)


def test_an_experiment_without_defaults_runs_to_its_end(stage: Stage) -> None:
    done = stage.run(as_written())
    assert ended(done).startswith("ExperimentMaxTrialsReached")
    assert done.spec.resume_policy == names.NEVER
    trials = stage.store.list(TRIALS)
    assert len(trials) == 6
    assert all(trial.has(names.SUCCEEDED) for trial in trials)
    assert not stage.engine.failed.is_set()


def test_a_trial_costs_few_writes(stage: Stage) -> None:
    stage.run(as_written())
    stage.engine.close()
    counted = stage.store.writes
    assert counted["create trials"] == counted["create jobs"] == 6
    assert counted["status trials"] == 12, "it begins to run, and ends"
    assert counted["delete jobs"] == 6
    assert counted["update suggestions"] + counted["status suggestions"] <= 2 * 6 + 3
    assert counted.total() <= 8 * 6 + 6


def test_the_pods_of_trials_are_prepared(stage: Stage) -> None:
    runs: list[Unstructured] = []
    stage.store.subscribe(
        lambda event: (
            runs.append(event.resource)  # type: ignore[arg-type]  # Jobs are such
            if event.kind is JOBS and event.type is EventType.ADDED
            else None
        )
    )
    stage.run(as_written())
    template = runs[0].spec["template"]
    assert runs[0].metadata.label(names.LABEL_TRIAL) == runs[0].metadata.name
    _, sidecar = template["spec"]["containers"]
    assert sidecar["image"] == "localhost/katib:1"
    assert stage.engine.tokens.find_trial(token_in(sidecar)) == runs[0].key


def token_in(container: Manifest) -> str:
    variables = {one["name"]: one.get("value") for one in container["env"]}
    return str(variables[names.ENV_DB_MANAGER_TOKEN])


def test_an_experiment_that_is_not_legal_fails_with_everything_that_is_wrong(
    stage: Stage,
) -> None:
    algorithm = {"algorithmName": "tpee"}
    done = stage.run(as_written(algorithm=algorithm, parallelTrialCount=0))
    assert "spec.algorithm.algorithmName" in ended(done)
    assert "spec.parallelTrialCount" in ended(done)
    assert stage.store.list(SUGGESTIONS) == []


def test_an_algorithm_with_an_image_gets_a_deployment_of_its_own() -> None:
    entry = "{algorithmName: random, image: example/random}"
    stage = Stage(f"runtime: {{suggestions: [{entry}]}}")
    made = threading.Event()
    stage.store.subscribe(lambda event: made.set() if event.kind is DEPLOYMENTS else None)
    try:
        stage.store.create(EXPERIMENTS, as_written())
        stage.engine.start()
        assert made.wait(PATIENCE)
        name = Key(KEY.namespace, f"{KEY.name}-random")
        assert stage.store.find(SERVICES, name) is not None
    finally:
        stage.close()


def test_what_cannot_be_used_is_refused() -> None:
    """Without an image of our own, and without a configuration, nothing reads metrics."""
    stage = Stage(image="")
    try:
        manifest = to_manifest(as_written())
        with pytest.raises(AdmissionError, match="metrics collector config for kind: StdOut"):
            stage.engine.door.admit(manifest)
    finally:
        stage.close()


def test_a_configuration_that_is_not_legal_ends_it_at_once(stage: Stage) -> None:
    config = ClusterConfig(lambda: read_config("runtime: 3", "file"), FakeClock())
    site = Site(DBManager("localhost:1"), "localhost:2", b"secret")
    with pytest.raises(ConfigurationError, match="runtime: 3 must be a map"):
        ClusterEngine(stage.store, stage, config, site)


def test_a_token_of_a_trial_that_does_not_exist_is_nobodys(stage: Stage) -> None:
    token = stage.engine.tokens.token_of(Key("default", "other"), "1")
    with pytest.raises(TokenRefusedError):
        stage.engine.tokens.find_trial(token)
