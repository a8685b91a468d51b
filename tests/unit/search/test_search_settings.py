from __future__ import annotations

import pytest

from katib.errors import SettingsError
from katib.search.settings import SettingsReader
from katib.testing.builders import an_experiment


def reader(**settings: str) -> SettingsReader:
    return SettingsReader(an_experiment().with_algorithm("tpe", **settings).build())


def refusal(settings: SettingsReader) -> str:
    with pytest.raises(SettingsError) as caught:
        settings.check()
    return str(caught.value)


def test_values_are_read_and_missing_ones_have_their_default() -> None:
    settings = reader(seed="7", gamma="0.25", kind="b")
    assert settings.integer("seed", None) == 7
    assert settings.number("gamma", 0.5) == 0.25
    assert settings.choice("kind", "a", ("a", "b"), "no") == "b"
    assert settings.integer("other", 3) == 3
    assert settings.choice("mode", "a", ("a", "b"), "no") == "a"
    settings.check()


def test_a_text_that_does_not_parse_is_named_with_the_reason() -> None:
    settings = reader(prior_weight="aaa", seed="1.5")
    settings.number("prior_weight", 1.0)
    settings.integer("seed", None)
    assert refusal(settings) == (
        "failed to validate prior_weight(aaa): could not convert string to float: 'aaa'; "
        "failed to validate seed(1.5): invalid literal for int() with base 10: '1.5'"
    )


def test_a_value_that_breaks_the_rule_has_the_rules_words() -> None:
    settings = reader(gamma="1.5", kind="c")
    message = "gamma should be in the range of (0, 1)"
    assert settings.number("gamma", 0.25, lambda value: 0 < value < 1, message) == 0.25
    settings.choice("kind", "a", ("a", "b"), "kind {value} is not supported")
    assert refusal(settings) == f"{message}; kind c is not supported"


def test_a_setting_that_nobody_reads_is_unknown() -> None:
    settings = reader(typo="1")
    settings.check_values()
    assert refusal(settings) == "unknown setting typo for algorithm tpe"
