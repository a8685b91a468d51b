"""Claims when others are quicker, and when answers are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from katib.api.values import Manifest
from katib.client.backend import AwayError, RefusedError
from katib.client.study.desk import Desk, asked_of, name_of_trial
from katib.client.study.errors import StudyRefusedError

ASKED, BY = "katib.kubeflow.org/asked", "katib.kubeflow.org/asked-by"


class OneExperiment:
    """An API with one experiment; ``before`` and ``after`` are called round each patch."""

    namespace, home = "default", None

    def __init__(self) -> None:
        self.annotations = {ASKED: "4"}
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        assert path == "/apis/kubeflow.org/v1beta1/namespaces/default/experiments/e"
        if method == "PATCH":
            assert media_type == "application/json-patch+json"
            self.before()
            test, *changes = body
            if self.annotations[ASKED] != test["value"]:
                raise RefusedError(422, "Invalid", "test failed")
            for change in changes:
                key = change["path"].removeprefix("/metadata/annotations/").replace("~1", "/")
                self.annotations[key] = change["value"]
            self.after()
        return {"metadata": {"name": "e", "uid": "u", "annotations": dict(self.annotations)}}

    def stream(self, path: str) -> Iterator[bytes]:
        raise AssertionError(path)

    def close(self) -> None:
        raise AssertionError


def lose(was_sent: bool) -> None:
    raise AwayError("here", "connection reset", "", was_sent=was_sent)


def claim(api: OneExperiment, count: int = 2) -> range:
    return Desk(api, "default", "e").claim(lambda experiment, asked: count)


def test_a_claim_raises_the_number_that_was_asked_for() -> None:
    api = OneExperiment()
    assert claim(api) == range(4, 6)
    assert api.annotations[ASKED] == "6"
    assert claim(api, 0) == range(6, 6)


def test_who_is_slower_gets_the_numbers_behind() -> None:
    api = OneExperiment()

    def be_quicker() -> None:
        api.annotations[ASKED] = "9"
        api.before = lambda: None

    api.before = be_quicker
    assert claim(api) == range(9, 11)


def test_a_claim_whose_answer_was_lost_is_known_again() -> None:
    api = OneExperiment()

    def lose_answer() -> None:
        api.after = lambda: None
        lose(was_sent=True)

    api.after = lose_answer
    assert claim(api) == range(4, 6)
    assert api.annotations[ASKED] == "6"


def test_a_claim_that_did_not_arrive_is_made_again() -> None:
    api = OneExperiment()

    def lose_request() -> None:
        api.before = lambda: None
        lose(was_sent=True)

    api.before = lose_request
    assert claim(api) == range(4, 6)


def test_a_server_that_is_away_is_told() -> None:
    api = OneExperiment()
    api.before = lambda: lose(was_sent=False)
    with pytest.raises(AwayError):
        claim(api)


@pytest.mark.parametrize(
    ("annotations", "problem"),
    [
        ({}, "makes its trials by itself"),
        ({ASKED: "0", "katib.kubeflow.org/importing": "x"}, "are being imported"),
    ],
)
def test_not_every_experiment_can_be_asked(annotations: dict[str, str], problem: str) -> None:
    with pytest.raises(StudyRefusedError, match=problem):
        asked_of({"metadata": {"name": "e", "annotations": annotations}})


def test_names_follow_from_numbers_unless_the_algorithm_gave_them() -> None:
    experiment = {"metadata": {"name": "random", "uid": "b7f0b5a2"}}
    status = {"suggestionCount": 5, "suggestions": [{"name": "own-3"}, {"name": "own-4"}]}
    assert name_of_trial(experiment, None, 0) == "random-9dgmzr6f"
    assert name_of_trial(experiment, {"status": status}, 4) == "own-4"
    assert name_of_trial(experiment, {"status": status}, 0) == "random-9dgmzr6f"
    assert name_of_trial(experiment, {"status": status}, 7) != "own-4"
