from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.api.values import Manifest
from katib.apps.door import admission_context, admit_here
from katib.configuration import KatibConfig
from katib.configuration.reading import read_config
from katib.errors import AdmissionError, AlgorithmCrashedError, SettingsError
from katib.testing.builders import an_experiment

SERVED = """
runtime:
  suggestions:
    - {algorithmName: random, address: "localhost:6789"}
  earlyStoppings:
    - {algorithmName: medianstop, address: "localhost:6788"}
    - {algorithmName: mine, address: "localhost:6788"}
"""


def find_nothing(kind: object, key: object) -> None:
    return None


def a_manifest(early_stopping: Mapping[str, str], algorithm: Mapping[str, str]) -> Manifest:
    builder = an_experiment().with_algorithm("random", **algorithm)
    manifest = to_manifest(builder.with_early_stopping("medianstop", **early_stopping).build())
    manifest.pop("status", None)
    return manifest


def refused(manifest: Manifest, config: KatibConfig | None = None) -> Sequence[str]:
    context = admission_context(find_nothing, config)
    with pytest.raises(AdmissionError) as caught:
        admit_here(manifest, context, config=config)
    return [str(error) for error in caught.value.errors]


def test_early_stopping_is_admitted_here() -> None:
    manifest = a_manifest({"start_step": "2"}, {})
    admitted = admit_here(manifest, admission_context(find_nothing))
    assert admitted.spec.early_stopping is not None


@pytest.mark.rule(
    "Wrong early stopping settings are refused at the door, together with those of the algorithm"
)
def test_wrong_settings() -> None:
    assert refused(a_manifest({"start_step": "0"}, {"random_state": "x"})) == [
        'spec.algorithm.algorithmSettings[0].value: Invalid value: "x": failed to validate '
        "random_state(x): invalid literal for int() with base 10: 'x', write a whole number from "
        "0 on",
        'spec.earlyStopping.algorithmSettings[0].value: Invalid value: "0": start_step must be '
        "greater or equal than one (>=1)",
    ]


def test_each_setting_is_refused_at_its_place() -> None:
    assert refused(a_manifest({}, {"seed": "1", "random_state": "x"})) == [
        'spec.algorithm.algorithmSettings[0].name: Invalid value: "seed": unknown setting seed for '
        "algorithm random; known: random_state (a whole number from 0 on; default a seed that only "
        "this experiment has)",
        'spec.algorithm.algorithmSettings[1].value: Invalid value: "x": failed to validate '
        "random_state(x): invalid literal for int() with base 10: 'x', write a whole number from "
        "0 on",
    ]


def test_what_is_wrong_elsewhere_hides_no_setting_and_nothing_is_said_twice() -> None:
    manifest: Any = a_manifest({"start_stop": "1"}, {"random_state": "-1"})
    manifest["spec"]["resumePolicy"] = "Sometimes"
    manifest["spec"]["parameters"][0]["feasibleSpace"] = {"min": "2", "max": "1"}
    assert [error.split(": ")[0] for error in refused(manifest)] == [
        "spec.resumePolicy",
        "spec.parameters[0].feasibleSpace.min",
        "spec.algorithm.algorithmSettings[0].value",
        "spec.earlyStopping.algorithmSettings[0].name",
    ]


def test_a_crash_is_told_at_the_algorithm() -> None:
    def crash(experiment: Experiment) -> None:
        raise AlgorithmCrashedError("random", "exit code 3")

    with pytest.raises(
        AdmissionError, match=r"spec\.algorithm: Invalid value: algorithm random cr"
    ):
        admit_here(a_manifest({}, {}), admission_context(find_nothing), check_algorithm=crash)


def test_a_problem_without_a_place_is_at_the_algorithm() -> None:
    def refuse(experiment: Experiment) -> None:
        raise SettingsError("not so")

    with pytest.raises(AdmissionError, match=r"spec\.algorithm: Invalid value: not so$"):
        admit_here(a_manifest({}, {}), admission_context(find_nothing), check_algorithm=refuse)


def test_what_names_no_setting_is_refused_at_the_algorithm() -> None:
    manifest: Any = a_manifest({}, {})
    manifest["spec"]["algorithm"]["algorithmName"] = "grid"
    for parameter in manifest["spec"]["parameters"]:
        parameter["feasibleSpace"].pop("step", None)
    (error,) = refused(manifest)
    assert error.startswith("spec.algorithm: Invalid value: failed to validate parameters(")


def test_a_name_that_nobody_knows() -> None:
    manifest: Any = a_manifest({}, {})
    manifest["spec"]["earlyStopping"]["algorithmName"] = "medianstopp"
    (error,) = refused(manifest)
    assert error.startswith(
        'spec.earlyStopping.algorithmName: Invalid value: "medianstopp": unable'
    )
    assert "medianstop" in error


@pytest.mark.rule(
    "The settings of an early stopping service with an address are left to that service"
)
@pytest.mark.parametrize("name", ["medianstop", "mine"])
def test_a_service_checks_its_own_settings(name: str) -> None:
    config = read_config(SERVED, "file")
    manifest: Any = a_manifest({"start_step": "0", "its_own": "1"}, {"its_own": "1"})
    manifest["spec"]["earlyStopping"]["algorithmName"] = name
    admitted = admit_here(manifest, admission_context(find_nothing, config), config=config)
    assert admitted.spec.early_stopping is not None
    assert admitted.spec.early_stopping.algorithm_name == name
