from __future__ import annotations

from collections import Counter

import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.errors import SettingsError
from katib.search.algorithms.random import RandomSearch
from katib.testing.builders import an_experiment
from katib.testing.refusals import words_of


def draws(experiment: Experiment, count: int, seed: int = 1) -> list[str]:
    """The first parameter's values."""
    assignments = RandomSearch(experiment, seed).suggest(0, count).assignments
    return [assignment.parameter_assignments[0].value for assignment in assignments]


def test_a_batch_is_what_single_questions_would_have_given() -> None:
    search = RandomSearch(an_experiment().build(), 5)
    singles = [search.suggest(index, 1).assignments[0] for index in range(4)]
    assert list(search.suggest(0, 4).assignments) == singles


def test_indices_and_seeds_differ() -> None:
    experiment = an_experiment().build()
    assert len({*draws(experiment, 20, seed=1), *draws(experiment, 20, seed=2)}) == 40


def test_the_draws_of_a_seed_stay_the_same_for_ever() -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="100")
    assert draws(builder.build(), 6, seed=0) == ["59", "19", "48", "33", "68", "27"]


def test_uniform_draws_fill_the_range_evenly() -> None:
    builder = an_experiment().with_parameter("n", names.INT, min="1", max="4")
    counts = Counter(draws(builder.build(), 2000))
    assert set(counts) == {"1", "2", "3", "4"}
    assert all(420 < count < 580 for count in counts.values())


def test_logarithmic_draws_fill_each_decade_evenly() -> None:
    builder = an_experiment().with_parameter("lr", min="0.001", max="1", distribution="logUniform")
    values = [float(value) for value in draws(builder.build(), 1500)]
    for low in (0.001, 0.01, 0.1):
        assert 420 < sum(low <= value < low * 10 for value in values) < 580


def test_normal_draws_gather_in_the_middle_and_never_leave() -> None:
    builder = an_experiment().with_parameter("x", min="5", max="10", distribution="normal")
    values = [float(value) for value in draws(builder.build(), 1000)]
    assert all(5 <= value <= 10 for value in values)
    # One standard deviation is a sixth of the range.
    assert 600 < sum(abs(value - 7.5) < 5 / 6 for value in values) < 760


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"random_state": "-1"}, "random_state should be great or equal than zero"),
        ({"unknown_conf": "1"}, "unknown setting unknown_conf for algorithm random"),
        (
            {"random_state": "x"},
            "failed to validate random_state(x): invalid literal for int() with base 10: 'x'",
        ),
    ],
)
def test_settings_that_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RandomSearch.validate(an_experiment().with_algorithm("random", **settings).build())
    assert words_of(caught.value) == message


def test_settings_that_are_accepted() -> None:
    RandomSearch.validate(an_experiment().with_algorithm("random", random_state="0").build())


def test_a_search_space_that_cannot_be_drawn_from_is_refused() -> None:
    with pytest.raises(SettingsError, match="not a number"):
        RandomSearch.validate(an_experiment().with_parameter("x", min="a", max="b").build())
