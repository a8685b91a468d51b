from __future__ import annotations

import pytest

from katib.errors import SettingsError
from katib.search.algorithms.multivariate_tpe import MultivariateTpe
from katib.testing.builders import an_experiment
from katib.testing.refusals import words_of

NAME = "multivariate-tpe"

REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a setting of hyperopt's": (
        {"gamma": "0.25"},
        "unknown setting gamma for algorithm multivariate-tpe",
    ),
    "a misspelt name": (
        {"n_ei_candidate": "5"},
        "unknown setting n_ei_candidate for algorithm multivariate-tpe",
    ),
    "nothing to compare, which Katib let pass and then failed": (
        {"n_ei_candidates": "0"},
        "n_ei_candidates should be great than zero",
    ),
    "fewer than no trials": (
        {"n_startup_trials": "-1"},
        "n_startup_trials should be greate or equal than zero",
    ),
    "a negative seed": (
        {"random_state": "-1"},
        "random_state should be greate or equal than zero",
    ),
    "words for a number": (
        {"n_startup_trials": "few"},
        "failed to validate n_startup_trials(few): invalid literal for int() with base 10: 'few'",
    ),
}


def test_settings_that_are_accepted() -> None:
    settings = {"n_startup_trials": "5", "n_ei_candidates": "24", "random_state": "1"}
    for given in (settings, {}):
        experiment = an_experiment().with_algorithm(NAME, **given).build()
        MultivariateTpe.validate(experiment)
        assert len(MultivariateTpe(experiment, 1).suggest(0, 2).assignments) == 2


@pytest.mark.parametrize("case", REFUSED)
def test_settings_that_are_refused(case: str) -> None:
    settings, message = REFUSED[case]
    with pytest.raises(SettingsError) as caught:
        MultivariateTpe.validate(an_experiment().with_algorithm(NAME, **settings).build())
    assert words_of(caught.value) == message
