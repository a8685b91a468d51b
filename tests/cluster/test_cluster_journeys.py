"""Which of the laptop's journeys there are on a real API server, and why the others are not."""

from __future__ import annotations

import pytest
import test_katib_sdk
import test_kubectl
import test_kubectl_looking
import test_kubectl_refused
import test_kubeflow_sdk
import test_policy_sdk
import test_sdk_flows

from journeys import LEFT_OUT, MODULES_LEFT_OUT, OTHERS

MODULES = (
    test_kubeflow_sdk,
    test_kubectl,
    test_kubectl_looking,
    test_kubectl_refused,
    test_katib_sdk,
    test_policy_sdk,
    test_sdk_flows,
)
TABLES = ("TABLES", "SAID", "WRONG", "STREAMS", "INVALID")


def test_what_is_said_otherwise_is_there() -> None:
    cases = {case for module in MODULES for table in TABLES for case in getattr(module, table, ())}
    assert OTHERS.keys() - cases == {test_kubectl_refused.UNKNOWN}


def test_what_is_left_out_is_there() -> None:
    names = {name for module in MODULES for name in vars(module)}
    names |= {f"{module.__name__}.{name}" for module in MODULES for name in vars(module)}
    cases = {case for module in MODULES for table in TABLES for case in getattr(module, table, ())}
    assert [one for one in LEFT_OUT if one not in names | cases] == []


@pytest.mark.parametrize("module", MODULES_LEFT_OUT)
def test_a_module_has_no_counterpart(module: str) -> None:
    pytest.skip(MODULES_LEFT_OUT[module])
