"""What the recorded searches come to: ranks, wins and regrets, as Markdown tables.

The normalised regret after t trials is the best true loss so far, less the optimum, as a share of
the way from the median of random points to the optimum: 1 is what a single random point reaches, 0
is the optimum. The area is the mean, over the trials, of the logarithm of that regret. Ranks are
taken within one family, for each task and seed, of both; equal ones share their mean rank. A
family's ranking only uses the tasks and seeds that all of its members have finished.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.search.contenders import CONTENDERS, FAMILIES
from bench.search.drive import MODES, TRIALS
from bench.search.task import group_of
from bench.search.tasks import SUITES

Floats = NDArray[np.float64]
#: A regret below it is as good as none: a hundred-thousandth of what chance reaches at once.
FLOOR = 1e-5
RESAMPLES = 2000
Cell = tuple[str, int]


@dataclass(frozen=True)
class Search:
    """One recorded search.

    Attributes:
        final: the normalised regret at the end.
        area: the mean logarithm (base 10) of the normalised regret over all trials.
        seconds: what asking and telling took in all.
    """

    final: float
    area: float
    seconds: float


#: Of one mode: contender → task and seed → search.
Searches = Mapping[str, Mapping[Cell, Search]]


def print_report(results: Path, tasks: Sequence[str]) -> None:
    """Print everything that the file has about these tasks."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    lines = [line for line in lines if line["task"] in set(tasks)]
    failures = Counter(f"{one['contender']}: {one['error']}" for one in lines if "error" in one)
    for failure, count in sorted(failures.items()):
        print(f"failed {count} times: {failure}")
    for mode in MODES:
        searches = read(line for line in lines if line["mode"] == mode and "true" in line)
        print(f"\n## {mode}\n")
        print_ranks(searches)
        print_groups(searches, list(dict.fromkeys(map(group_of, tasks))))
        print_regrets(searches, tasks)


def read(lines: Iterable[Mapping[str, object]]) -> dict[str, dict[Cell, Search]]:
    """The searches by contender, and by task and seed."""
    found: dict[str, dict[Cell, Search]] = {}
    for line in lines:
        task, seed = str(line["task"]), int(str(line["seed"]))
        regrets = regrets_of(task, seed, np.array(line["true"]))
        search = Search(
            float(regrets[-1]), float(np.log10(regrets).mean()), float(str(line["ask_seconds"]))
        )
        found.setdefault(str(line["contender"]), {})[task, seed] = search
    return found


def regrets_of(task: str, seed: int, true: Floats) -> Floats:  # (TRIALS,)
    """The normalised regret after each trial; a search that ended early stays where it was."""
    optimum, median = scale_of(task, seed)
    regrets = (np.minimum.accumulate(true) - optimum) / (median - optimum)
    return np.maximum(np.pad(regrets, (0, TRIALS - len(regrets)), mode="edge"), FLOOR)


@cache
def scale_of(task: str, seed: int) -> tuple[float, float]:
    """The optimum of a task, and the median of its random points."""
    maker = next(suite.makers[task] for suite in SUITES.values() if task in suite.makers)
    made = maker(seed)
    return made.optimum, made.median()


# Ranks


def ranks_of(searches: Searches, names: Sequence[str], cells: Sequence[Cell]) -> Floats:
    """The mean of the ranks by final regret and by area: a row for each cell, a column each."""
    values = [[searches[name][cell] for name in names] for cell in cells]
    finals = np.array([[one.final for one in row] for row in values])
    areas = np.array([[one.area for one in row] for row in values])
    return (_ranks(finals) + _ranks(areas)) / 2


def _ranks(values: Floats) -> Floats:  # (n_cells, n_names)
    """From 1 for the smallest of each row; equal ones share."""
    smaller = (values[:, None, :] < values[:, :, None]).sum(axis=2)
    equal = (values[:, None, :] == values[:, :, None]).sum(axis=2)
    return np.asarray(smaller + (equal + 1) / 2, dtype=np.float64)


def members_of(family: str, searches: Searches) -> list[str]:
    """Who of a family has any searches: ours first, chance last."""
    names = [
        name for name, one in CONTENDERS.items() if family in one.families and name in searches
    ]
    return sorted(names, key=lambda name: (not CONTENDERS[name].is_ours, name == "random"))


def shared(searches: Searches, names: Sequence[str], group: str = "") -> list[Cell]:
    """The tasks and seeds that all of these have finished, of one group or of all."""
    cells = set.intersection(*(set(searches[name]) for name in names)) if names else set()
    return sorted(cell for cell in cells if not group or group_of(cell[0]) == group)


def interval(values: Floats, tasks: Sequence[str]) -> tuple[float, float]:
    """Between which the mean lies, 95 %: tasks are drawn again, and seeds within each."""
    rng = np.random.default_rng(5)
    by_task = [values[np.array(tasks) == task] for task in sorted(set(tasks))]
    means = []
    for _ in range(RESAMPLES):
        drawn = [by_task[number] for number in rng.integers(len(by_task), size=len(by_task))]
        means.append(np.concatenate([rng.choice(one, len(one)) for one in drawn]).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def print_ranks(searches: Searches) -> None:
    """A table for all families: average rank, and how ours stands to each of the others."""
    print("| family | algorithm | average rank | ours is better in | rank behind ours | searches |")
    print("|---|---|---:|---:|---:|---:|")
    for family, ours in FAMILIES.items():
        names = members_of(family, searches)
        cells = shared(searches, names)
        if ours not in names or not cells:
            continue
        ranks = ranks_of(searches, names, cells)
        tasks = [task for task, _ in cells]
        for column, name in enumerate(names):
            low, high = interval(ranks[:, column], tasks)
            row = f"| {family} | {name} | {ranks[:, column].mean():.2f} ({low:.2f} to {high:.2f}) "
            behind = ranks[:, column] - ranks[:, names.index(ours)]
            if name == ours:
                print(f"{row}| | | {len(cells)} |")
                continue
            wins = np.mean(np.where(behind == 0, 0.5, behind > 0))
            low, high = interval(behind, tasks)
            print(f"{row}| {wins:.0%} | {behind.mean():+.2f} ({low:+.2f} to {high:+.2f}) | |")


def print_groups(searches: Searches, groups: Sequence[str]) -> None:
    """A table of the share of tasks and seeds where ours beats each other, group by group."""
    print("\n| ours | against | " + " | ".join(groups) + " |")
    print("|---|---|" + "---:|" * len(groups))
    for ours, others in _duels(searches):
        for other in others:
            shares = [_share(searches, ours, other, group) for group in groups]
            print(f"| {ours} | {other} | " + " | ".join(shares) + " |")


def _duels(searches: Searches) -> Iterator[tuple[str, list[str]]]:
    for ours in searches:
        if CONTENDERS[ours].is_ours:
            families = CONTENDERS[ours].families
            others = [name for family in families for name in members_of(family, searches)]
            yield ours, [name for name in others if name != ours] or ["random"]


def _share(searches: Searches, ours: str, other: str, group: str) -> str:
    if other not in searches:
        return ""
    cells = shared(searches, [ours, other], group)
    if not cells:
        return ""
    ranks = ranks_of(searches, [ours, other], cells)
    return f"{np.mean(2 - ranks[:, 0]):.0%}"


def print_regrets(searches: Searches, tasks: Sequence[str]) -> None:
    """The median of the final regret of everybody, task by task, and the seconds of a search."""
    names = [name for name in CONTENDERS if name in searches]
    print("\n| median of the final regret | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for task in tasks:
        row = [_median(searches[name], task) for name in names]
        print(f"| {task} | " + " | ".join(row) + " |")
    seconds = [np.median([one.seconds for one in searches[name].values()]) for name in names]
    print("| *seconds for all suggestions* | " + " | ".join(f"{one:.1f}" for one in seconds) + " |")


def _median(searches: Mapping[Cell, Search], task: str) -> str:
    finals = [one.final for (name, _), one in searches.items() if name == task]
    return f"{np.median(finals):.2g}" if finals else ""
