"""The rules of docs/rules are proven, and the script that counts them can be believed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "rules.py"
PAGES = sorted(path for path in (ROOT / "docs" / "rules").glob("*.md") if path.stem != "README")

PAGE = """# A page

Not a rule.

## Some

- water is wet
- fire is hot
"""
TEST = '''"""fire is hot"""
import pytest

CASES = {"water is wet": 1}


@pytest.mark.rule("fire is hot")
def test_fire() -> None:
    """A docstring."""
'''


def rules_of(page: Path) -> list[str]:
    return [line[2:] for line in page.read_text().splitlines() if line.startswith("- ")]


def count(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(root: Path, page: str = PAGE, test: str = TEST) -> Path:
    rules, tests = root / "docs" / "rules", root / "tests" / "unit"
    rules.mkdir(parents=True)
    tests.mkdir(parents=True)
    (rules / "nature.md").write_text(page)
    (rules / "README.md").write_text("- this is no rule\n")
    (tests / "test_nature.py").write_text(test)
    return root


def test_every_sentence_is_unique_and_plain() -> None:
    counts = Counter(rule for page in PAGES for rule in rules_of(page))
    assert counts
    assert [rule for rule, times in counts.items() if times > 1] == []
    assert [rule for rule in counts if "**" in rule or "](" in rule or rule != rule.strip()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_rules_has_rules(page: Path) -> None:
    assert rules_of(page)
    assert page.read_text().startswith("# ")


def test_every_rule_of_this_checkout_is_named_by_a_test() -> None:
    counted = count(ROOT)
    assert counted.returncode == 0, counted.stdout + counted.stderr
    assert [f"{page.name}: {len(rules_of(page))}/{len(rules_of(page))}" for page in PAGES] == (
        counted.stdout.splitlines()
    )


def test_a_rule_taken_out_of_a_test_is_found(tmp_path: Path) -> None:
    page, tests = ROOT / "docs" / "rules" / "admission.md", ROOT / "tests" / "unit" / "admission"
    (tmp_path / "docs" / "rules").mkdir(parents=True)
    shutil.copy(page, tmp_path / "docs" / "rules")
    copy = shutil.copytree(tests, tmp_path / "tests" / "unit" / "admission")
    assert count(tmp_path).returncode == 0
    sentence = "a name of 41 characters is refused"
    test = copy / "test_admission_rules.py"
    test.write_text(test.read_text().replace(f'"{sentence}"', '"a long name"'))
    counted = count(tmp_path)
    total = len(rules_of(page))
    assert counted.returncode == 1
    assert counted.stdout.splitlines() == [
        f"admission.md: {total - 1}/{total}",
        f"admission.md: no test names: {sentence}",
    ]


@pytest.mark.parametrize(
    ("page", "test", "output"),
    [
        (PAGE, TEST, ["nature.md: 2/2"]),
        (
            f"{PAGE}- water is wet\n",
            TEST,
            ["nature.md: 3/3", "written 2 times: water is wet"],
        ),
        (
            PAGE.replace("- fire is hot\n", ""),
            TEST,
            ["nature.md: 1/1", "tests/unit/test_nature.py:7: names no rule: fire is hot"],
        ),
        (
            PAGE,
            TEST.replace('@pytest.mark.rule("fire is hot")\n', ""),
            ["nature.md: 1/2", "nature.md: no test names: fire is hot"],
        ),
        (
            PAGE,
            TEST.replace('"water is wet"', 'f"water is wet{1}"'),
            ["nature.md: 1/2", "nature.md: no test names: water is wet"],
        ),
        (
            PAGE,
            TEST.replace("water is wet", "water is wet!"),
            ["nature.md: 1/2", "nature.md: no test names: water is wet"],
        ),
    ],
    ids=[
        "all is well",
        "a rule that is written twice",
        "a mark that names no rule",
        "a docstring proves nothing",
        "a part of an f-string proves nothing",
        "a part of a string proves nothing",
    ],
)
def test_the_script_counts(tmp_path: Path, page: str, test: str, output: list[str]) -> None:
    counted = count(write(tmp_path, page, test))
    assert counted.stdout.splitlines() == output
    assert counted.returncode == (len(output) > 1)
