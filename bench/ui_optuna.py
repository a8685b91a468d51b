"""Fills a journal of Optuna with trials from stdin: ``ui_optuna.py FILE NAME``; for ui_trials."""

from __future__ import annotations

import json
import sys

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "dropout": FloatDistribution(0.0, 0.5),
    "momentum": FloatDistribution(0.5, 0.999),
    "layers": IntDistribution(1, 8),
    "optimizer": CategoricalDistribution(("sgd", "adam", "lion")),
}


def main(file: str, name: str) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(file))
    study = optuna.create_study(storage=storage, study_name=name, direction="minimize")
    trials = []
    for line in sys.stdin:
        point, values = json.loads(line)
        trials.append(
            optuna.trial.create_trial(
                params=point,
                distributions=SPACE,
                value=values[-1],
                intermediate_values=dict(enumerate(values)),
            )
        )
    study.add_trials(trials)


if __name__ == "__main__":
    main(*sys.argv[1:])
