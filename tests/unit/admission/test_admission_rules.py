"""The rules of a new experiment, row by row: exactly these errors, in this order."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import GONE, Case, a_context, check, edited, list_errors

from katib.admission import admit
from katib.errors import AdmissionError

INVALID, REQUIRED = "Invalid value", "Required value"
OBJECTIVE = "spec.objective"
FIRST, FIRST_PATH = "spec.parameters.0", "spec.parameters[0]"
NAME_TEXT = "start with an alphabetic character, and end with an alphanumeric character"
AT_MOST = "should be less than or equal to spec.maxTrialCount"


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _name(sentence: str, name: str) -> Case:
    error = ("metadata.name", INVALID, NAME_TEXT)
    return _case(sentence, {"metadata.name": name}, error)


def _label(sentence: str, key: str, value: str, *texts: str) -> Case:
    errors = [("metadata.labels", INVALID, text) for text in texts]
    return _case(sentence, {"metadata.labels": {key: value}}, *errors)


IDENTITY = [
    _case("a complete Experiment is admitted", {}),
    _name("the name `1234-test`, which begins with a digit, is refused", "1234-test"),
    _name("a name of 48 characters is refused", "a" * 48),
    _name("a name of 41 characters is refused", "a" * 41),
    _name("the name `a_b`, with a character that is no letter, digit or dash, is refused", "a_b"),
    _name("the name `abc-`, which ends with a dash, is refused", "abc-"),
    _name("the name `a.b`, with a dot, is refused", "a.b"),
    _name("a name with an upper-case letter is refused", "A"),
    _name("a name that ends with a line feed is refused", "abc\n"),
    _case("a name of 40 characters is accepted", {"metadata.name": "a" * 40}),
    _case("a name of one letter is accepted", {"metadata.name": "a"}),
    _case(
        "an experiment without `metadata.name` and `metadata.generateName` is refused",
        {"metadata.name": GONE},
        ("metadata.name", REQUIRED, "must be specified"),
    ),
    _case(
        "`metadata.generateName` stands for a name",
        {"metadata.name": GONE, "metadata.generateName": "tune-"},
    ),
    _case(
        "a `metadata.generateName` that leads to a name above 40 characters is refused",
        {"metadata.name": GONE, "metadata.generateName": "a" * 36},
        ("metadata.generateName", INVALID, "longer than 40 characters"),
    ),
    _case(
        "a namespace that is no DNS label is refused at `metadata.namespace`",
        {"metadata.namespace": "../x"},
        ("metadata.namespace", INVALID, "lower case alphanumeric characters"),
    ),
    _case(
        "a document of another version is refused at `apiVersion`",
        {"apiVersion": "kubeflow.org/v0"},
        ("apiVersion", INVALID, 'must be "kubeflow.org/v1beta1"'),
    ),
    _case(
        "a document of another kind is refused at `kind`, and the rest is not looked at",
        {"kind": "Trial", "spec": GONE},
        ("kind", INVALID, 'must be "Experiment"'),
    ),
    _case(
        "a document that says neither version nor kind is refused at both",
        {"apiVersion": GONE, "kind": GONE, "spec": GONE},
        ("apiVersion", REQUIRED, 'must be "kubeflow.org/v1beta1"'),
        ("kind", REQUIRED, 'must be "Experiment"'),
    ),
]

KEY = "a label's key must have"
VALUE = "must be empty or have at most 63 alphanumeric characters"
LABELS = [
    _label(
        "a label with a prefix, as `example.com/team: blue_1.x`, is accepted",
        "example.com/team",
        "blue_1.x",
    ),
    _label("an empty label value is accepted", "team", ""),
    _label("a label key and a label value of 63 characters are accepted", "k" * 63, "v" * 63),
    _label("a label key of 64 characters is refused at `metadata.labels`", "k" * 64, "v", KEY),
    _label("a label value of 64 characters is refused at `metadata.labels`", "k", "v" * 64, VALUE),
    _label("a label key that ends with a dash is refused", "k-", "v", KEY),
    _label("a label key with a space is refused", "my team", "v", KEY),
    _label("a label key with an empty prefix is refused", "/team", "v", KEY),
    _label("a label key whose prefix has upper-case letters is refused", "Example.com/t", "v", KEY),
    _label(
        "a label key whose prefix is longer than 253 characters is refused",
        "a" * 254 + "/team",
        "v",
        KEY,
    ),
    _label("a label key with two slashes is refused", "a/b/c", "v", KEY),
    _label("a label value with a slash is refused", "team", "a/b", VALUE),
    _label("a label value that begins with a dot is refused", "team", ".a", VALUE),
    _label("a bad label key with a bad label value is refused twice", "my team", "a b", KEY, VALUE),
]

BUDGET = [
    _case(
        "`maxFailedTrialCount` -1 is refused",
        {"spec.maxFailedTrialCount": -1},
        ("spec.maxFailedTrialCount", INVALID, "should not be less than 0"),
    ),
    _case("`maxFailedTrialCount` 0 is accepted", {"spec.maxFailedTrialCount": 0}),
    _case(
        "`maxTrialCount` -1 is refused",
        {"spec.maxTrialCount": -1, "spec.parallelTrialCount": -2},
        ("spec.maxTrialCount", INVALID, "must be greater than 0"),
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "`maxTrialCount` 0 is refused, and so is the default parallelism above it",
        {"spec.maxTrialCount": 0},
        ("spec.maxTrialCount", INVALID, "must be greater than 0"),
        ("spec.parallelTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "`parallelTrialCount` -1 is refused",
        {"spec.parallelTrialCount": -1},
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "`parallelTrialCount` 0 is refused",
        {"spec.parallelTrialCount": 0},
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "`maxFailedTrialCount` 6 with `maxTrialCount` 5 is refused at `spec.maxFailedTrialCount`",
        {"spec.maxFailedTrialCount": 6, "spec.maxTrialCount": 5},
        ("spec.maxFailedTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "`parallelTrialCount` 6 with `maxTrialCount` 5 is refused at `spec.parallelTrialCount`",
        {"spec.parallelTrialCount": 6, "spec.maxTrialCount": 5},
        ("spec.parallelTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "`maxFailedTrialCount` and `parallelTrialCount` equal to `maxTrialCount` are accepted",
        {
            "spec.parallelTrialCount": 5,
            "spec.maxFailedTrialCount": 5,
            "spec.maxTrialCount": 5,
        },
    ),
    _case(
        "without `maxTrialCount` the other counts have no upper limit",
        {"spec.parallelTrialCount": 1000, "spec.maxFailedTrialCount": 1000},
    ),
    _case(
        "the default parallelism of 3 above a `maxTrialCount` of 2 is refused",
        {"spec.maxTrialCount": 2},
        ("spec.parallelTrialCount", INVALID, AT_MOST),
    ),
]

OBJECTIVES = [
    _case(
        "without an objective there is exactly one error, whatever else is wrong in later rules",
        {OBJECTIVE: GONE, "spec.algorithm": GONE, "spec.trialTemplate": GONE},
        (OBJECTIVE, REQUIRED, "must be specified"),
    ),
    _case(
        "what is wrong with the name and the counts is told beside a missing objective",
        {
            OBJECTIVE: GONE,
            "metadata.name": "1",
            "spec.maxTrialCount": -1,
            "spec.parallelTrialCount": -1,
        },
        ("metadata.name", INVALID, NAME_TEXT),
        ("spec.maxTrialCount", INVALID, "must be greater than 0"),
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
        (OBJECTIVE, REQUIRED, "must be specified"),
    ),
    _case(
        "an empty objective type is refused",
        {f"{OBJECTIVE}.type": ""},
        (f"{OBJECTIVE}.type", INVALID, "must be minimize or maximize"),
    ),
    _case(
        "an objective type other than `minimize` and `maximize` hides the rules behind it",
        {f"{OBJECTIVE}.type": "smallest", "spec.algorithm": GONE},
        (f"{OBJECTIVE}.type", INVALID, "must be minimize or maximize"),
    ),
    _case("the objective type `maximize` is accepted", {f"{OBJECTIVE}.type": "maximize"}),
    _case(
        "a policy for what is not finite must be one of the three",
        {f"{OBJECTIVE}.nonFinite": "penalize"},
        (f"{OBJECTIVE}.nonFinite", INVALID, "must be fail, ignore or penalise, or be left out"),
    ),
    _case("the policy `penalise` is accepted", {f"{OBJECTIVE}.nonFinite": "penalise"}),
    _case(
        "an empty objective metric name is refused, and hides the rules behind it",
        {f"{OBJECTIVE}.objectiveMetricName": "", "spec.trialTemplate": GONE},
        (f"{OBJECTIVE}.objectiveMetricName", REQUIRED, "must be specified"),
    ),
    _case(
        "additional metrics that contain the objective metric hide the rules behind them",
        {f"{OBJECTIVE}.additionalMetricNames": ["a", "loss"], "spec.algorithm": GONE},
        (
            f"{OBJECTIVE}.additionalMetricNames",
            INVALID,
            "should not contain spec.objective.objectiveMetricName",
        ),
    ),
    _case(
        "a wrong type and a missing metric name of one objective are both told",
        {f"{OBJECTIVE}.type": "", f"{OBJECTIVE}.objectiveMetricName": GONE},
        (f"{OBJECTIVE}.type", INVALID, "must be minimize or maximize"),
        (f"{OBJECTIVE}.objectiveMetricName", REQUIRED, "must be specified"),
    ),
    _case(
        "a metric strategy other than `min`, `max` and `latest` is refused, though Katib takes it",
        {
            f"{OBJECTIVE}.metricStrategies": [{"name": "loss", "value": "mean"}],
            "spec.algorithm": GONE,
        },
        (f"{OBJECTIVE}.metricStrategies[0].value", INVALID, "must be min, max or latest"),
        ("spec.algorithm", REQUIRED, "must be specified"),
    ),
    *(
        _case(sentence, {f"{OBJECTIVE}.metricStrategies": [{"name": "loss", "value": value}]})
        for sentence, value in {
            "the metric strategy `min` is accepted": "min",
            "the metric strategy `max` is accepted": "max",
            "the metric strategy `latest` is accepted": "latest",
        }.items()
    ),
]

ALGORITHMS = [
    _case(
        "an experiment without an algorithm is refused at `spec.algorithm`",
        {"spec.algorithm": GONE},
        ("spec.algorithm", REQUIRED, "must be specified"),
    ),
    _case(
        "an empty algorithm name is refused",
        {"spec.algorithm": {}},
        ("spec.algorithm.algorithmName", REQUIRED, "must be specified"),
    ),
    _case(
        "an algorithm that this home does not have is refused at `spec.algorithm.algorithmName`",
        {"spec.algorithm.algorithmName": "rendom"},
        (
            "spec.algorithm.algorithmName",
            INVALID,
            "unable to get Suggestion config data for algorithm rendom: unknown algorithm "
            '"rendom", did you mean "random"?; known: grid, random, tpe',
        ),
    ),
    _case(
        "settings of an algorithm are not looked at by admission",
        {"spec.algorithm.algorithmSettings": [{"name": "no_such_setting", "value": "x"}]},
    ),
    _case(
        "the setting `suggestion_trial_dir` is accepted for every algorithm",
        {"spec.algorithm.algorithmSettings": [{"name": "suggestion_trial_dir", "value": "/d"}]},
    ),
    _case("an experiment needs no early stopping", {"spec.earlyStopping": None}),
    _case(
        "an early stopping rule of this home is accepted",
        {"spec.earlyStopping.algorithmName": "medianstop"},
    ),
    _case(
        "early stopping with an empty name is refused",
        {"spec.earlyStopping": {}},
        ("spec.earlyStopping.algorithmName", REQUIRED, "must be specified"),
    ),
    _case(
        "an early stopping rule that this home does not have is refused",
        {"spec.earlyStopping.algorithmName": "median"},
        (
            "spec.earlyStopping.algorithmName",
            INVALID,
            "unable to get EarlyStopping config data for algorithm median: unknown early stopping "
            'algorithm "median", did you mean "medianstop"?',
        ),
    ),
    _case(
        "the resume policy `invalid-policy` is refused",
        {"spec.resumePolicy": "invalid-policy"},
        ("spec.resumePolicy", INVALID, "invalid ResumePolicyType"),
    ),
    *(
        _case(sentence, {"spec.resumePolicy": policy})
        for sentence, policy in {
            "an empty resume policy is accepted": "",
            "the resume policy `Never` is accepted": "Never",
            "the resume policy `LongRunning` is accepted": "LongRunning",
            "the resume policy `FromVolume` is accepted": "FromVolume",
        }.items()
    ),
]


@pytest.mark.parametrize("case", [*IDENTITY, *LABELS, *BUDGET, *OBJECTIVES, *ALGORITHMS], ids=str)
def test_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)


@pytest.mark.rule("all that is wrong is told at once, in the order of the rules")
def test_the_order_of_errors() -> None:
    changes = {
        "metadata.name": "1",
        "spec.maxFailedTrialCount": -1,
        "spec.algorithm.algorithmName": "",
        "spec.resumePolicy": "x",
        "spec.trialTemplate.primaryContainerName": "",
        f"{FIRST}.parameterType": "x",
        "spec.metricsCollectorSpec.collector.kind": "x",
    }
    assert [error.path for error in list_errors(edited(changes))] == [
        "metadata.name",
        "spec.maxFailedTrialCount",
        "spec.algorithm.algorithmName",
        "spec.resumePolicy",
        "spec.trialTemplate.primaryContainerName",
        f"{FIRST_PATH}.parameterType",
        "spec.metricsCollectorSpec.collector.kind",
    ]


@pytest.mark.rule("a refusal names the experiment and how many errors there are")
def test_the_error_names_the_experiment_and_counts() -> None:
    changes = {"spec.maxFailedTrialCount": -1, "spec.resumePolicy": "x"}
    with pytest.raises(AdmissionError, match=r'^Experiment "tune" is refused, 2 errors:') as caught:
        admit(edited(changes), a_context())
    assert "spec.maxFailedTrialCount: Invalid value: -1: should not" in str(caught.value)


@pytest.mark.rule("an error is printed as Kubernetes does: path, kind of error, value, text")
def test_the_text_of_the_three_kinds_of_error() -> None:
    old = admit(edited({}), a_context())
    changes = {"spec.maxFailedTrialCount": -1, "spec.algorithm": GONE}
    assert [str(error) for error in list_errors(edited(changes), old)] == [
        "spec.maxFailedTrialCount: Invalid value: -1: should not be less than 0",
        "spec: Forbidden: only spec.parallelTrialCount, spec.maxTrialCount and "
        "spec.maxFailedTrialCount are editable; changed: spec.algorithm",
        "spec.algorithm: Required value: must be specified",
    ]
