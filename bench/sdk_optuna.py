"""Optimises the benchmark's function with Optuna; started by sdk.py in the peers' environment.

Prints what sdk_katib.py prints; the first search is one of a single trial, too.
"""

from __future__ import annotations

import json
import sys
import time

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend


def objective(trial: optuna.Trial) -> float:
    x, y = trial.suggest_float("x", -5, 5), trial.suggest_float("y", -5, 5)
    return x**2 + y**2


def main() -> None:
    kind, file, trials, parallel = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    started = time.monotonic()
    storage: BaseStorage
    if kind == "sqlite":
        storage = RDBStorage(f"sqlite:///{file}")
    else:
        storage = JournalStorage(JournalFileBackend(file))
    search(storage, 1, 1)
    first = time.monotonic() - started
    started = time.monotonic()
    study = search(storage, trials, parallel)
    seconds = time.monotonic() - started
    ended = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    print(json.dumps({"trials": len(ended), "seconds": seconds, "first": first}))


def search(storage: BaseStorage, trials: int, parallel: int) -> optuna.Study:
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=trials, n_jobs=parallel)
    return study


if __name__ == "__main__":
    main()
