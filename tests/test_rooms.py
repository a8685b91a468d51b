"""The house keeps its shape: charters, sizes, names, registry tables, documented ports."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "katib"
TESTS = Path(__file__).resolve().parent
#: What a generator wrote has its own shape.
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "generated" not in path.parts)
PACKAGES = sorted(path for path in MODULES if path.name == "__init__.py")
PORTS = sorted(path for path in (SOURCE / "ports").glob("*.py") if path.name != "__init__.py")

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
MEDIAN_MODULE = 150
NAMES_THAT_SAY_NOTHING = re.compile(r"^(utils?|helpers?|common|base|misc|shared|\w+\d)$")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return str(path.relative_to(SOURCE))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def functions_of(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def documented(node: ast.AST) -> Iterator[ast.Expr]:
    """Every docstring in a piece of code."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = inner.body[0] if inner.body else None
            if isinstance(first, ast.Expr) and ast.get_docstring(inner) is not None:
                yield first


def lines_of(node: ast.AST, first: int, last: int) -> int:
    """How many lines there are, docstrings not counted."""
    docstrings = sum((one.end_lineno or one.lineno) - one.lineno + 1 for one in documented(node))
    return last - first + 1 - docstrings


@pytest.mark.parametrize("package", PACKAGES, ids=name_of)
def test_a_package_opens_with_its_charter(package: Path) -> None:
    charter = ast.get_docstring(tree_of(package)) or ""
    assert charter, "say what lives here, what it may know, and where the rest belongs"
    if package.parent.parent == SOURCE:
        assert len(charter.split()) >= 25, "a room's charter is more than a title"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_says_what_it_is_for(module: Path) -> None:
    assert ast.get_docstring(tree_of(module))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_module_is_short(module: Path) -> None:
    count = lines_of(tree_of(module), 1, len(module.read_text().splitlines()))
    assert count <= LONGEST_MODULE, f"{count} lines; what would a second module be called?"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_function_is_short(module: Path) -> None:
    long = {
        f"{one.name}, line {one.lineno}": count
        for one in functions_of(tree_of(module))
        if (count := lines_of(one, one.lineno, one.end_lineno or one.lineno)) > LONGEST_FUNCTION
    }
    assert long == {}


def test_most_modules_are_short() -> None:
    counts = sorted(len(module.read_text().splitlines()) for module in MODULES)
    assert counts[len(counts) // 2] <= MEDIAN_MODULE


def test_sizes_are_counted_without_docstrings() -> None:
    text = '"""A\n\nlong one."""\n\n\ndef f():\n    """Of\n    two lines."""\n    return 1\n'
    tree = ast.parse(text)
    assert lines_of(tree, 1, 9) == 4
    (function,) = functions_of(tree)
    assert lines_of(function, 6, 9) == 2


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_a_name_tells_what_is_inside(module: Path) -> None:
    words = [*module.relative_to(SOURCE).parent.parts, module.stem]
    assert [word for word in words if NAMES_THAT_SAY_NOTHING.match(word)] == []


def registry_entries() -> list[tuple[str, str, str]]:
    """Package, name and place of every entry of every registry table, read from the source."""
    entries = []
    for package in PACKAGES:
        for node in ast.walk(tree_of(package)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Registry":
                table: dict[str, str] = ast.literal_eval(node.args[2])
                entries += [(name_of(package), name, place) for name, place in table.items()]
    return entries


@pytest.mark.parametrize(("package", "name", "place"), registry_entries())
def test_a_registry_entry_can_be_imported(package: str, name: str, place: str) -> None:
    module, _, attribute = place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    assert inspect.isclass(found)
    assert module.startswith(f"katib.{'.'.join(Path(package).parent.parts)}."), "it lives elsewhere"


def test_there_are_registry_entries() -> None:
    assert {package for package, _, _ in registry_entries()} >= {
        "collectors/__init__.py",
        "executors/__init__.py",
        "observations/__init__.py",
        "search/algorithms/__init__.py",
        "stores/__init__.py",
    }


def promises(module: Path) -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """The public classes and methods of a port, by name."""
    for one in tree_of(module).body:
        if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
            yield one.name, one
            for method in one.body:
                if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
                    yield f"{one.name}.{method.name}", method


@pytest.mark.parametrize("module", [*PORTS, SOURCE / "search/algorithm.py"], ids=name_of)
def test_every_promise_of_a_port_is_written_down(module: Path) -> None:
    found = dict(promises(module))
    assert found
    assert [name for name, node in found.items() if not ast.get_docstring(node)] == []


def test_unit_tests_mirror_the_source() -> None:
    mirrored = TESTS / "unit"
    folders = {
        path.parent.relative_to(mirrored)
        for path in mirrored.rglob("test_*.py")
        if path.parent != mirrored
    }
    assert [str(folder) for folder in folders if not (SOURCE / folder).is_dir()] == []


def test_names_of_test_files_are_unique() -> None:
    names: list[Any] = [path.name for path in TESTS.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
