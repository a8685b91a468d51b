from __future__ import annotations

import pytest

from katib.client.backend import AwayError, RefusedError
from katib.client.requests import core_path, path_of, worded


def test_paths_are_those_of_the_api() -> None:
    experiments = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments"
    assert path_of("experiments", "default") == experiments
    assert path_of("experiments", "default", "one") == f"{experiments}/one"
    assert path_of("experiments", "default", "one/status") == f"{experiments}/one/status"
    selector = {"labelSelector": "katib.kubeflow.org/experiment=one,a=b"}
    assert path_of("experiments", "default", query=selector) == (
        f"{experiments}?labelSelector=katib.kubeflow.org%2Fexperiment%3Done%2Ca%3Db"
    )
    assert core_path("pods", "default", "one/log", {"follow": "true"}) == (
        "/api/v1/namespaces/default/pods/one/log?follow=true"
    )


def test_no_name_leads_elsewhere() -> None:
    assert path_of("trials", "a/b", "one?x#y") == (
        "/apis/kubeflow.org/v1beta1/namespaces/a%2Fb/trials/one%3Fx%23y"
    )


def test_errors_say_what_was_not_done_and_why() -> None:
    with pytest.raises(RuntimeError) as refused, worded("get Katib Trial: default/one"):
        raise RefusedError(404, "NotFound", 'trials "one" not found')
    assert str(refused.value) == 'Failed to get Katib Trial: default/one: trials "one" not found'
    assert isinstance(refused.value.__cause__, RefusedError)
    with pytest.raises(RuntimeError, match=r"^Failed to get it: 'items'"), worded("get it"):
        raise KeyError("items")


@pytest.mark.parametrize(
    ("is_late", "expected", "words"),
    [(True, TimeoutError, "Timeout to get it"), (False, RuntimeError, "Failed to get it")],
)
def test_an_answer_that_does_not_come_in_time_is_told_from_none(
    is_late: bool, expected: type[Exception], words: str
) -> None:
    away = AwayError("http://there", "timed out", "Look.", was_sent=True, is_late=is_late)
    with pytest.raises(expected, match=f"^{words}: the server at http://there"), worded("get it"):
        raise away


def test_what_goes_well_is_left_alone() -> None:
    with worded("get it"):
        found = 1
    assert found == 1
