from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.values import NameValue
from katib.api.wildcards import LONGEST_MATCH, is_wildcard, literal_of, matches, matches_any

MATCHES = [
    ("val_*", "val_loss", True),
    ("val_*", "val_", True),
    ("val_*", "x_val_loss", False),
    ("*", "anything/at.all", True),
    ("*", "", False),
    ("loss?", "loss1", True),
    ("loss?", "loss", False),
    ("*/loss", "train/loss", True),
    ("Val_*", "val_loss", False),
    ("[a]*", "[a]b", True),
    ("[a]*", "ab", False),
    ("f1*", "f1*", True),
    ("*", "x" * LONGEST_MATCH, True),
    ("*", "x" * (LONGEST_MATCH + 1), False),
    ("*", "two\nlines", True),
]


@pytest.mark.parametrize(("pattern", "name", "expected"), MATCHES)
def test_what_a_wildcard_matches(pattern: str, name: str, expected: bool) -> None:
    assert is_wildcard(pattern)
    assert matches(pattern, name) is expected
    assert matches_any(["nothing?", pattern], name) is expected


@given(st.text("ab*?[]!-", max_size=8), st.text("ab[]!-*", min_size=1, max_size=8))
def test_it_is_a_star_for_any_characters_and_a_mark_for_one(pattern: str, name: str) -> None:
    signs = {"*": ".*", "?": "."}
    expression = "".join(signs.get(letter, re.escape(letter)) for letter in pattern)
    found = matches(pattern, name)
    assert found == bool(re.fullmatch(expression, name))
    assert not found or literal_of(pattern) in name


def test_many_stars_take_no_longer() -> None:
    started = time.process_time()
    assert not matches("*a" * 50 + "b", "a" * LONGEST_MATCH)
    # A backtracking matcher would take longer than the universe is old.
    assert time.process_time() - started < 60


def test_an_objective_tells_wildcards_from_names() -> None:
    objective = ObjectiveSpec(
        type=names.MINIMIZE,
        objective_metric_name="loss*",
        additional_metric_names=("val_*", "time", "t?"),
        metric_strategies=(
            NameValue(name="loss*", value="min"),
            NameValue(name="val_*", value="max"),
            NameValue(name="val_time", value="latest"),
            NameValue(name="*", value="min"),
        ),
    )
    assert objective.exact_names == ("loss*", "time")
    assert objective.wildcards == ("val_*", "t?")
    assert objective.strategy("val_acc") == "max"
    assert objective.strategy("val_time") == "latest"
    assert objective.strategy("other") == "min"
    assert (
        ObjectiveSpec(
            objective_metric_name="a", metric_strategies=(NameValue(name="*", value="max"),)
        ).strategy("a")
        is None
    )
