"""Katib's client with an engine of its program's own: no server was started by anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from command_line import Manifest, an_experiment, wait_for

import katib
from katib import KatibClient, V1beta1Experiment, V1beta1Suggestion, V1beta1Trial
from katib.errors import ConfigurationError
from katib.models.documents import from_json

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

REPORTING = 'echo "loss=nan"; echo "loss=0.50"; echo "loss=${trialParameters.x}"'


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KatibClient]:
    client = KatibClient(home=tmp_path_factory.mktemp("home"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def ended(client: KatibClient) -> V1beta1Experiment:
    """An experiment of two trials, whose pods are kept."""
    manifest = an_experiment(REPORTING, "ended", maxTrialCount=2)
    manifest["spec"]["trialTemplate"]["retain"] = True
    client.create_experiment(manifest)
    return client.wait_for_experiment_condition("ended", polling_interval=1)


def waiting(name: str) -> Manifest:
    """An experiment whose trial runs until it is ended."""
    return an_experiment("sleep 600", name)


def name_of(resource: V1beta1Experiment | V1beta1Suggestion | V1beta1Trial) -> str:
    assert resource.metadata is not None
    assert resource.metadata.name is not None
    return resource.metadata.name


def is_there(client: KatibClient, experiment: str) -> bool:
    return experiment in map(name_of, client.list_experiments())


def test_all_that_came_of_an_experiment_can_be_read(
    client: KatibClient, ended: V1beta1Experiment
) -> None:
    assert client.is_experiment_succeeded("ended")
    assert client.is_experiment_created("ended", experiment=ended)
    assert not client.is_experiment_running("ended")
    assert not client.is_experiment_restarting("ended")
    conditions = client.get_experiment_conditions("ended", experiment=ended)
    assert conditions[-1].type == "Succeeded"
    trials = {name_of(one) for one in client.list_trials("ended")}
    assert len(trials) == 2
    details = client.get_success_trial_details("ended")
    assert {one["name"] for one in details} == trials
    best = client.get_optimal_hyperparameters("ended")
    assert best is not None
    assert best.best_trial_name in trials
    suggestion = client.get_suggestion("ended")
    assert suggestion.spec is not None
    assert suggestion.spec.requests == 2
    assert "ended" in map(name_of, client.list_suggestions())


def test_every_value_of_a_trials_metrics_is_told(
    client: KatibClient, ended: V1beta1Experiment, tmp_path: Path
) -> None:
    [detail, _] = client.get_success_trial_details("ended")
    assigned = detail["parameter_assignments"][0].value
    found = client.get_trial_metrics(detail["name"])
    assert [(one.metric.name, one.metric.value) for one in found] == [
        ("loss", "nan"),
        ("loss", "0.50"),
        ("loss", assigned),
    ]
    # The database manager that clients of a cluster ask has the same.
    assert client._backend.home is not None
    ports = json.loads((client._backend.home / "push.json").read_text())
    address = f"127.0.0.1:{ports['dbManager']}"
    asked = client.get_trial_metrics(detail["name"], db_manager_address=address)
    assert [one.metric for one in asked] == [one.metric for one in found]
    away = r"^Unable to get metrics for Trial default/one\. Exception: the database manager at"
    with pytest.raises(RuntimeError, match=away):
        client.get_trial_metrics("one", None, "127.0.0.1:1", timeout=1)


def test_what_a_trial_prints_is_read_and_followed(
    client: KatibClient, ended: V1beta1Experiment
) -> None:
    name = name_of(client.list_trials("ended")[0])
    lines = list(client.get_job_logs("ended", name))
    assert lines[:2] == ["loss=nan", "loss=0.50"]
    assert list(client.get_job_logs("ended", name, follow=True)) == lines
    with pytest.raises(ValueError, match="Trial name is required"):
        next(client.get_job_logs("ended", ""))


def test_a_trial_without_pods_says_why(client: KatibClient) -> None:
    client.create_experiment(an_experiment("echo loss=1", "not-kept"))
    client.wait_for_experiment_condition("not-kept", polling_interval=1)
    name = name_of(client.list_trials("not-kept")[0])
    with pytest.raises(RuntimeError, match="does not say retain"):
        list(client.get_job_logs("not-kept", name))


def test_a_program_that_runs_is_followed_to_its_end(client: KatibClient, tmp_path: Path) -> None:
    script = 'echo loss=1; while [ ! -e "$GATE" ]; do sleep 0.05; done; echo loss=2'
    manifest = an_experiment(script, "followed")
    template = manifest["spec"]["trialTemplate"]
    [container] = template["trialSpec"]["spec"]["template"]["spec"]["containers"]
    container["env"] = [katib.V1EnvVar(name="GATE", value=str(tmp_path / "gate"))]
    template["retain"] = True
    client.create_experiment(manifest)
    lines: Iterator[str] = iter(())

    def has_begun() -> bool:
        nonlocal lines
        for trial in client.list_trials("followed"):
            lines = client.get_job_logs("followed", name_of(trial), follow=True)
            with suppress(RuntimeError):
                return next(lines) == "loss=1"
        return False

    wait_for(has_begun, "the program prints")
    (tmp_path / "gate").touch()
    assert list(lines) == ["loss=2"]


def test_a_budget_may_be_edited_and_the_experiment_goes_on(client: KatibClient) -> None:
    manifest = an_experiment("echo loss=1", "longer", resumePolicy="LongRunning")
    client.create_experiment(from_json(V1beta1Experiment, manifest))
    client.wait_for_experiment_condition("longer", polling_interval=1)
    client.edit_experiment_budget("longer", max_trial_count=3)
    # Nobody says that it has ended: it goes on.
    client.wait_for_experiment_condition("longer", None, "Restarting", polling_interval=1)
    experiment = client.get_experiment("longer")
    while experiment.status is None or experiment.status.trials_succeeded != 3:
        experiment = client.wait_for_experiment_condition("longer", polling_interval=1)
    with pytest.raises(RuntimeError, match="is Succeeded and will not be Running"):
        client.wait_for_experiment_condition("longer", None, "Running")


def test_a_name_that_is_generated_and_a_namespace_of_the_document(client: KatibClient) -> None:
    manifest = waiting("")
    manifest["metadata"] = {"generateName": "made-", "namespace": "team"}
    client.create_experiment(manifest)
    client.create_experiment({**manifest, "metadata": {"name": "one"}}, namespace="team")
    found = sorted(map(name_of, client.list_experiments("team")))
    assert found[0].startswith("made-")
    assert found[1] == "one"
    for name in found:
        client.delete_experiment(name, "team", wait=60)
    assert client.list_experiments("team") == []


def test_who_names_nothing_or_a_taken_name_is_told(client: KatibClient) -> None:
    with pytest.raises(ValueError, match="Experiment must have a name or generateName"):
        client.create_experiment({"spec": {}})
    client.create_experiment(waiting("taken"))
    with pytest.raises(Exception, match=r"^A Katib Experiment .* default/taken already exists\.$"):
        client.create_experiment(waiting("taken"))
    client.delete_experiment("taken", wait=60)


def test_all_that_is_wrong_is_told(client: KatibClient) -> None:
    manifest = waiting("wrong")
    manifest["spec"]["algorithm"]["algorithmName"] = "randon"
    manifest["spec"]["parameters"][0]["feasibleSpace"]["min"] = "2"
    with pytest.raises(RuntimeError) as refused:
        client.create_experiment(manifest)
    said = str(refused.value)
    assert said.startswith("Failed to create Katib Experiment: default/wrong: ")
    assert "spec.algorithm.algorithmName" in said
    assert "spec.parameters[0].feasibleSpace" in said


def test_what_holds_an_experiment_that_is_deleted_is_named(client: KatibClient) -> None:
    manifest = waiting("held")
    manifest["metadata"]["finalizers"] = ["example.org/held"]
    client.create_experiment(manifest)
    with pytest.raises(TimeoutError, match=r"default/held is still there after 1 s.*example.org/h"):
        client.delete_experiment("held", wait=1)
    path = "/apis/kubeflow.org/v1beta1/namespaces/default/experiments/held"
    patch = {"metadata": {"finalizers": None}}
    client._backend.ask("PATCH", path, patch, "application/merge-patch+json")
    wait_for(lambda: not is_there(client, "held"), "the experiment is gone")


def test_a_second_client_of_the_home_sees_the_same(
    client: KatibClient, ended: V1beta1Experiment
) -> None:
    second = KatibClient(home=client._backend.home)
    assert second.get_experiment("ended") == client.get_experiment("ended")
    second.close()
    assert client.is_experiment_succeeded("ended")


def test_one_engine_is_named_at_most(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="give one of them"):
        KatibClient(config_file="kubeconfig", home=tmp_path)
