"""The journeys of a laptop, for a cluster: the same functions, with other fixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest

_OURS = "a sentence of our own API server about a machine without containers"
_IS_ONE = "this is one: test_cluster_sdk_flows tells how far it gets"

#: Test → why it is not the same on an API server of Kubernetes 1.20; a test of many cases by the
#: name of the case, and one whose name another module has, too, with its own module's.
LEFT_OUT: Mapping[str, str] = {
    "all of Katib's kinds have a name together": "the order of the kinds is the server's",
    "test_a_pod_without_a_command_is_told_that_there_is_no_image": _OURS,
    "test_a_field_that_is_not_there_is_warned_about": (
        "Kubernetes 1.20 does not check fields by itself, and kubectl warns only where it does"
    ),
    "test_katib_sdk.test_a_function_that_fails_is_told_of": (
        "Kubernetes tries the SDK's Job again for ten minutes; test_cluster_experiments has a "
        "trial that fails"
    ),
    "test_a_distributed_function_needs_a_cluster": _IS_ONE,
    "test_a_language_model_needs_a_cluster": _IS_ONE,
    "test_who_wants_to_reach_into_a_pod_is_told_where_it_runs": _OURS,
}

_AGE = r"[\dms]+"
_TRIAL, _POD = r"held-\w{8}", r"held-\w{8}-\w{5}"
_COLLECTED = "main,metrics-logger-and-collector"

#: What Kubernetes 1.20 says or prints otherwise than a laptop does, by the name of the case:
#: tables without the column STATUS, pods with a collector and a node, trials without events of what
#: their conditions tell, and the server's own words for what it looks at before it asks anybody.
OTHERS: Mapping[str, Sequence[str]] = {
    "jobs and pods stand below each other": (
        "NAME COMPLETIONS DURATION AGE",
        f"job.batch/{_TRIAL} 0/1 {_AGE} {_AGE}",
        "NAME READY STATUS RESTARTS AGE",
        f"pod/{_POD} 2/2 Running 0 {_AGE}",
    ),
    "jobs tell their containers when they are wide": (
        "NAME COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR",
        rf"{_TRIAL} 0/1 {_AGE} {_AGE} {_COLLECTED} busybox,\S+ controller-uid=\S+",
    ),
    "pods have the columns of a cluster when they are wide": (
        "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES",
        rf"{_POD} 2/2 Running 0 {_AGE} <none> machine-\S+ <none> <none>",
    ),
    "events tell what became of a trial": (
        "LAST SEEN TYPE REASON OBJECT MESSAGE",
        f"{_AGE} Normal SuccessfulCreate Job/{_TRIAL} Created pod: {_POD}",
    ),
    "a trial is described with its events": (
        "Kind: Trial",
        "Parameter Assignments:",
        "Metric Strategies:",
        "Message: Trial is created Reason: TrialCreated",
        "Message: Trial is running Reason: TrialRunning",
    ),
    "fields are explained": (
        "RESOURCE: objective <Object>",
        "objectiveMetricName <string> -required-",
    ),
    "the server has a version": ("Server Version: v1.20",),
    "rights are listed": ("*.* [] [] [*]",),
    "a JSON patch whose test fails": ("The request is invalid",),
    "a number that is a text": (
        'spec.maxTrialCount: Invalid value: "string": spec.maxTrialCount in body must be of type '
        "integer",
    ),
    "a scale, which Katib's kinds have not": (
        'Error from server (NotFound): experiments.kubeflow.org "held" not found',
    ),
    "a search by a label that cannot be one": ("found '=', expected: ',' or 'end of string'",),
    "no budget": (
        "spec.maxTrialCount: Invalid value: 0: spec.maxTrialCount in body should be greater than "
        "or equal to 1",
    ),
    "a field that is not there": (
        'ValidationError(Experiment.spec): unknown field "maxTrialCuont"',
    ),
}

#: Module of a laptop's journeys with a client of a cluster → why it has no counterpart here.
MODULES_LEFT_OUT: Mapping[str, str] = {
    "test_kubernetes_client": (
        "it holds our own API server to what the client expects of Kubernetes, kind by kind"
    ),
    "test_tune_documents": "it looks at what is sent, and no cluster answers",
    "test_sdk_programs": (
        "it gives what the SDKs send to katib run, and looks into the files of its home"
    ),
}


def journeys_of(*modules: ModuleType) -> Mapping[str, Any]:
    """The tests of modules, and their fixtures, to be made names of another module.

    Fixtures that this module defines behind that take their place.
    """
    fixture = type(left_out)
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if name.startswith("test_") or isinstance(value, fixture)
    }


def find_reason(module: str, name: str) -> str:
    """Why a test is left out; empty when it is not."""
    function, _, case = name.partition("[")
    names = (function, f"{module}.{function}", case.removesuffix("]"))
    return next((LEFT_OUT[one] for one in names if one in LEFT_OUT), "")


@pytest.fixture(autouse=True)
def left_out(request: pytest.FixtureRequest) -> None:
    """Skip what cannot be had, and say why."""
    reason = find_reason(request.function.__module__, request.node.name)
    if reason:
        pytest.skip(f"not on this cluster: {reason}")
