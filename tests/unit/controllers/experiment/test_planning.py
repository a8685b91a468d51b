from __future__ import annotations

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment, ExperimentStatus
from katib.api.values import Condition
from katib.controllers.experiment.planning import (
    Counts,
    failed,
    is_completed,
    is_restart,
    missing_trials,
    surplus_trials,
    verdict,
)
from katib.testing.builders import an_experiment

# what → parallel, budget, active, completed; start, stop
TRIALS: dict[str, tuple[int, int | None, int, int, int, int]] = {
    "at the start": (3, 12, 0, 0, 3, 0),
    "one has ended": (3, 12, 2, 5, 1, 0),
    "two remain, and both run": (3, 12, 2, 10, 0, 0),
    "without a budget": (3, None, 1, 40, 2, 0),
    "trials without metrics use the budget too": (3, 12, 2, 10, 0, 0),
    "parallelism was lowered": (2, 2, 3, 0, 0, 1),
    "the budget was lowered below what was done": (3, 5, 2, 4, 0, 0),
    "the budget was lowered far below": (3, 2, 0, 9, 0, 0),
    "full": (3, 12, 3, 1, 0, 0),
    "the budget is less than parallelism": (5, 2, 0, 0, 2, 0),
    "the last one": (3, 12, 0, 11, 1, 0),
}


@pytest.mark.parametrize("case", TRIALS)
def test_how_many_trials_start_or_stop(case: str) -> None:
    parallel, budget, active, completed, start, stop = TRIALS[case]
    spec = an_experiment().with_trials(budget, parallel).build().spec
    counts = Counts(active=active, completed=completed)
    assert (missing_trials(spec, counts), surplus_trials(spec, counts)) == (start, stop)


def test_three_trials_run_at_once_when_nothing_is_said() -> None:
    spec = replace(an_experiment().with_trials(None).build().spec, parallel_trial_count=None)
    assert missing_trials(spec, Counts()) == 3


GOAL = "ExperimentGoalReached"
BUDGET = "ExperimentMaxTrialsReached"
FAILED = "ExperimentFailed"
END = "ExperimentSuggestionEndReached"
RUNNING = "ExperimentRunning"

# what → goal, budget, failure limit, counts, exhausted; type, reason
VERDICTS: dict[str, tuple[float | None, int | None, int | None, Counts, bool, str, str]] = {
    "nothing reached": (None, 12, 3, Counts(3, 1, 0, 0.5), False, "Running", RUNNING),
    "the goal": (0.1, 12, 3, Counts(3, 1, 0, 0.05), False, "Succeeded", GOAL),
    "the goal exactly": (0.1, 12, 3, Counts(3, 1, 0, 0.1), False, "Succeeded", GOAL),
    "the goal 0": (0, 12, 3, Counts(3, 1, 0, 0.0), False, "Succeeded", GOAL),
    "missed the goal": (0.1, 12, 3, Counts(3, 1, 0, 0.11), False, "Running", RUNNING),
    "no value for the goal": (0.1, 12, 3, Counts(3, 1, 0, None), False, "Running", RUNNING),
    "goal beats failures": (0.1, 12, 3, Counts(0, 9, 3, 0.1), False, "Succeeded", GOAL),
    "goal beats budget": (0.1, 12, 3, Counts(0, 12, 0, 0.1), False, "Succeeded", GOAL),
    "failures": (None, 12, 3, Counts(3, 5, 3), False, "Failed", FAILED),
    "one failure too few": (None, 12, 3, Counts(3, 5, 2), False, "Running", RUNNING),
    "failures beat budget": (None, 12, 3, Counts(0, 12, 3), False, "Failed", FAILED),
    "no failure allowed, none there": (None, 12, 0, Counts(3, 5, 0), False, "Running", RUNNING),
    "no failure allowed, one there": (None, 12, 0, Counts(3, 5, 1), False, "Failed", FAILED),
    "no failure limit": (None, 12, None, Counts(3, 9, 9), False, "Running", RUNNING),
    "all failed without a limit": (None, 12, None, Counts(0, 12, 12), False, "Succeeded", BUDGET),
    "budget": (None, 12, 3, Counts(0, 12, 0, 0.5), False, "Succeeded", BUDGET),
    "more than budget": (None, 12, 3, Counts(2, 13, 0, 0.5), False, "Succeeded", BUDGET),
    "no budget": (None, None, 3, Counts(0, 900, 0, 0.5), False, "Running", RUNNING),
    "end of the search": (None, 12, 3, Counts(0, 5, 0), True, "Succeeded", END),
    "end of the search, one runs": (None, 12, 3, Counts(1, 5, 0), True, "Running", RUNNING),
    "budget beats end": (None, 5, 3, Counts(0, 5, 0), True, "Succeeded", BUDGET),
}

MESSAGES = {
    GOAL: "Experiment has succeeded because Objective goal has reached",
    BUDGET: "Experiment has succeeded because max trial count has reached",
    FAILED: "Experiment has failed because max failed count has reached",
    END: "Experiment has succeeded because suggestion service has reached the end",
    RUNNING: "Experiment is running",
}


@pytest.mark.parametrize("case", VERDICTS)
def test_the_first_verdict_that_fits_counts(case: str) -> None:
    goal, budget, limit, counts, is_exhausted, type, reason = VERDICTS[case]
    spec = an_experiment().with_objective(goal=goal).with_trials(budget).build().spec
    spec = replace(spec, max_failed_trial_count=limit)
    found = verdict(spec, counts, is_exhausted)
    assert (found.type, found.status, found.reason) == (type, "True", reason)
    assert found.message == MESSAGES[reason]


@pytest.mark.parametrize(("best", "reason"), [(0.9, GOAL), (0.95, GOAL), (0.89, RUNNING)])
def test_a_goal_to_maximise_is_reached_from_below(best: float, reason: str) -> None:
    spec = an_experiment().with_objective("accuracy", names.MAXIMIZE, goal=0.9).build().spec
    assert verdict(spec, Counts(best=best), False).reason == reason


def test_a_refused_suggestion_is_the_experiments_message() -> None:
    assert failed("Suggestion has failed. Why").message == "Suggestion has failed. Why"


def ended(type: str, reason: str, policy: str, budget: int | None) -> Experiment:
    experiment = an_experiment().with_trials(budget).with_resume_policy(policy).build()
    condition = Condition(type=type, status="True", reason=reason)
    return replace(experiment, status=ExperimentStatus(conditions=(condition,)))


# what → type, reason, policy, budget now; is restarted with 12 trials there
RESTARTS: dict[str, tuple[str, str, str, int | None, bool]] = {
    "more budget": ("Succeeded", BUDGET, "LongRunning", 13, True),
    "more budget, from a volume": ("Succeeded", BUDGET, "FromVolume", 13, True),
    "no budget any more": ("Succeeded", BUDGET, "LongRunning", None, True),
    "the same budget": ("Succeeded", BUDGET, "LongRunning", 12, False),
    "less budget": ("Succeeded", BUDGET, "LongRunning", 5, False),
    "never": ("Succeeded", BUDGET, "Never", 13, False),
    "the goal was reached": ("Succeeded", GOAL, "LongRunning", 13, False),
    "the goal was reached without a budget": ("Succeeded", GOAL, "LongRunning", None, False),
    "it failed": ("Failed", FAILED, "LongRunning", 13, False),
    "it failed without a budget": ("Failed", FAILED, "FromVolume", None, False),
    "it runs": ("Running", RUNNING, "LongRunning", 13, False),
}


@pytest.mark.parametrize("case", RESTARTS)
def test_only_a_spent_budget_can_be_raised(case: str) -> None:
    type, reason, policy, budget, expected = RESTARTS[case]
    experiment = ended(type, reason, policy, budget)
    assert is_restart(experiment, 12) is expected
    assert is_completed(experiment) is (type != "Running")
