"""What is told of algorithms is what they read, without a document that names any setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from katib.client.algorithms import (
    Setting,
    list_algorithm_settings,
    list_algorithms,
    list_stopping_algorithms,
    list_stopping_settings,
)

DOCS = Path(__file__).parents[3] / "docs"


def documented(page: str, name: str) -> set[str]:
    """The settings that a page has in the section of an algorithm."""
    parts = re.split(r"^## `([^`]+)`$", (DOCS / page).read_text(), flags=re.MULTILINE)
    section = dict(zip(parts[1::2], parts[2::2], strict=True))[name]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


@pytest.mark.parametrize(
    ("page", "name", "list_settings"),
    [
        *(("algorithms.md", name, list_algorithm_settings) for name in list_algorithms()),
        *(
            ("early-stopping.md", name, list_stopping_settings)
            for name in list_stopping_algorithms()
        ),
    ],
)
def test_every_setting_is_told(
    page: str, name: str, list_settings: Callable[[str], Sequence[Setting]]
) -> None:
    assert {one.name for one in list_settings(name)} == documented(page, name)


def test_a_setting_says_what_it_may_be() -> None:
    settings = {one.name: one for one in list_algorithm_settings("cmaes")}
    assert settings["sigma"] == Setting("sigma", "a number from 0 on", "1/6")
    assert settings["restart_strategy"].choices == ("none", "ipop", "bipop")
    assert settings["restart_strategy"].default == "none"


def test_of_an_unknown_algorithm_nothing_is_known() -> None:
    assert list_algorithm_settings("nobody's") == ()
    assert list_stopping_settings("nobody's") == ()
