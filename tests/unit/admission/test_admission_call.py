from __future__ import annotations

from typing import Any

import pytest

from katib.admission.call import check_call
from katib.admission.job import check_workload
from katib.api.values import Manifest

HASH = "0123456789abcdef" * 4


def a_call(**spec: Any) -> Manifest:
    return {
        "apiVersion": "katib.kubeflow.org/v1alpha1",
        "kind": "FunctionCall",
        "spec": {"function": HASH, **spec},
    }


def test_a_call_may_have_limits_and_arguments() -> None:
    call = a_call(arguments={"x": "1"}, timeoutSeconds=0.5, memoryLimit="512Mi", suspend=False)
    assert list(check_workload(call)) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"function": "main"}, "spec.function must be the SHA-256"),
        ({"function": HASH.upper()}, "spec.function must be the SHA-256"),
        ({"argumens": {}}, "spec.argumens is not a field of a FunctionCall"),
        ({"arguments": ["x"]}, "spec.arguments must be a map of strings to strings"),
        ({"arguments": {"x": 1}}, "spec.arguments.x must be a string, found 1"),
        ({"timeoutSeconds": 0}, "spec.timeoutSeconds must be a number above 0, found 0"),
        ({"timeoutSeconds": "60"}, 'spec.timeoutSeconds must be a number above 0, found "60"'),
        ({"timeoutSeconds": True}, "spec.timeoutSeconds must be a number above 0, found true"),
        ({"memoryLimit": "much"}, 'amount of memory such as 512Mi, found "much"'),
        ({"memoryLimit": 512}, "amount of memory such as 512Mi, found 512"),
        ({"suspend": "no"}, "spec.suspend must be true or false"),
    ],
)
def test_what_is_wrong_with_a_call_is_said(spec: Manifest, problem: str) -> None:
    [told] = check_call(a_call(**spec))
    assert problem in told


def test_a_call_without_a_spec_is_refused() -> None:
    assert list(check_call({"kind": "FunctionCall"})) == ["spec must be specified"]
