"""Run searches of one environment's contenders, and append a line of JSON for each.

::

    PYTHON -m bench.search.drive FILE --contenders optuna-tpe --seeds 0 1 --modes sequential

Started by :mod:`bench.search` with the Python of that environment. What the file has already is
left out, so that a run can be broken off and taken up again.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from bench.search.contenders import CONTENDERS
from bench.search.drivers import Driver
from bench.search.task import Task
from bench.search.tasks import SUITES

TRIALS = 100
#: How many trials run at a time.
MODES = {"sequential": 1, "batch": 5}

Run = tuple[str, str, int, str]


def main() -> None:
    flags = parse_flags()
    makers = {name: maker for suite in SUITES.values() for name, maker in suite.makers.items()}
    done = runs_in(flags.results)
    plan = itertools.product(flags.contenders, flags.tasks, flags.seeds, flags.modes)
    for run in plan:
        contender, task, seed, mode = run
        if run in done or not takes_part(contender, task):
            continue
        line = {"contender": contender, "task": task, "seed": seed, "mode": mode}
        try:
            line |= search(contender, makers[task](seed), seed, MODES[mode])
        except Exception as error:  # The other runs go on; the report counts those that failed.
            line["error"] = f"{type(error).__name__}: {error}"[:500]
        with flags.results.open("a") as file:
            file.write(json.dumps(line) + "\n")
        said = line.get("error") or f"{line['ask_seconds']:.1f} s"
        print(f"{contender} {task} {seed} {mode}: {said}", file=sys.stderr, flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--contenders", nargs="+", required=True, choices=CONTENDERS)
    parser.add_argument("--tasks", nargs="+", required=True)
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument("--modes", nargs="+", required=True, choices=MODES)
    return parser.parse_args()


def runs_in(results: Path) -> set[Run]:
    """What has been done; what failed is to be tried again."""
    if not results.exists():
        return set()
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    return {run_of(line) for line in lines if "error" not in line}


def run_of(line: Mapping[str, Any]) -> Run:
    """Which search a line is of."""
    return line["contender"], line["task"], line["seed"], line["mode"]


def takes_part(contender: str, task: str) -> bool:
    """Grid search is for spaces that end."""
    return contender != "katib-grid" or task.startswith("table/")


def make_driver(contender: str, task: Task, seed: int, trials: int) -> Driver:
    """The contender, ready for the task."""
    one = CONTENDERS[contender]
    module: Any = importlib.import_module(f"bench.search.drivers.{one.driver}")
    driver: Driver = module.make(task.space, one.option, seed, trials)
    return driver


def search(contender: str, task: Task, seed: int, batch: int) -> dict[str, Any]:
    """One search from beginning to end.

    Returns:
        ``true`` and ``observed``: the losses in the order of trials; ``ask_seconds``: processor
        time of all asking and telling together; ``ask_median``: of one round.
    """
    driver = make_driver(contender, task, seed, TRIALS)
    rng = np.random.default_rng([seed, 4])
    true: list[float] = []
    observed: list[float] = []
    rounds: list[float] = []
    while len(true) < TRIALS:
        started = time.process_time()
        configs = driver.ask(min(batch, TRIALS - len(true)))
        rounds.append(time.process_time() - started)
        if not configs:
            break
        losses = [task.loss(config, rng) for config in configs]
        started = time.process_time()
        driver.tell(configs, [loss for loss, _ in losses])
        rounds[-1] += time.process_time() - started
        observed += [loss for loss, _ in losses]
        true += [loss for _, loss in losses]
    return {
        "true": [float(f"{loss:.6g}") for loss in true],
        "observed": [float(f"{loss:.6g}") for loss in observed],
        "ask_seconds": round(sum(rounds), 3),
        "ask_median": round(median(rounds), 5),
    }


if __name__ == "__main__":
    main()
