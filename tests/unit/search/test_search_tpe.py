from __future__ import annotations

import pytest

from katib.api.suggestion import TrialAssignment
from katib.api.values import NameValue
from katib.errors import SettingsError
from katib.search.algorithms.tpe import Tpe
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.testing.refusals import words_of

ACCEPTED: dict[str, dict[str, str]] = {
    "none": {},
    "those of hyperopt": {
        "random_state": "10",
        "gamma": "0.25",
        "prior_weight": "1.0",
        "n_EI_candidates": "24",
    },
    "those of optuna": {"n_startup_trials": "5", "n_ei_candidates": "24", "random_state": "1"},
    "no trials to start with": {"n_startup_trials": "0"},
}

REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a misspelt name": (
        {"n_ei_candidate": "5"},
        "unknown setting n_ei_candidate for algorithm tpe",
    ),
    "all trials good": ({"gamma": "1"}, "gamma should be in the range of (0, 1)"),
    "more than all": ({"gamma": "1.5"}, "gamma should be in the range of (0, 1)"),
    "gamma that is no number": ({"gamma": "nan"}, "gamma should be in the range of (0, 1)"),
    "no prior": ({"prior_weight": "0"}, "prior_weight should be great than zero"),
    "nothing but the prior": ({"prior_weight": "inf"}, "prior_weight should be great than zero"),
    "words for a number": (
        {"prior_weight": "aaa"},
        "failed to validate prior_weight(aaa): could not convert string to float: 'aaa'",
    ),
    "nothing to compare": ({"n_EI_candidates": "0"}, "n_EI_candidates should be great than zero"),
    "nothing to compare, by its other name": (
        {"n_ei_candidates": "0"},
        "n_ei_candidates should be great than zero",
    ),
    "fewer than no trials": (
        {"n_startup_trials": "-1"},
        "n_startup_trials should be greate or equal than zero",
    ),
    "a negative seed": (
        {"random_state": "-1"},
        "random_state should be great or equal than zero",
    ),
    "two mistakes": (
        {"gamma": "0", "random_state": "-1"},
        "random_state should be great or equal than zero; gamma should be in the range of (0, 1)",
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_settings_that_are_accepted(case: str) -> None:
    experiment = an_experiment().with_algorithm("tpe", **ACCEPTED[case]).build()
    Tpe.validate(experiment)
    assert len(Tpe(experiment, 1).suggest(0, 2).assignments) == 2


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_are_refused(case: str) -> None:
    settings, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        Tpe.validate(an_experiment().with_algorithm("tpe", **settings).build())
    assert words_of(caught.value) == message


def test_a_space_without_values_is_refused() -> None:
    experiment = an_experiment().with_parameter("x", min="2", max="1").build()
    with pytest.raises(SettingsError, match=r"feasibleSpace\.min 2 is above"):
        Tpe.validate(experiment)


def drawn(**settings: str) -> list[float]:
    """Where it goes after twenty trials, of which the best were near 1 and the next near 0."""
    builder = an_experiment().with_parameter("x", min="0", max="1")
    experiment = builder.with_algorithm("tpe", n_startup_trials="5", **settings).build()
    algorithm = Tpe(experiment, 1)
    for number in range(20):
        place = 0.95 if number < 2 else number / 40
        pairs = (NameValue(name="x", value=repr(place)),)
        running = a_running_trial(
            experiment, f"t{number}", TrialAssignment(parameter_assignments=pairs)
        )
        algorithm.tell([a_succeeded_trial(running, str(number))])
    found = algorithm.suggest(20, 20).assignments
    return [float(one.parameter_assignments[0].value) for one in found]


def test_both_names_of_the_number_of_draws_mean_the_same() -> None:
    assert drawn(n_EI_candidates="3") == drawn(n_ei_candidates="3") != drawn()


def test_gamma_says_how_many_trials_are_good() -> None:
    assert sum(place < 0.5 for place in drawn(gamma="0.1")) < 3
    assert sum(place < 0.5 for place in drawn(gamma="0.4")) > 3


def test_a_heavy_prior_leaves_nothing_but_chance() -> None:
    heavy = drawn(prior_weight="1000000", n_ei_candidates="1")
    light = drawn(prior_weight="0.01", n_ei_candidates="1")
    assert sum(place < 0.5 for place in heavy) > 5
    assert sum(place < 0.5 for place in light) < sum(place < 0.5 for place in heavy)
