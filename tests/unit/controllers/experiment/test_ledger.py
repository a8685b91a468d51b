from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations

import pytest
from msgspec.structs import replace

from katib.api import conditions as rules
from katib.api import names
from katib.api.experiment import ExperimentStatus, Metric, ObjectiveSpec, Observation
from katib.api.trial import Trial, TrialSpec, TrialStatus
from katib.api.values import Condition, NameValue, ObjectMeta
from katib.controllers.experiment.ledger import PENDING, TrialLedger
from katib.controllers.experiment.objective import objective_value
from katib.testing.builders import CREATED_AT


def a_trial(
    name: str,
    *conditions: str,
    value: str | Metric | None = None,
    strategy: str = names.MIN,
    direction: str = names.MINIMIZE,
    age: float = 0,
) -> Trial:
    """A trial with these conditions, true; a larger age is an earlier creation."""
    if isinstance(value, str):
        value = Metric(name="loss", min=value, max=value, latest=value)
    return Trial(
        metadata=ObjectMeta(name=name, creation_timestamp=CREATED_AT - timedelta(seconds=age)),
        spec=TrialSpec(
            objective=ObjectiveSpec(
                type=direction,
                objective_metric_name="loss",
                metric_strategies=(NameValue(name="loss", value=strategy),),
            ),
            parameter_assignments=(NameValue(name="lr", value=name),),
        ),
        status=TrialStatus(
            conditions=tuple(Condition(type=type, status="True") for type in conditions),
            observation=None if value is None else Observation(metrics=(value,)),
        ),
    )


def a_ledger(*trials: Trial) -> TrialLedger:
    ledger = TrialLedger()
    for trial in trials:
        ledger.note(trial)
    return ledger


def best(ledger: TrialLedger) -> str | None:
    return None if ledger.optimal is None else ledger.optimal.best_trial_name


BUCKETS: dict[str, tuple[Sequence[str], str]] = {
    "A trial of which nothing is known is pending": ((), PENDING),
    "A trial that is only created is pending": (("Created",), PENDING),
    "A running trial is counted as running": (("Created", "Running"), "Running"),
    "A succeeded trial is counted as succeeded": (("Created", "Succeeded"), "Succeeded"),
    "`Succeeded` counts before `Running`": (("Running", "Succeeded"), "Succeeded"),
    "`Failed` counts before `Succeeded`": (("Succeeded", "Failed"), "Failed"),
    "`Killed` counts before `Failed`": (("Failed", "Killed"), "Killed"),
    "`Succeeded` counts before `EarlyStopped`": (("EarlyStopped", "Succeeded"), "Succeeded"),
    "`EarlyStopped` counts before `Running`": (("Running", "EarlyStopped"), "EarlyStopped"),
    "`Running` counts before `MetricsUnavailable`": (("MetricsUnavailable", "Running"), "Running"),
    "A trial without metrics is counted as metrics unavailable": (
        ("Created", "MetricsUnavailable"),
        "MetricsUnavailable",
    ),
}


@pytest.mark.parametrize("case", BUCKETS)
def test_a_trial_is_counted_once_where_the_first_condition_says(case: str) -> None:
    conditions, bucket = BUCKETS[case]
    ledger = a_ledger(a_trial("a", *conditions))
    assert (ledger.count(bucket), len(ledger)) == (1, 1)
    assert ledger.active == (bucket in (PENDING, "Running"))


@pytest.mark.rule("A condition whose status is `False` counts nothing")
def test_a_condition_that_is_false_does_not_count() -> None:
    trial = a_trial("a", "Running")
    off = replace(trial.status.conditions[0], status="False")
    assert a_ledger(replace(trial, status=TrialStatus(conditions=(off,)))).count(PENDING) == 1


@pytest.mark.rule("A trial that changes leaves the bucket where it was counted")
def test_a_trial_moves_from_bucket_to_bucket() -> None:
    ledger = a_ledger(a_trial("a"), a_trial("a", "Running"), a_trial("a", "Succeeded"))
    assert [ledger.count(each) for each in (PENDING, "Running", "Succeeded")] == [0, 0, 1]


@pytest.mark.rule("A trial that is gone is counted nowhere")
def test_a_forgotten_trial_is_counted_nowhere() -> None:
    ledger = a_ledger(a_trial("a", "EarlyStopped"), a_trial("b", "Running"))
    ledger.forget("a")
    ledger.forget("never there")
    assert (len(ledger), ledger.count("EarlyStopped"), ledger.stalled) == (1, 0, ())
    assert "a" not in ledger
    assert "b" in ledger


@pytest.mark.rule("The status has a counter and a list of names for every bucket")
def test_the_status_holds_counters_and_lists() -> None:
    kinds = ("Killed", "Failed", "Succeeded", "EarlyStopped", "Running", "MetricsUnavailable")
    ledger = a_ledger(a_trial("pending"), *(a_trial(kind.lower(), kind) for kind in kinds))
    status = ledger.write(ExperimentStatus())
    assert (status.trials, status.trials_pending, status.pending_trial_list) == (7, 1, ("pending",))
    assert (status.trials_killed, status.killed_trial_list) == (1, ("killed",))
    assert (status.trials_failed, status.failed_trial_list) == (1, ("failed",))
    assert (status.trials_succeeded, status.succeeded_trial_list) == (1, ("succeeded",))
    assert (status.trials_running, status.running_trial_list) == (1, ("running",))
    assert (status.trials_early_stopped, status.early_stopped_trial_list) == (1, ("earlystopped",))
    assert status.trial_metrics_unavailable == 1
    assert status.metrics_unavailable_trial_list == ("metricsunavailable",)


@pytest.mark.rule("A list holds the newest 1,000 names, its counter counts all")
def test_lists_hold_the_newest_thousand_and_counters_all() -> None:
    ledger = a_ledger(*(a_trial(f"t{number}", "Succeeded") for number in range(1_250)))
    status = ledger.write(ExperimentStatus())
    assert (status.trials, status.trials_succeeded) == (1_250, 1_250)
    assert len(status.succeeded_trial_list) == names.LONGEST_LIST == 1_000
    assert status.succeeded_trial_list[0] == "t250"
    assert status.succeeded_trial_list[-1] == "t1249"


@pytest.mark.rule("A trial that waits for something is remembered until it goes on or ends")
def test_a_trial_that_waits_is_stalled_until_it_goes_on_or_ends() -> None:
    waiting = a_trial("a", "Running")
    said = rules.progress("False", "PodUnschedulable", "no node fits")
    found = (said, *waiting.status.conditions)
    waiting = replace(waiting, status=replace(waiting.status, conditions=found))
    ledger = a_ledger(waiting, a_trial("b", "Running"))
    assert [one.metadata.name for one in ledger.stalled] == ["a"]
    ledger.note(a_trial("a", "Running"))
    assert not ledger.stalled
    ledger.note(waiting)
    ledger.forget("a")
    assert not ledger.stalled


@pytest.mark.rule("When trials must go the newest active ones go first")
def test_the_newest_active_trials_go_first() -> None:
    ledger = a_ledger(
        a_trial("old", "Running", age=9),
        a_trial("ended", "Succeeded", age=0),
        a_trial("b", "Running", age=1),
        a_trial("a", age=1),
        a_trial("middle", age=5),
    )
    assert ledger.newest_active(3) == ["b", "a", "middle"]
    assert ledger.newest_active(9) == ["b", "a", "middle", "old"]


def observed(min: str, max: str, latest: str) -> Metric:
    return Metric(name="loss", min=min, max=max, latest=latest)


VALUES: dict[str, tuple[Metric | None, str, float | str | None]] = {
    "The strategy `min` takes the smallest value": (observed("1", "3", "2"), names.MIN, 1.0),
    "The strategy `max` takes the largest value": (observed("1", "3", "2"), names.MAX, 3.0),
    "The strategy `latest` takes the latest value": (observed("1", "3", "2"), names.LATEST, 2.0),
    "The strategy `min` takes the latest value when there is no smallest": (
        observed("unavailable", "3", "2"),
        names.MIN,
        2.0,
    ),
    "The strategy `max` takes the latest value when there is no largest": (
        observed("1", "unavailable", "2"),
        names.MAX,
        2.0,
    ),
    "A metric that is all `unavailable` gives no value": (
        observed("unavailable", "unavailable", "unavailable"),
        names.MIN,
        None,
    ),
    "A metric that is no number gives its text": (
        observed("unavailable", "unavailable", "Genotype(x)"),
        names.MAX,
        "Genotype(x)",
    ),
    "A trial without observation has no value": (None, names.MIN, None),
    "An observation without the objective's metric gives no value": (
        Metric(name="accuracy", min="1", max="1", latest="1"),
        names.MIN,
        None,
    ),
    "A number with blanks round it is a text": (
        observed("unavailable", "unavailable", " 2"),
        names.MIN,
        " 2",
    ),
}


@pytest.mark.parametrize("case", VALUES)
def test_the_strategy_picks_the_objective_value(case: str) -> None:
    metric, strategy, expected = VALUES[case]
    assert objective_value(a_trial("a", value=metric, strategy=strategy)) == expected


@pytest.mark.rule("A metric without a strategy gives no value")
def test_a_metric_without_a_strategy_has_no_value() -> None:
    trial = a_trial("a", value="1")
    assert trial.spec.objective is not None
    objective = replace(trial.spec.objective, metric_strategies=())
    assert objective_value(replace(trial, spec=replace(trial.spec, objective=objective))) is None


# what → trials; the best one
BEST: dict[str, tuple[Sequence[Trial], str | None]] = {
    "Without a value no trial is the best": ([a_trial("a", "Running")], None),
    "To minimise, the smallest value is the best": (
        [a_trial("a", value="3"), a_trial("b", value="1"), a_trial("c", value="2")],
        "b",
    ),
    "To maximise, the largest value is the best": (
        [
            a_trial(name, value=value, strategy=names.MAX, direction=names.MAXIMIZE)
            for name, value in (("a", "3"), ("b", "10"), ("c", "2"))
        ],
        "b",
    ),
    "Of equal values that of the trial created first is the best": (
        [a_trial("a", value="1", age=1), a_trial("b", value="1.0", age=5)],
        "b",
    ),
    "Of equal values of one moment the first trial by name is the best": (
        [a_trial("b", value="1"), a_trial("a", value="1"), a_trial("c", value="1")],
        "a",
    ),
    "Values are compared as numbers and not as texts": (
        [a_trial("a", value="10"), a_trial("b", value="9")],
        "b",
    ),
    "Infinity is never the best, also where it compares best": (
        [a_trial("a", value="-inf"), a_trial("b", value="-9")],
        "b",
    ),
    "Infinity alone makes no trial the best": ([a_trial("a", value="-inf")], None),
    "A number too large to be one makes no trial the best": ([a_trial("a", value="1e400")], None),
    "`nan` is never better than a number": (
        [a_trial("a", value="nan", age=9), a_trial("b", value="5")],
        "b",
    ),
    "`nan` alone makes no trial the best": ([a_trial("a", value="nan")], None),
    "A trial whose value is `unavailable` is passed over": (
        [a_trial("a", value="unavailable"), a_trial("b", value="5")],
        "b",
    ),
    "Of texts the newest trial's is the best": (
        [a_trial("a", value="x", age=1), a_trial("b", value="y", age=5)],
        "a",
    ),
    "A number is better than any text, whichever came first": (
        [a_trial("a", value="x"), a_trial("b", value="5", age=9)],
        "b",
    ),
    "A trial without metrics can be the best by numbers that came before": (
        [
            a_trial(
                "a",
                "MetricsUnavailable",
                value=Metric(name="loss", min="1", max="2", latest="unavailable"),
            ),
            a_trial("b", "Succeeded", value="5"),
        ],
        "a",
    ),
    "A trial that still runs can be the best": ([a_trial("a", "Running", value="1")], "a"),
}


@pytest.mark.parametrize("case", BEST)
def test_the_best_trial_does_not_depend_on_the_order_of_hearing(case: str) -> None:
    trials, expected = BEST[case]
    for order in permutations(trials):
        assert best(a_ledger(*order)) == expected, [trial.metadata.name for trial in order]


@pytest.mark.rule("The optimum is a trial's name, its assignments and its observation")
def test_the_optimum_carries_assignment_and_observation() -> None:
    trial = a_trial("a", "Succeeded", value="0.125")
    optimal = a_ledger(trial).optimal
    assert optimal is not None
    assert optimal.parameter_assignments == trial.spec.parameter_assignments
    assert optimal.observation == trial.status.observation
    assert a_ledger(trial).best_value == 0.125


@pytest.mark.rule("A text reaches no goal")
def test_a_text_is_no_value_for_a_goal() -> None:
    ledger = a_ledger(a_trial("a", value="Genotype(x)"))
    assert (best(ledger), ledger.best_value) == ("a", None)


@pytest.mark.rule("When the best trial is deleted the next best follows")
def test_the_next_best_follows_when_the_best_is_deleted() -> None:
    trials = [a_trial("a", value="1"), a_trial("b", value="3"), a_trial("c", value="2")]
    ledger = a_ledger(*trials)
    lost = []
    for name in ("b", "a"):
        ledger.forget(name)
        lost.append(ledger.is_best_lost)
    assert lost == [False, True]
    ledger.renote([trials[2]])
    assert (best(ledger), ledger.best_value, ledger.is_best_lost) == ("c", 2.0, False)


@pytest.mark.rule("A best trial that is deleted and runs again is the best no more")
def test_a_best_that_was_deleted_and_runs_again_is_best_no_more() -> None:
    ledger = a_ledger(a_trial("a", value="1"), a_trial("b", value="2"))
    ledger.forget("a")
    ledger.note(a_trial("a", "Running"))
    ledger.renote([a_trial("b", value="2"), a_trial("a", "Running")])
    assert best(ledger) == "b"


@pytest.mark.rule("The optimum is never cleared")
def test_the_optimum_is_never_cleared() -> None:
    ledger = a_ledger(a_trial("a", value="1"))
    status = ledger.write(ExperimentStatus())
    ledger.forget("a")
    ledger.renote([])
    assert ledger.write(status).current_optimal_trial.best_trial_name == "a"
    assert ledger.best_value is None


def test_the_last_that_ended_badly_is_remembered_in_whatever_order_they_are_heard() -> None:
    def ended(name: str, type: str, seconds: int) -> Trial:
        moment = CREATED_AT + timedelta(seconds=seconds)
        why = Condition(type=type, status="True", message=f"{name} says why\nmore")
        status = TrialStatus(conditions=(why,), completion_time=moment)
        return replace(a_trial(name), status=status)

    trials = [
        ended("late", names.METRICS_UNAVAILABLE, 9),
        ended("early", names.FAILED, 1),
        ended("good", names.SUCCEEDED, 20),
    ]
    for order in permutations(trials):
        assert a_ledger(*order).last_failure == "late: late says why"
    assert a_ledger(trials[2]).last_failure == ""
