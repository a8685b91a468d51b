from __future__ import annotations

import math

import pytest

from katib.api.experiment import Experiment
from katib.errors import FieldError, SettingsError
from katib.search.settings import MUST_BE_GIVEN, SettingsReader, Values
from katib.search.span import above, at_least, inside
from katib.testing.builders import an_experiment
from katib.testing.refusals import words_of


def reader(**settings: str) -> SettingsReader:
    return SettingsReader(an_experiment().with_algorithm("tpe", **settings).build())


def refusal(settings: SettingsReader) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        settings.check()
    return caught.value


def test_values_are_read_and_missing_ones_have_their_default() -> None:
    settings = reader(seed="7", gamma="0.25", kind="b")
    assert settings.integer("seed", None) == 7
    assert settings.number("gamma", 0.5) == 0.25
    assert settings.choice("kind", "a", ("a", "b")) == "b"
    assert settings.integer("other", 3) == 3
    assert settings.choice("mode", "a", ("a", "b")) == "a"
    assert settings.given == {"seed": "7", "gamma": "0.25", "kind": "b"}
    settings.check()


def test_a_text_that_does_not_parse_is_named_with_the_reason() -> None:
    settings = reader(prior_weight="aaa", seed="1.5")
    settings.number("prior_weight", 1.0, above(0))
    settings.integer("seed", None)
    assert str(refusal(settings)) == (
        "failed to validate prior_weight(aaa): could not convert string to float: 'aaa', "
        "write a number above 0; "
        "failed to validate seed(1.5): invalid literal for int() with base 10: '1.5', "
        "write a whole number"
    )


def test_a_value_that_breaks_the_rule_has_the_rules_words() -> None:
    settings = reader(gamma="1.5", kind="c", mode="d", count="0")
    message = "gamma should be in the range of (0, 1)"
    assert settings.number("gamma", 0.25, inside(0, 1), message) == 0.25
    settings.choice("kind", "a", ("a", "b"), "kind {value} is not supported")
    settings.choice("mode", "a", ("a", "b", "c"))
    assert settings.integer("count", 3, at_least(1)) == 3
    assert str(refusal(settings)) == (
        f"{message}; kind c is not supported; mode should be a, b or c, not d; "
        "count should be a whole number from 1 on, not 0"
    )


def test_a_rule_that_cannot_say_itself_is_left_out() -> None:
    settings = reader(count="3")
    settings.integer("count", 2, lambda count: count % 2 == 0, "count should be even")
    assert str(refusal(settings)) == "count should be even"
    assert settings.known["count"].values == "a whole number"


def test_a_setting_that_nobody_reads_is_unknown_and_the_known_ones_are_named() -> None:
    settings = reader(gama="1", typo="2")
    settings.number("gamma", 1 / 3, inside(0, 1))
    settings.number("r_l", math.nan, above(0), unset=MUST_BE_GIVEN)
    settings.seed()
    settings.check_values()
    first, second = refusal(settings).problems
    assert first.detail == 'unknown setting gama for algorithm tpe, did you mean "gamma"?'
    assert second.detail == (
        "unknown setting typo for algorithm tpe; known: "
        "gamma (a number above 0 and below 1; default 1/3), "
        "r_l (a number above 0; must be given), "
        "random_state (a whole number from 0 on; default a seed that only this experiment has)"
    )


def test_an_algorithm_without_settings_says_so() -> None:
    assert str(refusal(reader(typo="1"))) == "unknown setting typo for algorithm tpe; known: none"


def test_every_problem_has_the_path_of_its_field() -> None:
    settings = reader(typo="1", count="0")
    settings.integer("count", 3, at_least(1))
    settings.refuse("count is too small for the rest", "count")
    settings.refuse("nothing fits")
    settings.refuse("must be given", "missing")
    settings.note(FieldError("spec.nasConfig", "Invalid value", "is wrong"))
    places = [(one.path, one.found) for one in refusal(settings).problems]
    assert places == [
        ("spec.algorithm.algorithmSettings[0].name", '"typo"'),
        ("spec.algorithm.algorithmSettings[1].value", '"0"'),
        ("spec.algorithm.algorithmSettings[1].value", '"0"'),
        ("spec.algorithm", None),
        ("spec.algorithm", None),
        ("spec.nasConfig", None),
    ]


def test_settings_of_early_stopping_have_paths_of_their_own() -> None:
    experiment = an_experiment().with_early_stopping("mine", typo="1").build()
    (problem,) = refusal(SettingsReader(experiment, "earlyStopping")).problems
    assert problem.path == "spec.earlyStopping.algorithmSettings[0].name"
    assert problem.detail == "unknown setting typo for algorithm mine; known: none"


def test_a_space_that_is_wrong_is_a_problem_among_others() -> None:
    builder = an_experiment().with_algorithm("tpe", random_state="-1")
    builder.with_parameter("a", min="0", max="1").with_parameter("b", min="1", max="0")
    settings = SettingsReader(builder.build())
    assert settings.seed() is None
    assert settings.space() is None
    error = refusal(settings)
    assert [one.path for one in error.problems] == [
        "spec.algorithm.algorithmSettings[0].value",
        "spec.parameters[1]",
    ]
    assert words_of(error).startswith("random_state should be great or equal than zero; ")


def test_a_space_that_is_right_is_given() -> None:
    space = reader().space()
    assert space is not None
    assert space.parameters


def test_what_a_parser_says_is_told() -> None:
    def parse(text: str) -> str:
        raise ValueError("it is no path")

    settings = reader(path="x")
    assert settings.read("path", "", Values(parse, "a path")) == ""
    assert str(refusal(settings)) == "failed to validate path(x): it is no path, write a path"


@pytest.mark.parametrize(
    ("default", "shown"),
    [(3, "3"), (0.2, "0.2"), (1 / 6, "1/6"), (1e-5, "1e-05"), (None, "none"), ("", "none")],
)
def test_a_default_is_shown_as_people_write_it(default: object, shown: str) -> None:
    settings = reader()
    settings.integer("it", default)
    assert settings.known["it"].default == shown


def test_an_experiment_without_an_algorithm_has_no_settings() -> None:
    assert SettingsReader(Experiment()).given == {}
