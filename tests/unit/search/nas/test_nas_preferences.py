from __future__ import annotations

import msgspec
import pytest
from architecture_spaces import CONVOLUTION, a_search

from katib.api.experiment import Experiment
from katib.errors import SettingsError
from katib.search.nas.preferences import Preferences
from katib.testing.refusals import words_of


def settings(**given: str) -> Experiment:
    return a_search("enas", (CONVOLUTION,), None, **given)


def test_the_defaults_are_katibs() -> None:
    assert Preferences.of(settings()) == Preferences(
        hidden_size=64,
        temperature=5.0,
        tanh_const=2.25,
        entropy_weight=1e-5,
        baseline_decay=0.999,
        learning_rate=5e-5,
        skip_target=0.4,
        skip_weight=0.8,
        train_steps=50,
        log_every_steps=10,
    )


ACCEPTED = {
    "controller_hidden_size": ("1", "hidden_size", 1),
    "controller_temperature": ("0.5", "temperature", 0.5),
    "controller_tanh_const": ("1e-3", "tanh_const", 0.001),
    "controller_entropy_weight": ("2", "entropy_weight", 2.0),
    "controller_baseline_decay": ("1", "baseline_decay", 1.0),
    "controller_learning_rate": ("1.0", "learning_rate", 1.0),
    "controller_skip_target": ("1", "skip_target", 1.0),
    "controller_skip_weight": ("10", "skip_weight", 10.0),
    "controller_train_steps": ("1", "train_steps", 1),
    "controller_log_every_steps": ("7", "log_every_steps", 7),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_setting_is_read(name: str) -> None:
    text, attribute, value = ACCEPTED[name]
    assert getattr(Preferences.of(settings(**{name: text})), attribute) == value


OPTIONAL = ("temperature", "tanh_const", "entropy_weight", "skip_weight")


@pytest.mark.parametrize("name", OPTIONAL)
def test_none_switches_a_feature_off(name: str) -> None:
    assert getattr(Preferences.of(settings(**{f"controller_{name}": "None"})), name) is None


@pytest.mark.parametrize("name", sorted(set(ACCEPTED) - {f"controller_{one}" for one in OPTIONAL}))
def test_none_is_refused_where_nothing_can_be_switched_off(name: str) -> None:
    with pytest.raises(SettingsError, match=f"Algorithm Setting {name} must be (int|float) type"):
        Preferences.of(settings(**{name: "None"}))


REFUSED = {
    "an int of 0": (
        {"controller_hidden_size": "0"},
        "Algorithm Setting controller_hidden_size: 0 with int type must be in range [1, inf)",
    ),
    "a share of 0": (
        {"controller_learning_rate": "0"},
        "Algorithm Setting controller_learning_rate: 0 with float type must be in range (0.0, 1.0)",
    ),
    "a share above 1": (
        {"controller_skip_target": "1.1"},
        "Algorithm Setting controller_skip_target: 1.1 with float type must be in range (0.0, 1.0)",
    ),
    "a number of 0": (
        {"controller_temperature": "0"},
        "Algorithm Setting controller_temperature: 0 with float type must be in range (0.0, inf)",
    ),
    "a number without end": (
        {"controller_skip_weight": "inf"},
        "Algorithm Setting controller_skip_weight: inf with float type must be in range (0.0, inf)",
    ),
    "no number": (
        {"controller_skip_weight": "nan"},
        "Algorithm Setting controller_skip_weight: nan with float type must be in range (0.0, inf)",
    ),
    "an int with a fraction": (
        {"controller_train_steps": "1.5"},
        "Algorithm Setting controller_train_steps must be int type: exception "
        "invalid literal for int() with base 10: '1.5'",
    ),
    "a word": (
        {"controller_tanh_const": "x"},
        "Algorithm Setting controller_tanh_const must be float type: exception "
        "could not convert string to float: 'x'",
    ),
    "a negative seed": (
        {"random_state": "-1"},
        "Algorithm Setting random_state: -1 with int type must be in range [0, inf)",
    ),
    "an unknown name": ({"typo": "1"}, "Unknown Algorithm Setting name: typo"),
    "several things at once": (
        {"typo": "1", "controller_train_steps": "0"},
        "Unknown Algorithm Setting name: typo; "
        "Algorithm Setting controller_train_steps: 0 with int type must be in range [1, inf)",
    ),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_settings_that_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Preferences.of(settings(**given))
    assert words_of(caught.value) == message


def test_an_experiment_without_an_algorithm_has_the_defaults() -> None:
    spec = msgspec.structs.replace(settings().spec, algorithm=None)
    experiment = msgspec.structs.replace(settings(), spec=spec)
    assert Preferences.of(experiment) == Preferences()
