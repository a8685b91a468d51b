"""SMAC3's facade for hyper-parameters: random forest, log expected improvement, Sobol beginning."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import Categorical, Configuration, ConfigurationSpace, Float, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

from bench.search.space import Config, Parameter, Space, Value


def make(space: Space, option: str, seed: int, trials: int) -> SmacDriver:
    warnings.simplefilter("ignore")
    return SmacDriver(space, seed, trials)


class SmacDriver:
    def __init__(self, space: Space, seed: int, trials: int) -> None:
        self._space = space
        self._configurations = ConfigurationSpace(seed=seed)
        self._configurations.add([_parameter(one) for one in space])
        self._folder = tempfile.TemporaryDirectory()
        # Deterministic also where there is noise: all trials go into new configurations, as in
        # every other library.
        scenario = Scenario(
            self._configurations,
            deterministic=True,
            n_trials=trials,
            seed=seed,
            output_directory=Path(self._folder.name),
        )
        self._facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False
        )
        self._running: list[tuple[Config, TrialInfo]] = []

    def ask(self, count: int) -> list[Config]:
        asked = []
        for _ in range(count):
            info = self._facade.ask()
            found = dict(info.config)
            asked.append(({one.name: _value(one, found[one.name]) for one in self._space}, info))
        self._running += asked
        return [config for config, _ in asked]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        for config, loss in zip(configs, losses, strict=True):
            self._facade.tell(self._info_of(config), TrialValue(float(loss)), save=False)

    def _info_of(self, config: Config) -> TrialInfo:
        for number, (running, info) in enumerate(self._running):
            if running is config:
                del self._running[number]
                return info
        values = {one.name: _inner(one, config[one.name]) for one in self._space}
        return TrialInfo(Configuration(self._configurations, values=values), seed=0)


def _is_counted(parameter: Parameter) -> bool:
    """Whether it is an int that counts steps: ConfigSpace knows none."""
    return parameter.kind != "categorical" and parameter.step != 0 and not parameter.is_log


def _parameter(parameter: Parameter) -> Any:
    name, bounds = parameter.name, (parameter.low, parameter.high)
    if parameter.kind == "categorical":
        return Categorical(name, parameter.choices)
    if _is_counted(parameter):
        return Integer(name, (0, (parameter.size or 1) - 1))
    if parameter.kind == "int":
        return Integer(name, (int(bounds[0]), int(bounds[1])), log=parameter.is_log)
    return Float(name, bounds, log=parameter.is_log)


def _value(parameter: Parameter, found: Any) -> Value:
    if parameter.kind == "categorical":
        return str(found)
    if _is_counted(parameter):
        return parameter.value(int(found))
    return int(found) if parameter.kind == "int" else float(found)


def _inner(parameter: Parameter, value: Value) -> Value:
    return parameter.index(value) if _is_counted(parameter) else value
