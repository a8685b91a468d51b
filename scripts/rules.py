#!/usr/bin/env python3
"""Count the rules of docs/rules that a test proves.

::

    .venv/bin/python scripts/rules.py                # all of this checkout
    .venv/bin/python scripts/rules.py --root FOLDER  # of another one

A rule is a bullet of a page. A test covers it when its sentence stands, letter by letter, as a
string in a file under tests/. Exits with 1 when a rule is uncovered or written twice, or when a
``@pytest.mark.rule`` names none.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PREFACE = "README.md"
_BULLET = "- "


@dataclass(frozen=True, slots=True)
class Page:
    """The rules of one page, in its order."""

    name: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A ``@pytest.mark.rule``, and where it stands."""

    sentence: str
    place: str


def main() -> None:
    """Print the count of every page, then everything that is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout to look at")
    root = parser.parse_args().root
    pages = list(read_pages(root / "docs" / "rules"))
    texts, claims = read_tests(root / "tests")
    for page in pages:
        covered = sum(rule in texts for rule in page.rules)
        print(f"{page.name}: {covered}/{len(page.rules)}")
    problems = list(find_problems(pages, texts, claims))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


def read_pages(folder: Path) -> Iterator[Page]:
    """Every page but the preface."""
    for path in sorted(folder.glob("*.md")):
        if path.name != _PREFACE:
            lines = path.read_text(encoding="utf-8").splitlines()
            yield Page(path.name, tuple(line[2:] for line in lines if line.startswith(_BULLET)))


def read_tests(folder: Path) -> tuple[set[str], list[Claim]]:
    """Every whole string in the tests, docstrings left out; and the marks that claim a rule."""
    texts: set[str] = set()
    claims: list[Claim] = []
    for path in sorted(folder.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        texts.update(_texts(tree))
        place = str(path.relative_to(folder.parent))
        claims.extend(_claims(tree, place))
    return texts, claims


def find_problems(pages: list[Page], texts: set[str], claims: list[Claim]) -> Iterator[str]:
    """A sentence for every rule without test, rule written twice and claim of no rule."""
    counts = Counter(rule for page in pages for rule in page.rules)
    for rule, count in counts.items():
        if count > 1:
            yield f"written {count} times: {rule}"
    for page in pages:
        for rule in page.rules:
            if rule not in texts:
                yield f"{page.name}: no test names: {rule}"
    for claim in claims:
        if claim.sentence not in counts:
            yield f"{claim.place}: names no rule: {claim.sentence}"


def _texts(tree: ast.Module) -> Iterator[str]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        # A part of an f-string is no sentence, and a text that stands alone is a comment.
        is_skipped = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        )
        if not is_skipped:
            pending.extend(ast.iter_child_nodes(node))


def _claims(tree: ast.Module, place: str) -> Iterator[Claim]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _is_mark(node.func) and node.args):
            continue
        sentence = node.args[0]
        text = sentence.value if isinstance(sentence, ast.Constant) else ast.unparse(sentence)
        yield Claim(str(text), f"{place}:{node.lineno}")


def _is_mark(node: ast.expr) -> bool:
    return ast.unparse(node) == "pytest.mark.rule"


if __name__ == "__main__":
    main()
