"""hyperopt's TPE; running trials are in its records, as where it works in parallel itself."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from hyperopt import JOB_STATE_DONE, STATUS_OK, Trials, hp, tpe
from hyperopt.base import Domain

from bench.search.space import Config, Parameter, Space, Value


def make(space: Space, option: str, seed: int, trials: int) -> HyperoptDriver:
    logging.disable(logging.WARNING)
    return HyperoptDriver(space, seed)


class HyperoptDriver:
    def __init__(self, space: Space, seed: int) -> None:
        self._space = {one.name: one for one in space}
        self._trials = Trials()
        self._domain = Domain(lambda _: 0.0, {one.name: _expression(one) for one in space})
        self._rng = np.random.default_rng(seed)
        self._running: list[tuple[Config, int]] = []

    def ask(self, count: int) -> list[Config]:
        return [self._ask() for _ in range(count)]

    def _ask(self) -> Config:
        ids = self._trials.new_trial_ids(1)
        self._trials.refresh()
        seed = int(self._rng.integers(2**31 - 1))
        documents = tpe.suggest(ids, self._domain, self._trials, seed, verbose=False)
        self._trials.insert_trial_docs(documents)
        self._trials.refresh()
        values = {name: found[0] for name, found in documents[0]["misc"]["vals"].items()}
        config = {name: _value(one, values[name]) for name, one in self._space.items()}
        self._running.append((config, ids[0]))
        return config

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        for config, loss in zip(configs, losses, strict=True):
            document = self._document_of(config)
            document["state"] = JOB_STATE_DONE
            document["result"] = {"status": STATUS_OK, "loss": float(loss)}
        self._trials.refresh()

    def _document_of(self, config: Config) -> dict[str, Any]:
        for number, (running, tid) in enumerate(self._running):
            if running is config:
                del self._running[number]
                return next(one for one in self._trials._dynamic_trials if one["tid"] == tid)
        return self._foreign(config)

    def _foreign(self, config: Config) -> dict[str, Any]:
        tid = self._trials.new_trial_ids(1)[0]
        values = {name: [_inner(one, config[name])] for name, one in self._space.items()}
        misc = {
            "tid": tid,
            "cmd": self._domain.cmd,
            "workdir": self._domain.workdir,
            "idxs": {name: [tid] for name in self._space},
            "vals": values,
        }
        documents = self._trials.new_trial_docs([tid], [None], [{}], [misc])
        self._trials.insert_trial_docs(documents)
        found: dict[str, Any] = self._trials._dynamic_trials[-1]
        return found


def _expression(parameter: Parameter) -> Any:
    name, low, high = parameter.name, parameter.low, parameter.high
    if parameter.kind == "categorical":
        return hp.choice(name, list(range(len(parameter.choices))))
    if parameter.is_log:
        if parameter.kind == "int":
            return hp.qloguniform(name, math.log(low - 0.5), math.log(high + 0.5), 1)
        return hp.loguniform(name, math.log(low), math.log(high))
    if parameter.step:
        # Counted in steps, since hyperopt's steps begin at 0.
        return hp.uniformint(name, 0, (parameter.size or 1) - 1)
    return hp.uniform(name, low, high)


def _value(parameter: Parameter, found: Any) -> Value:
    if parameter.kind == "categorical" or (parameter.step and not parameter.is_log):
        return parameter.value(int(found))
    if parameter.kind == "int":
        return int(min(max(round(found), parameter.low), parameter.high))
    return float(found)


def _inner(parameter: Parameter, value: Value) -> Any:
    """A value as hyperopt records it."""
    if parameter.kind == "categorical" or (parameter.step and not parameter.is_log):
        return parameter.index(value)
    return float(value)
