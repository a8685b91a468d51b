"""How many epochs do searches that give up early need for the quality of full training?

    OPENBLAS_NUM_THREADS=1 .venv/bin/python bench/search/curves.py

Plays searches on the recorded learning curves of `curves.npz` (see `make_curves.py`) and prints
Markdown tables. What is to be reached is the error that random search has after training N
configurations to the end, in the median of many such searches; counted are the epochs that were
trained until then, as a share of N times all epochs. A trial's error is the smallest of its epochs,
as Katib counts it.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.search.algorithms import ALGORITHMS
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

FILE = Path(__file__).resolve().parent / "curves.npz"
RESOURCE = "epochs"

ACCOUNTS = {
    "again": "A promoted trial is trained from the start",
    "resumed": "A promoted trial goes on with its parent's checkpoint",
}


@dataclass(frozen=True)
class Table:
    """One task.

    Attributes:
        name: what is trained, on what.
        parameters: name → its values, as texts.
        is_number: the same → whether they are numbers.
        errors: (n_points, n_epochs), the smallest error so far; infinite while there is none.
    """

    name: str
    parameters: Mapping[str, Sequence[str]]
    is_number: Mapping[str, bool]
    errors: NDArray[np.float64]

    @property
    def epochs(self) -> int:
        """How many a full training has."""
        return int(self.errors.shape[1])

    def target(self, configurations: int) -> float:
        """What random search has after training so many to the end: the median of 1,000 times."""
        draws = np.random.default_rng(0).choice(self.errors[:, -1], (1000, configurations))
        return float(np.median(draws.min(axis=1)))

    def error(self, values: Mapping[str, str], epochs: int) -> float:
        """What a trial of a point comes to."""
        number = 0
        for name, known in self.parameters.items():
            number = number * len(known) + known.index(values[name])
        return float(self.errors[number, epochs - 1])

    def experiment(self, algorithm: str, settings: Mapping[str, str]) -> Experiment:
        """Its search; with the number of epochs as a parameter if that is a setting."""
        builder = an_experiment().with_algorithm(algorithm, **settings).with_trials(None)
        for name, values in self.parameters.items():
            kind = names.DISCRETE if self.is_number[name] else names.CATEGORICAL
            builder.with_parameter(name, kind, list=values)
        if "resource_name" in settings:
            builder.with_parameter(RESOURCE, names.INT, min="1", max=str(self.epochs))
        return builder.build()


def load(file: Path = FILE) -> list[Table]:
    """All tasks of a file."""
    tables = []
    with np.load(file) as arrays:
        for name in sorted(arrays.files):
            if name.endswith(": parameters"):
                continue
            given = json.loads(str(arrays[f"{name}: parameters"]))
            errors = np.nan_to_num(arrays[name].astype(np.float64), nan=np.inf)
            tables.append(
                Table(
                    name=name,
                    parameters={one: list(map(str, values)) for one, values in given.items()},
                    is_number={one: not isinstance(v[0], str) for one, v in given.items()},
                    errors=np.minimum.accumulate(errors, axis=1),
                )
            )
    return tables


@dataclass(frozen=True)
class Contender:
    """A search: its algorithm, and its settings."""

    algorithm: str
    settings: Mapping[str, str]


@dataclass
class Run:
    """The errors that were the best so far, and after how many epochs in all."""

    bests: list[tuple[int, float]]

    def note(self, epochs: int, error: float) -> None:
        """A trial has ended, and so many epochs were trained until then."""
        if not self.bests or error < self.bests[-1][1]:
            self.bests.append((epochs, error))

    def at(self, epochs: float) -> float:
        """The best error after so many epochs."""
        return min((error for spent, error in self.bests if spent <= epochs), default=math.inf)

    def until(self, error: float) -> float:
        """How many epochs it took to be as good; infinite if it never was."""
        return min((spent for spent, found in self.bests if found <= error), default=math.inf)


class Play:
    """One search, some trials at a time; an epoch takes the same time in each of them.

    Two accounts are kept: `again`, where a promoted trial is trained from the start, and `resumed`,
    where it goes on with its parent's checkpoint. Epochs are counted when their trial has ended.
    """

    def __init__(self, table: Table, contender: Contender, seed: int, workers: int) -> None:
        self._table, self._contender, self._workers = table, contender, workers
        self._experiment = table.experiment(contender.algorithm, contender.settings)
        self._search = ALGORITHMS.load(contender.algorithm)(self._experiment, seed)
        self._running: list[tuple[int, str, int, Trial]] = []
        self._epochs: dict[str, int] = {}
        self._now = 0
        self._is_over = False
        self.again, self.resumed = Run([]), Run([])
        self.spent_again = self.spent_resumed = 0

    def go_on(self) -> bool:
        """Start what can be started and wait for the next end; false if that was all."""
        free = self._workers - len(self._running)
        if free and not self._is_over:
            reply = self._search.suggest(len(self._epochs), free)
            self._is_over = reply.is_exhausted
            self._search.tell([self._start(one) for one in reply.assignments])
        if not self._running:
            return False
        self._now, name, resumed, trial = heapq.heappop(self._running)
        values = {pair.name: pair.value for pair in trial.spec.parameter_assignments}
        error = self._table.error(values, self._epochs[name])
        self.spent_again += self._epochs[name]
        self.spent_resumed += resumed
        self.again.note(self.spent_again, error)
        self.resumed.note(self.spent_resumed, error)
        self._search.tell([a_succeeded_trial(trial, repr(error))])
        return True

    def _start(self, assignment: TrialAssignment) -> Trial:
        values = {pair.name: pair.value for pair in assignment.parameter_assignments}
        epochs = int(values.get(RESOURCE, self._table.epochs))
        labels: Mapping[str, str] = assignment.labels or {}
        parent = labels.get(f"{self._contender.algorithm}.suggestion/parent", "")
        resumed = epochs - self._epochs.get(parent, 0)
        trial = a_running_trial(self._experiment, f"trial-{len(self._epochs):05}", assignment)
        self._epochs[trial.metadata.name] = epochs
        heapq.heappush(self._running, (self._now + epochs, trial.metadata.name, resumed, trial))
        return trial


def contenders(table: Table) -> dict[str, Contender]:
    """Everything that is compared; the first is what the others are compared with."""
    resource = {"resource_name": RESOURCE, "r_l": str(table.epochs), "eta": "3"}
    return {
        "random": Contender("random", {}),
        "multivariate-tpe": Contender("multivariate-tpe", {}),
        "hyperband": Contender("hyperband", {**resource, "iterations": "100"}),
        "bohb": Contender("bohb", {**resource, "iterations": "100"}),
        "asha": Contender("asha", resource),
        "asha, sampler tpe": Contender("asha", {**resource, "sampler": "tpe"}),
    }


def play_until(play: Play, budget: int, error: float) -> None:
    """Until it has spent the budget, or a third of it and is as good."""
    while play.spent_again < budget:
        is_good = play.again.until(error) < math.inf and play.spent_resumed >= budget / 3
        if is_good or not play.go_on():
            return


def ranks(values: Sequence[float]) -> list[float]:
    """1 for the smallest; equal ones share the mean of their ranks."""
    order = sorted(values)
    return [(order.index(one) + len(order) - order[::-1].index(one) + 1) / 2 for one in values]


def measure(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """One row for each account, task, seed, contender and number of full trainings."""
    peers = read_peers(flags.peers)
    most = max(flags.configurations)
    for table in load(flags.file):
        for seed in range(flags.seeds):
            plays = {
                name: Play(table, one, seed, flags.workers)
                for name, one in contenders(table).items()
            }
            for play in plays.values():
                play_until(play, most * table.epochs, table.target(most))
            again = {name: play.again for name, play in plays.items()}
            resumed = {name: play.resumed for name, play in plays.items()}
            resumed |= peers.get((table.name, seed), {})
            for account, runs in (("again", again), ("resumed", resumed)):
                for row in rows_of(table, runs, flags.configurations):
                    yield {"account": account, "task": table.name, "seed": seed, **row}
            print(f"{table.name}: seed {seed}", file=sys.stderr, flush=True)


def rows_of(
    table: Table, runs: Mapping[str, Run], configurations: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """How each run compares with so many full trainings."""
    for number in configurations:
        budget = number * table.epochs
        third = ranks([run.at(budget / 3) for run in runs.values()])
        for (name, run), rank in zip(runs.items(), third, strict=True):
            share = run.until(table.target(number)) / budget
            yield {"configurations": number, "contender": name, "share": share, "rank": rank}


def read_peers(file: Path | None) -> dict[tuple[str, int], dict[str, Run]]:
    """Task and seed → contender → what it did, as `curves_optuna.py` printed it."""
    peers: dict[tuple[str, int], dict[str, Run]] = {}
    for line in file.read_text().splitlines() if file else ():
        row = json.loads(line)
        run = Run([(spent, error) for spent, error in row["bests"]])
        peers.setdefault((row["task"], row["seed"]), {})[row["contender"]] = run
    return peers


def report(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table: median shares for each task, and the mean rank after a third of the epochs."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    lines = [f"| | {' | '.join(tasks)} | all | mean rank |", "|---" * (len(tasks) + 3) + "|"]
    for name in dict.fromkeys(row["contender"] for row in rows):
        mine = [row for row in rows if row["contender"] == name]
        cells = [
            _share([row["share"] for row in mine if row["task"] in wanted])
            for wanted in (*([task] for task in tasks), tasks)
        ]
        rank = sum(row["rank"] for row in mine) / len(mine)
        lines.append(f"| {name} | {' | '.join(cells)} | {rank:.2f} |")
    return "\n".join(lines)


def _share(shares: Sequence[float]) -> str:
    middle = median(shares)
    if middle < 0.005:
        return "<0.01"
    return f"{middle:.2f}" if middle < math.inf else "never"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--file", type=Path, default=FILE, help="recorded curves")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1, help="trials at a time")
    parser.add_argument(
        "--configurations",
        type=int,
        nargs="+",
        default=[16, 32, 64],
        help="how many random search trains to the end",
    )
    parser.add_argument("--peers", type=Path, help="what curves_optuna.py printed")
    flags = parser.parse_args()
    rows = list(measure(flags))
    for account, words in ACCOUNTS.items():
        for number in flags.configurations:
            wanted = (account, number)
            some = [row for row in rows if (row["account"], row["configurations"]) == wanted]
            print(f"{words}; {number} configurations:\n\n{report(some)}\n")


if __name__ == "__main__":
    main()
