from __future__ import annotations

from typing import TypeVar

import pytest
from msgspec.structs import replace

from katib.api import conditions, names
from katib.api.codec import to_raw
from katib.api.kinds import JOBS
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api.values import (
    Condition,
    Key,
    Kind,
    ObjectMeta,
    OwnerReference,
    Resource,
    Unstructured,
)
from katib.controllers.trial import TrialReconciler
from katib.errors import KatibError, KindNotServedError, RequestRefusedError, StoreAwayError
from katib.observations.memory import MemoryObservationLog
from katib.ports.reconciler import Result
from katib.stores.memory import MemoryStore
from katib.testing.clocks import FakeClock

R = TypeVar("R", bound=Resource)

KEY = Key("default", "trial-a")
INVALID = RequestRefusedError("POST /jobs", 422, "spec.template: Required value")
FULL = RequestRefusedError("POST /jobs", 403, "exceeded quota: ten jobs")
UNREADABLE = RequestRefusedError("GET /jobs", 403, "cannot list resource jobs")
UNKNOWN = KindNotServedError("example.com/v1", "Mill")


class Refusing(MemoryStore):
    """Creates no Jobs as long as there is a problem, and finds none as long as they are hidden."""

    problem: KatibError | None = None
    hidden: KatibError | None = None

    def find(self, kind: Kind[R], key: Key) -> R | None:
        if kind is JOBS and self.hidden is not None:
            raise self.hidden
        return super().find(kind, key)

    def create(self, kind: Kind[R], resource: R) -> R:
        if kind is JOBS and self.problem is not None:
            raise self.problem
        return super().create(kind, resource)


class Stage:
    def __init__(self, problem: KatibError | None = None, /, **written: str) -> None:
        clock = FakeClock()
        self.store = Refusing(clock)
        self.store.problem = problem
        named = {"name": KEY.name, "namespace": KEY.namespace, **written}
        run = {"apiVersion": "batch/v1", "kind": "Job", "metadata": named}
        metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
        self.store.create(TRIALS, Trial(metadata=metadata, spec=TrialSpec(run_spec=to_raw(run))))
        self.reconciler = TrialReconciler(self.store, MemoryObservationLog(), self, clock)

    def record(self, resource: Resource, reason: str, message: str, warning: bool = False) -> None:
        """Events are for other tests."""

    def reconcile(self) -> Result:
        return self.reconciler.reconcile(KEY)

    def find(self, type: str) -> Condition | None:
        return conditions.find(self.store.get(TRIALS, KEY).status.conditions, type)


CASES: dict[str, tuple[KatibError, str, float]] = {
    "a kind that is not installed is waited for": (UNKNOWN, "KindNotServed", 3.0),
    "room, or a right, is waited for": (FULL, "RunRefused", 10.0),
}


@pytest.mark.parametrize(("problem", "reason", "again"), CASES.values(), ids=CASES.keys())
def test_what_is_in_the_way_is_told_until_it_is_gone(
    problem: KatibError, reason: str, again: float
) -> None:
    stage = Stage(problem)
    assert stage.reconcile() == Result(again)
    said = stage.find(names.PROGRESSING)
    assert said is not None
    assert (said.status, said.reason, said.message) == ("False", reason, str(problem))
    assert stage.find(names.FAILED) is None
    stage.store.problem = None
    stage.reconcile()
    assert stage.store.find(JOBS, KEY) is not None
    assert stage.find(names.PROGRESSING) is None
    assert stage.find(names.RUNNING) is not None


def test_a_run_that_is_not_legal_fails_its_trial() -> None:
    stage = Stage(INVALID)
    stage.reconcile()
    failed = stage.find(names.FAILED)
    assert failed is not None
    assert failed.reason == "TrialFailed. Job reason: RunRefused"
    assert "spec.template: Required value" in failed.message


def test_a_store_that_is_away_is_no_fault_of_the_run() -> None:
    stage = Stage(StoreAwayError("/apis", "connection refused"))
    with pytest.raises(StoreAwayError):
        stage.reconcile()
    assert stage.find(names.FAILED) is None


def test_a_run_that_may_not_be_read_is_waited_for_and_that_is_told() -> None:
    stage = Stage()
    stage.store.hidden = UNREADABLE
    assert stage.reconcile() == Result(10.0)
    said = stage.find(names.PROGRESSING)
    assert said is not None
    assert (said.status, said.reason, said.message) == ("False", "RunNotReadable", str(UNREADABLE))
    stage.store.hidden = None
    stage.reconcile()
    assert stage.store.find(JOBS, KEY) is not None
    assert stage.find(names.PROGRESSING) is None


@pytest.mark.parametrize(
    "written", [{"namespace": "kube-system"}, {"name": "another"}], ids=["namespace", "name"]
)
def test_who_may_write_trials_has_runs_made_as_those_and_nowhere_else(
    written: dict[str, str],
) -> None:
    stage = Stage(**written)
    stage.reconcile()
    assert [job.key for job in stage.store.list(JOBS)] == [KEY]


def test_the_run_of_another_is_left_alone_and_told_of() -> None:
    stage = Stage()
    earlier = OwnerReference(
        api_version=TRIALS.api_version, kind="Trial", name=KEY.name, uid="gone", controller=True
    )
    metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace, owner_references=(earlier,))
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    somebodys = stage.store.create(JOBS, Unstructured("batch/v1", "Job", metadata))
    stage.store.update_status(JOBS, replace(somebodys, body={"status": done}))
    assert stage.reconcile() == Result(10.0)
    said = stage.find(names.PROGRESSING)
    assert said is not None
    assert said.reason == "RunNameTaken"
    assert stage.find(names.SUCCEEDED) is None
    stage.store.delete(JOBS, KEY)
    stage.reconcile()
    (run,) = stage.store.list(JOBS)
    assert run.metadata.controller is not None
    assert run.metadata.controller.uid != "gone"
