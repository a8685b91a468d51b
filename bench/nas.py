"""Do the searches of architectures and schedules find what is known to be there?

    make bench-nas

Each task has a planted answer, or a best fixed setting that can be tried out. Every search has the
same budget of trials, or of steps of training, and as many seeds; the intervals are 95 %, by
bootstrap over the seeds. ``--python`` names an interpreter with PyTorch for the search by gradients
(``scripts/make_environment.sh`` makes one); without it that task is left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from statistics import mean
from types import ModuleType
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import (
    Experiment,
    FeasibleSpace,
    GraphConfig,
    NasConfig,
    Operation,
    ParameterSpec,
)
from katib.api.values import Strings
from katib.search.algorithms import ALGORITHMS
from katib.search.algorithms.pbt import PARENT, PopulationBasedTraining
from katib.search.algorithms.random import RandomSearch
from katib.search.nas.architecture import Architecture
from katib.search.nas.networks import Networks
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

ROOT = Path(__file__).resolve().parent.parent
GRADIENTS = ROOT / "bench" / "nas_gradients.py"

#: Of each search of architectures: trials in all, at a time, and the last ones that are looked at.
TRIALS, AT_A_TIME, LAST = 300, 10, 50

#: Of the settings of ENAS: those of Katib learn in thousands of trials.
EAGER = {
    "controller_hidden_size": "16",
    "controller_learning_rate": "0.01",
    "controller_baseline_decay": "0.95",
    "controller_train_steps": "30",
    "controller_temperature": "None",
    "controller_tanh_const": "None",
    "controller_skip_weight": "None",
}
SEARCHES: Mapping[str, Mapping[str, str]] = {
    "random": {},
    "enas": EAGER,
    "regularized-evolution": {},
}


# Architectures


def architectures(algorithm: str, seed: int) -> tuple[float, float]:
    """A planted architecture of four layers, each of eight operations, is looked for.

    A trial's accuracy is the share of layers with the planted operation, and to a fifth that of
    planted skip connections, with noise.

    Returns:
        The share of planted operations in the last trials, and the best accuracy without noise.
    """
    experiment = _layers(algorithm)
    networks, noise = Networks(experiment), Random(f"noise:{seed}")
    planted = networks.draw(Random(f"planted:{seed}"))
    search = ALGORITHMS.load(algorithm)(experiment, seed)
    shares: list[float] = []
    accuracies: list[float] = []
    for index in range(0, TRIALS, AT_A_TIME):
        ended = []
        for assignment in search.suggest(index, AT_A_TIME).assignments:
            trial = a_running_trial(experiment, f"t{len(shares):04}", assignment)
            found = networks.find_architecture(trial)
            assert found is not None
            operations, links = _likeness(found, planted)
            shares.append(operations)
            accuracies.append(0.8 * operations + 0.2 * links)
            ended.append(a_succeeded_trial(trial, repr(accuracies[-1] + noise.gauss(0, 0.05))))
        search.tell(ended)
    return mean(shares[-LAST:]), max(accuracies)


def _likeness(one: Architecture, other: Architecture) -> tuple[float, float]:
    """The shares of operations and of skip connections that are the same."""
    rows = list(zip(one, other, strict=True))
    links = [
        mine == theirs for row in rows for mine, theirs in zip(row[0][1:], row[1][1:], strict=True)
    ]
    return mean(mine[0] == theirs[0] for mine, theirs in rows), mean(links)


def _layers(algorithm: str) -> Experiment:
    sizes = ParameterSpec(
        name="filter_size",
        parameter_type=names.INT,
        feasible_space=FeasibleSpace(min="1", max="8", step="1"),
    )
    config = NasConfig(
        graph_config=GraphConfig(num_layers=4, input_sizes=(8, 8, 1), output_sizes=(10,)),
        operations=(Operation(operation_type="convolution", parameters=(sizes,)),),
    )
    builder = an_experiment().with_objective("accuracy", names.MAXIMIZE)
    experiment = builder.with_algorithm(algorithm, **SEARCHES[algorithm]).build()
    return replace(experiment, spec=replace(experiment.spec, parameters=(), nas_config=config))


# Populations


class Model(Protocol):
    """What a population trains."""

    def train(self, rate: float) -> Model:
        """What it is after the steps of one trial; itself it stays as it is."""
        ...

    @property
    def loss(self) -> float:
        """The less the better."""
        ...


class Game:
    """A training whose best learning rate moves.

    Args:
        new: the model of a seed, untrained.
        rates: the smallest and the largest learning rate.
        members: of a population; as many trials of full length have random search and the grid.
        generations: how many trials a model takes until it is done.
    """

    def __init__(
        self,
        new: Callable[[int], Model],
        rates: tuple[float, float],
        members: int,
        generations: int,
    ) -> None:
        self._new, self.rates = new, rates
        self.members, self.generations = members, generations

    def population(self, seed: int) -> float:
        """The best loss of the last generation, with the settings that Katib's example has."""
        experiment = self._experiment()
        search = PopulationBasedTraining(experiment, seed)
        models: dict[str, Model] = {}
        for index in range(self.members * self.generations):
            (assignment,) = search.suggest(index, 1).assignments
            parent = (assignment.labels or Strings()).get(PARENT)
            model = self._new(seed * 1000 + index) if parent is None else models[parent]
            name = f"t{index}"
            models[name] = model.train(float(assignment.parameter_assignments[0].value))
            running = a_running_trial(experiment, name, assignment)
            search.tell([running])
            search.tell([a_succeeded_trial(running, repr(models[name].loss))])
        last = list(models.values())[-self.members :]
        return min(model.loss for model in last)

    def random(self, seed: int) -> float:
        """The best of as many trials with a fixed rate drawn at random."""
        given = RandomSearch(self._experiment(), seed).suggest(0, self.members).assignments
        rates = [float(one.parameter_assignments[0].value) for one in given]
        return min(self._fixed(rate, seed * 1000 + place) for place, rate in enumerate(rates))

    def grid(self, seed: int) -> float:
        """The best of as many fixed rates, spread evenly over their logarithms."""
        rates = np.geomspace(*self.rates, self.members).tolist()
        return min(self._fixed(rate, seed * 1000 + place) for place, rate in enumerate(rates))

    def _fixed(self, rate: float, seed: int) -> float:
        model = self._new(seed)
        for _ in range(self.generations):
            model = model.train(rate)
        return model.loss

    def _experiment(self) -> Experiment:
        low, high = self.rates
        builder = an_experiment().with_algorithm(
            "pbt",
            suggestion_trial_dir="/checkpoints",
            n_population=str(self.members),
            truncation_threshold="0.2",
        )
        return builder.with_parameter(
            "lr", min=repr(low), max=repr(high), distribution="logUniform"
        ).build()


class Toy:
    """The training of ``simple-pbt``, twenty epochs at a time."""

    def __init__(self, state: tuple[int, float], seed: int) -> None:
        self._state, self._seed = state, seed

    @classmethod
    def new(cls, seed: int) -> Toy:
        return cls((1, 0.0), seed)

    def train(self, rate: float) -> Toy:
        training = _TOY.Training(*self._state)
        chance = Random(f"{self._seed} {rate} {self._state}")
        for _ in range(20):
            training.advance(rate, chance)
        return Toy((training.step, training.accuracy), self._seed)

    @property
    def loss(self) -> float:
        return 100 - self._state[1]


class Digits:
    """The network of ``examples/pbt``, a hundred steps at a time."""

    def __init__(self, network: object, seed: int) -> None:
        self._network, self._seed = network, seed

    @classmethod
    def new(cls, seed: int) -> Digits:
        return cls(_DIGITS.Network.new(seed), seed)

    def train(self, rate: float) -> Digits:
        old = self._network
        network = _DIGITS.Network([one.copy() for one in old.weights], old.step)  # type: ignore[attr-defined]
        images, answers, *_ = _pictures()
        network.train(images, answers, rate, 100, self._seed)
        return Digits(network, self._seed)

    @property
    def loss(self) -> float:
        loss: float = self._network.validate(*_pictures()[2:])[0]  # type: ignore[attr-defined]
        return loss


def _program(path: str) -> ModuleType:
    spec = spec_from_file_location(Path(path).stem, ROOT / "examples" / path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_TOY, _DIGITS = _program("programs/simple-pbt/opt/pbt/pbt_test.py"), _program("pbt/train.py")
_KEPT: list[tuple[np.ndarray, ...]] = []


def _pictures() -> tuple[np.ndarray, ...]:
    if not _KEPT:
        _KEPT.append(_DIGITS.load_digits())
    return _KEPT[0]


GAMES = {
    "toy": Game(Toy.new, (0.0001, 0.02), members=20, generations=20),
    "digits": Game(Digits.new, (0.01, 1.0), members=8, generations=12),
}


# The report


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean and its interval."""
    drawn = np.random.default_rng(0).choice(values, size=(10_000, len(values)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5])
    return mean(values), float(low), float(high)


#: A search, and a value for each seed: more is better of shares, less of losses.
Row = tuple[str, str, Sequence[float]]


def layers(seeds: range, python: str) -> Iterator[Row]:
    for name in SEARCHES:
        played = [architectures(name, seed) for seed in seeds]
        yield "planted operations in the last 50 of 300 trials", name, [one for one, _ in played]
        yield "best of 300 trials, without noise", name, [best for _, best in played]


def schedules(seeds: range, python: str) -> Iterator[Row]:
    for name, game in GAMES.items():
        for search in (game.random, game.grid, game.population):
            yield f"loss at the end, {name}", search.__name__, [search(seed) for seed in seeds]


def cells(seeds: range, python: str) -> Iterator[Row]:
    if not python:
        return
    command = [python, str(GRADIENTS), str(len(seeds))]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    for name, values in json.loads(ended.stdout).items():
        yield "planted operations of the genotype", name, values


PARTS: Mapping[str, Callable[[range, str], Iterator[Row]]] = {
    "layers": layers,
    "schedules": schedules,
    "cells": cells,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--python", default="", help="an interpreter with PyTorch")
    parser.add_argument("--only", choices=PARTS, action="append", help="one part of it")
    flags = parser.parse_args()
    print("| Task | Search | Mean | 95 % |\n|---|---|---:|---|")
    for part in flags.only or PARTS:
        for task, name, values in PARTS[part](range(flags.seeds), flags.python):
            middle, low, high = interval(values)
            print(f"| {task} | {name} | {middle:.3f} | {low:.3f} to {high:.3f} |", flush=True)


if __name__ == "__main__":
    main()
