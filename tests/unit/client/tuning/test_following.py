from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from katib.api.values import Manifest
from katib.client.backend import RefusedError
from katib.client.tuning.following import ExperimentGoneError, Follower, Standing, is_over
from katib.client.tuning.progress import LineProgress, NotebookProgress, worded


class Answers:
    """A backend that gives these answers, one after the other."""

    namespace = "default"
    home: Path | None = None

    def __init__(self, answers: Sequence[Manifest]) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, Any]] = []

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        self.asked.append((method, path, body))
        if not self._answers:
            raise RefusedError(404, "NotFound", "there is none")
        return self._answers.pop(0)

    def stream(self, path: str) -> Iterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """There is nothing to close."""


def an_experiment(condition: str = "Running", reason: str = "", **status: Any) -> Manifest:
    conditions = [
        {"type": "Created", "status": "True"},
        {"type": condition, "status": "True", "reason": reason, "message": "so it is"},
    ]
    return {
        "metadata": {"name": "one", "namespace": "default"},
        "spec": {"objective": {"objectiveMetricName": "loss"}, "maxTrialCount": 10},
        "status": {"conditions": conditions, **status},
    }


BEST = {
    "bestTrialName": "one-b",
    "observation": {"metrics": [{"name": "loss", "latest": "0.25", "min": "0.2"}]},
}


def test_an_experiment_is_followed_to_its_end() -> None:
    seconds = iter(range(100))
    answers = Answers(
        [
            an_experiment(trials=2, trialsRunning=2),
            an_experiment(trials=6, trialsRunning=2, trialsFailed=1, currentOptimalTrial=BEST),
            an_experiment(
                "Succeeded", "ExperimentMaxTrialsReached", trials=10, currentOptimalTrial=BEST
            ),
        ]
    )
    follower = Follower(answers, "default", "one", lambda: next(seconds), lambda _: None)
    shown: list[Standing] = []
    assert follower.follow(shown.append)["status"]["trials"] == 10
    assert [one.done for one in shown] == [0, 4, 10]
    assert (shown[1].failed, shown[1].best, shown[1].total) == (1, "0.25", 10)
    assert shown[1].seconds_left == pytest.approx(6 * shown[1].seconds / 4)


def test_a_larger_budget_is_not_the_end_of_the_smaller() -> None:
    reached = ("Succeeded", "ExperimentMaxTrialsReached")
    assert is_over(an_experiment(*reached, trials=10))
    assert not is_over(an_experiment(*reached, trials=6))
    assert is_over(an_experiment("Succeeded", "ExperimentGoalReached", trials=6))
    assert is_over(an_experiment("Failed", "ExperimentFailed", trials=6))
    assert not is_over(an_experiment("Running"))


def test_what_an_experiment_waits_for_is_told_after_a_while() -> None:
    waits = an_experiment("Progressing", trials=3)
    seconds = iter([0.0, 0.0, 1.0, 8.0, 8.0, 8.0])
    answers = Answers([waits, waits, an_experiment("Failed", trials=3)])
    shown: list[Standing] = []
    Follower(answers, "default", "one", lambda: next(seconds), lambda _: None).follow(shown.append)
    assert shown[0].waits == ""
    follower = Follower(Answers([waits]), "default", "one", lambda: 9.0)
    follower.look()
    follower.standing()
    later = Follower(Answers([waits]), "default", "one", iter([0.0, 9.0, 18.0]).__next__)
    later.look()
    assert later.standing().waits == ""
    assert later.standing().waits == "so it is"


def test_an_experiment_that_is_gone_is_told() -> None:
    with pytest.raises(ExperimentGoneError, match='"one" in namespace "default" was deleted'):
        Follower(Answers([]), "default", "one").follow(lambda _: None)


def test_a_standing_in_words() -> None:
    standing = Standing(
        "one", done=20, total=100, failed=2, stopped=3, best="0.123456789", seconds=4.0, new=10
    )
    assert worded(standing) == (
        "one: 20/100 trials, best 0.123457, 2 failed, 3 stopped early, 2.5 trials/s, 32 s left"
    )
    slow = Standing("one", done=1, total=None, seconds=600.0, new=1, waits="a service")
    assert worded(slow) == "one: 1 trials, 0.1 trials/min, waits: a service"
    assert "1 h 01 min left" in worded(Standing("one", done=1, total=62, seconds=60.0, new=1))


def test_lines_come_now_and_then() -> None:
    stream, seconds = io.StringIO(), iter([0.0, 5.0, 11.0, 11.0, 12.0])
    progress = LineProgress(stream, lambda: next(seconds))
    for done in range(3):
        progress.show(Standing("one", done=done, total=3))
    progress.close("the end")
    assert stream.getvalue() == "one: 1/3 trials\nthe end\n"


def test_a_notebook_has_one_line_that_changes() -> None:
    drawn: list[str] = []

    class Handle:
        def update(self, shown: dict[str, str], raw: bool) -> None:
            drawn.append(shown["text/plain"])

    def display(shown: dict[str, str], raw: bool, display_id: bool) -> Handle:
        drawn.append(shown["text/html"])
        return Handle()

    progress = NotebookProgress(display, iter([0.0, 0.0, 0.1, 5.0, 5.0]).__next__)
    for done in range(3):
        progress.show(Standing("<one>", done=done, total=3))
    progress.close("the end")
    assert drawn[0].startswith('<div><progress value="0" max="3"')
    assert "&lt;one&gt;: 0/3 trials" in drawn[0]
    assert drawn[1:] == ["<one>: 2/3 trials", "the end"]
