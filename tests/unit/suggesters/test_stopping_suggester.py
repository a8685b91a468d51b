from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.errors import (
    AlgorithmUnavailableError,
    FieldError,
    SettingsError,
    StoreUnavailableError,
    UnknownNameError,
)
from katib.ports.suggester import SuggestionReply, SuggestionRequest, Trouble
from katib.suggesters.stopping import StoppingSuggester
from katib.testing.builders import an_experiment


class NoTrials:
    def changed_since(self, version: int) -> tuple[tuple[()], int]:
        return (), version


@dataclass
class Stopper:
    """Gives ``given``, or fails, and keeps what it was asked."""

    given: tuple[EarlyStoppingRule, ...] = ()
    refusal: Exception | None = None
    failure: Exception | None = None
    validated: int = 0
    asked: list[SuggestionRequest] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        self.validated += 1
        if self.refusal is not None:
            raise self.refusal

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        self.asked.append(request)
        if self.failure is not None:
            raise self.failure
        return self.given

    def is_live(self, experiment: Experiment) -> bool:
        return False


@dataclass
class Algorithm:
    """Gives numbered assignments, with ``own`` rules."""

    refusal: Exception | None = None
    own: tuple[EarlyStoppingRule, ...] = ()
    reply: SuggestionReply | None = None
    forgotten: list[str] = field(default_factory=list)

    def validate(self, experiment: Experiment) -> None:
        if self.refusal is not None:
            raise self.refusal

    def suggest(self, request: SuggestionRequest) -> SuggestionReply:
        if self.reply is not None:
            return self.reply
        first = request.total - request.count
        names = [str(first + number) for number in range(request.count)]
        return SuggestionReply(
            [TrialAssignment(name=name, early_stopping_rules=self.own) for name in names]
        )

    def forget(self, experiment: Experiment) -> None:
        self.forgotten.append(experiment.metadata.name)


def rule(value: str, metric: str = "loss") -> EarlyStoppingRule:
    return EarlyStoppingRule(name=metric, value=value, comparison="greater", start_step=2)


def stopped() -> Experiment:
    return an_experiment().with_early_stopping("medianstop", start_step="2").build()


def ask(
    stopper: Stopper,
    algorithm: Algorithm | None = None,
    experiment: Experiment | None = None,
    count: int = 2,
) -> SuggestionReply:
    request = SuggestionRequest(experiment or stopped(), count, count, NoTrials())
    return StoppingSuggester(algorithm or Algorithm(), stopper).suggest(request)


def rules_of(reply: SuggestionReply) -> list[list[str]]:
    return [[one.value for one in each.early_stopping_rules] for each in reply.assignments]


@pytest.mark.rule("Every assignment of a batch gets all rules of that moment")
def test_every_assignment_gets_the_rules_of_the_moment() -> None:
    stopper = Stopper()
    assert rules_of(ask(stopper)) == [[], []]
    stopper.given = (rule("1"), rule("2", "accuracy"))
    reply = ask(stopper)
    assert rules_of(reply) == [["1", "2"], ["1", "2"]]
    assert reply.trouble is None
    assert [one.name for one in reply.assignments] == ["0", "1"]
    assert [one.experiment for one in stopper.asked] == [stopped(), stopped()]


@pytest.mark.rule("Rules that an algorithm sends give way to those of the early stopping algorithm")
@pytest.mark.parametrize("given", [(), (rule("2"),)])
def test_rules_of_an_algorithm_give_way(given: tuple[EarlyStoppingRule, ...]) -> None:
    reply = ask(Stopper(given), Algorithm(own=(rule("1"),)), count=1)
    assert reply.assignments[0].early_stopping_rules == given


@pytest.mark.rule("Without early stopping in the experiment no rules are asked for")
def test_no_early_stopping() -> None:
    stopper = Stopper((rule("1"),))
    own = Algorithm(own=(rule("2"),))
    reply = ask(stopper, own, an_experiment().build())
    assert (stopper.asked, rules_of(reply)) == ([], [["2"], ["2"]])


@pytest.mark.rule("No rules are asked for when there is no assignment")
def test_no_assignments_no_rules() -> None:
    stopper = Stopper((rule("1"),))
    ended = SuggestionReply([], is_exhausted=True)
    assert ask(stopper, Algorithm(reply=ended)) == ended
    assert stopper.asked == []


FAILURES: dict[str, tuple[Exception, str]] = {
    "it cannot be reached": (
        AlgorithmUnavailableError("stop:6788", "connection refused"),
        "the algorithm at stop:6788 cannot be reached",
    ),
    "the observation log is away": (
        StoreUnavailableError("db:6789", "connection refused"),
        "cannot use db:6789: connection refused",
    ),
    "it breaks": (ZeroDivisionError("by nought"), "ZeroDivisionError: by nought"),
}


@pytest.mark.rule(
    "An early stopping algorithm that fails costs no assignment; they have no rules, and that is "
    "said"
)
@pytest.mark.parametrize("case", FAILURES)
def test_a_failing_stopper_costs_no_assignment(case: str, caplog: pytest.LogCaptureFixture) -> None:
    failure, words = FAILURES[case]
    reply = ask(Stopper((rule("1"),), failure=failure), Algorithm(own=(rule("2"),)))
    assert [one.name for one in reply.assignments] == ["0", "1"]
    assert rules_of(reply) == [[], []]
    assert reply.trouble is not None
    assert reply.trouble.reason == "EarlyStoppingFailed"
    why = f"2 assignments have no early stopping rules: {words}"
    assert reply.trouble.message.startswith(why)
    assert why in caplog.text


def test_trouble_with_the_algorithm_comes_first() -> None:
    first = Trouble("SuggestionFallback", "it crashed")
    given = SuggestionReply([TrialAssignment(name="0")], trouble=first)
    assert ask(Stopper((rule("1"),)), Algorithm(reply=given)).trouble == first
    failing = Stopper(failure=ZeroDivisionError("by nought"))
    assert ask(failing, Algorithm(reply=given)).trouble == first


@pytest.mark.rule(
    "What is wrong with early stopping settings is told with what is wrong with the algorithm's"
)
def test_settings_of_both_are_refused_at_once() -> None:
    first = FieldError("spec.algorithm", "Invalid value", "first")
    second = FieldError("spec.earlyStopping", "Invalid value", "second")
    stopper = Stopper(refusal=SettingsError(second))
    with pytest.raises(SettingsError) as caught:
        StoppingSuggester(Algorithm(SettingsError(first)), stopper).validate(stopped())
    assert caught.value.problems == (first, second)
    with pytest.raises(SettingsError, match=r"^second$"):
        StoppingSuggester(Algorithm(), stopper).validate(stopped())
    with pytest.raises(SettingsError, match=r"^first$"):
        StoppingSuggester(Algorithm(SettingsError(first)), Stopper()).validate(stopped())
    StoppingSuggester(Algorithm(), Stopper()).validate(stopped())


@pytest.mark.rule(
    "An early stopping service that cannot be reached for its validation is waited for"
)
def test_a_stopper_that_cannot_be_reached_for_its_validation() -> None:
    stopper = Stopper(refusal=AlgorithmUnavailableError("stop:6788", "connection refused"))
    for algorithm in (Algorithm(), Algorithm(SettingsError("first"))):
        with pytest.raises(AlgorithmUnavailableError):
            StoppingSuggester(algorithm, stopper).validate(stopped())


def test_an_algorithm_that_nobody_has_is_told_at_once() -> None:
    unknown = Algorithm(UnknownNameError("algorithm", "no", ["yes"]))
    stopper = Stopper()
    with pytest.raises(UnknownNameError):
        StoppingSuggester(unknown, stopper).validate(stopped())
    assert stopper.validated == 0


def test_what_is_forgotten_is_forgotten_by_the_algorithm() -> None:
    algorithm = Algorithm()
    StoppingSuggester(algorithm, Stopper()).forget(stopped())
    assert algorithm.forgotten == ["an-experiment"]
