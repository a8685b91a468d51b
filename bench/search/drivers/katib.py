"""Katib's own algorithms, asked as the engine asks them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.search.space import Config, Parameter, Space, Value
from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.search.algorithms import ALGORITHMS
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment


def make(space: Space, option: str, seed: int, trials: int) -> KatibDriver:
    builder = an_experiment().with_algorithm(option, random_state=str(seed)).with_trials(trials, 5)
    for parameter in space:
        if parameter.kind == "categorical":
            builder.with_parameter(parameter.name, names.CATEGORICAL, list=parameter.choices)
        else:
            builder.with_parameter(
                parameter.name,
                names.INT if parameter.kind == "int" else names.DOUBLE,
                min=_text(parameter, parameter.low),
                max=_text(parameter, parameter.high),
                step=_text(parameter, parameter.step) if parameter.step else "",
                distribution="logUniform" if parameter.is_log else "uniform",
            )
    return KatibDriver(builder.build(), space, seed)


class KatibDriver:
    def __init__(self, experiment: Experiment, space: Space, seed: int) -> None:
        algorithm = experiment.spec.algorithm
        assert algorithm is not None
        loaded = ALGORITHMS.load(algorithm.algorithm_name)
        loaded.validate(experiment)
        self._algorithm = loaded(experiment, seed)
        self._experiment, self._space = experiment, space
        self._running: list[tuple[Config, Trial]] = []
        self._count = 0

    def ask(self, count: int) -> list[Config]:
        reply = self._algorithm.suggest(self._count, count)
        asked = [self._run(assignment) for assignment in reply.assignments]
        self._running += asked
        self._algorithm.tell([trial for _, trial in asked])
        return [config for config, _ in asked]

    def tell(self, configs: Sequence[Config], losses: Sequence[float]) -> None:
        ended = [
            a_succeeded_trial(self._trial_of(config), repr(float(loss)))
            for config, loss in zip(configs, losses, strict=True)
        ]
        self._algorithm.tell(ended)

    def _run(self, assignment: TrialAssignment) -> tuple[Config, Trial]:
        self._count += 1
        texts = {pair.name: pair.value for pair in assignment.parameter_assignments}
        config = {one.name: _value(one, texts[one.name]) for one in self._space}
        name = assignment.name or f"trial-{self._count}"
        return config, a_running_trial(self._experiment, name, assignment)

    def _trial_of(self, config: Config) -> Trial:
        for number, (running, trial) in enumerate(self._running):
            if running is config:
                del self._running[number]
                return trial
        pairs = [
            NameValue(name=one.name, value=_text(one, config[one.name])) for one in self._space
        ]
        return self._run(TrialAssignment(parameter_assignments=tuple(pairs)))[1]


def _value(parameter: Parameter, text: str) -> Value:
    if parameter.kind == "categorical":
        return text
    return int(text) if parameter.kind == "int" else float(text)


def _text(parameter: Parameter, value: Value) -> str:
    return str(int(value)) if parameter.kind == "int" else str(value)
