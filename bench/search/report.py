"""What the recorded searches come to: ranks, wins and regrets, as Markdown tables.

The normalised regret after t trials is the best true loss so far, less the optimum, as a share of
the way from the median of random points to the optimum: 1 is what a single random point reaches, 0
is the optimum. The area is the mean, over the trials, of the logarithm of that regret. Ranks are
taken within one family, for each task and seed, of both measures; equal ones share their mean
rank. A family's ranking uses the tasks and seeds that all who are ranked have finished; a peer that
has not finished every task is compared with ours alone. Intervals are 95 %, by bootstrap over
tasks, and over seeds within them.
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
from bench.search.drive import MODES, TRIALS, run_of
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


def print_report(results: Sequence[Path], tasks: Sequence[str]) -> None:
    """Print everything that the files have about these tasks."""
    lines = [json.loads(text) for file in results for text in file.read_text().splitlines()]
    # A search may be there twice: failed and tried again, or in two files.
    known = {run_of(line): line for line in sorted(lines, key=lambda line: "true" in line)}
    lines = [line for line in known.values() if line["task"] in set(tasks)]
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
    names = [name for name, one in CONTENDERS.items() if family in one.families]
    found = [name for name in names if name in searches]
    return sorted(found, key=lambda name: (not CONTENDERS[name].is_ours, name == "random"))


def ranked(searches: Searches, names: Sequence[str]) -> list[str]:
    """Those of a family that have finished every task that the first has, once at least."""

    def tasks(name: str) -> set[str]:
        return {task for task, _ in searches[name]}

    return [name for name in names if tasks(name) >= tasks(names[0])]


def shared(searches: Searches, names: Sequence[str], group: str = "") -> list[Cell]:
    """The tasks and seeds that all of these have finished, of one group or of all."""
    cells = set.intersection(*(set(searches[name]) for name in names))
    return sorted(cell for cell in cells if not group or group_of(cell[0]) == group)


def wins_of(searches: Searches, ours: str, other: str, cells: Sequence[Cell]) -> Floats:
    """For each task and seed 1 where ours is better and 0 where not; a half by one measure."""
    return np.asarray(2 - ranks_of(searches, [ours, other], cells)[:, 0], dtype=np.float64)


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
    """A table for all families: average ranks, and how often ours is better than each other."""
    print("| family | algorithm | average rank | searches | ours is better in | searches |")
    print("|---|---|---:|---:|---:|---:|")
    for family, ours in FAMILIES.items():
        names = members_of(family, searches)
        if ours not in names:
            continue
        full = ranked(searches, names)
        cells = shared(searches, full)
        ranks = ranks_of(searches, full, cells) if cells else np.empty((0, len(full)))
        for name in names:
            columns = ["", ""]
            if name in full and cells:
                column = ranks[:, full.index(name)]
                columns = [_with_interval(column, cells, "{:.2f}"), str(len(cells))]
            both = shared(searches, [ours, name])
            if name != ours and both:
                wins = wins_of(searches, ours, name, both)
                columns += [_with_interval(wins, both, "{:.0%}"), str(len(both))]
            print(f"| {family} | {name} | " + " | ".join([*columns, "", ""][:4]) + " |")


def _with_interval(values: Floats, cells: Sequence[Cell], shape: str) -> str:
    low, high = interval(values, [task for task, _ in cells])
    return f"{shape} ({shape} to {shape})".format(values.mean(), low, high)


def print_groups(searches: Searches, groups: Sequence[str]) -> None:
    """A table of the share of tasks and seeds where ours beats each other, group by group."""
    print("\n| ours | against | " + " | ".join(groups) + " |")
    print("|---|---|" + "---:|" * len(groups))
    for ours, others in _duels(searches):
        for other in others:
            shares = [_share(searches, ours, other, group) for group in groups]
            print(f"| {ours} | {other} | " + " | ".join(shares) + " |")


def _duels(searches: Searches) -> Iterator[tuple[str, list[str]]]:
    for ours, contender in CONTENDERS.items():
        if contender.is_ours and ours in searches:
            families = contender.families
            others = [name for family in families for name in members_of(family, searches)]
            yield ours, [name for name in others if name != ours] or ["random"]


def _share(searches: Searches, ours: str, other: str, group: str) -> str:
    if other not in searches:
        return ""
    cells = shared(searches, [ours, other], group)
    if not cells:
        return ""
    return f"{wins_of(searches, ours, other, cells).mean():.0%}"


def print_regrets(searches: Searches, tasks: Sequence[str]) -> None:
    """The median of the final regret of everybody, task by task, and the seconds of a search."""
    names = [name for name in CONTENDERS if name in searches]
    print("\n| median of the final regret | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for task in tasks:
        row = [_median(searches[name], task) for name in names]
        if any(row):
            print(f"| {task} | " + " | ".join(row) + " |")
    seconds = [np.median([one.seconds for one in searches[name].values()]) for name in names]
    print("| *seconds for all suggestions* | " + " | ".join(f"{one:.1f}" for one in seconds) + " |")


def _median(searches: Mapping[Cell, Search], task: str) -> str:
    finals = [one.final for (name, _), one in searches.items() if name == task]
    return f"{np.median(finals):.2g}" if finals else ""
