"""The journeys of a laptop, for a cluster: the same functions, with other fixtures."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

_TABLE_OF_A_SERVER = "a Kubernetes of this age prints other columns than ours"

#: Test → why it cannot be had on an API server without Kubernetes' own nodes; a test of many cases
#: by the name of the case.
LEFT_OUT: Mapping[str, str] = {}


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


def find_reason(name: str) -> str:
    """Why a test is left out; empty when it is not."""
    function, _, case = name.partition("[")
    return LEFT_OUT.get(function) or LEFT_OUT.get(case.removesuffix("]")) or ""


@pytest.fixture(autouse=True)
def left_out(request: pytest.FixtureRequest) -> None:
    """Skip what cannot be had, and say why."""
    reason = find_reason(request.node.name)
    if reason:
        pytest.skip(f"not on this cluster: {reason}")
