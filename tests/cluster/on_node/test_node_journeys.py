"""Experiments of every sort in real pods with real sidecars, their metrics in PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
import yaml
from node_cluster import LONGEST, NodeCluster, a_volume, end_of, wait_for
from node_programs import (
    FAILING,
    LOGGING,
    PRINTING,
    PUSHING,
    SLOW,
    WRITING,
    an_experiment,
)
from sqlalchemy import create_engine, text

from databases import Postgres
from katib.api.values import Manifest
from node import GATEWAY
from relay import Relay

pytestmark = [pytest.mark.node, pytest.mark.timeout(1800)]

NAMESPACE = "katib-journeys"
GRID = {"algorithmName": "grid"}
CUSTOM = {"algorithmName": "sobol"}

#: ``x`` is at its best at 3 and the eighth epoch.
BEST = {"x": "3", "loss": "0.125"}


def collected(kind: str, path: str, what: str) -> Manifest:
    place = {"path": path, "kind": what}
    return {"collector": {"kind": kind}, "source": {"fileSystemPath": place}}


def the_experiments(image: str) -> Sequence[Manifest]:
    """One for each way of an experiment; they run side by side."""
    file = collected("File", "/results/metrics.log", "File")
    events = collected("TensorFlowEvent", "/events", "Directory")
    rule = {
        "algorithmName": "medianstop",
        "algorithmSettings": [
            {"name": "min_trials_required", "value": "1"},
            {"name": "start_step", "value": "2"},
        ],
    }
    push = {"collector": {"kind": "Push"}}
    whole: Mapping[str, Any] = {"algorithm": GRID, "maxTrialCount": 6, "parallelTrialCount": 3}
    return [
        an_experiment("random", PRINTING, image),
        an_experiment("grid", PRINTING, image, **whole),
        an_experiment("file", WRITING, image, metricsCollectorSpec=file, **whole),
        an_experiment("events", LOGGING, image, metricsCollectorSpec=events, **whole),
        an_experiment("push", PUSHING, image, metricsCollectorSpec=push, **whole),
        an_experiment("failing", FAILING, image, retain=True, maxFailedTrialCount=6, **whole),
        an_experiment(
            "median",
            SLOW,
            image,
            earlyStopping=rule,
            **{**whole, "parallelTrialCount": 2},
        ),
        an_experiment("long", PRINTING, image, algorithm=CUSTOM, resumePolicy="LongRunning"),
        an_experiment("volume", PRINTING, image, algorithm=CUSTOM, resumePolicy="FromVolume"),
    ]


def configure(cluster: NodeCluster) -> None:
    """Let an algorithm be served by an image, with its state on a volume of the administrator's."""
    found = cluster.get(NAMESPACE, "configmap", "katib-config")
    config = yaml.safe_load(found["data"]["katib-config.yaml"])
    serving = ["katib", "suggestion", "--address", "0.0.0.0", "--algorithm", "sobol"]
    entry = {
        **CUSTOM,
        "image": cluster.image,
        "command": serving,
        "readinessProbe": {"tcpSocket": {"port": 6789}},
        "resources": {"limits": {"cpu": "1", "memory": "500Mi"}},
        "persistentVolumeClaimSpec": {"storageClassName": "katib-test"},
    }
    config["runtime"] = {"suggestions": [entry]}
    data = {"data": {"katib-config.yaml": yaml.safe_dump(config)}}
    cluster.run(
        f'kubectl -n {NAMESPACE} patch configmap katib-config --type merge -p "$(cat)"',
        json.dumps(data),
    )
    cluster.run(f"kubectl -n {NAMESPACE} rollout restart deployment katib-controller")


@pytest.fixture(scope="module")
def database() -> Iterator[tuple[str, str]]:
    """The URL of a database as pods have it, and as this test has it."""
    with Postgres() as server, Relay(server.port, GATEWAY) as relay:
        url = server.create()
        place = url.rpartition("@")[2].partition("/")[0]
        yield url.replace(place, f"{GATEWAY}:{relay.port}"), url


@pytest.fixture(scope="module")
def installed(
    node_cluster: NodeCluster, database: tuple[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeCluster]:
    """A cluster with Katib in one of its namespaces, and experiments that are over."""
    cluster = node_cluster
    cluster.run(f"kubectl create namespace {NAMESPACE}")
    folder = tmp_path_factory.mktemp("algorithm")
    cluster.apply(a_volume("katib-algorithm", folder, storageClassName="katib-test"))
    cluster.install("--namespaced", "--namespace", NAMESPACE, "--database", f"'{database[0]}'")
    configure(cluster)
    for name in ("katib-db-manager", "katib-controller"):
        cluster.run(f"kubectl -n {NAMESPACE} rollout status deployment {name} --timeout=5m")
    cluster.apply(*the_experiments(cluster.image), namespace=NAMESPACE)
    try:
        wait_for(lambda: not cluster.unfinished(NAMESPACE), "all experiments are over", 2 * LONGEST)
        yield cluster
    finally:
        print(cluster.run(f"kubectl -n {NAMESPACE} get experiments,trials,pods -o wide"))
        print(cluster.run(f"kubectl -n {NAMESPACE} logs deployment/katib-controller --tail=50"))
        cluster.run(f"kubectl -n {NAMESPACE} delete experiments --all --timeout=2m")
        cluster.run(f"kubectl delete namespace {NAMESPACE}; kubectl delete pv katib-algorithm")


def optimum_of(experiment: Manifest) -> dict[str, str]:
    best = experiment["status"]["currentOptimalTrial"]
    (assigned,), (metric,) = best["parameterAssignments"], best["observation"]["metrics"]
    return {assigned["name"]: assigned["value"], metric["name"]: metric["latest"]}


@pytest.mark.parametrize(
    ("name", "optimum"),
    [
        ("grid", BEST),
        ("file", BEST),
        ("events", BEST),
        ("median", BEST),
        ("push", {"x": "3", "loss": "0.3333333333333333"}),
        ("failing", {"x": "3", "loss": "3.0"}),
    ],
)
def test_an_experiment_finds_its_optimum(
    installed: NodeCluster, name: str, optimum: Mapping[str, str]
) -> None:
    experiment = installed.get(NAMESPACE, "experiment", name)
    assert end_of(experiment) == "ExperimentMaxTrialsReached"
    assert optimum_of(experiment) == optimum
    assert experiment["status"]["trials"] == 6


def test_random_assignments_are_tried(installed: NodeCluster) -> None:
    assert installed.get(NAMESPACE, "experiment", "random")["status"]["trialsSucceeded"] == 4


def test_trials_that_do_badly_are_stopped_and_keep_their_metrics(installed: NodeCluster) -> None:
    status = installed.get(NAMESPACE, "experiment", "median")["status"]
    assert status["trialsEarlyStopped"] >= 1
    assert status["trialsEarlyStopped"] + status["trialsSucceeded"] == 6
    for trial in installed.trials_of(NAMESPACE, "median"):
        assert trial["status"]["observation"]["metrics"]


def test_a_trial_that_fails_says_so_and_its_log_is_kept(installed: NodeCluster) -> None:
    failed = [
        one
        for one in installed.trials_of(NAMESPACE, "failing")
        if one["status"]["conditions"][-1]["type"] == "Failed"
    ]
    values = {one["spec"]["parameterAssignments"][0]["value"] for one in failed}
    assert values == {"1", "2"}
    said = failed[0]["status"]["conditions"][-1]["message"]
    assert "container main ended with exit code 7: " in said
    assert "loss=" in said
    job = failed[0]["metadata"]["name"]
    printed = installed.run(
        f"kubectl -n {NAMESPACE} logs job/{job} -c metrics-logger-and-collector"
    )
    assert "loss=" in printed


def test_only_runs_that_are_to_be_kept_are_left(installed: NodeCluster) -> None:
    jobs = [one["metadata"]["name"] for one in installed.get(NAMESPACE, "jobs")["items"]]
    assert {name.rpartition("-")[0] for name in jobs} == {"failing"}


@pytest.mark.parametrize("name", ["long", "volume"])
def test_an_algorithm_in_an_image_goes_on_when_there_may_be_more_trials(
    installed: NodeCluster, name: str
) -> None:
    kept = [one["metadata"]["name"] for one in installed.get(NAMESPACE, "deployments")["items"]]
    assert (f"{name}-sobol" in kept) is (name == "long")
    more = json.dumps({"spec": {"maxTrialCount": 6}})
    installed.run(f"kubectl -n {NAMESPACE} patch experiment {name} --type merge -p '{more}'")

    def is_over() -> bool:
        experiment = installed.get(NAMESPACE, "experiment", name)
        return bool(end_of(experiment)) and experiment["status"]["trials"] == 6

    wait_for(is_over, f"{name} has gone on")
    values = [
        one["spec"]["parameterAssignments"][0]["value"]
        for one in installed.trials_of(NAMESPACE, name)
    ]
    assert len(values) == 6


def test_what_trials_reported_is_in_the_database(
    installed: NodeCluster, database: tuple[str, str]
) -> None:
    engine = create_engine(database[1])
    asked = "SELECT namespace, trial_name, count(*) FROM observation_logs GROUP BY 1, 2"
    with engine.connect() as connection:
        rows = connection.execute(text(asked)).all()
    engine.dispose()
    assert {namespace for namespace, _, _ in rows} == {NAMESPACE}
    counts = {name: count for _, name, count in rows}
    for name in ("grid", "file", "events"):
        reported = [counts[one["metadata"]["name"]] for one in installed.trials_of(NAMESPACE, name)]
        assert reported == [8] * 6, name
    for trial in installed.trials_of(NAMESPACE, "push"):
        assert counts[trial["metadata"]["name"]] == 3
