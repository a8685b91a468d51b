"""Drives the benchmark's command with Optuna; started by throughput.py in the peers' environment.

Prints one JSON object: how many trials were finished and in how many seconds, imports and the
creation of the study left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend


def main() -> None:
    flags = parse_flags()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if flags.storage == "sqlite":
        storage = RDBStorage(f"sqlite:///{flags.file}")
    else:
        storage = JournalStorage(JournalFileBackend(str(flags.file)))
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))
    started = time.monotonic()
    study.optimize(evaluate, n_trials=flags.trials, n_jobs=flags.parallel)
    seconds = time.monotonic() - started
    finished = len(study.get_trials(states=[optuna.trial.TrialState.COMPLETE]))
    print(json.dumps({"trials": finished, "seconds": seconds}))


def evaluate(trial: optuna.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    command = ["/bin/sh", "-c", f"echo loss={x}"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(ended.stdout.partition("=")[2])


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("storage", choices=["sqlite", "journal"])
    parser.add_argument("file", type=Path, help="a file that does not exist yet")
    parser.add_argument("--trials", type=int, required=True)
    parser.add_argument("--parallel", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
