"""Entries by name, and why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from katib.configuration import KatibConfig, read_config
from katib.configuration.lookups import find_collector, find_early_stopping, find_suggestion
from katib.errors import ConfigurationError

Find = Callable[[KatibConfig, str, Iterable[str]], Any]

SORTS: dict[str, tuple[Find, str, str, str, str]] = {
    "suggestion": (
        find_suggestion,
        "suggestions",
        "algorithmName",
        "suggestion config for algorithm",
        "algorithm name",
    ),
    "early stopping": (
        find_early_stopping,
        "earlyStoppings",
        "algorithmName",
        "early stopping config for algorithm",
        "algorithm name",
    ),
    "metrics collector": (
        find_collector,
        "metricsCollectors",
        "kind",
        "metrics collector config for kind",
        "metrics collector kind",
    ),
}

#: For every sort: the runtime section with LIST and NAME filled in, and the error, or None.
MISSING = {
    "A lookup in a file without a runtime section is an error": "{}",
    "A lookup in a file without the list is an error": "runtime: {}",
    "A lookup in an empty list is an error": "runtime: {LIST: []}",
    "An entry without a name is never found": "runtime: {LIST: [{image: i}]}",
}
BLANK = {
    "An entry without an image is an error": "{NAME: mine}",
    "An entry with an empty image is an error": "{NAME: mine, image: ''}",
    "An entry with a blank image is an error": "{NAME: mine, image: '  '}",
}


def config(text: str, sort: str) -> KatibConfig:
    _, section, name, _, _ = SORTS[sort]
    return read_config(text.replace("LIST", section).replace("NAME", name), "file")


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", MISSING.values(), ids=MISSING.keys())
def test_a_missing_entry(text: str, sort: str) -> None:
    find, _, _, what, _ = SORTS[sort]
    with pytest.raises(ConfigurationError) as caught:
        find(config(text, sort), "mine", ())
    assert str(caught.value) == f"failed to find {what}: mine in ConfigMap: katib-config"


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("text", BLANK.values(), ids=BLANK.keys())
def test_an_entry_without_image(text: str, sort: str) -> None:
    find, _, _, _, whose = SORTS[sort]
    with pytest.raises(ConfigurationError) as caught:
        find(config(f"runtime: {{LIST: [{text}]}}", sort), "mine", ())
    assert str(caught.value) == f"required value for image configuration of {whose}: mine"


@pytest.mark.rule("An entry is found by its name")
@pytest.mark.parametrize("sort", SORTS)
def test_an_entry_is_found(sort: str) -> None:
    text = "runtime: {LIST: [{NAME: other, image: a}, {NAME: mine, image: b}]}"
    assert SORTS[sort][0](config(text, sort), "mine", ()).image == "b"


@pytest.mark.rule("Of several entries with one name the last one wins")
@pytest.mark.parametrize("sort", SORTS)
def test_the_last_entry_wins(sort: str) -> None:
    text = "runtime: {LIST: [{NAME: mine, image: a}, {NAME: mine, image: b}]}"
    assert SORTS[sort][0](config(text, sort), "mine", ()).image == "b"


@pytest.mark.rule("A name that is not found gets the nearest name, and all that are known")
@pytest.mark.parametrize("sort", SORTS)
def test_advice(sort: str) -> None:
    find, _, _, what, _ = SORTS[sort]
    text = "runtime: {LIST: [{NAME: grid, image: a}]}"
    with pytest.raises(ConfigurationError) as caught:
        find(config(text, sort), "randon", ["random"])
    assert str(caught.value) == (
        f"failed to find {what}: randon in ConfigMap: katib-config, "
        'did you mean "random"?; known: grid, random'
    )


@pytest.mark.rule("An entry with an address needs no image")
@pytest.mark.parametrize("sort", ["suggestion", "early stopping"])
def test_an_address_needs_no_image(sort: str) -> None:
    text = "runtime: {LIST: [{NAME: mine, address: 'localhost:6789'}]}"
    assert SORTS[sort][0](config(text, sort), "mine", ()).address == "localhost:6789"
