"""Optuna, asked and told trial by trial; what was asked is running until it is told."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, TPESampler

from bench.search.space import Config, Parameter, Space

SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(multivariate=False, seed=seed),
    "multivariate-tpe": lambda seed: TPESampler(multivariate=True, seed=seed),
    "cmaes": lambda seed: CmaEsSampler(seed=seed),
    "gp": lambda seed: GPSampler(seed=seed),
}


def make(space: Space, option: str, seed: int, trials: int) -> OptunaDriver:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    if option == "gp":
        import torch

        torch.set_num_threads(1)
    return OptunaDriver(space, SAMPLERS[option](seed))


class OptunaDriver:
    def __init__(self, space: Space, sampler: BaseSampler) -> None:
        self._study = optuna.create_study(sampler=sampler)
        self._space = {one.name: _distribution(one) for one in space}
        self._running: list[tuple[Config, optuna.Trial]] = []

    def ask(self, count: int) -> list[Config]:
        trials = [self._study.ask(self._space) for _ in range(count)]
        asked = [(dict(trial.params), trial) for trial in trials]
        self._running += asked
        return [config for config, _ in asked]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        foreign = []
        for config, loss in zip(configs, losses, strict=True):
            trial = self._trial_of(config)
            if trial is None:
                foreign.append(
                    optuna.trial.create_trial(
                        params=config, distributions=self._space, value=float(loss)
                    )
                )
            else:
                self._study.tell(trial, float(loss))
        self._study.add_trials(foreign)

    def _trial_of(self, config: Config) -> optuna.Trial | None:
        for number, (running, trial) in enumerate(self._running):
            if running is config:
                del self._running[number]
                return trial
        return None


def _distribution(parameter: Parameter) -> Any:
    low, high = parameter.low, parameter.high
    if parameter.kind == "categorical":
        return CategoricalDistribution(parameter.choices)
    if parameter.kind == "int":
        step = 1 if parameter.is_log else int(parameter.step)
        return IntDistribution(int(low), int(high), log=parameter.is_log, step=step)
    return FloatDistribution(low, high, log=parameter.is_log, step=parameter.step or None)
