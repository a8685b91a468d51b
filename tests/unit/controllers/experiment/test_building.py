from __future__ import annotations

import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment, TrialTemplate
from katib.api.suggestion import EarlyStoppingRule, TrialAssignment
from katib.api.values import NameValue, Strings
from katib.controllers.experiment.building import build_suggestion, build_trial
from katib.errors import RenderError
from katib.testing.builders import an_experiment

RULE = EarlyStoppingRule(name="loss", value="0.5", comparison="greater", start_step=3)
ASSIGNMENT = TrialAssignment(
    name="trial-a",
    parameter_assignments=(NameValue(name="lr", value="0.02"),),
    early_stopping_rules=(RULE,),
    labels=Strings(generation="4"),
)


def with_template(experiment: Experiment, **changes: object) -> Experiment:
    template = replace(experiment.spec.trial_template or TrialTemplate(), **changes)
    return replace(experiment, spec=replace(experiment.spec, trial_template=template))


@pytest.mark.rule("The labels of an assignment are added to its trial's and stay out of its spec")
def test_labels() -> None:
    experiment = an_experiment().build()
    labelled = replace(experiment.metadata, labels=Strings(team="a"))
    trial = build_trial(replace(experiment, metadata=labelled), ASSIGNMENT)
    assert trial.metadata.labels == {
        "team": "a",
        names.LABEL_EXPERIMENT: "an-experiment",
        "generation": "4",
    }
    assert trial.spec.labels is None


@pytest.mark.rule("Name and assignments of a trial are those of its assignment")
def test_name_and_assignments() -> None:
    trial = build_trial(an_experiment().named("search", "team-a").build(), ASSIGNMENT)
    assert trial.key == ("team-a", "trial-a")
    assert trial.spec.parameter_assignments == ASSIGNMENT.parameter_assignments


RULES: dict[str, tuple[bool, tuple[EarlyStoppingRule, ...]]] = {
    "The early stopping rules of an assignment are its trial's": (True, (RULE,)),
    "Without early stopping in the experiment a trial has no rules": (False, ()),
}


@pytest.mark.parametrize("case", RULES)
def test_early_stopping_rules(case: str) -> None:
    is_stopping, expected = RULES[case]
    builder = an_experiment()
    if is_stopping:
        builder.with_early_stopping("medianstop")
    assert build_trial(builder.build(), ASSIGNMENT).spec.early_stopping_rules == expected


@pytest.mark.rule("Collector, `retain`, pod labels and container name come from the experiment")
def test_what_comes_from_the_template() -> None:
    experiment = with_template(
        an_experiment().build(), retain=True, primary_pod_labels=Strings(role="master")
    )
    spec = build_trial(experiment, ASSIGNMENT).spec
    assert spec.retain_run is True
    assert spec.primary_pod_labels == {"role": "master"}
    assert spec.primary_container_name == "main"
    assert spec.metrics_collector == experiment.spec.metrics_collector_spec


CONDITIONS: dict[str, tuple[str, str, tuple[str, str]]] = {
    "Both conditions of the template are given to its trials": ("a.b", "c.d", ("a.b", "c.d")),
    "A template with a success condition alone gives its trials none": ("a.b", "", ("", "")),
    "A template with a failure condition alone gives its trials none": ("", "c.d", ("", "")),
}


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions(case: str) -> None:
    success, failure, expected = CONDITIONS[case]
    experiment = with_template(
        an_experiment().build(), success_condition=success, failure_condition=failure
    )
    spec = build_trial(experiment, ASSIGNMENT).spec
    assert (spec.success_condition, spec.failure_condition) == expected


@pytest.mark.rule("A trial is not made of an assignment that does not fit the template")
def test_an_assignment_that_does_not_fit() -> None:
    other = replace(ASSIGNMENT, parameter_assignments=(NameValue(name="units", value="3"),))
    with pytest.raises(RenderError, match='"lr" refers to "lr", and no assignment has that name'):
        build_trial(an_experiment().build(), other)


@pytest.mark.rule(
    "A suggestion has the name and namespace of its experiment, and the first requests"
)
def test_a_suggestion() -> None:
    experiment = an_experiment().named("search", "team-a").build()
    suggestion = build_suggestion(experiment, 5)
    assert suggestion.key == experiment.key
    assert suggestion.spec.requests == 5
