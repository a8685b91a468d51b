from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from katib.api.experiment import Experiment
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Key
from katib.errors import SettingsError, StoreUnavailableError
from katib.ports.early_stopper import RulesNow
from katib.ports.suggester import SuggestionRequest
from katib.suggesters.running_rules import HOLD, RunningRules
from katib.testing.builders import a_running_trial, an_experiment
from katib.testing.clocks import FakeClock

EXPERIMENT = an_experiment().with_early_stopping("percentile").build()


class NoHistory:
    def changed_since(self, version: int) -> tuple[list[Trial], int]:
        return [], version


class Stopper:
    """Takes some seconds for a rule with the number of the request as its value."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.clock, self.seconds, self.asked = FakeClock(), seconds, 0
        self.failure: Exception | None = None
        self.kept = True

    def validate(self, experiment: Experiment) -> None: ...

    def rules(self, request: SuggestionRequest) -> tuple[EarlyStoppingRule, ...]:
        self.asked += 1
        self.clock.advance(self.seconds)
        if self.failure is not None:
            raise self.failure
        assert request.experiment is EXPERIMENT
        return (EarlyStoppingRule(name="loss", value=str(self.asked)),)

    def is_live(self, experiment: Experiment) -> bool:
        if not self.kept:
            raise SettingsError("unknown algorithm name percentile")
        return experiment.spec.early_stopping is not None


def a_trial(name: str, *rules: EarlyStoppingRule) -> Trial:
    trial = a_running_trial(EXPERIMENT, name, TrialAssignment())
    return replace(trial, spec=replace(trial.spec, early_stopping_rules=rules))


def find(running: RunningRules, name: str = "a", *rules: EarlyStoppingRule) -> RulesNow:
    found = running.find(a_trial(name, *rules), EXPERIMENT)
    assert found is not None
    return found


def running_with(stopper: Stopper) -> RunningRules:
    def history(experiment: Key) -> NoHistory:
        assert experiment == EXPERIMENT.key
        return NoHistory()

    return RunningRules(stopper, history, stopper.clock)


def values(rules: Sequence[EarlyStoppingRule]) -> list[str]:
    return [rule.value for rule in rules]


def test_rules_are_new_each_time_if_that_costs_nothing() -> None:
    now = find(running_with(Stopper()))
    assert [values(now()) for _ in range(2)] == [["1"], ["2"]]


@pytest.mark.rule("Rules that take long to compute are computed less often")
def test_the_trials_of_an_experiment_share_rules_for_a_multiple_of_what_they_cost() -> None:
    stopper = Stopper(seconds=2)
    running = running_with(stopper)
    one, other = find(running, "a"), find(running, "b")
    assert values(one()) == values(other()) == ["1"]
    stopper.clock.advance(2 * HOLD - 0.5)
    assert values(other()) == ["1"]
    stopper.clock.advance(0.5)
    assert values(other()) == values(one()) == ["2"]


@pytest.mark.rule("Rules that cannot be computed now stay what they were")
def test_rules_that_cannot_be_computed_now_stay_what_they_were() -> None:
    stopper = Stopper()
    own = EarlyStoppingRule(name="loss", value="own")
    now = find(running_with(stopper), "a", own)
    stopper.failure = StoreUnavailableError("db:6789", "connection refused")
    assert values(now()) == ["own"]
    stopper.failure = None
    assert values(now()) == ["2"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_trial_keeps_its_own_rules_if_the_algorithm_wants_that_or_is_gone(is_known: bool) -> None:
    stopper = Stopper()
    stopper.kept = is_known
    experiment = an_experiment().build() if is_known else EXPERIMENT
    assert running_with(stopper).find(a_trial("a"), experiment) is None
