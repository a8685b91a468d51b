from __future__ import annotations

import pytest

from katib.api import names
from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue, Strings
from katib.search.algorithms.pbt import GENERATION, MEMBER, PARENT, REPLACED
from katib.search.history import Outcome
from katib.search.lineage import Lineage
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment


def an_experiment_of(direction: str) -> Experiment:
    builder = an_experiment().with_objective("accuracy", direction)
    return builder.with_parameter("lr", min="0.1", max="1").build()


def a_life(
    name: str, rate: str, value: str, member: int, generation: int, **more: str
) -> tuple[str, str, str, dict[str, str]]:
    found = {MEMBER: str(member), GENERATION: str(generation)}
    labels = {"parent": PARENT, "replaced": REPLACED}
    return name, rate, value, {**found, **{labels[key]: text for key, text in more.items()}}


LIVES = [
    a_life("c", "0.4", "0.9", 1, 1, parent="a", replaced="b"),
    a_life("a", "0.5", "0.5", 0, 0),
    a_life("b", "0.7", "0.2", 1, 0),
    a_life("d", "0.5", "0.6", 0, 1, parent="a"),
    a_life("e", "0.3", "", 1, 2, parent="c"),
    ("stranger", "0.3", "1", {}),
]


def trials(experiment: Experiment) -> list[Trial]:
    made = []
    for name, rate, value, labels in LIVES:
        pairs = (NameValue(name="lr", value=rate),)
        assignment = TrialAssignment(parameter_assignments=pairs, labels=Strings(labels))
        trial = a_running_trial(experiment, name, assignment)
        made.append(a_succeeded_trial(trial, value) if value else trial)
    return made


@pytest.mark.parametrize("direction", [names.MAXIMIZE, names.MINIMIZE])
def test_a_population_is_read_from_its_trials(direction: str) -> None:
    experiment = an_experiment_of(direction)
    lineage = Lineage.of(experiment, trials(experiment))
    assert list(lineage.lives) == ["a", "b", "d", "c", "e"]
    life = lineage.lives["c"]
    assert (life.parent, life.replaced, life.member, life.generation) == ("a", "b", 1, 1)
    assert (life.value, life.outcome) == (0.9, Outcome.FINISHED)
    assert lineage.lives["e"].value is None
    assert lineage.lives["e"].outcome is Outcome.PENDING


def test_a_trials_schedule_is_what_its_ancestors_had() -> None:
    experiment = an_experiment_of(names.MAXIMIZE)
    lineage = Lineage.of(experiment, trials(experiment))
    line = lineage.descent("e")
    assert [life.trial for life in line] == ["a", "c", "e"]
    assert [life.assignments["lr"] for life in line] == ["0.5", "0.4", "0.3"]
    assert [life.trial for life in lineage.children("a")] == ["d", "c"]


def test_an_ancestor_that_was_deleted_ends_the_line() -> None:
    experiment = an_experiment_of(names.MAXIMIZE)
    kept = [trial for trial in trials(experiment) if trial.metadata.name != "a"]
    lineage = Lineage.of(experiment, kept)
    assert [life.trial for life in lineage.descent("e")] == ["c", "e"]
    with pytest.raises(KeyError):
        lineage.descent("a")
