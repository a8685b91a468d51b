"""The same learning curves, searched by Optuna: its Hyperband with its TPE is the peer of `bohb`.

    ENVIRONMENT/bin/python bench/search/curves_optuna.py >peers.jsonl

runs in an environment with optuna and numpy, nothing else, and prints a line of JSON for each task,
contender and seed, which `curves.py --peers peers.jsonl` takes into its tables. Optuna goes on with
a training where ours starts it again: it is to be compared with ours "with checkpoints".
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

FILE = Path(__file__).resolve().parent / "curves.npz"

Values = Mapping[str, Sequence[float | int | str]]
Contender = tuple[
    Callable[[int], optuna.samplers.BaseSampler], Callable[[int], optuna.pruners.BasePruner]
]

CONTENDERS: Mapping[str, Contender] = {
    "Optuna: TPE, Hyperband": (
        lambda seed: optuna.samplers.TPESampler(seed=seed),
        lambda epochs: optuna.pruners.HyperbandPruner(
            min_resource=1, max_resource=epochs, reduction_factor=3
        ),
    ),
    "Optuna: random, ASHA": (
        lambda seed: optuna.samplers.RandomSampler(seed=seed),
        lambda epochs: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    ),
}


def number_of(trial: optuna.trial.Trial, parameters: Values) -> int:
    """The point that a trial suggests: numbers by their place in the order, words as words."""
    number = 0
    for name, values in parameters.items():
        if isinstance(values[0], str):
            index = values.index(trial.suggest_categorical(name, list(values)))
        else:
            index = trial.suggest_int(name, 0, len(values) - 1)
        number = number * len(values) + index
    return number


def play(
    errors: NDArray[np.float64], parameters: Values, study: optuna.Study, budget: int
) -> Iterator[tuple[int, float]]:
    """The errors that were the best so far, and after how many epochs in all."""
    spent, best = 0, math.inf
    while spent < budget:
        trial = study.ask()
        curve = errors[number_of(trial, parameters)]
        state = optuna.trial.TrialState.COMPLETE
        for epoch, error in enumerate(curve, 1):
            spent += 1
            if not math.isfinite(error):
                state = optuna.trial.TrialState.FAIL
                break
            trial.report(float(error), epoch)
            if epoch < len(curve) and trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        is_over = state is optuna.trial.TrialState.COMPLETE
        study.tell(trial, float(error) if is_over else None, state=state)
        if error < best:
            best = float(error)
            yield spent, best


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--file", type=Path, default=FILE, help="recorded curves")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trainings", type=float, default=64 / 3, help="full ones that are paid")
    flags = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    arrays = np.load(flags.file)
    tasks = [name for name in sorted(arrays.files) if not name.endswith(": parameters")]
    for seed in range(flags.seeds):
        for task in tasks:
            parameters = json.loads(str(arrays[f"{task}: parameters"]))
            errors = np.nan_to_num(arrays[task].astype(np.float64), nan=np.inf)
            errors = np.minimum.accumulate(errors, axis=1)
            budget = int(flags.trainings * errors.shape[1])
            for name, (sampler, pruner) in CONTENDERS.items():
                study = optuna.create_study(sampler=sampler(seed), pruner=pruner(errors.shape[1]))
                bests = list(play(errors, parameters, study, budget))
                row = {"task": task, "contender": name, "seed": seed, "bests": bests}
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
