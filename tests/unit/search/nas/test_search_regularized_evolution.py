from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from architecture_spaces import CONVOLUTION, a_search

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.errors import SettingsError
from katib.search.algorithms.regularized_evolution import RegularizedEvolution
from katib.search.nas.architecture import Architecture
from katib.search.nas.networks import Networks
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

START = datetime(2026, 1, 1, tzinfo=UTC)


def evolving(**settings: str) -> Experiment:
    return a_search("regularized-evolution", (CONVOLUTION,), None, **settings)


class Evolution:
    """One experiment, one trial at a time; each ends a second after the one before."""

    def __init__(self, experiment: Experiment, seed: int = 1) -> None:
        self.experiment, self.networks = experiment, Networks(experiment)
        self.search = RegularizedEvolution(experiment, seed)
        self.trials: list[Trial] = []

    def next(self) -> Architecture:
        (assignment,) = self.search.suggest(len(self.trials), 1).assignments
        trial = a_running_trial(self.experiment, f"t{len(self.trials)}", assignment)
        self.trials.append(trial)
        return self.architecture(-1)

    def architecture(self, place: int) -> Architecture:
        found = self.networks.find_architecture(self.trials[place])
        assert found is not None
        return found

    def end(self, value: float | None) -> None:
        """The last one succeeds with a value, or fails."""
        trial = self.trials[-1]
        if value is None:
            failed = Condition(type=names.FAILED, status="True")
            status = msgspec.structs.replace(trial.status, conditions=(failed,))
        else:
            status = a_succeeded_trial(trial, repr(value)).status
        ended = START + timedelta(seconds=len(self.trials))
        status = msgspec.structs.replace(status, completion_time=ended)
        self.trials[-1] = msgspec.structs.replace(trial, status=status)
        self.search.tell([self.trials[-1]])

    def populate(self, *values: float | None) -> list[Architecture]:
        architectures = []
        for value in values:
            architectures.append(self.next())
            self.end(value)
        return architectures


def distance(one: Architecture, other: Architecture) -> int:
    pairs = zip(sum(one, ()), sum(other, ()), strict=True)
    return sum(before != after for before, after in pairs)


def test_the_best_of_the_sample_has_a_child() -> None:
    """Where all are sampled, that is the best of all."""
    evolution = Evolution(evolving(population_size="4", sample_size="4"))
    members = evolution.populate(0.1, 0.9, 0.3, None)
    assert distance(evolution.next(), members[1]) == 1


def test_the_first_population_is_drawn() -> None:
    evolution = Evolution(evolving(population_size="8", sample_size="1"))
    members = evolution.populate(*range(8))
    far = [distance(one, other) for one, other in pairwise(members)]
    assert min(far) > 1
    assert len(set(members)) == 8


def test_the_oldest_dies_however_good_it_was() -> None:
    evolution = Evolution(evolving(population_size="3", sample_size="3"))
    members = evolution.populate(0.9, 0.1, 0.2)
    assert distance(evolution.next(), members[0]) == 1
    evolution.end(0.0)
    assert distance(evolution.next(), members[2]) == 1


def test_a_failed_trial_is_no_parent_but_takes_a_place() -> None:
    evolution = Evolution(evolving(population_size="2", sample_size="2"))
    evolution.populate(0.9, 0.5, None)
    # The best has died; of those that live, the other one has a value.
    assert distance(evolution.next(), evolution.architecture(1)) == 1


def test_where_all_are_as_good_the_youngest_goes_on() -> None:
    evolution = Evolution(evolving(population_size="3", sample_size="3"))
    members = evolution.populate(0.5, 0.5, 0.5)
    assert distance(evolution.next(), members[2]) == 1


def test_children_that_run_at_the_same_time_differ() -> None:
    evolution = Evolution(evolving(population_size="2", sample_size="2"))
    evolution.populate(0.9, 0.1)
    assignments = evolution.search.suggest(2, 6).assignments
    texts = {pair.parameter_assignments[0].value for pair in assignments}
    assert len(texts) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"population_size": "1"}, "population_size should be a whole number from 2 on, not 1"),
        (
            {"population_size": "4", "sample_size": "5"},
            "sample_size is 5, and the population has 4 members only; set it to that or less",
        ),
        ({"sample_size": "0"}, "sample_size should be a whole number from 1 on, not 0"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        RegularizedEvolution.validate(evolving(**settings))
    [problem] = caught.value.problems
    assert problem.detail == message


def test_parameters_are_not_for_evolution() -> None:
    with pytest.raises(SettingsError, match=r"^spec\.nasConfig is missing"):
        RegularizedEvolution.validate(
            an_experiment().with_algorithm("regularized-evolution").build()
        )
