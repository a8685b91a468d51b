from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from katib.api import names
from katib.api.kinds import JOBS, PODS
from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, Resource, Strings, Unstructured, owner_reference
from katib.executors.command import Images
from katib.executors.files import TrialFilesReconciler
from katib.executors.pod import Here, PodReconciler
from katib.ports.resource_store import Event
from katib.ports.sidecar import Outfit, Sidecar
from katib.stores.memory import MemoryStore
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock
from katib.testing.resources import a_job, a_pod, metadata

KEY = Key("default", "one")


class NoSidecars:
    def attach(self, pod: Unstructured, outfit: Outfit) -> Sidecar | None:
        return None


class Machine:
    """A store whose changes are heard, and the folder of all run directories."""

    def __init__(self, trials: Path) -> None:
        self.folder = trials / "default" / "one"
        self.store = MemoryStore(FakeClock())
        here = Here(trials, Images({}, "/"), NoSidecars(), lambda: None, lambda key: None)
        self._pods = PodReconciler(self.store, FakeClock(), here)
        self._reconciler = TrialFilesReconciler(self.store, trials, self._pods.place)
        self._keys: list[Key] = []
        self.store.subscribe(self._hear)

    def _hear(self, event: Event) -> None:
        if any(event.kind is kind for kind in self._reconciler.kinds):
            self._keys += self._reconciler.keys(event)

    def write(self, pod: Unstructured) -> str:
        """Leave a log of the pod; the name of its file."""
        log = Path(f"{self._pods.place(pod)}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("printed")
        return log.name

    def delete(self, kind: Kind[Any], key: Key = KEY) -> None:
        self.store.delete(kind, key)
        for one in self._keys:
            self._reconciler.reconcile(one)
        self._keys.clear()

    def create_trial(self) -> Trial:
        return self.store.create(
            TRIALS, a_running_trial(an_experiment().build(), "one", TrialAssignment(name="one"))
        )

    def create_job(self, *owners: Resource) -> Unstructured:
        references = tuple(owner_reference(owner) for owner in owners)
        return self.store.create(JOBS, a_job("one", owner_references=references))

    def create_pod_of(self, job: Unstructured) -> Unstructured:
        pod = Unstructured(
            api_version="v1",
            kind="Pod",
            metadata=metadata(
                f"{job.metadata.name}-abcde",
                labels=Strings({names.LABEL_JOB: job.metadata.name}),
                owner_references=(owner_reference(job),),
            ),
            body={"spec": {}},
        )
        return self.store.create(PODS, pod)

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*"))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "trials")
    yield machine
    machine._pods.close()


def test_the_files_of_a_pod_by_itself_go_with_it(machine: Machine) -> None:
    machine.write(machine.store.create(PODS, a_pod("one", ())))
    machine.delete(PODS)
    assert not machine.folder.exists()


def test_another_pod_of_the_name_keeps_its_files(machine: Machine) -> None:
    machine.write(machine.store.create(PODS, a_pod("one", ())))
    (machine.folder / "link").symlink_to(machine.folder.parent)
    machine.store.delete(PODS, KEY)
    log = machine.write(machine.store.create(PODS, a_pod("one", ())))
    machine.create_job()
    machine.delete(JOBS)
    assert machine.files == [log]
    assert machine.folder.parent.is_dir()


def test_the_files_of_a_job_by_itself_go_with_it(machine: Machine) -> None:
    job = machine.create_job()
    machine.write(machine.create_pod_of(job))
    machine.delete(PODS, Key("default", "one-abcde"))
    assert machine.files == ["abcde.log"]
    machine.delete(JOBS)
    assert not machine.folder.exists()


@pytest.mark.parametrize("kind", [JOBS, PODS])
def test_what_a_trial_has_run_stays_as_long_as_the_trial(
    machine: Machine, kind: Kind[Unstructured]
) -> None:
    trial = machine.create_trial()
    if kind is JOBS:
        machine.write(machine.create_pod_of(machine.create_job(trial)))
    else:
        machine.write(machine.store.create(PODS, a_pod("one", (owner_reference(trial),))))
    before = machine.files
    machine.delete(kind)
    assert machine.files == before != []
    machine.delete(TRIALS)
    assert not machine.folder.exists()


def test_all_goes_with_a_trial_whose_run_goes_with_it(machine: Machine) -> None:
    machine.write(machine.create_pod_of(machine.create_job(machine.create_trial())))
    machine.delete(TRIALS)
    assert machine.store.find(JOBS, KEY) is None
    assert not machine.folder.exists()


def test_a_pod_that_outlives_its_job_keeps_its_files(machine: Machine) -> None:
    job = machine.create_job()
    pod = machine.create_pod_of(job)
    log = machine.write(pod)
    orphan = Unstructured(
        api_version="v1",
        kind="Pod",
        metadata=metadata("one-bcdfg", labels=Strings({names.LABEL_JOB: "one"})),
        body={"spec": {}},
    )
    kept = machine.write(machine.store.create(PODS, orphan))
    machine.delete(JOBS)
    assert log != kept
    assert machine.files == [kept]
