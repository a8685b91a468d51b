"""The rules of a new experiment, row by row: exactly these errors, in this order."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import GONE, Case, a_context, check, edited, list_errors

INVALID, REQUIRED = "Invalid value", "Required value"
OBJECTIVE = "spec.objective"
FIRST, FIRST_PATH = "spec.parameters.0", "spec.parameters[0]"
SPACE, SPACE_PATH = f"{FIRST}.feasibleSpace", f"{FIRST_PATH}.feasibleSpace"
NAME_TEXT = "start with an alphabetic character, and end with an alphanumeric character"
AT_MOST = "should be less than or equal to spec.maxTrialCount"


def _case(sentence: str, changes: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    return Case(sentence, changes, errors)


def _name(name: str) -> Case:
    error = ("metadata.name", INVALID, NAME_TEXT)
    return _case(f"the name {name} is refused", {"metadata.name": name}, error)


def _space(kind: str, space: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    changes = {f"{FIRST}.parameterType": kind, SPACE: space}
    return _case(f"{kind} with {space or 'nothing'}", changes, *errors)


IDENTITY = [
    _case("a legal manifest", {}),
    _name("1234-test"),
    _name("a" * 48),
    _name("a" * 41),
    _name("a_b"),
    _name("abc-"),
    _name("a.b"),
    _name("A"),
    _name("abc\n"),
    _case("a name of 40 characters", {"metadata.name": "a" * 40}),
    _case("a name of one character", {"metadata.name": "a"}),
    _case(
        "no name",
        {"metadata.name": GONE},
        ("metadata.name", REQUIRED, "must be specified"),
    ),
    _case("a generated name", {"metadata.name": GONE, "metadata.generateName": "tune-"}),
    _case(
        "a generated name that gets too long",
        {"metadata.name": GONE, "metadata.generateName": "a" * 36},
        ("metadata.generateName", INVALID, "longer than 40 characters"),
    ),
    _case(
        "a namespace that leads out of its folder",
        {"metadata.namespace": "../x"},
        ("metadata.namespace", INVALID, "lower case alphanumeric characters"),
    ),
    _case(
        "another version",
        {"apiVersion": "kubeflow.org/v1alpha3"},
        ("apiVersion", INVALID, 'must be "kubeflow.org/v1beta1"'),
    ),
    _case("another kind", {"kind": "Trial"}, ("kind", INVALID, 'must be "Experiment"')),
    _case(
        "neither version nor kind: the rest is not looked at",
        {"apiVersion": GONE, "kind": GONE, "spec": GONE},
        ("apiVersion", REQUIRED, 'must be "kubeflow.org/v1beta1"'),
        ("kind", REQUIRED, 'must be "Experiment"'),
    ),
]

BUDGET = [
    _case(
        "max failed trial count -1",
        {"spec.maxFailedTrialCount": -1},
        ("spec.maxFailedTrialCount", INVALID, "should not be less than 0"),
    ),
    _case("max failed trial count 0", {"spec.maxFailedTrialCount": 0}),
    _case(
        "max trial count -1",
        {"spec.maxTrialCount": -1, "spec.parallelTrialCount": -2},
        ("spec.maxTrialCount", INVALID, "must be greater than 0"),
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "max trial count 0, below the default parallelism",
        {"spec.maxTrialCount": 0},
        ("spec.maxTrialCount", INVALID, "must be greater than 0"),
        ("spec.parallelTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "parallel trial count -1",
        {"spec.parallelTrialCount": -1},
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "parallel trial count 0",
        {"spec.parallelTrialCount": 0},
        ("spec.parallelTrialCount", INVALID, "must be greater than 0"),
    ),
    _case(
        "6 failed of 5 trials",
        {"spec.maxFailedTrialCount": 6, "spec.maxTrialCount": 5},
        ("spec.maxFailedTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "6 at a time of 5 trials",
        {"spec.parallelTrialCount": 6, "spec.maxTrialCount": 5},
        ("spec.parallelTrialCount", INVALID, AT_MOST),
    ),
    _case(
        "5 of 5",
        {
            "spec.parallelTrialCount": 5,
            "spec.maxFailedTrialCount": 5,
            "spec.maxTrialCount": 5,
        },
    ),
]

OBJECTIVES = [
    _case(
        "no objective, whatever else is wrong later",
        {OBJECTIVE: GONE, "spec.algorithm": GONE, "spec.trialTemplate": GONE},
        (OBJECTIVE, REQUIRED, "must be specified"),
    ),
    _case(
        "an empty objective type",
        {f"{OBJECTIVE}.type": ""},
        (f"{OBJECTIVE}.type", INVALID, "must be minimize or maximize"),
    ),
    _case(
        "another objective type, and the later rules are not reached",
        {f"{OBJECTIVE}.type": "smallest", "spec.algorithm": GONE},
        (f"{OBJECTIVE}.type", INVALID, "must be minimize or maximize"),
    ),
    _case(
        "no metric name",
        {f"{OBJECTIVE}.objectiveMetricName": ""},
        (f"{OBJECTIVE}.objectiveMetricName", REQUIRED, "must be specified"),
    ),
    _case(
        "additional metrics contain the objective",
        {f"{OBJECTIVE}.additionalMetricNames": ["a", "loss"]},
        (
            f"{OBJECTIVE}.additionalMetricNames",
            INVALID,
            "should not contain spec.objective.objectiveMetricName",
        ),
    ),
    _case(
        "a strategy that does not exist, and the later rules are reached",
        {
            f"{OBJECTIVE}.metricStrategies": [{"name": "loss", "value": "mean"}],
            "spec.algorithm": GONE,
        },
        (f"{OBJECTIVE}.metricStrategies[0].value", INVALID, "must be min, max or latest"),
        ("spec.algorithm", REQUIRED, "must be specified"),
    ),
    *(
        _case(
            f"the strategy {value}",
            {f"{OBJECTIVE}.metricStrategies": [{"name": "loss", "value": value}]},
        )
        for value in ("min", "max", "latest")
    ),
    _case(
        "no algorithm",
        {"spec.algorithm": GONE},
        ("spec.algorithm", REQUIRED, "must be specified"),
    ),
    _case(
        "no algorithm name",
        {"spec.algorithm": {}},
        ("spec.algorithm.algorithmName", REQUIRED, "must be specified"),
    ),
    _case(
        "an unknown algorithm",
        {"spec.algorithm.algorithmName": "rendom"},
        (
            "spec.algorithm.algorithmName",
            INVALID,
            'unknown algorithm "rendom", did you mean "random"?; known: grid, random, tpe',
        ),
    ),
    _case("early stopping", {"spec.earlyStopping.algorithmName": "medianstop"}),
    _case(
        "early stopping without a name",
        {"spec.earlyStopping": {}},
        ("spec.earlyStopping.algorithmName", REQUIRED, "must be specified"),
    ),
    _case(
        "unknown early stopping",
        {"spec.earlyStopping.algorithmName": "median"},
        (
            "spec.earlyStopping.algorithmName",
            INVALID,
            'unknown early stopping algorithm "median", did you mean "medianstop"?; known: '
            "medianstop",
        ),
    ),
    _case(
        "an invalid resume policy",
        {"spec.resumePolicy": "invalid-policy"},
        ("spec.resumePolicy", INVALID, "invalid ResumePolicyType"),
    ),
    *(
        _case(f"resume policy {policy}", {"spec.resumePolicy": policy})
        for policy in ("", "Never", "LongRunning", "FromVolume")
    ),
]

ORPHANS = {"spec.trialTemplate.trialParameters.0.reference": "${trialSpec.Name}"}
NO_SPACE = (SPACE_PATH, REQUIRED, "feasibleSpace must be specified")
BOTH = "feasibleSpace.max or feasibleSpace.min must be specified for parameterType: "
NO_RANGE = "feasibleSpace .max, .min and .step is not supported for parameterType: "

SPACES = [
    _case(
        "no parameters and no nasConfig",
        {"spec.parameters": GONE},
        ("spec", REQUIRED, "spec.parameters or spec.nasConfig must be specified"),
    ),
    _case(
        "both parameters and nasConfig",
        {"spec.nasConfig": {"operations": []}},
        ("spec", INVALID, "only one of spec.parameters and spec.nasConfig can be specified"),
    ),
    _case("only nasConfig", {"spec.parameters": [], "spec.nasConfig": {}}),
    _case(
        "two parameters of one name",
        {
            "spec.parameters.1.name": "lr",
            "spec.trialTemplate.trialParameters.1.reference": "${trialSpec.Name}",
        },
        ("spec.parameters[1].name", INVALID, "spec.parameters[0] has the same name"),
    ),
    _case(
        "a parameter without a name",
        {f"{FIRST}.name": ""},
        (f"{FIRST_PATH}.name", REQUIRED, "must be specified"),
    ),
    _case(
        "parameter type invalid-type",
        {f"{FIRST}.parameterType": "invalid-type"},
        (f"{FIRST_PATH}.parameterType", INVALID, "parameterType: invalid-type is not supported"),
    ),
    _case(
        "no parameter type",
        {f"{FIRST}.parameterType": GONE},
        (f"{FIRST_PATH}.parameterType", INVALID, "is not supported"),
    ),
    _case("parameter type unknown", {f"{FIRST}.parameterType": "unknown"}),
    _case(
        "distribution invalid-distribution",
        {f"{SPACE}.distribution": "invalid-distribution"},
        (
            f"{SPACE_PATH}.distribution",
            INVALID,
            "distribution: invalid-distribution is not supported",
        ),
    ),
    *(
        _case(f"distribution {name}", {f"{SPACE}.distribution": name})
        for name in ("uniform", "logUniform", "normal", "logNormal", "unknown")
    ),
    *(_space(kind, {}, NO_SPACE) for kind in ("int", "double", "categorical", "discrete")),
    _space("categorical", {"list": []}, NO_SPACE),
    _space("double", {"distribution": "normal"}, NO_SPACE),
    *(
        _space(
            kind,
            {"list": ["1"], "min": "1", "max": "2"},
            (
                f"{SPACE_PATH}.list",
                INVALID,
                f"feasibleSpace.list is not supported for parameterType: {kind}",
            ),
        )
        for kind in ("int", "double")
    ),
    _space("int", {"step": "1"}, (f"{SPACE_PATH}.max", REQUIRED, BOTH + "int")),
    _space("double", {"min": "1"}, (f"{SPACE_PATH}.max", REQUIRED, BOTH + "double")),
    _space("double", {"max": "1"}, (f"{SPACE_PATH}.max", REQUIRED, BOTH + "double")),
    *(
        _space(
            "categorical",
            {name: "1", "list": ["a"]},
            (SPACE_PATH, INVALID, NO_RANGE + "categorical"),
        )
        for name in ("max", "min", "step")
    ),
    _space("discrete", {"max": "1"}, (SPACE_PATH, INVALID, NO_RANGE + "discrete")),
    _space("categorical", {"list": ["a", "a", ""]}),
    _space("discrete", {"list": ["1", "-2.5e3", "1"]}),
    _space(
        "discrete",
        {"list": ["1", "two", "inf"]},
        (f"{SPACE_PATH}.list[1]", INVALID, "must be a number"),
        (f"{SPACE_PATH}.list[2]", INVALID, "must be a number"),
    ),
    _space(
        "int",
        {"min": "0.5", "max": "ten", "step": "1.0"},
        (f"{SPACE_PATH}.max", INVALID, "must be an integer for parameterType: int"),
        (f"{SPACE_PATH}.min", INVALID, "must be an integer for parameterType: int"),
        (f"{SPACE_PATH}.step", INVALID, "must be an integer for parameterType: int"),
    ),
    _space(
        "double",
        {"min": "nan", "max": "1e999", "step": "0,1"},
        (f"{SPACE_PATH}.max", INVALID, "must be a finite number for parameterType: double"),
        (f"{SPACE_PATH}.min", INVALID, "must be a finite number for parameterType: double"),
        (f"{SPACE_PATH}.step", INVALID, "must be a finite number for parameterType: double"),
    ),
    _space("double", {"min": "1e-5", "max": ".5", "step": "1E-2"}),
    _space("double", {"min": "1", "max": "1"}),
    _space(
        "double",
        {"min": "0.3", "max": "0.03"},
        (f"{SPACE_PATH}.min", INVALID, "must not be greater than feasibleSpace.max, 0.03"),
    ),
    _space(
        "int",
        {"min": "1", "max": "2", "step": "0"},
        (f"{SPACE_PATH}.step", INVALID, "must be greater than 0"),
    ),
    *(
        _space(
            "double",
            {"min": "0", "max": "1", "distribution": name},
            (f"{SPACE_PATH}.min", INVALID, f"must be greater than 0 for distribution: {name}"),
        )
        for name in ("logUniform", "logNormal")
    ),
    _space("double", {"min": "-1", "max": "1", "distribution": "normal"}),
]


@pytest.mark.parametrize("case", [*IDENTITY, *BUDGET, *OBJECTIVES, *SPACES], ids=str)
def test_rules(case: Case) -> None:
    check(list_errors(edited(case.changes)), case.errors)


def test_the_error_names_the_experiment_and_counts() -> None:
    from katib.admission import admit
    from katib.errors import AdmissionError

    changes = {"spec.maxFailedTrialCount": -1, "spec.resumePolicy": "x"}
    with pytest.raises(AdmissionError, match=r'^Experiment "tune" is refused, 2 errors:') as caught:
        admit(edited(changes), a_context())
    assert "spec.maxFailedTrialCount: Invalid value: -1: should not" in str(caught.value)
