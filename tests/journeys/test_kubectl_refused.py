"""kubectl with documents that ``katib up`` refuses: what it prints of what is wrong."""

from __future__ import annotations

import pytest
from command_line import an_experiment
from kubectl import MARKS, REFUSED, Cluster

pytestmark = MARKS

NO_BUDGET, UNKNOWN = "no budget", "a field that is not there"

INVALID: dict[str, str] = {
    "an algorithm that nobody knows": 'did you mean "random"?',
    "a space with nothing in it": (
        'spec.parameters[0].feasibleSpace.min: Invalid value: "9.0": must not be greater than'
    ),
    "a reference to no parameter": "parameter reference z does not exist in spec.parameters",
    NO_BUDGET: "spec.maxTrialCount: Invalid value: 0",
}


@pytest.fixture(scope="module")
def refusal(cluster: Cluster) -> str:
    """What kubectl prints of a document with several mistakes."""
    manifest = an_experiment("true", algorithm={"algorithmName": "randon"})
    if NO_BUDGET not in cluster.others:
        manifest["spec"]["maxTrialCount"] = 0
    manifest["spec"]["parameters"][0]["feasibleSpace"]["min"] = "9.0"
    manifest["spec"]["trialTemplate"]["trialParameters"][0]["reference"] = "z"
    path = cluster.katib.write(manifest, "invalid.yaml")
    refused = cluster("create", "-f", path, check=1)
    assert refused.out == ""
    assert cluster.names("default", "experiments") == []
    return refused.err


@pytest.mark.parametrize("case", INVALID)
def test_all_that_is_wrong_with_a_document_is_told_at_once(
    case: str, refusal: str, cluster: Cluster
) -> None:
    assert REFUSED.format("validator") in refusal
    assert refusal.count("denied the request") == 1
    if case not in cluster.others:
        assert INVALID[case] in refusal
        return
    # What an API server sees by itself it tells before it asks anybody.
    manifest = an_experiment("true", maxTrialCount=0)
    told = cluster("create", "-f", cluster.katib.write(manifest, "first.yaml"), check=1).err
    assert [one for one in cluster.others[case] if one not in told] == [], told


def test_a_field_that_is_not_there_is_refused(cluster: Cluster) -> None:
    cluster.write("unknown")
    path = cluster.changed("unknown", "maxTrialCount:", "maxTrialCuont:")
    refused = cluster("create", "-f", path, check=1)
    usual = ('strict decoding error: unknown field "spec.maxTrialCuont"',)
    said = cluster.others.get(UNKNOWN, usual)
    assert [one for one in said if one not in refused.err] == [], refused.err


def test_a_field_that_is_not_there_is_warned_about(cluster: Cluster) -> None:
    cluster.write("unknown")
    path = cluster.changed("unknown", "maxTrialCount:", "maxTrialCuont:")
    said = 'unknown field "spec.maxTrialCuont"'
    warned = cluster("create", "-f", path, "--validate=warn", "--dry-run=server")
    assert f"Warning: {said}" in warned.err
    assert warned.out == "experiment.kubeflow.org/unknown created (server dry run)\n"
