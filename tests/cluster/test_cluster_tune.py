"""``katib.tune`` on a cluster: the function is in a ConfigMap, and each of its trials is a Job."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec
import pytest
from cluster_home import ClusterHome
from processes import wait_for

import katib
from control_plane import ControlPlane
from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

SPACE = {"x": katib.search.double(-2, 2), "kind": katib.search.categorical(["near", "far"])}


@pytest.fixture(scope="module")
def home(
    administrator: KubernetesClient,
    control_plane: ControlPlane,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterHome]:
    folder = tmp_path_factory.mktemp("tuned")
    home = ClusterHome(administrator, control_plane.kubeconfig, folder, sys.executable)
    yield home
    home.close()


def test_a_function_is_tuned_and_goes_with_its_experiment(
    home: ClusterHome, control_plane: ControlPlane, administrator: KubernetesClient
) -> None:
    offsets = {"near": 0.0, "far": 10.0}

    def parabola(x: float, kind: str) -> dict[str, float]:
        print("it was called in a pod")
        return {"objective": x**2 + offsets[kind], "offset": offsets[kind]}

    result = katib.tune(
        parabola,
        SPACE,
        name="parabola",
        additional_metric_names=["offset"],
        algorithm_name="random",
        max_trial_count=5,
        parallel_trial_count=2,
        config_file=str(control_plane.kubeconfig),
        image="python",
        seed=7,
        progress=False,
    )

    assert [trial.status for trial in result.trials] == ["Succeeded"] * 5
    for trial in result.trials:
        x, offset = trial.parameters["x"], offsets[trial.parameters["kind"]]
        assert trial.metrics == pytest.approx({"objective": x**2 + offset, "offset": offset})
    assert result.best_value == min(trial.metrics["objective"] for trial in result.trials)
    spec = home.katib.get("experiment", "parabola")["spec"]
    assert spec["trialTemplate"]["trialSpec"]["kind"] == "Job"

    path = "/api/v1/namespaces/default/configmaps"

    def functions() -> list[str]:
        found: Manifest = msgspec.json.decode(administrator.request("GET", path))
        every = [one["metadata"]["name"] for one in found["items"]]
        return [name for name in every if name.startswith("parabola-")]

    assert len(functions()) == 1
    katib.KatibClient(config_file=str(control_plane.kubeconfig)).delete_experiment(
        "parabola", namespace="default"
    )
    wait_for(lambda: not functions(), "the function is gone with its experiment")


def test_a_function_that_raises_fails_its_trials_and_says_why(
    home: ClusterHome, control_plane: ControlPlane
) -> None:
    def broken(x: float, kind: str) -> float:
        raise ValueError(f"no room for {kind}")

    with pytest.raises(katib.TuneFailedError, match="no room for"):
        katib.tune(
            broken,
            SPACE,
            name="broken",
            algorithm_name="random",
            max_trial_count=2,
            max_failed_trial_count=0,
            config_file=str(control_plane.kubeconfig),
            image="python",
            progress=False,
        )
    spec = home.katib.get("experiment", "broken")["spec"]
    assert (spec["maxFailedTrialCount"], spec["parallelTrialCount"]) == (0, 2)
