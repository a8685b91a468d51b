from __future__ import annotations

from collections.abc import Iterator

import pytest

from katib.client.waiting import Pace, has, print_status, reached, wait_until
from katib.models import (
    V1beta1Experiment,
    V1beta1ExperimentCondition,
    V1beta1ExperimentSpec,
    V1beta1ExperimentStatus,
)


class FakeTime:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def pace(self, seconds: float, interval: float) -> Pace:
        return Pace(seconds, interval, self.monotonic, self.sleep)


def test_it_is_told_seldom_and_looked_at_often() -> None:
    time, told = FakeTime(), list[float]()
    looks: Iterator[int] = iter(range(1000))
    seen, is_reached = wait_until(
        lambda: next(looks),
        lambda _: time.now >= 142,
        lambda _: told.append(time.now - 100),
        time.pace(600, 15),
    )
    assert is_reached
    assert seen > 40
    assert told[0] == 0
    assert [round(one) for one in told] == [0, 15, 30, 42]
    # Nobody waits much longer than they have waited already.
    assert time.now - 142 <= 1
    assert time.pauses[0] == 0.05
    assert max(time.pauses) == 1.0


def test_what_does_not_come_ends_the_waiting_in_time() -> None:
    time, told = FakeTime(), list[float]()
    seen, is_reached = wait_until(
        lambda: "same", lambda _: False, lambda _: told.append(time.now), time.pace(3, 1)
    )
    assert (seen, is_reached) == ("same", False)
    assert time.now == pytest.approx(103)
    assert len(told) == 4


def test_a_time_of_nothing_is_one_look() -> None:
    time = FakeTime()
    assert wait_until(lambda: 1, lambda _: True, lambda _: None, time.pace(0, 1)) == (1, True)
    assert wait_until(lambda: 1, lambda _: False, lambda _: None, time.pace(0, 1)) == (1, False)
    assert time.pauses == []


def experiment(
    *conditions: str,
    reason: str = "ExperimentMaxTrialsReached",
    trials: int = 3,
    policy: str | None = None,
    budget: int | None = 3,
) -> V1beta1Experiment:
    """One that has these conditions; those that begin with a minus are ``False``."""
    return V1beta1Experiment(
        spec=V1beta1ExperimentSpec(resume_policy=policy, max_trial_count=budget),
        status=V1beta1ExperimentStatus(
            trials=trials,
            conditions=[
                V1beta1ExperimentCondition(
                    type=one.removeprefix("-"),
                    status="False" if one.startswith("-") else "True",
                    reason=reason,
                )
                for one in conditions
            ],
        ),
    )


@pytest.mark.parametrize(
    ("given", "condition", "expected"),
    [
        (experiment("Created", "Running"), "Running", True),
        (experiment("Created", "-Running"), "Running", False),
        (V1beta1Experiment(), "Created", False),
        (V1beta1Experiment(status=V1beta1ExperimentStatus()), "Created", False),
    ],
    ids=["it has it", "it had it", "no status", "no conditions"],
)
def test_a_condition_counts_when_it_is_true(
    given: V1beta1Experiment, condition: str, expected: bool
) -> None:
    assert has(given, condition) is expected


def test_a_failed_experiment_ends_every_waiting() -> None:
    failed = experiment("Created", "Failed")
    assert reached(failed, "Failed", "default/one")
    for expected in ("Created", "Running", "Restarting", "Succeeded"):
        with pytest.raises(
            RuntimeError, match=r"^Experiment: default/one is Failed\. Experiment c"
        ):
            reached(failed, expected, "default/one")


@pytest.mark.parametrize(
    "ended",
    [
        experiment("Created", "Succeeded"),
        experiment("Succeeded", policy="Never", budget=9),
        experiment("Succeeded", policy="LongRunning", budget=3),
        experiment("Succeeded", reason="ExperimentGoalReached", policy="LongRunning", budget=9),
    ],
    ids=["no policy", "a policy against it", "no budget left", "it has its goal"],
)
@pytest.mark.parametrize("expected", ["Running", "Restarting", "Failed"])
def test_an_experiment_that_has_ended_for_good_is_not_waited_for(
    ended: V1beta1Experiment, expected: str
) -> None:
    with pytest.raises(RuntimeError, match=f"is Succeeded and will not be {expected}"):
        reached(ended, expected, "default/one")


@pytest.mark.parametrize("budget", [4, None])
def test_one_with_a_larger_budget_is(budget: int | None) -> None:
    ended = experiment("Succeeded", policy="FromVolume", budget=budget)
    assert not reached(ended, "Restarting", "default/one")
    assert reached(ended, "Succeeded", "default/one")


def test_how_it_stands_is_printed_as_katib_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_status(V1beta1Experiment())
    assert capsys.readouterr().out == ""
    status = V1beta1ExperimentStatus(trials=5, trials_succeeded=3, trial_metrics_unavailable=1)
    print_status(V1beta1Experiment(status=status))
    assert capsys.readouterr().out == (
        "Experiment Trials status: 5 Trials, 0 Pending Trials, 0 Running Trials, 3 Succeeded "
        "Trials, 0 Failed Trials, 0 EarlyStopped Trials, 1 MetricsUnavailable Trials\n"
        "Current Optimal Trial:\n None\n"
        "Experiment conditions:\n None\n"
    )
