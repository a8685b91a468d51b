from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import pytest
from resource_play import by_lr, failed, label, place, play, value

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue, Strings
from katib.errors import SettingsError
from katib.search.algorithms.bohb import Bohb
from katib.search.algorithms.hyperband import Hyperband
from katib.testing.builders import (
    ExperimentBuilder,
    a_running_trial,
    a_succeeded_trial,
    an_experiment,
)
from katib.testing.refusals import words_of


def tuned(**settings: str) -> ExperimentBuilder:
    """Two numbers between 0 and 1, and up to 9 epochs."""
    given = {"r_l": "9", "resource_name": "epochs", "random_fraction": "0", **settings}
    builder = an_experiment().with_algorithm("bohb", **given)
    builder.with_parameter("x", min="0", max="1").with_parameter("y", min="0", max="1")
    return builder.with_parameter("epochs", names.INT, min="1", max="9")


def a_trial(experiment: Experiment, place: str, point: tuple[float, float], loss: str) -> Trial:
    """One that ended, or is running when it has no loss; ``place`` is its bracket and rung."""
    bracket, rung = place[0], place[1]
    labels = {"bracket": bracket, "rung": rung}
    values = dict(zip("xy", map(repr, point), strict=True))
    values["epochs"] = str(9 // 3 ** (int(bracket) - int(rung)))
    assignment = TrialAssignment(
        parameter_assignments=tuple(NameValue(name=n, value=v) for n, v in values.items()),
        labels=Strings({f"bohb.suggestion/{word}": text for word, text in labels.items()}),
    )
    name = f"{place}-{point[0]}-{point[1]}"
    trial = a_running_trial(experiment, name, assignment)
    if loss == "failed":
        return failed(trial)
    return a_succeeded_trial(trial, loss) if loss else trial


def around(
    experiment: Experiment, place: str, best: tuple[float, float], count: int
) -> list[Trial]:
    """Trials all over the square whose loss is the distance to the best point."""
    points = [((n * 0.618) % 1, (n * 0.755) % 1) for n in range(1, count + 1)]
    return [
        a_trial(experiment, place, (x, y), repr((x - best[0]) ** 2 + (y - best[1]) ** 2))
        for x, y in points
    ]


def drawn(trials: Sequence[Trial], experiment: Experiment, count: int) -> list[TrialAssignment]:
    """What would come next with one seed and with another, each alone."""
    given: list[TrialAssignment] = []
    for seed in range(count):
        search = Bohb(experiment, seed)
        search.tell(trials)
        # Behind the promotions that are due.
        new = (one for one in search.suggest(0, 6).assignments if label(one, "rung") == "0")
        given.append(next(new))
    return given


def centre(trials: Sequence[Trial], experiment: Experiment) -> tuple[float, float]:
    """The median of what may come next, in each direction."""
    given = drawn(trials, experiment, 40)
    x, y = (statistics.median(float(value(one, name)) for one in given) for name in "xy")
    return x, y


LOW, HIGH = (0.1, 0.2), (0.9, 0.8)


def nearest(trials: Sequence[Trial], experiment: Experiment) -> tuple[float, float]:
    """Which of the two best points the next configurations are nearer to."""
    found = centre(trials, experiment)
    return min(LOW, HIGH, key=lambda point: math.dist(point, found))


def test_new_configurations_are_like_the_good_ones() -> None:
    experiment = tuned(sync="false", iterations="20").build()
    for best in (LOW, HIGH, (0.1, 0.9)):
        found = centre(around(experiment, "20", best, 40), experiment)
        assert found == pytest.approx(best, abs=0.2)


def test_the_largest_resource_with_enough_results_counts() -> None:
    """Two parameters: three points to be good, and two more."""
    experiment = tuned(sync="false", iterations="20").build()
    little = around(experiment, "20", LOW, 27)
    for count, wanted in ((4, LOW), (5, HIGH)):
        assert nearest([*little, *around(experiment, "10", HIGH, count)], experiment) == wanted
    # Those of the same resource count together, whichever bracket they are of.
    for where, wanted in (("21", HIGH), ("22", LOW)):
        some, more = around(experiment, "10", HIGH, 2), around(experiment, where, HIGH, 5)[2:]
        assert nearest([*little, *some, *more], experiment) == wanted


def test_the_number_of_results_that_are_enough_can_be_set() -> None:
    for least, wanted in (("4", HIGH), ("5", LOW)):
        experiment = tuned(sync="false", iterations="20", min_points_in_model=least).build()
        little, more = around(experiment, "20", LOW, 27), around(experiment, "11", HIGH, 6)
        assert nearest([*little, *more], experiment) == wanted


def test_failed_trials_are_avoided() -> None:
    experiment = tuned(sync="false", iterations="20").build()
    trials = around(experiment, "20", (0.5, 0.5), 40)
    bad = [
        a_trial(experiment, "20", (0.5 + 0.02 * x, 0.5 + 0.02 * y), "failed")
        for x in range(-4, 5)
        for y in range(-4, 5)
    ]

    def inside(told: list[Trial]) -> int:
        given = drawn(told, experiment, 40)
        return sum(all(0.4 < float(value(one, name)) < 0.6 for name in "xy") for one in given)

    assert inside(trials) >= 5 * max(inside([*trials, *bad]), 1)


def test_configurations_that_are_given_together_spread() -> None:
    """What is pending counts as bad, so that the next ones are looked for elsewhere."""
    experiment = tuned(sync="false", iterations="20").build()
    trials = around(experiment, "20", (0.5, 0.5), 40)
    search = Bohb(experiment, 1)
    search.tell(trials)
    together = search.suggest(0, 24).assignments

    def spread(given: Sequence[TrialAssignment]) -> float:
        return sum(statistics.pstdev(float(value(one, name)) for one in given) for name in "xy")

    assert spread(together) > 1.2 * spread(drawn(trials, experiment, 24))


def test_a_share_of_the_configurations_is_random() -> None:
    far = []
    for fraction in ("0", "0.33", "1"):
        experiment = tuned(sync="false", iterations="20", random_fraction=fraction).build()
        given = drawn(around(experiment, "20", LOW, 40), experiment, 80)
        far.append(statistics.fmean(float(value(one, "x")) > 0.6 for one in given))
    assert far[0] < 0.05 < far[1] < 0.25 < far[2] < 0.55


def test_the_brackets_are_those_of_hyperband() -> None:
    settings = {"r_l": "9", "resource_name": "epochs", "iterations": "2"}
    plans = []
    for name, algorithm in (("bohb", Bohb), ("hyperband", Hyperband)):
        builder = an_experiment().with_algorithm(name, **settings)
        builder.with_parameter("lr", min="0", max="1")
        builder.with_parameter("epochs", names.INT, min="1", max="9")
        given, _ = play(algorithm, builder.build(), 3, by_lr)
        plans.append([(*place(one), value(one, "epochs")) for one in given])
    assert plans[0] == plans[1]


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "more than all are random": (
        {"random_fraction": "1.1"},
        "random_fraction should be in the range of [0, 1]",
    ),
    "nobody is good": ({"top_n_percent": "0"}, "top_n_percent should be in the range of (0, 100)"),
    "nothing is compared": ({"num_samples": "0"}, "num_samples should be great than zero"),
    "kernels without a width": (
        {"bandwidth_factor": "0"},
        "bandwidth_factor should be great than zero",
    ),
    "kernels that may have none": (
        {"min_bandwidth": "0"},
        "min_bandwidth should be in the range of (0, 1]",
    ),
    "a model of nothing": (
        {"min_points_in_model": "0"},
        "min_points_in_model should be great or equal than one",
    ),
    "all at once": (
        {"num_samples": "many", "iterations": "0", "typo": "1"},
        "unknown setting typo for algorithm bohb; failed to validate num_samples(many): invalid "
        "literal for int() with base 10: 'many'; iterations should be great or equal than one",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_bohb_refuses(case: str) -> None:
    settings, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        Bohb.validate(tuned(**settings).build())
    assert words_of(caught.value) == message


def test_bohb_needs_a_resource() -> None:
    with pytest.raises(SettingsError) as caught:
        Bohb.validate(an_experiment().with_algorithm("bohb").build())
    assert str(caught.value) == "r_l and resource_name must be set."
