from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment, ExperimentStatus
from katib.api.trial import Trial, TrialStatus
from katib.api.values import Condition, ObjectMeta, Strings
from katib.controllers.experiment.ledger import TrialLedger
from katib.controllers.experiment.planning import (
    Counts,
    asked_trials,
    failed,
    is_completed,
    is_restart,
    missing_trials,
    surplus_trials,
    verdict,
)
from katib.controllers.experiment.progress import find_unasked
from katib.controllers.experiment.reconciler import count
from katib.testing.builders import an_experiment

# what → parallel, budget, active, completed; start, stop
TRIALS: dict[str, tuple[int, int | None, int, int, int, int]] = {
    "Three at once, twelve in all, none there: three start": (3, 12, 0, 0, 3, 0),
    "Three at once, twelve in all, two active, five ended: one starts": (3, 12, 2, 5, 1, 0),
    "Three at once, twelve in all, two active, ten ended: none starts": (3, 12, 2, 10, 0, 0),
    "Three at once and no budget, one active, forty ended: two start": (3, None, 1, 40, 2, 0),
    "Three at once, twelve in all, two active, nine ended, one without metrics: none starts": (
        3,
        12,
        2,
        10,
        0,
        0,
    ),
    "Two at once, two in all, three active: one goes": (2, 2, 3, 0, 0, 1),
    "Three at once, five in all, two active, four ended: none starts": (3, 5, 2, 4, 0, 0),
    "A budget far below the trials that have ended starts none": (3, 2, 0, 9, 0, 0),
    "As many active trials as may run at once: none starts and none goes": (3, 12, 3, 1, 0, 0),
    "A budget below parallelism starts no more than the budget": (5, 2, 0, 0, 2, 0),
    "With one trial left of the budget one starts, however many may run at once": (
        3,
        12,
        0,
        11,
        1,
        0,
    ),
}


@pytest.mark.parametrize("case", TRIALS)
def test_how_many_trials_start_or_stop(case: str) -> None:
    parallel, budget, active, completed, start, stop = TRIALS[case]
    spec = an_experiment().with_trials(budget, parallel).build().spec
    counts = Counts(active=active, completed=completed)
    assert (missing_trials(spec, counts), surplus_trials(spec, counts)) == (start, stop)


@pytest.mark.rule("Three trials run at once when `parallelTrialCount` is not set")
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
    "An experiment that has reached nothing is `Running`": (
        None,
        12,
        3,
        Counts(3, 1, 0, 0.5),
        False,
        "Running",
        RUNNING,
    ),
    "A best value below the goal to minimise ends the experiment": (
        0.1,
        12,
        3,
        Counts(3, 1, 0, 0.05),
        False,
        "Succeeded",
        GOAL,
    ),
    "A best value equal to the goal ends the experiment": (
        0.1,
        12,
        3,
        Counts(3, 1, 0, 0.1),
        False,
        "Succeeded",
        GOAL,
    ),
    "A goal of 0 is a goal": (0, 12, 3, Counts(3, 1, 0, 0.0), False, "Succeeded", GOAL),
    "A best value above the goal to minimise ends nothing": (
        0.1,
        12,
        3,
        Counts(3, 1, 0, 0.11),
        False,
        "Running",
        RUNNING,
    ),
    "Without a best value no goal is reached": (
        0.1,
        12,
        3,
        Counts(3, 1, 0, None),
        False,
        "Running",
        RUNNING,
    ),
    "A goal and the failure limit reached at once: the experiment succeeds": (
        0.1,
        12,
        3,
        Counts(0, 9, 3, 0.1),
        False,
        "Succeeded",
        GOAL,
    ),
    "A goal and the budget reached at once: the reason is the goal": (
        0.1,
        12,
        3,
        Counts(0, 12, 0, 0.1),
        False,
        "Succeeded",
        GOAL,
    ),
    "As many failures as `maxFailedTrialCount` fail the experiment": (
        None,
        12,
        3,
        Counts(3, 5, 3),
        False,
        "Failed",
        FAILED,
    ),
    "One failure less than `maxFailedTrialCount` ends nothing": (
        None,
        12,
        3,
        Counts(3, 5, 2),
        False,
        "Running",
        RUNNING,
    ),
    "The failure limit and the budget reached at once: the experiment fails": (
        None,
        12,
        3,
        Counts(0, 12, 3),
        False,
        "Failed",
        FAILED,
    ),
    "With `maxFailedTrialCount` 0 and no failure the experiment goes on": (
        None,
        12,
        0,
        Counts(3, 5, 0),
        False,
        "Running",
        RUNNING,
    ),
    "With `maxFailedTrialCount` 0 the first failure fails the experiment": (
        None,
        12,
        0,
        Counts(3, 5, 1),
        False,
        "Failed",
        FAILED,
    ),
    "Without `maxFailedTrialCount` no number of failures fails the experiment": (
        None,
        12,
        None,
        Counts(3, 9, 9),
        False,
        "Running",
        RUNNING,
    ),
    "Without `maxFailedTrialCount` an experiment of failures succeeds by its budget": (
        None,
        12,
        None,
        Counts(0, 12, 12),
        False,
        "Succeeded",
        BUDGET,
    ),
    "As many ended trials as `maxTrialCount` end the experiment": (
        None,
        12,
        3,
        Counts(0, 12, 0, 0.5),
        False,
        "Succeeded",
        BUDGET,
    ),
    "More ended trials than `maxTrialCount` end the experiment too": (
        None,
        12,
        3,
        Counts(2, 13, 0, 0.5),
        False,
        "Succeeded",
        BUDGET,
    ),
    "Without `maxTrialCount` no number of ended trials ends the experiment": (
        None,
        None,
        3,
        Counts(0, 900, 0, 0.5),
        False,
        "Running",
        RUNNING,
    ),
    "An ended search with no active trial ends the experiment": (
        None,
        12,
        3,
        Counts(0, 5, 0),
        True,
        "Succeeded",
        END,
    ),
    "An ended search waits for its active trials": (
        None,
        12,
        3,
        Counts(1, 5, 0),
        True,
        "Running",
        RUNNING,
    ),
    "The budget and the end of the search reached at once: the reason is the budget": (
        None,
        5,
        3,
        Counts(0, 5, 0),
        True,
        "Succeeded",
        BUDGET,
    ),
}

MESSAGES = {
    GOAL: "Experiment has succeeded because Objective goal has reached",
    BUDGET: "Experiment has succeeded because max trial count has reached",
    FAILED: "Experiment has failed because max failed count has reached",
    END: "Experiment has succeeded because suggestion service has reached the end",
    RUNNING: "Experiment is running",
}


@pytest.mark.rule(
    "Of all verdicts the first that fits counts, each with a reason and a message of its own"
)
@pytest.mark.parametrize("case", VERDICTS)
def test_the_first_verdict_that_fits_counts(case: str) -> None:
    goal, budget, limit, counts, is_exhausted, type, reason = VERDICTS[case]
    spec = an_experiment().with_objective(goal=goal).with_trials(budget).build().spec
    spec = replace(spec, max_failed_trial_count=limit)
    found = verdict(spec, counts, is_exhausted)
    assert (found.type, found.status, found.reason) == (type, "True", reason)
    assert found.message == MESSAGES[reason]


LAST = "b: Trial has failed"
FRUITLESS: dict[str, tuple[Counts, bool, str]] = {
    "when the budget is spent": (Counts(0, 12, 5, useless=12, last_failure=LAST), False, BUDGET),
    "when the search has ended": (Counts(0, 2, 2, useless=2, last_failure=LAST), True, END),
}


@pytest.mark.rule(
    "An experiment none of whose trials succeeded says so at its end, and why the last one did not"
)
@pytest.mark.parametrize("case", FRUITLESS)
def test_an_experiment_without_an_optimum_says_so(case: str) -> None:
    counts, is_exhausted, reason = FRUITLESS[case]
    spec = replace(an_experiment().with_trials(12).build().spec, max_failed_trial_count=None)
    found = verdict(spec, counts, is_exhausted)
    assert found.reason == reason
    assert found.message == (
        f"{MESSAGES[reason]}, and no trial has succeeded, so there is no optimal trial. The last "
        "one is b: Trial has failed"
    )
    one_more = verdict(spec, dataclasses.replace(counts, useless=counts.useless - 1), is_exhausted)
    assert one_more.message == MESSAGES[reason]


@pytest.mark.rule("A goal to maximise is reached by an equal or larger value")
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
    "A raised budget restarts a `LongRunning` experiment that had spent it": (
        "Succeeded",
        BUDGET,
        "LongRunning",
        13,
        True,
    ),
    "A raised budget restarts a `FromVolume` experiment that had spent it": (
        "Succeeded",
        BUDGET,
        "FromVolume",
        13,
        True,
    ),
    "A budget that is taken away restarts an experiment that had spent it": (
        "Succeeded",
        BUDGET,
        "LongRunning",
        None,
        True,
    ),
    "The same budget restarts nothing": ("Succeeded", BUDGET, "LongRunning", 12, False),
    "A lower budget restarts nothing": ("Succeeded", BUDGET, "LongRunning", 5, False),
    "A `Never` experiment is not restarted": ("Succeeded", BUDGET, "Never", 13, False),
    "An experiment that reached its goal is not restarted": (
        "Succeeded",
        GOAL,
        "LongRunning",
        13,
        False,
    ),
    "An experiment without `maxTrialCount` that reached its goal is not restarted": (
        "Succeeded",
        GOAL,
        "LongRunning",
        None,
        False,
    ),
    "A failed experiment is not restarted": ("Failed", FAILED, "LongRunning", 13, False),
    "A failed experiment without `maxTrialCount` is not restarted": (
        "Failed",
        FAILED,
        "FromVolume",
        None,
        False,
    ),
    "An experiment that is not over is not restarted": (
        "Running",
        RUNNING,
        "LongRunning",
        13,
        False,
    ),
}


@pytest.mark.parametrize("case", RESTARTS)
def test_only_a_spent_budget_can_be_raised(case: str) -> None:
    type, reason, policy, budget, expected = RESTARTS[case]
    experiment = ended(type, reason, policy, budget)
    assert is_restart(experiment, 12) is expected
    assert is_completed(experiment) is (type != "Running")


# the bucket → active, completed, failed
COUNTED: dict[str, tuple[str, Counts]] = {
    "A trial without metrics counts as ended and as failed": (
        names.METRICS_UNAVAILABLE,
        Counts(0, 1, 1, useless=1, last_failure="a"),
    ),
    "A failed trial counts as ended and as failed": (
        names.FAILED,
        Counts(0, 1, 1, useless=1, last_failure="a"),
    ),
    "A succeeded trial counts as ended": (names.SUCCEEDED, Counts(0, 1, 0)),
    "A killed trial counts as ended and not as failed": (
        names.KILLED,
        Counts(0, 1, 0, useless=1, last_failure="a"),
    ),
    "An early-stopped trial counts as ended and not as failed": (
        names.EARLY_STOPPED,
        Counts(0, 1, 0),
    ),
    "A running trial counts as active": (names.RUNNING, Counts(1, 0, 0)),
    "A trial that was only created counts as active": (names.CREATED, Counts(1, 0, 0)),
}


@pytest.mark.parametrize("case", COUNTED)
def test_what_a_trial_counts_as(case: str) -> None:
    type, expected = COUNTED[case]
    ledger = TrialLedger()
    status = TrialStatus(conditions=(Condition(type=type, status="True"),))
    ledger.note(Trial(metadata=ObjectMeta(name="a"), status=status))
    assert count(ledger) == dataclasses.replace(expected, made=1)


# what → active, completed, made, asked; start
ASKED: dict[str, tuple[int, int, int, int | None, int]] = {
    "Nobody needs to ask: parallelism is filled": (0, 0, 0, None, 3),
    "Nobody has asked: none starts": (0, 0, 0, 0, 0),
    "Two were asked for: two start": (0, 0, 0, 2, 2),
    "All that were asked for were made: none starts": (1, 4, 5, 5, 0),
    "One more was asked for: one starts": (1, 4, 5, 6, 1),
    "More were asked for than may be active: parallelism is kept": (2, 4, 6, 20, 1),
    "Imported trials were not asked for": (0, 4, 0, 1, 1),
    "The budget counts imported trials": (0, 12, 2, 9, 0),
}


@pytest.mark.parametrize("case", ASKED)
def test_how_many_trials_start_where_they_are_asked_for(case: str) -> None:
    active, completed, made, asked, start = ASKED[case]
    spec = an_experiment().with_trials(12, 3).build().spec
    assert missing_trials(spec, Counts(active, completed, made=made), asked) == start


@pytest.mark.parametrize(
    ("text", "asked"), [(None, None), ("0", 0), ("17", 17), ("", 0), ("-1", 0), ("many", 0)]
)
def test_for_how_many_trials_was_asked(text: str | None, asked: int | None) -> None:
    assert asked_trials(an_asked_experiment(text)) == asked


def test_an_experiment_says_that_nobody_asks() -> None:
    found = find_unasked(an_asked_experiment("5"), made=5)
    assert found is not None
    assert (found.type, found.status, found.reason) == ("Progressing", "True", "WaitingToBeAsked")
    assert "katib.kubeflow.org/asked says for how many was asked so far: 5" in found.message


@pytest.mark.parametrize(("text", "made"), [(None, 3), ("5", 4)])
def test_an_experiment_that_was_asked_does_not_wait_for_that(text: str | None, made: int) -> None:
    assert find_unasked(an_asked_experiment(text), made) is None


def an_asked_experiment(text: str | None) -> Experiment:
    experiment = an_experiment().build()
    given = None if text is None else Strings({names.ANNOTATION_ASKED: text})
    return replace(experiment, metadata=replace(experiment.metadata, annotations=given))
