"""What every early stopping algorithm must keep to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import AlgorithmSpec, Experiment, ObjectiveSpec
from katib.api.stopping import COMPARISONS
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition, NameValue
from katib.collectors.stopping import RuleWatch
from katib.errors import SettingsError, StoreUnavailableError
from katib.ports.observation_log import MetricEntry
from katib.rpc.suggestions import read_rule, write_rule
from katib.search.stopping.rule import StoppingAlgorithm
from katib.testing.builders import a_running_trial, an_experiment

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

#: How long the value of one rule may be: every trial and its suggestion hold it.
MOST_CHARACTERS = 4096

#: What trials report: good and bad ones, numbers of any size, and what is none.
LOGS: tuple[Sequence[str], ...] = (
    [f"{0.9 - step / 100}" for step in range(40)],
    [f"{0.5 + step / 1000}" for step in range(40)],
    ["0.7", "0.6", "nan", "0.4", "inf", "0.2"],
    ["1e300"] * 7,
    ["low", "0.5", names.UNAVAILABLE, ""],
    [],
    ["nan"] * 20,
    [f"{-step}" for step in range(30)],
)
ENDINGS = (names.SUCCEEDED, names.SUCCEEDED, names.FAILED, names.EARLY_STOPPED, names.SUCCEEDED)


@dataclass
class Reports:
    """Those of one trial, which may not be readable now."""

    texts: Sequence[str]
    is_away: bool = False
    times: int = field(default=0, init=False)

    def read(self) -> Sequence[MetricEntry]:
        """All of them, by arrival."""
        self.times += 1
        if self.is_away:
            raise StoreUnavailableError("db:6789", "connection refused")
        return [MetricEntry(NOON, "loss", text) for text in self.texts]


class StoppingContract:
    """Inherit, and give a fixture ``algorithm`` that returns the class.

    ``settings`` are given to the algorithm in every test, for those that need some.
    """

    settings: Sequence[NameValue] = ()

    def test_its_settings_are_accepted(self, algorithm: type[StoppingAlgorithm]) -> None:
        """Twice, as nothing is kept."""
        for experiment in self._experiments():
            algorithm.validate(experiment)
            algorithm.validate(experiment)

    def test_an_unknown_setting_is_refused(self, algorithm: type[StoppingAlgorithm]) -> None:
        """By its name and the algorithm's."""
        for experiment in self._experiments(NameValue(name="typo", value="1")):
            with pytest.raises(SettingsError, match="unknown setting typo for algorithm mine"):
                algorithm.validate(experiment)

    def test_the_first_trial_may_be_asked_for(self, algorithm: type[StoppingAlgorithm]) -> None:
        """Nothing was told, and whatever is given can be applied."""
        for experiment in self._experiments():
            assert_applicable(algorithm(experiment).rules(), experiment)

    def test_rules_can_be_applied(self, algorithm: type[StoppingAlgorithm]) -> None:
        """Whatever the trials have reported."""
        for experiment in self._experiments():
            stop = algorithm(experiment)
            for trial, reports in histories(experiment):
                stop.tell(trial, reports.read)
                assert_applicable(stop.rules(), experiment)

    def test_rules_come_at_some_time(self, algorithm: type[StoppingAlgorithm]) -> None:
        """One that never has any would pass all that follows."""
        for experiment in self._experiments():
            assert algorithm_told(algorithm, experiment, list(histories(experiment))).rules()

    def test_rules_pass_through_messages(self, algorithm: type[StoppingAlgorithm]) -> None:
        """Those of the service contract."""
        for experiment in self._experiments():
            rules = algorithm_told(algorithm, experiment, list(histories(experiment))).rules()
            assert tuple(read_rule(write_rule(rule)) for rule in rules) == rules

    def test_asking_changes_nothing(self, algorithm: type[StoppingAlgorithm]) -> None:
        """Nor does telling again."""
        for experiment in self._experiments():
            told = list(histories(experiment))
            stop = algorithm_told(algorithm, experiment, told)
            first = stop.rules()
            for trial, reports in told:
                stop.tell(trial, reports.read)
            assert stop.rules() == first == stop.rules()

    def test_a_restart_changes_nothing(self, algorithm: type[StoppingAlgorithm]) -> None:
        """One that was told as things happened answers as one that is told the end, backwards."""
        for experiment in self._experiments():
            told = list(histories(experiment))
            stop = algorithm(experiment)
            for trial, reports in told:
                running = a_running_trial(experiment, trial.metadata.name, TrialAssignment())
                stop.tell(running, Reports(reports.texts[:2]).read)
                stop.rules()
            for trial, reports in told:
                stop.tell(trial, reports.read)
            assert algorithm_told(algorithm, experiment, told[::-1]).rules() == stop.rules()

    def test_what_cannot_be_read_is_read_later(self, algorithm: type[StoppingAlgorithm]) -> None:
        """The error passes through, and leaves nothing half done."""
        for experiment in self._experiments():
            told = list(histories(experiment))
            stop = algorithm(experiment)
            for trial, reports in told:
                away = Reports(reports.texts, is_away=True)
                try:
                    stop.tell(trial, away.read)
                except StoreUnavailableError:
                    pass
                else:
                    assert away.times == 0, "what reading raises must pass through"
            for trial, reports in told:
                stop.tell(trial, reports.read)
            assert stop.rules() == algorithm_told(algorithm, experiment, told).rules()

    def test_rules_stay_small(self, algorithm: type[StoppingAlgorithm]) -> None:
        """However long the logs are."""
        for experiment in self._experiments():
            texts = [repr(1 / (3 + step)) for step in range(20_000)]
            told = [
                (a_trial(experiment, f"t{number}", names.SUCCEEDED), Reports(texts))
                for number in range(5)
            ]
            for rule in algorithm_told(algorithm, experiment, told).rules():
                assert len(rule.value) <= MOST_CHARACTERS

    def _experiments(self, *more: NameValue) -> Iterator[Experiment]:
        for type in (names.MINIMIZE, names.MAXIMIZE):
            experiment = an_experiment().with_objective("loss", type).build()
            algorithm = AlgorithmSpec(
                algorithm_name="mine", algorithm_settings=(*self.settings, *more)
            )
            yield replace(experiment, spec=replace(experiment.spec, early_stopping=algorithm))


def a_trial(experiment: Experiment, name: str, ending: str) -> Trial:
    """One that has ended so."""
    trial = a_running_trial(experiment, name, TrialAssignment())
    ended = (*trial.status.conditions, Condition(type=ending, status="True"))
    return replace(trial, status=replace(trial.status, conditions=ended))


def histories(experiment: Experiment) -> Iterator[tuple[Trial, Reports]]:
    """Trials that have ended in every way, with every log."""
    for number, texts in enumerate(LOGS * len(ENDINGS)):
        ending = ENDINGS[number % len(ENDINGS)]
        yield a_trial(experiment, f"t{number}", ending), Reports(texts)


def algorithm_told(
    algorithm: Callable[[Experiment], StoppingAlgorithm],
    experiment: Experiment,
    told: Sequence[tuple[Trial, Reports]],
) -> StoppingAlgorithm:
    """A new one that was told all of it."""
    stop = algorithm(experiment)
    for trial, reports in told:
        stop.tell(trial, reports.read)
    return stop


def assert_applicable(rules: Sequence[EarlyStoppingRule], experiment: Experiment) -> None:
    """Whoever reads a trial's metrics can apply them."""
    objective = experiment.spec.objective or ObjectiveSpec()
    assert isinstance(rules, tuple)
    for rule in rules:
        assert rule.comparison in COMPARISONS
        assert ";" not in rule.name + rule.value, "a flag of a collector takes four parts"
        assert rule.start_step >= 0
    watch = RuleWatch(rules, objective)
    assert list(watch.unreadable) == []
    for texts in LOGS:
        watch.note([MetricEntry(NOON, "loss", text) for text in texts])
