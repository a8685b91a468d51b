from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
import resource_play
from resource_play import Judge, by_lr, failed, label, place, value

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.errors import SettingsError
from katib.search.algorithms.hyperband import Hyperband
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of


def tuned(**settings: str) -> ExperimentBuilder:
    return resource_play.tuned("hyperband", **settings)


def play(
    experiment: Experiment, batch: int, judge: Judge = by_lr
) -> tuple[list[TrialAssignment], list[Trial]]:
    return resource_play.play(Hyperband, experiment, batch, judge)


PLAN = [("2", "0", "1")] * 9 + [("2", "1", "3")] * 3 + [("2", "2", "9")]
PLAN += [("1", "0", "3")] * 5 + [("1", "1", "9")] * 2 + [("0", "0", "9")] * 3


@pytest.mark.parametrize("batch", [1, 3, 9, 50])
def test_all_brackets_are_run_as_published_and_then_it_ends(batch: int) -> None:
    given, _ = play(tuned().build(), batch)
    assert [(*place(one), value(one, "epochs")) for one in given] == PLAN


@pytest.mark.parametrize("direction", [names.MINIMIZE, names.MAXIMIZE])
def test_the_best_of_a_rung_go_on(direction: str) -> None:
    given, _ = play(tuned().with_objective(type=direction).build(), 4)
    rungs: dict[tuple[str | None, str | None], list[float]] = {}
    for assignment in given:
        rungs.setdefault(place(assignment), []).append(float(value(assignment, "lr")))
    for lower, upper in (
        (("2", "0"), ("2", "1")),
        (("2", "1"), ("2", "2")),
        (("1", "0"), ("1", "1")),
    ):
        ranked = sorted(rungs[lower], reverse=direction == names.MAXIMIZE)
        assert rungs[upper] == ranked[: len(rungs[upper])]


def test_a_promoted_trial_names_its_parent() -> None:
    given, _ = play(tuned().build(), 3)
    for assignment in given:
        parent = label(assignment, "parent")
        assert (parent is None) == (place(assignment)[1] == "0")
        if parent is not None:
            before = given[int(parent.removeprefix("trial-"))]
            assert value(before, "lr") == value(assignment, "lr")
            assert int(value(before, "epochs")) * 3 == int(value(assignment, "epochs"))


def test_a_rung_waits_for_the_one_before() -> None:
    experiment = tuned().build()
    search = Hyperband(experiment, 1)
    first = search.suggest(0, 20)
    assert (len(first.assignments), first.is_exhausted) == (9, False)
    running = [a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(first.assignments)]
    search.tell(running)
    search.tell([a_succeeded_trial(trial, "1") for trial in running[:8]])
    assert search.suggest(9, 3) == search.suggest(9, 1)
    assert list(search.suggest(9, 3).assignments) == []
    assert not search.suggest(9, 3).is_exhausted
    search.tell([a_succeeded_trial(running[8], "1")])
    assert len(search.suggest(9, 20).assignments) == 3


def test_the_next_bracket_does_not_wait_for_the_last_rung() -> None:
    experiment = tuned().build()
    given, trials = play(experiment, 1)
    search = Hyperband(experiment, 1)
    search.tell(trials[:12])
    found = search.suggest(12, 20).assignments
    assert [place(one) for one in found] == [("2", "2")] + [("1", "0")] * 5
    assert list(found) == given[12:18]


def test_without_waiting_the_next_brackets_begin_meanwhile() -> None:
    experiment = tuned(sync="false").build()
    search = Hyperband(experiment, 1)
    first = search.suggest(0, 20)
    assert [place(one) for one in first.assignments] == (
        [("2", "0")] * 9 + [("1", "0")] * 5 + [("0", "0")] * 3
    )
    assert not first.is_exhausted
    running = [a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(first.assignments)]
    search.tell(running)
    assert list(search.suggest(17, 1).assignments) == []
    search.tell([a_succeeded_trial(trial, "1") for trial in running[9:14]])
    found = search.suggest(17, 5)
    assert [place(one) for one in found.assignments] == [("1", "1")] * 2
    # Results of the first bracket are still to come.
    assert not found.is_exhausted
    search.tell([failed(trial) for trial in running[:9]])
    assert search.suggest(17, 5).is_exhausted


@pytest.mark.parametrize("slots", [1, 4, 20])
def test_without_waiting_the_same_brackets_are_run(slots: int) -> None:
    experiment = tuned(sync="false", iterations="2").build()
    given = resource_play.play_in_parallel(Hyperband, experiment, slots, 1000)
    found = Counter((*place(one), value(one, "epochs")) for one in given)
    assert found == {key: 2 * count for key, count in Counter(PLAN).items()}


def test_it_starts_over_as_often_as_it_should() -> None:
    given, _ = play(tuned(iterations="3").build(), 4)
    assert [(*place(one), value(one, "epochs")) for one in given] == PLAN * 3
    assert [label(one, "iteration") for one in given] == [
        number for number in "012" for _ in range(len(PLAN))
    ]
    new = [value(one, "lr") for one in given if place(one)[1] == "0"]
    assert len(set(new)) == len(new) == 3 * 17


def test_a_failed_trial_is_the_worst_and_blocks_nothing() -> None:
    def judge(assignment: TrialAssignment, trial: Trial) -> Trial:
        good = float(value(assignment, "lr")) < 0.3
        return failed(trial) if good else by_lr(assignment, trial)

    given, _ = play(tuned().build(), 2, judge)
    promoted = [one for one in given if place(one)[1] != "0"]
    assert promoted
    assert all(float(value(one, "lr")) >= 0.3 for one in promoted)


def test_a_rung_has_no_more_than_the_one_before_left_over() -> None:
    def judge(assignment: TrialAssignment, trial: Trial) -> Trial:
        return by_lr(assignment, trial) if trial.metadata.name == "trial-4" else failed(trial)

    given, _ = play(tuned().build(), 2, judge)
    counts = Counter(place(one) for one in given)
    assert counts == {("2", "0"): 9, ("2", "1"): 1, ("1", "0"): 5, ("0", "0"): 3}


def test_the_order_in_which_trials_end_changes_nothing() -> None:
    experiment = tuned().build()
    given, trials = play(experiment, 1)
    one_by_one = Hyperband(experiment, 1)
    for trial in reversed(trials[:9]):
        one_by_one.tell([trial])
    assert list(one_by_one.suggest(9, 3).assignments) == given[9:12]


def test_new_configurations_differ_while_the_space_allows() -> None:
    builder = an_experiment().with_algorithm("hyperband", r_l="9", resource_name="epochs")
    builder.with_parameter("epochs", names.INT, min="1", max="9")
    builder.with_parameter("n", names.INT, min="1", max="17")
    given, _ = play(builder.build(), 5, lambda _, trial: a_succeeded_trial(trial, "1"))
    new = [value(one, "n") for one in given if place(one)[1] == "0"]
    assert len(set(new)) == len(new) == 17
    assert [pair.name for pair in given[0].parameter_assignments] == ["epochs", "n"]


RESOURCES: dict[str, tuple[ExperimentBuilder, dict[str, str], list[str]]] = {
    "an int is rounded and stays in its range": (
        an_experiment().with_parameter("r", names.INT, min="2", max="8"),
        {"r_l": "10", "eta": "3"},
        ["2", "3", "8"],
    ),
    "a double is not rounded": (
        an_experiment().with_parameter("r", min="0", max="100"),
        {"r_l": "5", "eta": "2"},
        ["1.25", "2.5", "5.0"],
    ),
    "a discrete number is met": (
        an_experiment().with_parameter("r", names.DISCRETE, list=["10", "1", "4"]),
        {"r_l": "9", "eta": "3"},
        ["1", "4", "10"],
    ),
    "a smallest resource of its own": (
        an_experiment().with_parameter("r", names.INT, min="1", max="1000"),
        {"r_l": "900", "eta": "3", "min_resource": "100"},
        ["100", "300", "900"],
    ),
}


@pytest.mark.parametrize("case", RESOURCES)
def test_the_resource_is_a_legal_value(case: str) -> None:
    builder, settings, resources = RESOURCES[case]
    builder.with_algorithm("hyperband", resource_name="r", **settings)
    Hyperband.validate(builder.build())
    given, _ = play(builder.build(), 4, lambda _, trial: a_succeeded_trial(trial, "1"))
    assert list(dict.fromkeys(value(one, "r") for one in given)) == resources


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no resource": ({"r_l": "9"}, "r_l and resource_name must be set."),
    "no budget": ({"resource_name": "n"}, "r_l and resource_name must be set."),
    "nothing": ({}, "r_l and resource_name must be set."),
    "a budget of 0": (
        {"r_l": "0", "resource_name": "n"},
        "r_l must be a positive float number.",
    ),
    "a negative budget": (
        {"r_l": "-1", "resource_name": "n"},
        "r_l must be a positive float number.",
    ),
    "a budget that is no number": (
        {"r_l": "x", "resource_name": "n"},
        "r_l must be a positive float number.",
    ),
    "an endless budget": (
        {"r_l": "inf", "resource_name": "n"},
        "r_l must be a positive float number.",
    ),
    "a resource that is no parameter": (
        {"r_l": "9", "resource_name": "--n"},
        "value of resource_name setting must be in parameters.",
    ),
    "a resource of words": (
        {"r_l": "9", "resource_name": "c"},
        "resource_name c is a parameter of words; name one with numbers",
    ),
    "everybody survives": (
        {"r_l": "9", "resource_name": "n", "eta": "1"},
        "eta should be great or equal than 2",
    ),
    "the least above the most": (
        {"r_l": "9", "resource_name": "n", "min_resource": "10"},
        "min_resource 10 is above r_l 9",
    ),
    "no brackets at all": (
        {"r_l": "9", "resource_name": "n", "iterations": "0"},
        "iterations should be great or equal than one",
    ),
    "neither waiting nor not": (
        {"r_l": "9", "resource_name": "n", "sync": "yes"},
        "sync should be true or false, not yes",
    ),
    "checkpoints nowhere": (
        {"r_l": "9", "resource_name": "n", "suggestion_trial_dir": "checkpoints"},
        "failed to validate suggestion_trial_dir(checkpoints): it is not absolute, or the root",
    ),
    "all at once": (
        {"typo": "1", "r_l": "9", "resource_name": "x", "random_state": "-1"},
        "unknown setting typo for algorithm hyperband; "
        "value of resource_name setting must be in parameters.; "
        "random_state should be great or equal than zero",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_hyperband_refuses(case: str) -> None:
    settings, message = REFUSED[case]
    builder = an_experiment().with_algorithm("hyperband", **settings)
    builder.with_parameter("n", names.INT, min="1", max="9")
    builder.with_parameter("c", names.CATEGORICAL, list=["a", "b"])
    with pytest.raises(SettingsError) as caught:
        Hyperband.validate(builder.build())
    assert words_of(caught.value) == message


ACCEPTED: Sequence[dict[str, str]] = [
    {},
    {"eta": "4", "random_state": "0", "min_resource": "0.5"},
    {"r_l": "0.5"},
]


@pytest.mark.parametrize("settings", ACCEPTED)
def test_few_parallel_trials_and_small_budgets_are_accepted(settings: dict[str, str]) -> None:
    Hyperband.validate(tuned(**settings).with_trials(None, parallel=1).build())
