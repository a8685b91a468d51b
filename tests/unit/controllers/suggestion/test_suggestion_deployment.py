from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import DEPLOYMENTS
from katib.api.suggestion import SUGGESTIONS, Suggestion, SuggestionSpec, TrialAssignment
from katib.api.values import Condition, Key, ObjectMeta, Unstructured, owner_reference
from katib.controllers.suggestion import SuggestionReconciler
from katib.errors import ConfigurationError, KatibError, RequestRefusedError, StoreAwayError
from katib.ports.reconciler import DONE, Result
from katib.ports.resource_store import Event
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

KEY = Key("default", "an-experiment")
CREATED = ("Created", "True", "SuggestionCreated")
RUNNING = ("Running", "True", "SuggestionRunning")
NOT_READY = ("DeploymentReady", "False", "DeploymentNotReady")
READY = ("DeploymentReady", "True", "DeploymentReady")
WAITING = ("Progressing", "True", "WaitingForDeployment")


@dataclass
class Services:
    is_ready: bool = False
    needed: bool = True
    problem: KatibError | None = None
    ensured: int = 0
    removed: list[str] = field(default_factory=list)

    def is_needed(self, suggestion: Suggestion) -> bool:
        if self.problem is not None:
            raise self.problem
        return self.needed

    def ensure(self, suggestion: Suggestion) -> bool:
        self.ensured += 1
        return self.is_ready

    def remove(self, suggestion: Suggestion) -> None:
        self.removed.append(suggestion.metadata.name)


class Suggester:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def validate(self, experiment: Experiment) -> None:
        self.calls.append("validate")

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.calls.append(f"suggest {request.count}")
        return SuggestionReply([TrialAssignment()] * request.count)

    def forget(self, experiment: Experiment) -> None:
        self.calls.append("forget")


class Stage:
    def __init__(self) -> None:
        self.store = MemoryStore(FakeClock())
        self.services, self.suggester = Services(), Suggester()
        self.reconciler = SuggestionReconciler(
            self.store, self.suggester, FakeClock(), self.services
        )
        self.store.create(EXPERIMENTS, an_experiment().build())
        metadata = ObjectMeta(name=KEY.name, namespace=KEY.namespace)
        self.store.create(
            SUGGESTIONS, Suggestion(metadata=metadata, spec=SuggestionSpec(requests=2))
        )

    @property
    def suggestion(self) -> Suggestion:
        return self.store.get(SUGGESTIONS, KEY)

    def conditions(self) -> list[tuple[str, str, str]]:
        found = self.suggestion.status.conditions
        return [(one.type, one.status, one.reason) for one in found]


def test_an_algorithm_is_not_asked_before_its_deployment_is_ready() -> None:
    stage = Stage()
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [WAITING, CREATED, NOT_READY]
    assert stage.suggester.calls == []
    stage.services.is_ready = True
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [CREATED, READY, RUNNING]
    assert stage.suggester.calls == ["validate", "suggest 2"]


def test_an_algorithm_that_needs_no_deployment_is_asked_at_once() -> None:
    stage = Stage()
    stage.services.needed = False
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.suggester.calls == ["validate", "suggest 2"]


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (ConfigurationError("no entry for tpe"), "ConfigurationRefused"),
        (RequestRefusedError("POST /deployments", 403, "exceeded quota"), "DeploymentRefused"),
    ],
    ids=["the configuration", "the cluster"],
)
def test_what_others_must_mend_is_waited_for(problem: KatibError, reason: str) -> None:
    stage = Stage()
    stage.services.problem = problem
    for _ in range(20):
        assert stage.reconciler.reconcile(KEY) == Result(1.0)
    assert stage.conditions() == [("Progressing", "False", reason), CREATED]
    assert stage.suggestion.status.conditions[0].message == str(problem)
    stage.services.problem = None
    stage.services.is_ready = True
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [CREATED, READY, RUNNING]


def test_what_others_must_mend_is_waited_for_also_after_a_deployment_was() -> None:
    stage = Stage()
    stage.reconciler.reconcile(KEY)
    stage.services.problem = ConfigurationError("runtime: 3 must be a map")
    assert stage.reconciler.reconcile(KEY) == Result(1.0), "no Deployment will tell that it is"
    stage.services.problem = None
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [WAITING, CREATED, NOT_READY]


def test_an_algorithm_that_needs_its_deployment_no_more_is_asked() -> None:
    stage = Stage()
    stage.reconciler.reconcile(KEY)
    stage.services.needed = False
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [CREATED, RUNNING]
    assert stage.suggester.calls == ["validate", "suggest 2"]


def test_a_store_that_is_away_is_no_fault_of_the_algorithm() -> None:
    stage = Stage()
    stage.services.problem = StoreAwayError("/apis", "connection refused")
    for _ in range(20):
        with pytest.raises(StoreAwayError):
            stage.reconciler.reconcile(KEY)
    assert stage.conditions() == []


def test_a_deployment_that_is_lost_is_waited_for_again() -> None:
    stage = Stage()
    stage.services.is_ready = True
    stage.reconciler.reconcile(KEY)
    stage.services.is_ready = False
    spec = replace(stage.suggestion.spec, requests=3)
    stage.store.update(SUGGESTIONS, replace(stage.suggestion, spec=spec))
    assert stage.reconciler.reconcile(KEY) == DONE
    assert stage.conditions() == [WAITING, CREATED, RUNNING, NOT_READY]
    stage.services.is_ready = True
    stage.reconciler.reconcile(KEY)
    assert stage.conditions() == [CREATED, RUNNING, READY]
    assert stage.suggestion.status.suggestion_count == 3
    assert stage.suggester.calls.count("validate") == 1


@pytest.mark.parametrize("end", ["Succeeded", "Failed"])
def test_a_suggestion_that_is_over_needs_its_deployment_no_more(end: str) -> None:
    stage = Stage()
    status = replace(stage.suggestion.status, conditions=(Condition(type=end, status="True"),))
    stage.store.update_status(SUGGESTIONS, replace(stage.suggestion, status=status))
    assert stage.reconciler.reconcile(KEY) == DONE
    assert (stage.services.removed, stage.services.ensured) == ([KEY.name], 0)


@pytest.mark.parametrize("is_ours", [True, False])
def test_it_wakes_for_the_deployments_of_its_suggestions(is_ours: bool) -> None:
    stage = Stage()
    woken: list[Key] = []

    def listen(event: Event) -> None:
        woken.extend(stage.reconciler.keys(event))

    stage.store.subscribe(listen)
    owners = (owner_reference(stage.suggestion),) if is_ours else ()
    metadata = ObjectMeta(name="any", namespace="default", owner_references=owners)
    deployment = Unstructured(api_version="apps/v1", kind="Deployment", metadata=metadata)
    stage.store.create(DEPLOYMENTS, deployment)
    assert woken == ([KEY] if is_ours else [])
    assert DEPLOYMENTS in stage.reconciler.kinds
