from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from architecture_spaces import a_parameter, a_search, an_operation

from katib.api import names
from katib.api.experiment import Experiment, GraphConfig, Operation
from katib.errors import SettingsError
from katib.search.algorithms.darts import Darts
from katib.testing.builders import an_experiment
from katib.testing.refusals import words_of

SEPARABLE = an_operation(
    "separable_convolution", a_parameter("filter_size", names.CATEGORICAL, "3", "5")
)
SKIP = an_operation("skip_connection")
THREE_LAYERS = GraphConfig(num_layers=3)


def a_darts(*operations: Operation, **settings: str) -> Experiment:
    return a_search("darts", operations or (SEPARABLE,), THREE_LAYERS, **settings)


def told(experiment: Experiment, index: int = 0, seed: int = 7) -> Mapping[str, str]:
    Darts.validate(experiment)
    (assignment,) = Darts(experiment, seed).suggest(index, 1).assignments
    return {pair.name: pair.value for pair in assignment.parameter_assignments}


def settings_told(experiment: Experiment, index: int = 0) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = json.loads(
        told(experiment, index)["algorithm-settings"].replace("'", '"')
    )
    return settings


def test_a_trial_is_told_settings_search_space_and_layers() -> None:
    assert told(a_darts(SEPARABLE, SKIP, num_epochs="10", batch_size="None")) == {
        "algorithm-settings": (
            "{'num_epochs': '10', 'w_lr': 0.025, 'w_lr_min': 0.001, 'w_momentum': 0.9, "
            "'w_weight_decay': 0.0003, 'w_grad_clip': 5.0, 'alpha_lr': 0.0003, "
            "'alpha_weight_decay': 0.001, 'batch_size': null, 'num_workers': 4, "
            "'init_channels': 16, 'print_step': 50, 'num_nodes': 4, 'stem_multiplier': 3, "
            "'seed': 7}"
        ),
        "search-space": (
            "['separable_convolution_3x3', 'separable_convolution_5x5', 'skip_connection']"
        ),
        "num-layers": "3",
    }


def test_a_setting_that_nobody_knows_is_for_the_trial() -> None:
    told = settings_told(a_darts(num_epoch="10", unrolled="true"))
    assert told["num_epoch"] == "10"
    assert told["unrolled"] == "true"
    assert told["num_epochs"] == 50


PRIMITIVES = {
    "each value of the first parameter, in the order of the list": (
        an_operation(
            "pool", a_parameter("size", names.DISCRETE, "5", "3"), SEPARABLE.parameters[0]
        ),
        ["pool_5x5", "pool_3x3"],
    ),
    "each whole number of an int": (
        an_operation("pool", a_parameter("size", names.INT, min="3", max="7", step="2")),
        ["pool_3x3", "pool_5x5", "pool_7x7"],
    ),
    "a skip connection as it is": (SKIP, ["skip_connection"]),
    "a skip connection as it is, with parameters too": (
        an_operation("skip_connection", *SEPARABLE.parameters),
        ["skip_connection"],
    ),
}


@pytest.mark.parametrize(("operation", "wanted"), PRIMITIVES.values(), ids=PRIMITIVES)
def test_the_primitives_of_an_operation(operation: Operation, wanted: list[str]) -> None:
    assert json.loads(told(a_darts(operation))["search-space"].replace("'", '"')) == wanted


def test_each_trial_has_a_seed_of_its_own_and_all_else_alike() -> None:
    experiment = a_darts()
    assignments = Darts(experiment, 7).suggest(0, 3).assignments
    alone = [Darts(experiment, 7).suggest(index, 1).assignments[0] for index in range(3)]
    assert list(assignments) == alone
    seeds = [dict(settings_told(experiment, index)) for index in range(3)]
    assert [one.pop("seed") for one in seeds] == [7, 8, 9]
    assert seeds[0] == seeds[1] == seeds[2]


def test_a_seed_that_is_given_is_that_of_the_first_trial() -> None:
    experiment = a_darts(seed="41", random_state="5")
    assert [settings_told(experiment, index)["seed"] for index in (0, 1)] == [41, 42]


def test_a_seed_is_one_that_trials_can_use() -> None:
    """Without a ``random_state`` an experiment's number has 64 bits; a numpy seed has 32."""
    text = told(a_darts(), index=2, seed=2**64 - 1)["algorithm-settings"]
    assert json.loads(text.replace("'", '"'))["seed"] == 1


ACCEPTED = {
    "all settings": {
        "num_epochs": "1",
        "w_lr": "0",
        "w_lr_min": "0.01",
        "alpha_lr": "0.01",
        "w_weight_decay": "0.25",
        "alpha_weight_decay": "0",
        "w_momentum": "0.9",
        "w_grad_clip": "5",
        "batch_size": "1",
        "num_workers": "0",
        "init_channels": "1",
        "print_step": "100",
        "num_nodes": "4",
        "stem_multiplier": "1",
        "seed": "0",
        "random_state": "3",
    },
    "no batch size": {"batch_size": "None"},
}


@pytest.mark.parametrize("settings", ACCEPTED.values(), ids=ACCEPTED)
def test_settings_that_are_accepted(settings: dict[str, str]) -> None:
    experiment = a_search("darts", (SEPARABLE,), THREE_LAYERS, **settings)
    Darts.validate(experiment)
    found = settings_told(experiment)
    for name, text in settings.items():
        assert str(found[name]) == text


REFUSED = {
    "num_epochs": ("0", "num_epochs should be greater than zero"),
    "w_lr": ("-0.1", "w_lr should be greater than or equal to zero"),
    "w_lr_min": ("nan", "w_lr_min should be greater than or equal to zero"),
    "alpha_lr": ("inf", "alpha_lr should be greater than or equal to zero"),
    "w_weight_decay": ("-1", "w_weight_decay should be greater than or equal to zero"),
    "alpha_weight_decay": ("-0.02", "alpha_weight_decay should be greater than or equal to zero"),
    "w_momentum": ("-0.8", "w_momentum should be greater than or equal to zero"),
    "w_grad_clip": ("-1", "w_grad_clip should be greater than or equal to zero"),
    "batch_size": ("0", "batch_size should be greater than or equal to one"),
    "num_workers": ("-1", "num_workers should be greater than or equal to zero"),
    "init_channels": ("0", "init_channels should be greater than or equal to one"),
    "print_step": ("0", "print_step should be greater than or equal to one"),
    "num_nodes": ("0", "num_nodes should be greater than or equal to one"),
    "stem_multiplier": ("0", "stem_multiplier should be greater than or equal to one"),
    "seed": ("-1", "seed should be greater than or equal to zero"),
    "random_state": (
        "x",
        "failed to validate random_state(x): invalid literal for int() with base 10: 'x'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_are_refused(name: str) -> None:
    text, message = REFUSED[name]
    with pytest.raises(SettingsError) as caught:
        Darts.validate(a_search("darts", (SEPARABLE,), THREE_LAYERS, **{name: text}))
    assert words_of(caught.value) == message


SPACES = {
    "no layers": (
        a_search("darts", (SEPARABLE,), GraphConfig()),
        "Missing NumLayers in GraphConfig:\nspec.nasConfig.graphConfig: {",
    ),
    "an operation without a size": (
        a_darts(an_operation("pool")),
        "Missing ParameterConfigs in Operation:\nspec.nasConfig.operations[0]: {",
    ),
    "a size that is no whole number": (
        a_darts(an_operation("pool", a_parameter("s", names.DOUBLE, min="1", max="2", step="1"))),
        "the first parameter of an operation is its size, and a size is no double; use "
        "categorical, discrete or int:\nspec.nasConfig.operations[0].parameters[0]: {",
    ),
    "no architectures": (
        an_experiment().with_algorithm("darts").build(),
        "spec.nasConfig is missing; ",
    ),
}


@pytest.mark.parametrize(("experiment", "message"), SPACES.values(), ids=SPACES)
def test_search_spaces_that_are_refused(experiment: Experiment, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Darts.validate(experiment)
    assert str(caught.value).startswith(message)


def test_operations_come_before_settings() -> None:
    with pytest.raises(SettingsError, match=r"(?s)^Missing.*; w_lr should be greater"):
        Darts.validate(a_darts(an_operation("pool"), w_lr="-1"))
