"""Does the cost of a reconcile grow with the number of trials, and do readers stay quick?

Two experiments of different size live side by side in homes of their own. In turns, trials of each
are brought from assignment to end by the three controllers over the store that the engine uses;
only the programs are left out. Then the objects are weighed and the commands that read a home are
timed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from katib.api.codec import encode, with_status
from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import JOBS
from katib.api.suggestion import SUGGESTIONS
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.controllers.experiment import ExperimentReconciler
from katib.controllers.suggestion import SuggestionReconciler
from katib.controllers.trial import Runnable, TrialReconciler
from katib.observations.sql import SqliteObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.reconciler import Reconciler
from katib.ports.resource_store import Event
from katib.stores.events import SqliteEventRecorder
from katib.stores.sqlite import SqliteStore
from katib.suggesters.in_process import InProcessSuggester
from katib.testing.builders import an_experiment

COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
PARALLEL = 10


class Stage:
    """One experiment whose runs end as soon as they are created."""

    def __init__(self, home: Path, trials: int) -> None:
        self.home, clock = home, SystemClock()
        self.observations = SqliteObservationLog(home / "observations.db")
        self.store = SqliteStore(home / "katib.db", clock, save_first=self.observations.flush)
        builder = an_experiment().with_trials(trials + 100_000, PARALLEL)
        for number in range(5):
            builder = builder.with_parameter(f"parameter-{number}", min="0.001", max="0.1")
        self.events = events = SqliteEventRecorder(home / "katib.db", clock)
        here = Runnable((JOBS,))
        self._reconcilers: tuple[Reconciler, ...] = (
            ExperimentReconciler(self.store, events, clock),
            SuggestionReconciler(self.store, InProcessSuggester(), clock),
            TrialReconciler(self.store, self.observations, events, clock, here),
        )
        self._ready: dict[tuple[Reconciler, Key], None] = {}
        self._jobs: list[Key] = []
        self.count = self.reconciles = 0
        self.store.subscribe(self._hear)
        self.key = self.store.create(EXPERIMENTS, builder.build()).key
        self._settle()

    def run(self, trials: int) -> float:
        """Bring so many trials to their end; the seconds that each took."""
        started = time.perf_counter()
        for _ in range(trials):
            key = self._jobs.pop(0)
            self.observations.report(key, [MetricEntry(NO_TIME, "loss", f"0.{self.count}1")])
            job = self.store.get(JOBS, key)
            self.store.update_status(JOBS, with_status(job, COMPLETE))
            self.count += 1
            self._settle()
        self.store.flush()
        return (time.perf_counter() - started) / trials

    def _hear(self, event: Event) -> None:
        if event.kind is JOBS and event.type.name == "ADDED":
            self._jobs.append(event.key)
        for reconciler in self._reconcilers:
            if any(kind is event.kind for kind in reconciler.kinds):
                for key in reconciler.keys(event):
                    self._ready[reconciler, key] = None

    def _settle(self) -> None:
        while self._ready:
            item = next(iter(self._ready))
            del self._ready[item]
            item[0].reconcile(item[1])
            self.reconciles += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--big", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stages = []
        for size in (flags.small, flags.big):
            home = Path(folder, str(size))
            home.mkdir()
            stage = Stage(home, size)
            stage.run(size - 100 * flags.rounds)
            stages.append(stage)
        print_reconciles(stages, flags.rounds)
        print_objects(stages[1])
        print_commands(stages[1])


def print_reconciles(stages: list[Stage], rounds: int) -> None:
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for stage, taken in zip(stages, times, strict=True):
            taken.append(stage.run(100))
    small, big = (median(samples) * 1e3 for samples in times)
    print("| trials before | milliseconds for one more trial |\n|---|---|")
    for stage, cost in zip(stages, (small, big), strict=True):
        print(f"| {stage.count} | {cost:.3f} |")
    print(f"\nratio: {big / small:.2f} (1 is flat)\n")


def print_objects(stage: Stage) -> None:
    time.sleep(0.2)
    print("| object | kB as JSON |\n|---|---|")
    kinds: Iterable[Any] = (EXPERIMENTS, SUGGESTIONS)
    for kind in kinds:
        print(f"| {kind.name} | {len(encode(stage.store.get(kind, stage.key))) / 1e3:.0f} |")
    print()


def print_commands(stage: Stage) -> None:
    trial = next(iter(stage.store.get(SUGGESTIONS, stage.key).status.suggestions)).name
    stage.store.flush()
    stage.observations.flush()
    stage.events.flush()
    commands = (
        ("get", "experiments"),
        ("get", "suggestions"),
        ("get", "trials"),
        ("get", "trials", "-o", "name"),
        ("describe", "experiment", stage.key.name),
        ("describe", "suggestion", stage.key.name),
        ("describe", "trial", trial),
        ("explain", stage.key.name),
    )
    print("| command | seconds |\n|---|---|")
    for command in commands:
        taken = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "katib", *command, "--home", str(stage.home)],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            taken.append(time.perf_counter() - started)
        print(f"| katib {' '.join(command)} | {median(taken):.2f} |")


if __name__ == "__main__":
    main()
