from __future__ import annotations

import pytest

from katib.api import names
from katib.api.codec import to_manifest
from katib.api.suggestion import TrialAssignment
from katib.api.values import Manifest, NameValue, Strings
from katib.client.analysis.lineage import Descent, descent_of
from katib.search.algorithms.pbt import GENERATION, MEMBER, PARENT, REPLACED
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment
from katib.web.charts.lineage import draw_lineage

#: Name, value, generation, parent and whom it replaced.
LIVES = (
    ("a", "0.5", 0, "", ""),
    ("b", "0.2", 0, "", ""),
    ("c", "0.9", 1, "a", "b"),
    ("d", "0.6", 1, "a", ""),
    ("e", "", 2, "c", ""),
)


def descent(direction: str = names.MAXIMIZE) -> Descent:
    experiment = an_experiment().with_objective("accuracy", direction).build()
    trials: list[Manifest] = []
    for member, (name, value, generation, parent, replaced) in enumerate(LIVES):
        labels = {MEMBER: str(member), GENERATION: str(generation)}
        labels |= {PARENT: parent} if parent else {}
        labels |= {REPLACED: replaced} if replaced else {}
        pairs = (NameValue(name="lr", value="0.05"),)
        assignment = TrialAssignment(parameter_assignments=pairs, labels=Strings(labels))
        trial = a_running_trial(experiment, name, assignment)
        trials.append(to_manifest(a_succeeded_trial(trial, value) if value else trial))
    return descent_of(to_manifest(experiment), trials)


def test_the_ancestry_of_the_best_is_found() -> None:
    found = descent()
    assert found.metric == "accuracy"
    assert [one.trial for one in found.ancestry] == ["a", "c"]
    assert [one.trial for one in descent(names.MINIMIZE).ancestry] == ["b"]


def test_of_equals_the_best_is_the_one_that_the_experiment_names() -> None:
    experiment = an_experiment().with_objective("accuracy", names.MAXIMIZE).build()
    trials = []
    for name, parent in (("a", ""), ("b", "a")):
        labels = {MEMBER: "0", GENERATION: str(int(bool(parent)))}
        labels |= {PARENT: parent} if parent else {}
        pairs = (NameValue(name="lr", value="0.05"),)
        assignment = TrialAssignment(parameter_assignments=pairs, labels=Strings(labels))
        trial = a_running_trial(experiment, name, assignment)
        trials.append(to_manifest(a_succeeded_trial(trial, "0.5")))
    named = {"currentOptimalTrial": {"bestTrialName": "b"}}
    found = descent_of({**to_manifest(experiment), "status": named}, trials)
    assert [one.trial for one in found.ancestry] == ["a", "b"]
    gone = {"currentOptimalTrial": {"bestTrialName": "gone"}}
    found = descent_of({**to_manifest(experiment), "status": gone}, trials)
    assert [one.trial for one in found.ancestry] == ["a"]


def test_without_values_there_is_no_best() -> None:
    experiment = to_manifest(an_experiment().build())
    assert descent_of(experiment, []).ancestry == ()


@pytest.mark.parametrize("direction", [names.MAXIMIZE, names.MINIMIZE])
def test_generations_lie_across_and_children_hang_on_their_parents(direction: str) -> None:
    options = draw_lineage(descent(direction))
    series = {one["name"]: one["data"] for one in options["series"]}
    edges = [one["coords"] for one in series["Parent to child"]]
    best = [one["coords"] for one in series["Ancestors of the best"]]
    assert sorted(edges + best) == [[[0, 0.5], [1, 0.6]], [[0, 0.5], [1, 0.9]]]
    assert best == ([[[0, 0.5], [1, 0.9]]] if direction == names.MAXIMIZE else [])
    assert [one["trial"] for one in series["Took another's place"]] == ["c"]
    assert [one["trial"] for one in series["Trials"]] == ["a", "b", "d"], "e has no value yet"
