"""What it costs to ask an algorithm in a worker process instead of the engine's own.

::

    .venv/bin/python bench/asking.py [--asks 300]

Both ways are asked the same in turns, one trial at a time, so that a machine's moods meet both.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

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

#: How often a worker is started to see how long its first answer takes.
STARTS = 5


class History:
    """The trials so far."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []

    def changed_since(self, version: int) -> tuple[Sequence[Trial], int]:
        return self.trials[version:], len(self.trials)


def main() -> None:
    """Measure, and print a table for each question."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--asks", type=int, default=300, help="of each algorithm")
    asks = parser.parse_args().asks
    print("| algorithm | here, ms | in a worker, ms | the way costs, ms |")
    print("|---|---:|---:|---:|")
    for name in ALGORITHMS:
        here, there = compare(name, asks)
        print(f"| `{name}` | {here:.2f} | {there:.2f} | {there - here:.2f} |")
    print()
    print("| the first answer of a worker | seconds | its memory, MiB |")
    print("|---|---:|---:|")
    for name in ALGORITHMS:
        seconds, memory = first_answer(name)
        print(f"| `{name}` | {seconds:.2f} | {memory:.0f} |")


def compare(name: str, asks: int) -> tuple[float, float]:
    """The median milliseconds of an ask here and in a worker, each told of one more trial."""
    workers = WorkerSuggester(worker_command(0))
    ways: tuple[Suggester, Suggester] = InProcessSuggester(), workers
    experiment, history = searched(name), History()
    times: tuple[list[float], list[float]] = [], []
    try:
        for number in range(asks):
            reply = SuggestionReply([])
            for way, taken in zip(ways, times, strict=True):
                request = SuggestionRequest(experiment, 1, number + 1, history)
                reply, seconds = timed(lambda way=way, request=request: way.suggest(request))  # type: ignore[misc]  # the defaults are the types
                taken.append(seconds)
            running = a_running_trial(experiment, f"trial-{number}", reply.assignments[0])
            history.trials.append(a_succeeded_trial(running, str(number % 7)))
    finally:
        workers.close()
    here, there = (statistics.median(taken[1:]) * 1000 for taken in times)
    return here, there


def first_answer(name: str) -> tuple[float, float]:
    """The median seconds from nothing to the first answer, and the worker's memory then."""
    taken, memory = [], 0.0
    for _ in range(STARTS):
        workers = WorkerSuggester(worker_command(0))
        request = SuggestionRequest(searched(name), 1, 1, History())
        _, seconds = timed(lambda workers=workers, request=request: workers.suggest(request))  # type: ignore[misc]  # the defaults are the types
        taken.append(seconds)
        memory = psutil.Process().children()[0].memory_info().rss / 2**20
        workers.close()
    return statistics.median(taken), memory


def searched(name: str) -> Experiment:
    """An experiment of ten parameters."""
    builder = an_experiment()
    for number in range(10):
        builder.with_parameter(f"x{number}", min="0", max="1")
    return builder.with_algorithm(name, random_state="1").build()


def timed(call: Callable[[], SuggestionReply]) -> tuple[SuggestionReply, float]:
    """The answer and the seconds it took."""
    begin = time.perf_counter()
    reply = call()
    return reply, time.perf_counter() - begin


if __name__ == "__main__":
    main()
