from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.errors import AlgorithmCrashedError, SettingsError
from katib.ports.suggester import SuggestionReply, SuggestionRequest
from katib.search.algorithms import ALGORITHMS, LIGHT, REPLACEABLE, is_light
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.stand_in import (
    FALLBACK,
    FIRST_REST,
    LONGEST_REST,
    STAND_INS,
    StandInSuggester,
)
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock


class NoTrials:
    def changed_since(self, version: int) -> tuple[tuple[()], int]:
        return (), version


@dataclass
class Crashing:
    """Crashes as long as it is told to."""

    error: Exception | None = field(
        default_factory=lambda: AlgorithmCrashedError("tpe", "exit code 3", 3)
    )
    asked: int = 0
    forgotten: list[str] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        raise SettingsError("its own words")

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return SuggestionReply([TrialAssignment(name="its own")] * request.count)

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


class Stage:
    def __init__(self) -> None:
        self.inner, self.clock = Crashing(), FakeClock()
        self.told: list[tuple[str, str]] = []
        self.suggester = StandInSuggester(
            self.inner, InProcessSuggester(), REPLACEABLE, self.clock, self.tell
        )

    def ask(self, asked: Experiment, count: int = 2, total: int = 2) -> SuggestionReply:
        return self.suggester.suggest(SuggestionRequest(asked, count, total, NoTrials()))

    def tell(self, experiment: Experiment, why: str) -> None:
        self.told.append((experiment.metadata.name, why))


@pytest.fixture
def stage() -> Stage:
    return Stage()


def experiment(algorithm: str = "tpe", **settings: str) -> Experiment:
    return an_experiment().with_algorithm(algorithm, **settings).build()


def message_of(reply: SuggestionReply) -> str:
    assert reply.trouble is not None
    return reply.trouble.message


def points_of(algorithm: str, count: int, total: int, **settings: str) -> SuggestionReply:
    asked = experiment(algorithm, **settings)
    return InProcessSuggester().suggest(SuggestionRequest(asked, count, total, NoTrials()))


def test_a_sobol_sequence_takes_the_place_and_says_so(stage: Stage) -> None:
    reply = stage.ask(experiment(gamma="0.3"), 2, 7)
    assert reply.assignments == points_of("sobol", 2, 7).assignments
    trouble = reply.trouble
    assert trouble is not None
    assert trouble.reason == FALLBACK
    assert trouble.message.startswith("algorithm tpe crashed 3 times in a row: exit code 3.")
    assert "Meanwhile the assignments are those of sobol, which learns nothing" in trouble.message
    assert stage.told == [("an-experiment", trouble.message)]


def test_the_seed_of_the_experiment_is_that_of_the_stand_in(stage: Stage) -> None:
    reply = stage.ask(experiment(random_state="5"))
    assert reply.assignments == points_of("sobol", 2, 2, random_state="5").assignments


def test_chance_takes_the_place_where_no_sequence_can(stage: Stage) -> None:
    builder = an_experiment().with_algorithm("tpe")
    for number in range(21_202):
        builder = builder.with_parameter(f"p{number}", min="0", max="1")
    reply = stage.ask(builder.build(), 1, 1)
    assert len(reply.assignments[0].parameter_assignments) == 21_202
    assert "are those of random" in message_of(reply)


def test_chance_takes_the_place_of_a_sequence_that_crashes_too(stage: Stage) -> None:
    class Frail(InProcessSuggester):
        def validate(self, experiment: Experiment) -> None:
            algorithm = experiment.spec.algorithm
            if algorithm is not None and algorithm.algorithm_name == "sobol":
                raise AlgorithmCrashedError("sobol", "exit code 3", 3)

    frail = StandInSuggester(stage.inner, Frail(), REPLACEABLE, stage.clock, stage.tell)
    reply = frail.suggest(SuggestionRequest(experiment(random_state="5"), 2, 2, NoTrials()))
    assert reply.assignments == points_of("random", 2, 2, random_state="5").assignments
    assert stage.told == [("an-experiment", message_of(reply))]
    assert "are those of random" in message_of(reply)


def test_the_algorithm_is_left_alone_for_a_while_and_longer_each_time(stage: Stage) -> None:
    stage.ask(experiment())
    stage.ask(experiment())
    assert stage.inner.asked == 1
    rest, asked = FIRST_REST, 1
    for _ in range(10):
        stage.clock.advance(rest - 0.1)
        stage.ask(experiment())
        assert stage.inner.asked == asked
        stage.clock.advance(0.2)
        stage.ask(experiment())
        asked += 1
        assert stage.inner.asked == asked
        rest = min(2 * rest, LONGEST_REST)
    assert len(stage.told) == 1, "once is enough"


def test_an_algorithm_that_is_well_again_goes_on(stage: Stage) -> None:
    stage.ask(experiment())
    stage.inner.error = None
    stage.clock.advance(FIRST_REST)
    reply = stage.ask(experiment())
    assert [one.name for one in reply.assignments] == ["its own", "its own"]
    assert reply.trouble is None
    stage.inner.error = AlgorithmCrashedError("tpe", "again")
    assert "again" in message_of(stage.ask(experiment()))
    assert len(stage.told) == 2


@pytest.mark.parametrize("name", ["bohb", "hyperband", "enas", "pbt", "of-another-package"])
def test_nothing_stands_in_for_a_schedule(stage: Stage, name: str) -> None:
    with pytest.raises(AlgorithmCrashedError):
        stage.ask(experiment(name))
    assert stage.told == []


def test_other_errors_are_not_ours(stage: Stage) -> None:
    stage.inner.error = SettingsError("no")
    with pytest.raises(SettingsError):
        stage.ask(experiment())
    with pytest.raises(SettingsError, match="its own words"):
        stage.suggester.validate(experiment())


def test_what_is_forgotten_begins_anew(stage: Stage) -> None:
    stage.ask(experiment())
    stage.suggester.forget(experiment())
    assert stage.inner.forgotten == ["an-experiment"]
    stage.ask(experiment())
    assert stage.inner.asked == 2


def test_who_is_light_and_who_can_be_replaced() -> None:
    assert STAND_INS[-1] in LIGHT, "so that it is there when no worker can be started"
    assert not REPLACEABLE & LIGHT
    heavy = {name for name in ALGORITHMS if not is_light(name)}
    assert heavy >= {"bayesianoptimization", "cmaes", "enas", "multivariate-tpe", "tpe"}
    assert is_light("nobody"), "so that it is refused at once"
