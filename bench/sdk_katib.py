"""Tunes the benchmark's function with ``katib.tune``; started by sdk.py.

Prints one JSON object: how many trials ended well, in how many seconds, and after how many seconds
the first search had ended that warms everything up; imports left out.
"""

from __future__ import annotations

import json
import sys
import time

import katib


def objective(x: float, y: float) -> float:
    return x**2 + y**2


def main() -> None:
    home, trials, parallel = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    started = time.monotonic()
    tune(home, 1, 1)
    first = time.monotonic() - started
    started = time.monotonic()
    result = tune(home, trials, parallel)
    seconds = time.monotonic() - started
    ended = [trial for trial in result.trials if trial.status == "Succeeded"]
    print(json.dumps({"trials": len(ended), "seconds": seconds, "first": first}))


def tune(home: str, trials: int, parallel: int) -> katib.TuneResult:
    return katib.tune(
        objective,
        {"x": katib.search.double(min=-5, max=5), "y": katib.search.double(min=-5, max=5)},
        algorithm_name="random",
        max_trial_count=trials,
        parallel_trial_count=parallel,
        home=home,
        progress=False,
    )


if __name__ == "__main__":
    main()
