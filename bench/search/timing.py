"""How long a suggestion takes after many trials, and how much memory that needs.

::

    .venv/bin/python -m bench.search.timing

Each measurement is a process of its own with one thread: it is told random trials and asked for a
suggestion, then told its result and asked for the next, eight times, since some train their model
only now and then. The first answer, for which a whole history is new, is shown beside the mean of
the later ones with what they are told; scikit-optimize works when it is told. Seconds are processor
time, which other programs of the machine disturb least; contenders take turns all the same.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import numpy as np

from bench.search.contenders import CONTENDERS
from bench.search.drive import make_driver
from bench.search.environments import UnavailableError, call
from bench.search.space import Config, Space, double, integer, random_config, words
from bench.search.task import Task

#: Contender → after how many trials it is measured. What needs minutes is left out.
MEASURED: Mapping[str, tuple[int, ...]] = {
    "katib-random": (100, 1000, 10_000),
    "katib-sobol": (100, 1000, 10_000),
    "katib-tpe": (100, 1000, 10_000),
    "optuna-tpe": (100, 1000),
    "hyperopt-tpe": (100, 1000),
    "katib-multivariate-tpe": (100, 1000, 10_000),
    "optuna-multivariate-tpe": (100, 1000),
    "katib-cmaes": (100, 1000, 10_000),
    "optuna-cmaes": (100, 1000),
    "katib-bayesianoptimization": (100, 500, 5000, 10_000),
    "optuna-gp": (100, 500),
    "skopt-gp": (100, 500),
    "katib-smac": (100, 1000, 10_000),
    "smac3-forest": (100, 1000),
}
SIZES = (10, 40)
#: A whole search by CMA-ES, told generation by generation: trials and parameters.
WHOLE = (10_000, 40)
ASKS = 8


def main() -> None:
    flags = parse_flags()
    if flags.measure:
        contender, trials, size = flags.measure
        print(json.dumps(measure(contender, int(trials), int(size))))
    elif flags.whole:
        print(json.dumps(measure_whole(flags.whole)))
    else:
        print_asks(flags)
        print_whole(flags)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=MEASURED, default=list(MEASURED))
    parser.add_argument("--trials", nargs="+", type=int, help="measure after so many only")
    parser.add_argument("--measure", nargs=3, metavar=("CONTENDER", "TRIALS", "PARAMETERS"))
    parser.add_argument("--whole", metavar="CONTENDER")
    return parser.parse_args()


# In the contender's environment


def mixed_task(size: int) -> Task:
    """Of ten parameters, four are logarithmic, three whole numbers and three words."""
    kinds = [
        *(double(f"rate{number}", 1e-5, 1.0, is_log=True) for number in range(4)),
        *(integer(f"count{number}", 1, 100) for number in range(3)),
        *(words(f"word{number}", "a", "b", "c", "d") for number in range(3)),
    ]
    space = [replace(one, name=f"{one.name}-{tens}") for tens in range(size // 10) for one in kinds]
    return Task(space, lambda config: distance(space, config), {})


def numbers_task(size: int) -> Task:
    """Doubles alone."""
    space = [double(f"x{number}", -5.0, 5.0) for number in range(size)]
    return Task(space, lambda config: distance(space, config), {})


def distance(space: Space, config: Config) -> float:
    """From a place that is neither centre nor corner."""
    return float(sum((one.unit(config[one.name]) - 0.3) ** 2 for one in space))


def measure(contender: str, trials: int, size: int) -> dict[str, float]:
    """The seconds of the first suggestion after so many trials and of later ones, and the MiB."""
    task, rng = mixed_task(size), np.random.default_rng(6)
    # So short a search that nobody still wants to begin by chance.
    driver = make_driver(contender, task, 1, 4)
    configs = [random_config(task.space, rng) for _ in range(trials)]
    driver.tell(configs, [task.true(config) for config in configs])
    started = time.process_time()
    asked = driver.ask(1)
    first, later = time.process_time() - started, 0.0
    for _ in range(ASKS):
        losses = [task.true(config) for config in asked]
        started = time.process_time()
        driver.tell(asked, losses)
        asked = driver.ask(1)
        later += (time.process_time() - started) / ASKS
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": first, "later": later, "peak": peak}


def measure_whole(contender: str) -> dict[str, float]:
    """The seconds of all asking and telling of a long search, 20 trials at a time."""
    trials, size = WHOLE
    task = numbers_task(size)
    driver, seconds = make_driver(contender, task, 1, trials), 0.0
    for _ in range(trials // 20):
        started = time.process_time()
        configs = driver.ask(20)
        seconds += time.process_time() - started
        losses = [task.true(config) for config in configs]
        started = time.process_time()
        driver.tell(configs, losses)
        seconds += time.process_time() - started
    return {"seconds": seconds}


# Here


def print_asks(flags: argparse.Namespace) -> None:
    """A table of all contenders, histories and sizes."""
    found: dict[tuple[str, int, int], list[dict[str, float]]] = {}
    for _ in range(flags.rounds):
        for size in SIZES:
            for contender in flags.only:
                for trials in MEASURED[contender]:
                    if flags.trials and trials not in flags.trials:
                        continue
                    arguments = ("--measure", contender, str(trials), str(size))
                    sample = run(contender, *arguments)
                    if sample:
                        found.setdefault((contender, trials, size), []).append(sample)
    print("| algorithm | trials | parameters | first suggestion | next ones | peak memory |")
    print("|---|---:|---:|---:|---:|---:|")
    for (contender, trials, size), samples in sorted(found.items(), key=_order):
        first, later, peak = (
            median(sample[key] for sample in samples) for key in ("first", "later", "peak")
        )
        print(
            f"| {contender} | {trials} | {size} | {first:.3f} s | {later:.4f} s | {peak:.0f} MiB |"
        )


def _order(item: tuple[tuple[str, int, int], object]) -> tuple[int, int, int]:
    contender, trials, size = item[0]
    return list(MEASURED).index(contender), size, trials


def print_whole(flags: argparse.Namespace) -> None:
    """A table of the long searches by CMA-ES."""
    names = [name for name in ("katib-cmaes", "optuna-cmaes") if name in flags.only]
    if not names or flags.trials:
        return
    rounds = [{name: run(name, "--whole", name) for name in names} for _ in range(flags.rounds)]
    print(f"\n| {WHOLE[0]} trials of {WHOLE[1]} doubles | seconds |")
    print("|---|---:|")
    for name in names:
        print(f"| {name} | {median(one[name].get('seconds', np.nan) for one in rounds):.1f} |")


def run(contender: str, *arguments: str) -> dict[str, float]:
    """One measurement in a process of its own; nothing when the environment cannot be had."""
    try:
        ended = call(CONTENDERS[contender].environment, "timing", *arguments)
    except (UnavailableError, subprocess.CalledProcessError) as error:
        print(f"left out: {contender} {' '.join(arguments)}: {error}", file=sys.stderr)
        return {}
    sample: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    print(f"{contender} {' '.join(arguments[2:])}: {sample}", file=sys.stderr, flush=True)
    return sample


if __name__ == "__main__":
    main()
