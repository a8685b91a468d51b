from __future__ import annotations

from collections import Counter

import pytest
from resource_play import failed, label, place, play, play_in_parallel, tuned, value

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.errors import SettingsError
from katib.search.algorithms.asha import Asha
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.testing.refusals import words_of


def sequence(experiment: Experiment, losses: list[str]) -> list[TrialAssignment]:
    """What is given for trials that follow each other and have these losses, and what is next."""
    search = Asha(experiment, 1)
    given: list[TrialAssignment] = []
    for number, loss in enumerate(losses):
        (assignment,) = search.suggest(number, 1).assignments
        given.append(assignment)
        trial = a_running_trial(experiment, f"trial-{number}", assignment)
        search.tell([failed(trial) if loss == "failed" else a_succeeded_trial(trial, loss)])
    return [*given, *search.suggest(len(losses), 1).assignments]


#: Losses in the order of the trials → the rung of each trial, and of the next, as ``rung<parent``.
ORDERS: dict[str, tuple[list[str], list[str]]] = {
    "of fewer than three results none is among the best third": (["3", "2"], ["0<"] * 3),
    "the best of three is promoted": (["3", "1", "2"], ["0<", "0<", "0<", "1<1"]),
    "once": (["3", "1", "2", "9"], ["0<", "0<", "0<", "1<1", "0<"]),
    "a better one that comes later is promoted too": (
        ["3", "1", "2", "9", "0"],
        ["0<", "0<", "0<", "1<1", "0<", "1<4"],
    ),
    "the highest rung goes first": (
        ["1", "9", "9", "1", "2", "9", "9", "2", "3", "9", "9", "3"],
        ["0<", "0<", "0<", "1<0", "0<", "0<", "0<", "1<4", "0<", "0<", "0<", "1<8", "2<3"],
    ),
    "a failed trial counts as the worst result": (
        ["failed", "1", "failed", "5"],
        ["0<", "0<", "0<", "1<1", "0<"],
    ),
    "failed trials are never promoted": (["failed"] * 6, ["0<"] * 7),
    "a promotion that failed is not repeated, and the next best has its turn": (
        ["3", "1", "2", "failed", "4", "5", "6"],
        ["0<", "0<", "0<", "1<1", "0<", "0<", "0<", "1<2"],
    ),
}


@pytest.mark.parametrize("case", ORDERS)
def test_who_is_promoted_when(case: str) -> None:
    losses, wanted = ORDERS[case]
    given = sequence(tuned("asha").build(), losses)
    parents = [(label(one, "parent") or "").removeprefix("trial-") for one in given]
    found = [f"{label(one, 'rung')}<{parent}" for one, parent in zip(given, parents, strict=True)]
    assert found == wanted
    for one, parent in zip(given, parents, strict=True):
        assert value(one, "epochs") == {"0": "1", "1": "3", "2": "9"}[label(one, "rung") or ""]
        assert not parent or value(one, "lr") == value(given[int(parent)], "lr")


@pytest.mark.parametrize("direction", [names.MINIMIZE, names.MAXIMIZE])
def test_every_rung_is_a_third_of_the_one_below_and_its_best(direction: str) -> None:
    experiment = tuned("asha", r_l="27").with_objective(type=direction).build()
    *ended, last = play_in_parallel(Asha, experiment, 1, 400)
    rungs = {
        rung: [float(value(one, "lr")) for one in ended if label(one, "rung") == rung]
        for rung in "0123"
    }
    for lower, upper in ("01", "12", "23"):
        # A promotion was right when it was made; with more results, some turn out to be early.
        assert 1 / 3 <= (len(rungs[upper]) + 1) / len(rungs[lower]) < 0.55
        ranked = sorted(rungs[lower], reverse=direction == names.MAXIMIZE)
        promoted = {*rungs[upper], float(value(last, "lr"))}
        assert set(ranked[: len(ranked) // 3]) <= promoted


def test_no_slot_is_ever_empty() -> None:
    """Eight at a time in a space without end: each question has as many answers as were asked."""
    experiment = tuned("asha").build()
    search = Asha(experiment, 1)
    running = [
        a_running_trial(experiment, f"t{n}", one)
        for n, one in enumerate(search.suggest(0, 8).assignments)
    ]
    for number in range(8, 100):
        search.tell(running)
        search.tell([a_succeeded_trial(running.pop(0), str(number * 7 % 10))])
        (given,) = search.suggest(number, 1).assignments
        running.append(a_running_trial(experiment, f"t{number}", given))


def test_a_finite_space_is_gone_through_to_the_highest_rung_and_then_it_ends() -> None:
    builder = an_experiment().with_algorithm("asha", r_l="9", resource_name="epochs")
    builder.with_parameter("epochs", names.INT, min="1", max="9")
    experiment = builder.with_parameter("n", names.INT, min="1", max="7").build()

    def judge(assignment: TrialAssignment, trial: Trial) -> Trial:
        if value(assignment, "n") == "4" and label(assignment, "rung") == "1":
            return failed(trial)
        return a_succeeded_trial(trial, value(assignment, "n"))

    for batch in (1, 2, 5):
        given, _ = play(Asha, experiment, batch, judge)
        counts = Counter(value(one, "n") for one in given if label(one, "rung") == "2")
        assert counts == dict.fromkeys("123567", 1)
        assert len(given) == 3 * 7 - 1
    for slots in (1, 3, 30):
        # Whoever ends first, all get there, and the end is seen when nothing is running any more.
        given = list(play_in_parallel(Asha, experiment, slots, 1000, judge))
        assert len(given) == 3 * 7 - 1


def test_it_waits_for_the_last_results_of_a_finite_space() -> None:
    builder = an_experiment().with_algorithm("asha", r_l="3", resource_name="epochs")
    builder.with_parameter("epochs", names.INT, min="1", max="9")
    experiment = builder.with_parameter("n", names.CATEGORICAL, list=["a", "b"]).build()
    search = Asha(experiment, 1)
    reply = search.suggest(0, 3)
    assert (len(reply.assignments), reply.is_exhausted) == (2, False)
    running = [a_running_trial(experiment, f"t{n}", one) for n, one in enumerate(reply.assignments)]
    search.tell(running)
    assert (len(search.suggest(2, 1).assignments), search.suggest(2, 1).is_exhausted) == (0, False)
    search.tell([a_succeeded_trial(running[0], "1")])
    reply = search.suggest(2, 1)
    assert (label(reply.assignments[0], "parent"), reply.is_exhausted) == ("t0", False)
    search.tell([failed(running[1])])
    reply = search.suggest(2, 2)
    assert (len(reply.assignments), reply.is_exhausted) == (1, True)


def test_brackets_begin_on_different_rungs_and_compare_their_own() -> None:
    experiment = tuned("asha", r_l="27", brackets="3").build()
    given = play_in_parallel(Asha, experiment, 1, 500)
    new = Counter(
        (label(one, "bracket"), value(one, "epochs")) for one in given if place(one)[1] == "0"
    )
    assert set(new) == {("3", "1"), ("2", "3"), ("1", "9")}
    # As many as Hyperband begins its brackets with: 27, 12 and 6.
    assert [round(45 * new[key] / new.total()) for key in sorted(new)[::-1]] == pytest.approx(
        [27, 12, 6], abs=4
    )
    by_name = {f"trial-{number}": one for number, one in enumerate(given)}
    for one in given:
        parent = label(one, "parent")
        assert parent is None or label(by_name[parent], "bracket") == label(one, "bracket")


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, "r_l and resource_name must be set."),
    "no bracket": (
        {"r_l": "9", "resource_name": "n", "brackets": "0"},
        "brackets should be from 1 to 3, the number of rungs",
    ),
    "more brackets than rungs": (
        {"r_l": "9", "resource_name": "n", "brackets": "4"},
        "brackets should be from 1 to 3, the number of rungs",
    ),
    "all at once": (
        {"typo": "1", "r_l": "9", "min_resource": "10", "resource_name": "c", "eta": "1.5"},
        "unknown setting typo for algorithm asha; eta should be great or equal than 2; "
        "min_resource 10 is above r_l 9; "
        "resource_name c is a parameter of words; name one with numbers",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_asha_refuses(case: str) -> None:
    settings, message = REFUSED[case]
    builder = an_experiment().with_algorithm("asha", **settings)
    builder.with_parameter("n", names.INT, min="1", max="9")
    builder.with_parameter("c", names.CATEGORICAL, list=["a", "b"])
    with pytest.raises(SettingsError) as caught:
        Asha.validate(builder.build())
    assert words_of(caught.value) == message
