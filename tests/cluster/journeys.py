"""The journeys of a laptop, for a cluster: the same functions, with other fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

_OLD = "Kubernetes 1.20 prints a table without the column STATUS"
_NO_FIELD_CHECKS = (
    "Kubernetes 1.20 does not check fields by itself, so kubectl does, in words of its own"
)
_SIDECAR = "a pod has the collector as well, and a node"
_FEW_EVENTS = "what conditions tell of a trial is not written as events as well: they cost calls"
_SERVER_WORDS = "the server's own words, which are not the same in each version"
_OURS = "a sentence of our own API server about a machine without containers"
_IS_ONE = "this is one: test_cluster_sdk_flows tells how far it gets"
_SCHEMA_FIRST = "the structural schema refuses first, and says what it knows"

#: Test → why it is not the same on an API server of Kubernetes 1.20; a test of many cases by the
#: name of the case, and one whose name another module has, too, with its own module's.
LEFT_OUT: Mapping[str, str] = {
    "test_two_who_apply_on_the_server_are_told_of_each_other": _NO_FIELD_CHECKS,
    "test_a_field_that_is_not_there_is_refused_or_warned_about": _NO_FIELD_CHECKS,
    "test_a_pod_by_itself_runs": "it needs an image with an entry point, and its namespace",
    "test_a_function_is_optimized_and_all_that_came_of_it_is_read": _FEW_EVENTS,
    "test_katib_sdk.test_a_function_that_fails_is_told_of": (
        "Kubernetes tries the SDK's Job again for ten minutes; test_cluster_experiments has a "
        "trial that fails"
    ),
    "test_a_distributed_function_needs_a_cluster": _IS_ONE,
    "test_a_language_model_needs_a_cluster": _IS_ONE,
    "test_all_that_is_wrong_with_a_document_is_told_at_once": _SCHEMA_FIRST,
    "a number that is a text": _SCHEMA_FIRST,
    "all of Katib's kinds have a name together": "the order of the kinds is the server's",
    "jobs and pods stand below each other": _OLD,
    "jobs tell their containers when they are wide": _OLD,
    "pods have the columns of a cluster when they are wide": _SIDECAR,
    "events tell what became of a trial": _FEW_EVENTS,
    "a trial is described with its events": _FEW_EVENTS,
    "fields are explained": "Kubernetes publishes no names of the types of a custom resource",
    "the server has a version": "it is Kubernetes' own",
    "rights are listed": "an administrator has all of them",
    "a JSON patch whose test fails": _SERVER_WORDS,
    "a scale, which Katib's kinds have not": _SERVER_WORDS,
    "a search by a label that cannot be one": _SERVER_WORDS,
    "test_who_wants_to_reach_into_a_pod_is_told_where_it_runs": _OURS,
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
