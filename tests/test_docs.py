"""The documents are true: blocks run, tables are complete, links lead somewhere."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main

import katib
import katib.search.algorithms
from katib import errors
from katib.admission import AdmissionContext, admit
from katib.api.codec import load_yaml
from katib.api.values import Key
from katib.apps.door import admission_context
from katib.cli.program import build_program
from katib.cli.results import ExitCode
from katib.collectors import COLLECTORS
from katib.executors import EXECUTORS
from katib.observations import OBSERVATION_LOGS
from katib.registry import Registry
from katib.search.algorithm import Algorithm
from katib.search.algorithms import ALGORITHMS, LIGHT
from katib.search.settings import Setting, SettingsReader
from katib.search.stopping import STOPPING_RULES
from katib.search.stopping.rule import StoppingAlgorithm
from katib.stores import STORES
from katib.testing.algorithm_contract import AlgorithmContract, search_spaces

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
EVERY_PAGE = [
    *PAGES,
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "changelog.d").glob("*.md")),
    *sorted((ROOT / "examples").glob("*.md")),
]
LANGUAGES = ("bash", "python", "text", "toml", "yaml")
REGISTRIES: Mapping[str, Registry[Any]] = {
    "algorithm": ALGORITHMS,
    "early stopping algorithm": STOPPING_RULES,
    "metrics collector": COLLECTORS,
    "observation log": OBSERVATION_LOGS,
    "resource store": STORES,
    "executor": EXECUTORS,
}

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)$")
_MARK = re.compile(r"^ *<!-- (?P<name>file|not run|output|entry)(?:: (?P<value>.+))? -->$")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the comment in front of it."""

    page: Path
    line: int
    language: str
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    lines = page.read_text().splitlines()
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        fence, mark = _FENCE.match(lines[number]), _MARK.match(lines[number])
        if mark:
            marks[mark["name"]] = mark["value"] or ""
        elif fence:
            start, indent = number, len(fence["indent"])
            number = next(n for n in range(start + 1, len(lines)) if lines[n].strip() == "```")
            text = "\n".join(line[indent:] for line in lines[start + 1 : number]) + "\n"
            yield Block(page, start + 1, fence["language"], text, marks)
            marks = {}
        elif lines[number].strip():
            marks = {}
        number += 1


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# Blocks


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in LANGUAGES, f"{block}: mark it as one of {LANGUAGES}"
    if "not run" in block.marks:
        assert len(block.marks["not run"].split()) > 3, f"{block}: say why it is not run"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any(blocks_of(page))], ids=lambda page: name_of(page)
)
def test_the_blocks_of_a_page_do_what_they_say(page: Path, tmp_path: Path) -> None:
    reader = Reader(tmp_path)
    for block in blocks_of(page):
        if "not run" not in block.marks:
            reader.follow(block)


class Reader:
    """Somebody who does what a page says, from top to bottom, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder / "work", folder / "home"
        self.folder.mkdir()
        self.output = ""

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "KATIB_HOME": str(self.home),
            "COLUMNS": "200",
        }

    def follow(self, block: Block) -> None:
        if "file" in block.marks:
            file = self.folder / block.marks["file"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text)
        getattr(self, f"follow_{block.language}")(block)

    def follow_bash(self, block: Block) -> None:
        lines = block.text.splitlines()
        for line in lines:
            if line.startswith("make"):
                check_targets(line.partition("#")[0].split()[1:], str(block))
        script = "\n".join(line for line in lines if not line.startswith("make"))
        if not script.strip():
            return
        ended = subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        self.output = ended.stdout
        assert ended.returncode == 0, f"{block} ended with {ended.returncode}:\n{ended.stdout}"

    def follow_yaml(self, block: Block) -> None:
        for manifest in load_yaml(block.text, str(block)):
            assert manifest["kind"] == "Experiment", f"{block}: only experiments are shown"
            admit(manifest, an_admission_context())

    def follow_python(self, block: Block) -> None:
        if "entry" in block.marks or block.marks.get("file", "").startswith("src/"):
            # Followed by the test of the ten steps.
            compile(block.text, str(block), "exec")
            return
        # Who writes a file runs it: functions have their text there.
        words = [block.marks["file"]] if "file" in block.marks else ["-c", block.text]
        subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    def follow_toml(self, block: Block) -> None:
        groups = tomllib.loads(block.text)["project"]["entry-points"]
        assert set(groups) <= set(entry_point_groups().values()), str(block)

    def follow_text(self, block: Block) -> None:
        if "output" in block.marks:
            assert masked(block.text.strip()) in masked(self.output), f"{block}:\n{self.output}"


def masked(text: str) -> str:
    """A text without what differs from run to run: the end of trial names, and numbers."""
    return re.sub(
        r"-?\d+(?:\.\d+)?", "N", re.sub(r"-[bcdfghjklmnpqrstvwxz2-9]{8}\b", "-NAME", text)
    )


def an_admission_context() -> AdmissionContext:
    def find(kind: object, key: Key) -> None:
        return None

    return admission_context(find)


def entry_point_groups() -> dict[str, str]:
    """What → group, as the tables of the rooms say it."""
    table = re.compile(r'Registry\(\s*"([\w ]+)",\s*"([\w.]+)"')
    rooms = (ROOT / "src/katib").rglob("__init__.py")
    return {what: group for init in rooms for what, group in table.findall(init.read_text())}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def check_targets(words: list[str], place: str) -> None:
    unknown = set(words) - make_targets()
    assert not unknown, f"{place}: make has no target {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("page", EVERY_PAGE, ids=name_of)
def test_make_has_every_target_that_is_named(page: Path) -> None:
    check_targets(re.findall(r"`make ([a-z-]+)`", page.read_text()), name_of(page))


EXAMPLES = sorted((ROOT / "examples").rglob("*.yaml"))


# The published ones need more than one machine has, or a ConfigMap: a journey looks at them.
OUR_EXAMPLES = sorted((ROOT / "examples").glob("*/experiment.yaml"))


@pytest.mark.parametrize("file", OUR_EXAMPLES, ids=name_of)
def test_every_example_of_ours_is_admitted(file: Path) -> None:
    (manifest,) = load_yaml(file.read_bytes(), str(file))
    admit(manifest, an_admission_context())


def test_every_example_is_in_the_list_of_examples() -> None:
    listed = (ROOT / "examples/README.md").read_text()
    missing = [file for file in EXAMPLES if str(file.relative_to(ROOT / "examples")) not in listed]
    assert EXAMPLES
    assert not missing


# Names


def test_every_algorithm_has_a_section_and_every_section_an_algorithm() -> None:
    assert set(sections(DOCS / "algorithms.md")) == set(ALGORITHMS)


@pytest.mark.parametrize("name", sorted(ALGORITHMS))
def test_an_algorithms_settings_are_those_it_reads(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = sections(DOCS / "algorithms.md").get(name, "")
    check_settings(section, settings_read(ALGORITHMS.load(name), monkeypatch))


def test_the_algorithms_of_the_engines_own_process_are_those_that_are_light() -> None:
    text = (DOCS / "running-locally.md").read_text()
    found = re.search(r"answer at once and need little memory \(([^)]+)\)", text)
    assert found is not None
    assert set(re.findall(r"`([^`]+)`", found[1])) == LIGHT


def test_every_early_stopping_algorithm_has_a_section() -> None:
    assert set(sections(DOCS / "early-stopping.md")) == set(STOPPING_RULES)


@pytest.mark.parametrize("name", sorted(STOPPING_RULES))
def test_an_early_stopping_algorithms_settings_are_those_it_reads(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = sections(DOCS / "early-stopping.md").get(name, "")
    check_settings(section, settings_read(STOPPING_RULES.load(name), monkeypatch))


def check_settings(section: str, known: Mapping[str, Setting]) -> None:
    """The table has these settings, and each row the values and the default that they have."""
    found = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", section, re.MULTILINE)
    rows = {name: (values, default.strip("`")) for name, values, default in found}
    assert set(rows) == set(known)
    for name, setting in known.items():
        values, default = rows[name]
        for words in values_of(setting):
            assert words in values.replace("`", ""), f"{name} may be {setting.values}"
        assert number_or_text(default) == number_or_text(setting.default), name


def values_of(setting: Setting) -> Sequence[str]:
    """The parts of a setting's values that its row must have: the range, or every word."""
    text = re.sub(r"^a (whole )?number ?", "", setting.values)
    return re.split(r", or |, | or ", text)


def number_or_text(text: str) -> Fraction | str:
    """The same for 5e-5 and 5e-05."""
    try:
        return Fraction(text)
    except ValueError:
        return text


def settings_read(
    algorithm: type[Algorithm] | type[StoppingAlgorithm], monkeypatch: pytest.MonkeyPatch
) -> Mapping[str, Setting]:
    """All settings that an algorithm has read when it comes to say what is wrong."""
    known: dict[str, Setting] = {}

    def listen(self: SettingsReader) -> None:
        known.update(self.known)

    monkeypatch.setattr(SettingsReader, "check_values", listen)
    for experiment in search_spaces().values():
        with suppress(errors.SettingsError):
            algorithm.validate(experiment)
    return known


def sections(page: Path) -> dict[str, str]:
    """The sections whose headings are a name, ``## `random```."""
    parts = re.split(r"^## `([^`]+)`$", page.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("what", sorted(REGISTRIES))
def test_a_table_names_what_is_built_in(what: str) -> None:
    found = re.search(
        rf"^\| {what} \| `(?P<group>[\w.]+)` \| (?P<names>.+) \|$",
        (ROOT / "CONTRIBUTING.md").read_text(),
        re.MULTILINE,
    )
    assert found is not None, f"CONTRIBUTING.md has no row for {what}"
    assert found["group"] == entry_point_groups()[what]
    assert set(re.findall(r"`([^`]+)`", found["names"])) == set(REGISTRIES[what])


def test_every_registry_is_known_here() -> None:
    assert set(entry_point_groups()) == set(REGISTRIES)


def test_every_collector_is_in_the_reference() -> None:
    text = (DOCS / "experiment.md").read_text()
    assert [name for name in COLLECTORS if f"`{name}`" not in text] == []


def test_every_kind_that_runs_is_in_the_page_about_running() -> None:
    text = (DOCS / "running-locally.md").read_text()
    assert [name for name in EXECUTORS if not re.search(rf"\b{name}\b", text)] == []


def test_the_options_of_the_whole_program_are_named() -> None:
    text = (DOCS / "cli.md").read_text()
    program: Any = typer.main.get_command(build_program())
    flags = [flag for parameter in program.params for flag in parameter.opts]
    assert "--version" in flags
    assert [flag for flag in [*flags, "--help", "-h"] if flag not in text] == []


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_explained(code: ExitCode) -> None:
    assert f"\n| {code.value} | " in (DOCS / "cli.md").read_text()
    assert re.search(rf"\b{code.value} [a-z]", (ROOT / "README.md").read_text())


def katib_errors() -> list[type[errors.KatibError]]:
    """Every error class of the whole package."""
    for module in pkgutil.walk_packages(katib.__path__, "katib."):
        if module.name != "katib.__main__":
            importlib.import_module(module.name)
    found, waiting = [], [errors.KatibError]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return sorted(
        (one for one in found if one.__module__.startswith("katib.")), key=lambda one: one.__name__
    )


@pytest.mark.parametrize("error", katib_errors(), ids=lambda error: error.__name__)
def test_every_error_is_explained(error: type[errors.KatibError]) -> None:
    page = DOCS / "errors.md"
    if error.__module__ == errors.__name__:
        assert len(sections(page)[error.__name__].split()) > 5
    else:
        assert f"| `{error.__name__}` |" in page.read_text()


def test_no_error_is_explained_that_does_not_exist() -> None:
    known = {error.__name__ for error in katib_errors()}
    assert set(sections(DOCS / "errors.md")) <= known


def test_the_readme_shows_every_room() -> None:
    readme = (ROOT / "README.md").read_text()
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "src/katib").iterdir()
        if path.name not in ("__pycache__", "__init__.py", "py.typed")
    }
    assert sorted(room for room in rooms if f"`{room}`" not in readme) == []


# Generated parts


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_docs", ROOT / "scripts/generate_docs.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATED = [page for page in PAGES if "<!-- generated: " in re.sub(r"`.*?`", "", page.read_text())]


@pytest.mark.parametrize("page", GENERATED, ids=name_of)
def test_generated_parts_have_not_drifted(page: Path, generator: Any) -> None:
    text = page.read_text()
    assert generator.refreshed(text) == text, "run scripts/generate_docs.py"
    assert generator.find_gaps(text) == []


def test_there_are_generated_parts(generator: Any) -> None:
    used = {
        name
        for page in GENERATED
        for name in re.findall(r"<!-- generated: ([a-z-]+) -->", page.read_text())
    }
    assert used == set(generator.PARTS)


def test_a_field_that_nobody_explained_is_found(generator: Any) -> None:
    text = (DOCS / "experiment.md").read_text()
    assert "whether" not in text
    wrong = re.sub(r"(\| `goal` \| number \|)[^|]*\|", r"\1  |", text)
    assert generator.find_gaps(generator.refreshed(wrong)) == ["spec: spec.objective.goal"]


# Links


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for line in re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL).splitlines():
        if heading := re.match(r"#+ (.+)", line):
            kept = re.sub(r"[^\w\- ]", "", heading[1].lower())
            found.add(kept.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", EVERY_PAGE, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        place, _, anchor = target.partition("#")
        if re.match(r"\w+:", place):
            continue
        linked = (page.parent / place).resolve() if place else page
        is_there = linked.exists() and linked.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors_of(linked)):
            broken.append(target)
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text()
    pages = [page.relative_to(DOCS) for page in DOCS.rglob("*.md") if page.name != "index.md"]
    assert [str(page) for page in pages if f"({page})" not in index] == []


# Decisions and changes


@pytest.mark.parametrize("record", sorted((DOCS / "decisions").glob("*.md")), ids=name_of)
def test_a_decision_is_a_page_at_most(record: Path) -> None:
    text = record.read_text()
    assert len(text.splitlines()) <= 60
    assert text.startswith(f"# {record.name[:4]} ")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences"]


def test_decisions_are_counted_without_gaps() -> None:
    numbers = [int(record.name[:4]) for record in sorted((DOCS / "decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_changelog_fragments_have_a_topic_and_a_kind() -> None:
    fragments = [one for one in (ROOT / "changelog.d").iterdir() if one.name != "README.md"]
    shape = re.compile(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md")
    assert [one.name for one in fragments if not shape.fullmatch(one.name)] == []
    assert [one.name for one in fragments if not one.read_text().strip()] == []


# The ten steps


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Algorithm]:
    """The registry of algorithms after the steps of CONTRIBUTING.md, in a folder of its own."""
    blocks = list(blocks_of(ROOT / "CONTRIBUTING.md"))
    (source,) = [one for one in blocks if one.marks.get("file", "").endswith(".py")]
    (line,) = [one for one in blocks if one.marks.get("entry") == "algorithms"]
    path = Path(source.marks["file"])
    assert path.parent == Path("src/katib/search/algorithms")
    (tmp_path / path.name).write_text(source.text)
    room = [*katib.search.algorithms.__path__, str(tmp_path)]
    monkeypatch.setattr(katib.search.algorithms, "__path__", room)
    monkeypatch.delitem(sys.modules, f"katib.search.algorithms.{path.stem}", raising=False)
    entry: dict[str, str] = ast.literal_eval(line.text)
    return Registry("algorithm", "katib.algorithms", entry)


def test_an_algorithm_has_ten_steps() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, _, rest = text.partition("## An algorithm in ten steps\n")
    steps, _, _ = rest.partition("\n#")
    assert re.findall(r"^(\d+)\. ", steps, re.MULTILINE) == [str(n) for n in range(1, 11)]


CONTRACT = sorted(name for name in vars(AlgorithmContract) if name.startswith("test_"))


@pytest.mark.parametrize("promise", CONTRACT)
def test_who_follows_the_ten_steps_keeps_the_contract(
    promise: str, newcomer: Registry[Algorithm]
) -> None:
    (name,) = set(newcomer) - set(ALGORITHMS)
    getattr(AlgorithmContract(), promise)(newcomer.load(name))


def test_a_plug_in_is_found_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = list(blocks_of(ROOT / "CONTRIBUTING.md"))
    (source,) = [one for one in blocks if one.marks.get("file", "").endswith(".py")]
    (declared,) = [one for one in blocks if one.language == "toml"]
    ((group, entries),) = tomllib.loads(declared.text)["project"]["entry-points"].items()
    ((name, place),) = entries.items()
    module = tmp_path / (place.partition(":")[0].replace(".", "/") + ".py")
    module.parent.mkdir()
    module.write_text(source.text)
    info = tmp_path / "my_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {place}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry: Registry[Algorithm] = Registry("algorithm", group, {})
    assert name in registry
    assert registry.load(name).__name__ == place.partition(":")[2]
