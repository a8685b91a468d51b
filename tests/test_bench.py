"""The tasks of `bench/search` are what they say, and its report counts right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.search import tables
from bench.search.contenders import CONTENDERS, FAMILIES
from bench.search.drive import TRIALS, runs_in, search, takes_part
from bench.search.report import FLOOR, interval, print_report, ranks_of, read
from bench.search.reported import REPORTED
from bench.search.space import Config, Parameter, double, integer, random_config, words
from bench.search.task import Task, group_of
from bench.search.tasks import GRIDS, SUITES
from bench.search.tuning import TUNING

MAKERS = {name: maker for suite in SUITES.values() for name, maker in suite.makers.items()}
SEED = 3


@pytest.fixture(params=sorted(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


# Tasks


def test_there_are_enough_of_every_group_and_size() -> None:
    assert len(REPORTED.makers) >= 15
    assert not set(REPORTED.makers) & set(TUNING.makers)
    for suite in SUITES.values():
        assert suite.groups == ["analytic", "mixed", "table", "noisy"]
    sizes = {len(maker(SEED).space) for maker in REPORTED.makers.values()}
    assert min(sizes) == 2
    assert max(sizes) == 20


def test_nothing_is_better_than_the_best(name: str) -> None:
    rng = np.random.default_rng(SEED)
    for seed in (0, SEED):
        task = MAKERS[name](seed)
        others = [random_config(task.space, rng) for _ in range(300)]
        others += [near(task, rng) for _ in range(100)]
        assert min(map(task.true, others)) >= task.optimum - 1e-6 * abs(task.optimum)
        assert task.median() > task.optimum


def near(task: Task, rng: np.random.Generator) -> Config:
    """The best point with one value of another point."""
    return {**task.best, **dict([list(random_config(task.space, rng).items())[rng.integers(2)]])}


def test_an_optimum_is_neither_in_the_centre_nor_in_a_corner_and_moves() -> None:
    for name, maker in MAKERS.items():
        if group_of(name) == "analytic":
            one, other = (maker(seed) for seed in (0, 1))
            places = [parameter.unit(one.best[parameter.name]) for parameter in one.space]
            assert all(0.08 <= abs(place - 0.5) <= 0.4 for place in places), name
            assert one.best != other.best


def test_the_same_seed_makes_the_same_task(name: str) -> None:
    one, other = MAKERS[name](SEED), MAKERS[name](SEED)
    config = random_config(one.space, np.random.default_rng(SEED))
    assert one.true(config) == other.true(config)
    assert one.best == other.best


def test_only_noisy_tasks_hide_the_truth(name: str) -> None:
    task, rng = MAKERS[name](SEED), np.random.default_rng(SEED)
    config = random_config(task.space, rng)
    seen = np.array([task.loss(config, rng) for _ in range(400)])
    true = task.true(config)
    assert set(seen[:, 1]) == {true}
    if group_of(name) == "noisy":
        assert seen[:, 0].std() > 0
        assert abs(seen[:, 0].mean() - true) < 4 * seen[:, 0].std() / 20
    else:
        assert set(seen[:, 0]) == {true}


@pytest.mark.parametrize("table", sorted(GRIDS))
def test_a_table_has_a_row_for_every_configuration(table: str) -> None:
    grid = GRIDS[table]
    errors = tables.errors_of(table)
    assert errors.shape == (tables.size_of(grid), 4)
    assert np.isfinite(errors).all()
    assert (errors >= 0).all()
    assert 400 <= len(errors) <= 2000
    rows = range(len(errors))
    assert [tables.row_of(grid, tables.config_of(grid, row)) for row in rows] == list(rows)


def test_the_tables_are_small() -> None:
    assert tables.FILE.stat().st_size < 500_000


@pytest.mark.parametrize(
    "parameter",
    [
        double("a", -1.0, 2.0),
        double("a", 1e-4, 10.0, is_log=True),
        double("a", 0.0, 0.6, step=0.1),
        integer("a", -3, 5),
        integer("a", 10, 100, step=30),
        integer("a", 1, 1000, is_log=True),
        words("a", "x", "y", "z"),
    ],
    ids=str,
)
def test_the_unit_interval_covers_a_parameter(parameter: Parameter) -> None:
    values = [parameter.at(unit) for unit in np.linspace(0, 1, 501)]
    if parameter.kind == "categorical":
        assert set(values) == set(parameter.choices)
        return
    numbers = [float(value) for value in values]
    assert numbers == sorted(numbers)
    assert numbers[0] == pytest.approx(parameter.low)
    assert numbers[-1] == pytest.approx(parameter.high)
    if parameter.step:
        assert all(
            parameter.at((parameter.index(one) + 0.5) / (parameter.size or 1)) == one
            for one in values
            if not parameter.is_log
        )
    assert [parameter.unit(parameter.low), parameter.unit(parameter.high)] == [0, 1]


# Searches


@pytest.mark.parametrize("contender", ["random", "katib-random", "katib-sobol", "katib-cmaes"])
@pytest.mark.parametrize("batch", [1, 5])
def test_a_search_records_every_trial(contender: str, batch: int) -> None:
    task = MAKERS["mixed/schedule-7"](SEED)
    found = search(contender, task, SEED, batch)
    assert len(found["true"]) == len(found["observed"]) == TRIALS
    assert found["true"] == found["observed"]
    assert min(found["true"]) >= task.optimum
    again = search(contender, task, SEED, batch)
    assert again["true"] == found["true"]


def test_grid_search_takes_part_where_the_space_ends() -> None:
    assert takes_part("katib-grid", "table/svm-digits")
    assert not takes_part("katib-grid", "mixed/kernel-5")
    assert takes_part("katib-tpe", "mixed/kernel-5")


def test_what_was_run_is_known_and_what_failed_is_not(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert runs_in(file) == set()
    failed = {"error": "ValueError: no"} | json.loads(a_line("random", 2, []))
    file.write_text(a_line("random", 1, [1.0]) + json.dumps(failed) + "\n")
    assert runs_in(file) == {("random", "analytic/sphere-9", 1, "sequential")}


def test_every_family_has_one_of_ours_and_a_peer() -> None:
    for family, ours in FAMILIES.items():
        members = [name for name, one in CONTENDERS.items() if family in one.families]
        assert ours in members
        assert "random" in members
        assert len(members) >= 3


def test_every_version_is_pinned() -> None:
    folder = Path(tables.__file__).parent / "requirements"
    for environment in {one.environment for one in CONTENDERS.values()} - {"katib"}:
        lines = (folder / f"{environment}.txt").read_text().split()
        assert all("==" in line for line in lines)


# The report


def a_line(contender: str, seed: int, true: list[float]) -> str:
    line = {"contender": contender, "task": "analytic/sphere-9", "seed": seed}
    line |= {"mode": "sequential", "true": true, "ask_seconds": 1.0}
    return json.dumps(line) + "\n"


def test_who_is_lower_earlier_has_the_better_rank() -> None:
    ends_alike = {"random": [9.0, 9.0, 1.0], "katib-tpe": [9.0, 1.0, 1.0]}
    lines = [json.loads(a_line(name, 0, true)) for name, true in ends_alike.items()]
    searches = read(lines)
    names, cells = list(ends_alike), [("analytic/sphere-9", 0)]
    # Equal at the end: both have rank 1.5 there; by area one is first and the other second.
    assert ranks_of(searches, names, cells).tolist() == [[1.75, 1.25]]


def test_a_regret_is_never_less_than_the_floor() -> None:
    searches = read([json.loads(a_line("random", 0, [0.0]))])
    assert searches["random"]["analytic/sphere-9", 0].final == FLOOR


def test_an_interval_holds_the_mean_and_widens_with_the_spread_of_tasks() -> None:
    tasks = ["a"] * 10 + ["b"] * 10
    alike = np.tile([1.0, 2.0], 10)
    apart = np.array([1.0] * 10 + [3.0] * 10)
    low, high = interval(alike, tasks)
    assert low < 1.5 < high
    wide_low, wide_high = interval(apart, tasks)
    assert wide_low < low
    assert wide_high > high


def test_a_report_says_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.jsonl"
    failed = json.loads(a_line("optuna-tpe", 0, [])) | {"error": "ValueError: no"}
    del failed["true"]
    rows = [a_line("random", 0, [9.0, 3.0]), a_line("katib-tpe", 0, [9.0, 1.0])]
    file.write_text("".join([*rows, json.dumps(failed) + "\n"]))
    print_report([file], ["analytic/sphere-9"])
    printed = capsys.readouterr().out
    assert "failed 1 times: optuna-tpe: ValueError: no" in printed
    assert "| tpe | katib-tpe | 1.00 (1.00 to 1.00) | 1 |  |  |" in printed
    assert "| tpe | random | 2.00 (2.00 to 2.00) | 1 | 100% (100% to 100%) | 1 |" in printed
