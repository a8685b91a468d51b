from __future__ import annotations

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionRequest
from katib.suggesters.routing_stopper import RoutingStopper
from katib.testing.builders import an_experiment


class Place:
    """Writes down what it is asked; its rule names it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[str] = []

    def validate(self, experiment: Experiment) -> None:
        self.calls.append("validate")

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        self.calls.append("rules")
        return (EarlyStoppingRule(name=self.name),)

    def is_live(self, experiment: Experiment) -> bool:
        return self.name == "here"


class NoHistory:
    def changed_since(self, version: int) -> tuple[list[Trial], int]:
        return [], version


def ask(stopper: RoutingStopper, algorithm: str) -> str:
    experiment = an_experiment().with_early_stopping(algorithm).build()
    stopper.validate(experiment)
    (rule,) = stopper.rules(SuggestionRequest(experiment, 1, 1, NoHistory()))
    return rule.name


def test_an_early_stopping_algorithm_is_asked_where_it_is() -> None:
    here, there = Place("here"), Place("there")
    connected: list[str] = []

    def connect(address: str) -> Place:
        connected.append(address)
        return there

    def find_address(experiment: Experiment) -> str:
        algorithm = experiment.spec.early_stopping
        return "stop:6788" if algorithm and algorithm.algorithm_name == "mine" else ""

    stopper = RoutingStopper(here, find_address, connect)
    assert ask(stopper, "medianstop") == "here"
    assert connected == []
    assert [ask(stopper, "mine") for _ in range(2)] == ["there", "there"]
    assert connected == ["stop:6788"]
    builder = an_experiment()
    assert stopper.is_live(builder.with_early_stopping("percentile").build())
    assert not stopper.is_live(builder.with_early_stopping("mine").build())
    assert (here.calls, there.calls) == (["validate", "rules"], ["validate", "rules"] * 2)
