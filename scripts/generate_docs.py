#!/usr/bin/env python3
"""Write the parts of the documentation that the program knows better than a person.

::

    .venv/bin/python scripts/generate_docs.py           # rewrite what has drifted
    .venv/bin/python scripts/generate_docs.py --check   # only say what has drifted

A part lies between ``<!-- generated: NAME -->`` and ``<!-- end -->``. In the tables of fields, the
last column is written by hand: a row keeps it, and a new field has none until somebody writes it,
which ``--check`` refuses.
"""

from __future__ import annotations

import argparse
import enum
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from typer.models import ArgumentInfo, OptionInfo, ParameterInfo

from katib.api.experiment import ExperimentSpec, ExperimentStatus
from katib.api.values import NameValue, Strings
from katib.cli.program import COMMANDS

DOCS = Path(__file__).resolve().parent.parent / "docs"

_PART = re.compile(
    r"(?P<head><!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(?P<end><!-- end -->)",
    re.DOTALL,
)
_ROW = re.compile(r"^\| `(?P<field>\w+)` \|.*\| (?P<meaning>[^|]*) \|$")
_HEADING = re.compile(r"^#+ `(?P<path>[\w.\[\]]+)`$")

_SCALARS: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Strings: "map of texts",
    NameValue: "map of `name` and `value`",
    msgspec.Raw: "map",
}


def main() -> None:
    """Rewrite or check every page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on drift")
    is_check = parser.parse_args().check
    problems: list[str] = []
    for page in sorted(DOCS.rglob("*.md")):
        old = page.read_text()
        new = refreshed(old)
        problems += [f"{page.name}: {gap} has no meaning; write it" for gap in find_gaps(new)]
        if new != old and is_check:
            problems.append(f"{page.name} has drifted; run scripts/generate_docs.py")
        elif new != old:
            page.write_text(new)
            print(f"{page.name} rewritten")
    if problems:
        sys.exit("\n".join(problems))


def refreshed(text: str) -> str:
    """The page with its generated parts as they should be."""

    def fresh(match: re.Match[str]) -> str:
        made = PARTS[match["name"]](match["body"])
        return f"{match['head']}{made}{match['end']}"

    return _PART.sub(fresh, text)


def find_gaps(text: str) -> list[str]:
    """The fields whose meaning nobody has written."""
    return [
        f"{match['name']}: {place}"
        for match in _PART.finditer(text)
        for place, meaning in meanings(match["body"]).items()
        if not meaning
    ]


# The fields of the Experiment


def fields_of(root: str, struct: type[msgspec.Struct]) -> Callable[[str], str]:
    """A part with a section for each struct below ``root``, and a row for each of its fields."""

    def make(old: str) -> str:
        known = meanings(old)
        lines: list[str] = []
        for path, one in walk(root, struct):
            lines += [f"### `{path}`", "", prose(one), "", "| Field | Type | Meaning |"]
            lines.append("|---|---|---|")
            for field in msgspec.structs.fields(one):
                name = field.encode_name
                meaning = known.get(f"{path}.{name}", "")
                lines.append(f"| `{name}` | {type_name(field.type)} | {meaning} |")
            lines.append("")
        return "\n".join(lines) + "\n"

    return make


def walk(root: str, struct: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Every struct below ``root`` once, with the path where it comes first, in document order."""
    waiting: list[tuple[str, type[msgspec.Struct]]] = [(root, struct)]
    seen: set[type[msgspec.Struct]] = {NameValue}
    while waiting:
        path, one = waiting.pop(0)
        if one in seen:
            continue
        seen.add(one)
        yield path, one
        below = []
        for field in msgspec.structs.fields(one):
            inner, is_many = part_of(field.type)
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                below.append((f"{path}.{field.encode_name}{'[]' if is_many else ''}", inner))
        waiting = [*below, *waiting]


def part_of(kind: Any) -> tuple[Any, bool]:
    """The type without ``None`` and absence, and whether there may be many."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        left = [
            one for one in typing.get_args(kind) if one not in (types.NoneType, msgspec.UnsetType)
        ]
        return (float, False) if set(left) == {int, float} else part_of(left[0])
    if typing.get_origin(kind) is tuple:
        return typing.get_args(kind)[0], True
    return kind, False


def type_name(kind: Any) -> str:
    """The type in a reader's words."""
    inner, is_many = part_of(kind)
    name = _SCALARS.get(inner)
    if name is None:
        name = "map" if issubclass(inner, msgspec.Struct) else "time"
    plural = {"map of `name` and `value`": "maps of `name` and `value`"}.get(name, f"{name}s")
    return f"list of {plural}" if is_many else name


def meanings(text: str) -> dict[str, str]:
    """Path of a field → what was written about it."""
    found: dict[str, str] = {}
    path = ""
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            path = heading["path"]
        elif row := _ROW.match(line):
            found[f"{path}.{row['field']}"] = row["meaning"].strip()
    return found


def prose(struct: type[msgspec.Struct]) -> str:
    """A struct's docstring as Markdown, with fields named as in documents."""
    text = (inspect.getdoc(struct) or "").replace("``", "`")
    for field in msgspec.structs.fields(struct):
        text = text.replace(f"`{field.name}`", f"`{field.encode_name}`")
    return text


# The command line


def commands(_: str) -> str:
    """A section for each command."""
    lines: list[str] = []
    for name, (place, head) in COMMANDS.items():
        module, _, function = place.partition(":")
        callback = getattr(import_module(module), function)
        lines += [f"## `katib {name}`", "", head, "", *more_of(callback.__doc__ or "")]
        lines += ["| Argument or option | Meaning |", "|---|---|"]
        lines += [f"| {shape} | {meaning} |" for shape, meaning in parameters(callback)]
        lines.append("")
    return "\n".join(lines) + "\n"


def more_of(docstring: str) -> Iterator[str]:
    """The paragraphs behind the first line; examples become a block."""
    _, _, rest = inspect.cleandoc(docstring).partition("\n")
    for paragraph in re.split(r"\n\s*\n", rest.strip()):
        words = [line.strip() for line in paragraph.splitlines()]
        if all(word.startswith("katib ") for word in words):
            yield from ("```text", *words, "```", "")
        elif paragraph and words[0] not in ("Example:", "Examples:"):
            yield from (" ".join(words), "")


def parameters(callback: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Each argument and option of a command, and what it means."""
    for parameter in inspect.signature(callback, eval_str=True).parameters.values():
        kind, info = typing.get_args(parameter.annotation)[:2]
        shape = shape_of(parameter.name, kind, info)
        meaning = info.help or ""
        if isinstance(parameter.default, enum.Enum):
            meaning += f" Default: `{parameter.default.value}`."
        elif isinstance(parameter.default, str) and parameter.default:
            meaning += f" Default: `{parameter.default}`."
        if info.envvar:
            meaning += f" Or the variable `{info.envvar}`."
        yield shape, meaning.replace("|", "\\|")


def shape_of(name: str, kind: Any, info: ParameterInfo) -> str:
    """How it is written: ``--output``, ``-o`` and its values."""
    if isinstance(info, ArgumentInfo):
        return f"`{info.metavar or name.upper()}`"
    assert isinstance(info, OptionInfo)
    # typer takes the first name for the default while it stands in an annotation.
    named = [one for one in (info.default, *(info.param_decls or ())) if isinstance(one, str)]
    flags = ", ".join(f"`{flag}`" for flag in named or [f"--{name}"])
    value = "" if kind is bool else info.metavar or value_name(kind)
    return f"{flags} {value}".strip().replace("|", "\\|")


def value_name(kind: Any) -> str:
    """What stands for an option's value."""
    inner, _ = part_of(kind)
    if isinstance(inner, type) and issubclass(inner, enum.Enum):
        return " or ".join(f"`{one.value}`" for one in inner)
    return {Path: "PATH", int: "NUMBER"}.get(inner, "TEXT")


PARTS: dict[str, Callable[[str], str]] = {
    "commands": commands,
    "spec": fields_of("spec", ExperimentSpec),
    "status": fields_of("status", ExperimentStatus),
}


if __name__ == "__main__":
    main()
