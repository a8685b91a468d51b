"""kubectl with documents that ``katib up`` refuses: what it prints of what is wrong."""

from __future__ import annotations

import pytest
from command_line import an_experiment
from kubectl import MARKS, REFUSED, Cluster

pytestmark = MARKS

INVALID: dict[str, str] = {
    "an algorithm that nobody knows": 'did you mean "random"?',
    "a space with nothing in it": (
        'spec.parameters[0].feasibleSpace.min: Invalid value: "9.0": must not be greater than'
    ),
    "a reference to no parameter": "parameter reference z does not exist in spec.parameters",
    "no budget": "spec.maxTrialCount: Invalid value: 0",
}


@pytest.fixture(scope="module")
def refusal(cluster: Cluster) -> str:
    """What kubectl prints of a document with several mistakes."""
    manifest = an_experiment("true", algorithm={"algorithmName": "randon"}, maxTrialCount=0)
    manifest["spec"]["parameters"][0]["feasibleSpace"]["min"] = "9.0"
    manifest["spec"]["trialTemplate"]["trialParameters"][0]["reference"] = "z"
    path = cluster.katib.write(manifest, "invalid.yaml")
    refused = cluster("create", "-f", path, check=1)
    assert refused.out == ""
    assert cluster.names("default", "experiments") == []
    return refused.err


@pytest.mark.parametrize("case", INVALID)
def test_all_that_is_wrong_with_a_document_is_told_at_once(case: str, refusal: str) -> None:
    assert REFUSED.format("validator") in refusal
    assert refusal.count("denied the request") == 1
    assert INVALID[case] in refusal


def test_a_field_that_is_not_there_is_refused_or_warned_about(cluster: Cluster) -> None:
    cluster.write("unknown")
    path = cluster.changed("unknown", "maxTrialCount:", "maxTrialCuont:")
    said = 'unknown field "spec.maxTrialCuont"'
    refused = cluster("create", "-f", path, check=1)
    assert f"strict decoding error: {said}" in refused.err
    warned = cluster("create", "-f", path, "--validate=warn", "--dry-run=server")
    assert f"Warning: {said}" in warned.err
    assert warned.out == "experiment.kubeflow.org/unknown created (server dry run)\n"
