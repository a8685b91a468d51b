"""Compare the search algorithms with their peers: run what is missing, and print the report.

::

    make bench-search
    .venv/bin/python -m bench.search --quick
    .venv/bin/python -m bench.search --only katib-tpe optuna-tpe --seeds 10

Every search is one line in the file of results; what is there is not run again, so that a run can
be broken off and taken up again. All contenders have seed 0 before any has seed 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.search.contenders import CONTENDERS
from bench.search.drive import MODES
from bench.search.environments import ROOT, UnavailableError, call
from bench.search.report import print_report
from bench.search.tasks import SUITES

#: A few minutes' worth: one task of each group, without the peers that need a second per trial.
QUICK_TASKS = [
    "analytic/rosenbrock-4",
    "mixed/kernel-5",
    "table/neighbours-digits",
    "noisy/plant-9",
]
Batch = tuple[str, list[str], list[str], int, str]


def main() -> None:
    flags = parse_flags()
    if not flags.report:
        flags.results.parent.mkdir(parents=True, exist_ok=True)
        run_all(flags)
    print_report([flags.results, *flags.also], list(SUITES[flags.suite].makers))


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few tasks, 2 seeds, no slow peers")
    parser.add_argument("--suite", choices=SUITES, default="reported")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="run these contenders")
    parser.add_argument("--tasks", nargs="+", help="run these tasks")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--seeds", type=int, default=10, help="how many, from 0 on")
    parser.add_argument("--slow-seeds", type=int, default=5, help="how many for slow peers")
    parser.add_argument("--report", action="store_true", help="run nothing, report what is there")
    parser.add_argument(
        "--results",
        type=Path,
        default=ROOT / ".cache" / "bench-search.jsonl",
        help="the file of results",
    )
    parser.add_argument(
        "--also", nargs="+", type=Path, default=[], help="report what these files have, too"
    )
    flags = parser.parse_args()
    if flags.quick:
        flags.tasks, flags.seeds, flags.slow_seeds = QUICK_TASKS, 2, 0
    return flags


def run_all(flags: argparse.Namespace) -> None:
    """Environment by environment for each seed and mode; one that cannot be had is left out."""
    lacking: set[str] = set()
    for environment, contenders, tasks, seed, mode in plan(flags):
        if environment in lacking:
            continue
        arguments = ["--contenders", *contenders, "--tasks", *tasks]
        arguments += ["--seeds", str(seed), "--modes", mode]
        try:
            call(environment, "drive", str(flags.results.resolve()), *arguments)
        except UnavailableError as error:
            lacking.add(environment)
            print(f"left out: {error}", file=sys.stderr)


def plan(flags: argparse.Namespace) -> Iterator[Batch]:
    """What to run, in order: environment, contenders, tasks, seed and mode."""
    names = flags.only or list(CONTENDERS)
    tasks = flags.tasks or list(SUITES[flags.suite].makers)
    environments = list(dict.fromkeys(CONTENDERS[name].environment for name in names))
    for seed in range(max(flags.seeds, flags.slow_seeds)):
        for mode in flags.modes:
            for environment in environments:
                wanted = [
                    name
                    for name in names
                    if CONTENDERS[name].environment == environment
                    and seed < (flags.slow_seeds if CONTENDERS[name].is_slow else flags.seeds)
                ]
                if wanted:
                    yield environment, wanted, tasks, seed, mode


if __name__ == "__main__":
    main()
