"""What it costs to ask an algorithm in a worker process instead of the engine's own.

::

    .venv/bin/python bench/asking.py [--asks 300]

Both ways are asked the same in turns, one trial at a time, so that a machine's moods meet both. The
time of the processors says more than that of the clock where others compute beside.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.apps.worker import worker_command
from katib.ports.suggester import Suggester, SuggestionReply, SuggestionRequest
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.worker import WorkerSuggester
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

#: Whose asks are compared: one that computes nothing, so that the way is all, and one that learns.
ALGORITHMS = ("random", "tpe")

#: How long nothing is asked before each ask, in seconds: as if a trial ran.
PAUSE = 0.02

#: How often a worker is started to see how long its first answer takes.
STARTS = 5


class History:
    """The trials so far."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return self.trials[version:], len(self.trials)


@dataclass
class Way:
    """One way to ask, and what the asks took."""

    suggester: Suggester
    clock: list[float] = field(default_factory=list)
    processors: list[float] = field(default_factory=list)

    def ask(self, request: SuggestionRequest) -> SuggestionReply:
        """The answer; what it took is noted."""
        time.sleep(PAUSE)
        used, begin = time.process_time(), time.perf_counter()
        reply = self.suggester.suggest(request)
        self.clock.append(time.perf_counter() - begin)
        self.processors.append(time.process_time() - used)
        return reply

    def row(self) -> tuple[float, float]:
        """Milliseconds of an ask: the median by the clock, the mean of the processors."""
        # The first ask loads what is needed.
        return statistics.median(self.clock[1:]) * 1e3, statistics.mean(self.processors[1:]) * 1e3


def main() -> None:
    """Measure, and print a table for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asks", type=int, default=300, help="of each algorithm")
    asks = parser.parse_args().asks
    print("| an ask, ms | here | in a worker | here, processors | in a worker, processors |")
    print("|---|---:|---:|---:|---:|")
    for name in ALGORITHMS:
        (here, here_used), (there, there_used) = compare(name, asks)
        print(f"| `{name}` | {here:.2f} | {there:.2f} | {here_used:.2f} | {there_used:.2f} |")
    print()
    print("| the first answer of a new worker | seconds | processors, seconds | memory, MiB |")
    print("|---|---:|---:|---:|")
    for name in ALGORITHMS:
        seconds, used, memory = first_answer(name)
        print(f"| `{name}` | {seconds:.2f} | {used:.2f} | {memory:.0f} |")


def compare(name: str, asks: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """What an ask takes here and in a worker, each told of one more trial."""
    workers = WorkerSuggester(worker_command(0))
    ways = Way(InProcessSuggester()), Way(workers)
    experiment, history = searched(name), History()
    in_workers, used_before = 0.0, 0.0
    try:
        for number in range(asks):
            request = SuggestionRequest(experiment, 1, number + 1, history)
            reply, _ = (way.ask(request) for way in ways)
            running = a_running_trial(experiment, f"trial-{number}", reply.assignments[0])
            history.trials.append(a_succeeded_trial(running, str(number % 7)))
            if number == 0:
                used_before = worker_seconds()
        in_workers = (worker_seconds() - used_before) / (asks - 1) * 1e3
    finally:
        workers.close()
    here, (clock, used) = (way.row() for way in ways)
    return here, (clock, used + in_workers)


def first_answer(name: str) -> tuple[float, float, float]:
    """From nothing to the first answer: seconds, the processors' seconds; and the memory then."""
    taken, used, memory = [], [], 0.0
    for _ in range(STARTS):
        workers = WorkerSuggester(worker_command(0))
        begin = time.perf_counter()
        workers.suggest(SuggestionRequest(searched(name), 1, 1, History()))
        taken.append(time.perf_counter() - begin)
        used.append(worker_seconds())
        memory = psutil.Process().children()[0].memory_info().rss / 2**20
        workers.close()
    return statistics.median(taken), statistics.median(used), memory


def searched(name: str) -> Experiment:
    """An experiment of ten parameters."""
    builder = an_experiment()
    for number in range(10):
        builder.with_parameter(f"x{number}", min="0", max="1")
    return builder.with_algorithm(name, random_state="1").build()


def worker_seconds() -> float:
    """What the workers have used of the processors so far."""
    workers = (child.cpu_times() for child in psutil.Process().children())
    return sum(times.user + times.system for times in workers)


if __name__ == "__main__":
    main()
