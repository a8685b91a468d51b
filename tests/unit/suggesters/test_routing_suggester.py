from __future__ import annotations

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.suggesters.routing import LocalSuggester, RoutingSuggester
from katib.testing.builders import an_experiment


class Place:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def validate(self, experiment: Experiment) -> None:
        self.calls.append("validate")

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.calls.append("suggest")
        return SuggestionReply([])

    def forget(self, experiment: Experiment) -> None:
        self.calls.append("forget")


class NoHistory:
    def changed_since(self, version: int) -> tuple[list[Trial], int]:
        return [], version


def ask_all(suggester: RoutingSuggester, algorithm: str) -> None:
    experiment = an_experiment().with_algorithm(algorithm).build()
    suggester.validate(experiment)
    suggester.suggest(SuggestionRequest(experiment, 1, 1, NoHistory()))
    suggester.forget(experiment)


def test_an_algorithm_is_asked_where_it_is() -> None:
    here, there = Place(), Place()
    connected: list[str] = []

    def connect(address: str) -> Place:
        connected.append(address)
        return there

    def find_address(experiment: Experiment) -> str:
        algorithm = experiment.spec.algorithm
        return "tpe:6789" if algorithm and algorithm.algorithm_name == "mine" else ""

    suggester = RoutingSuggester(here, find_address, connect)
    ask_all(suggester, "random")
    assert (here.calls, connected) == (["validate", "suggest", "forget"], [])
    ask_all(suggester, "mine")
    ask_all(suggester, "mine")
    assert there.calls == ["validate", "suggest", "forget"] * 2
    assert connected == ["tpe:6789"]
    assert len(here.calls) == 3


def test_who_was_asked_is_told_to_forget_also_when_the_address_is_gone() -> None:
    here, there = Place(), Place()
    addresses = ["tpe:6789"]
    suggester = RoutingSuggester(here, lambda experiment: addresses[0], lambda address: there)
    experiment = an_experiment().build()
    suggester.validate(experiment)
    addresses.clear()
    suggester.forget(experiment)
    assert (here.calls, there.calls) == ([], ["validate", "forget"])


def test_both_sides_of_a_machine_forget() -> None:
    light, heavy = Place(), Place()
    suggester = LocalSuggester(light, heavy, lambda experiment: True)
    suggester.validate(an_experiment().build())
    suggester.forget(an_experiment().build())
    assert (light.calls, heavy.calls) == (["validate", "forget"], ["forget"])
