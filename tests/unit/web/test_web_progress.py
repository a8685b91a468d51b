"""How far an experiment is, and when it may be over."""

from __future__ import annotations

from datetime import timedelta

import pytest

from katib.api.codec import to_manifest
from katib.api.values import Manifest
from katib.client.trial_table import TrialTable
from katib.testing.builders import an_experiment
from katib.web.pages.experiment.progress import progress_of
from trial_manifests import BEGINNING, a_trial


def a_going(budget: int | None = 20, state: str = "Running") -> Manifest:
    found = to_manifest(an_experiment().with_trials(budget).build())
    return {**found, "status": {"conditions": [{"type": state, "status": "True"}]}}


def trials(*statuses: str) -> list[Manifest]:
    return [a_trial(number, {"lr": "0.05"}, None, one) for number, one in enumerate(statuses)]


def test_what_is_left_follows_from_the_last_ends() -> None:
    experiment = a_going()
    table = TrialTable.of(experiment, trials(*["Succeeded"] * 10, "Running"))
    # The first ended after 2 seconds, the tenth after 11: nine more in nine seconds.
    found = progress_of(experiment, table, BEGINNING + timedelta(seconds=11))
    assert (found.ended, found.budget, found.share) == (10, 20, 0.5)
    assert found.seconds_left == pytest.approx(10)


def test_a_halt_makes_the_estimate_longer() -> None:
    experiment = a_going()
    table = TrialTable.of(experiment, trials(*["Succeeded"] * 10))
    found = progress_of(experiment, table, BEGINNING + timedelta(seconds=92))
    assert found.seconds_left == pytest.approx(100)


@pytest.mark.parametrize(
    ("experiment", "statuses"),
    [
        (a_going(), ["Succeeded", "Failed", "Running"]),
        (a_going(None), ["Succeeded"] * 9),
        (a_going(20, "Succeeded"), ["Succeeded"] * 9),
    ],
    ids=["too few have ended", "there is no budget", "it is over"],
)
def test_nothing_tells_what_is_left(experiment: Manifest, statuses: list[str]) -> None:
    table = TrialTable.of(experiment, trials(*statuses))
    found = progress_of(experiment, table, BEGINNING + timedelta(seconds=60))
    assert found.seconds_left is None


def test_every_end_counts() -> None:
    experiment = a_going(4)
    statuses = ["Failed", "EarlyStopped", "MetricsUnavailable", "Killed", "Pending", "Running"]
    table = TrialTable.of(experiment, trials(*statuses))
    found = progress_of(experiment, table, BEGINNING)
    assert (found.ended, found.share) == (4, 1.0)
