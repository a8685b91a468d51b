"""The page about the configuration says what the models say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from katib.configuration import KatibConfig, read_config
from katib.configuration.defaults import LIMITS, REQUESTS, with_defaults
from katib.configuration.environment import read_environment
from katib.configuration.models import Resources, RuntimeConfig
from katib.configuration.one_machine import algorithm_address

PAGE = (Path(__file__).resolve().parents[3] / "docs/configuration.md").read_text()
NO_SINGLE_TEXT = {"resources": "see below", "persistentVolumeClaimSpec": "`ReadWriteOnce`, 1Gi"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def settings(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a configuration and what it holds, in the order of the models."""
    for field in msgspec.structs.fields(value):
        found, place = getattr(value, field.name), f"{path}{field.encode_name}"
        if isinstance(found, tuple) and found and isinstance(found[0], msgspec.Struct):
            yield from settings(found[0], f"{place}[].")
        elif isinstance(found, msgspec.Struct) and not isinstance(found, Resources):
            yield from settings(found, f"{place}.")
        elif field.name != "container":
            yield place, found


def one_of_each() -> KatibConfig:
    """A configuration with an empty entry in every list, and its defaults."""
    lists = {
        field.name: (field.type.__args__[0](),) for field in msgspec.structs.fields(RuntimeConfig)
    }
    return with_defaults(KatibConfig(runtime=RuntimeConfig(**lists)))


def printed(path: str, value: Any) -> str:
    name = path.rpartition(".")[2]
    if name in NO_SINGLE_TEXT:
        return NO_SINGLE_TEXT[name]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    text = ", ".join(value) if isinstance(value, tuple | dict) else str(value or "")
    return f"`{text}`" if text else ""


def test_every_setting_is_in_the_table_with_its_default() -> None:
    expected = {f"`{path}`": printed(path, value) for path, value in settings(one_of_each())}
    assert len(expected) > 30
    assert {row[0]: row[1] for row in rows("Every setting")} == expected


def test_every_row_says_where_it_matters_and_what_it_means() -> None:
    for setting, _, where, meaning in rows("Every setting"):
        assert where in ("both", "cluster", "one machine"), setting
        assert meaning, setting


def test_the_resources_have_their_defaults() -> None:
    expected = [[f"`{name}`", f"`{REQUESTS[name]}`", f"`{LIMITS[name]}`"] for name in REQUESTS]
    assert rows("Resources") == expected


def test_the_variables_have_their_defaults() -> None:
    found = read_environment({})
    defaults = [value for _, value in settings(found)]
    shown = [default.strip("`") for _, default, _ in rows("Variables of a cluster")]
    assert [one.replace("the core namespace", found.core_namespace) for one in shown] == defaults


def test_the_variables_are_read() -> None:
    for name, _, _ in rows("Variables of a cluster"):
        assert read_environment({name.strip("`"): "other"}) != read_environment({}), name


def test_the_file_of_the_page_can_be_read() -> None:
    (text,) = re.findall(r"```yaml\n(.+?)```", PAGE, flags=re.DOTALL)
    config = read_config(text, "docs/configuration.md")
    assert algorithm_address(config, "my-algorithm") == "localhost:6789"
