from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from katib import search
from katib.api.values import Manifest
from katib.client.embedding.arguments import TuneArguments, tune_experiment
from katib.client.embedding.providers import (
    HuggingFaceDatasetParams,
    HuggingFaceModelParams,
    HuggingFaceTrainerParams,
    S3DatasetParams,
)
from katib.client.resources import TrainerResources
from katib.models import (
    V1beta1AlgorithmSetting,
    V1beta1ParameterSpec,
    V1EnvFromSource,
    V1EnvVar,
    V1ResourceRequirements,
)


def a_rate() -> V1beta1ParameterSpec:
    return search.double(0.1, 0.2)


def objective(parameters):  # type: ignore[no-untyped-def]  # a trial has no names of this file
    print(f"result={parameters['lr']}")


#: The defaults of the method, and a function.
DEFAULTS: Mapping[str, Any] = {
    **dict.fromkeys(one.name for one in fields(TuneArguments)),
    "name": "tuned",
    "namespace": "team",
    "objective": objective,
    "base_image": "image",
    "algorithm_name": "random",
    "objective_metric_name": "result",
    "additional_metric_names": [],
    "objective_type": "maximize",
    "retain_trials": False,
    "metrics_collector_config": {"kind": "StdOut"},
}


def tuned(variables: Mapping[str, str] | None = None, **given: object) -> Manifest:
    arguments = {**DEFAULTS, "parameters": {"lr": a_rate()}, **given}
    return tune_experiment(TuneArguments(**arguments), variables or {}).experiment


def container_of(experiment: Manifest) -> Manifest:
    run = experiment["spec"]["trialTemplate"]["trialSpec"]["spec"]
    template = (
        run["template"] if "template" in run else run["pytorchReplicaSpecs"]["Master"]["template"]
    )
    [container] = template["spec"]["containers"]
    found: Manifest = container
    return found


def test_what_is_left_out_is_not_there() -> None:
    experiment = tuned()
    assert experiment["metadata"] == {"name": "tuned", "namespace": "team"}
    assert {
        name: value for name, value in experiment["spec"].items() if name != "trialTemplate"
    } == {
        "objective": {
            "type": "maximize",
            "objectiveMetricName": "result",
            "additionalMetricNames": [],
        },
        "algorithm": {"algorithmName": "random"},
        "metricsCollectorSpec": {"collector": {"kind": "StdOut"}},
        "parameters": [
            {
                "name": "lr",
                "parameterType": "double",
                "feasibleSpace": {"min": "0.1", "max": "0.2"},
            }
        ],
    }
    assert container_of(experiment).keys() == {"name", "image", "command", "args"}


def test_everything_can_be_said() -> None:
    experiment = tuned(
        objective_type="minimize",
        objective_goal=0.0,
        additional_metric_names=("accuracy",),
        algorithm_name="tpe",
        algorithm_settings={"random_state": 10},
        max_trial_count=4,
        parallel_trial_count=2,
        max_failed_trial_count=0,
        retain_trials=True,
        metrics_collector_config={"kind": "Push"},
        trial_active_deadline_seconds=60,
        base_image="mine",
    )
    spec = experiment["spec"]
    assert spec["objective"] == {
        "type": "minimize",
        "objectiveMetricName": "result",
        "additionalMetricNames": ["accuracy"],
        "goal": 0.0,
    }
    assert spec["algorithm"]["algorithmSettings"] == [{"name": "random_state", "value": "10"}]
    counts = (spec["maxTrialCount"], spec["parallelTrialCount"], spec["maxFailedTrialCount"])
    assert counts == (4, 2, 0)
    assert spec["trialTemplate"]["retain"] is True
    assert spec["metricsCollectorSpec"] == {"collector": {"kind": "Push"}}
    job = spec["trialTemplate"]["trialSpec"]
    assert (job["kind"], job["spec"]["activeDeadlineSeconds"]) == ("Job", 60)
    assert job["spec"]["template"]["metadata"] == {
        "annotations": {"sidecar.istio.io/inject": "false"}
    }
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert container_of(experiment)["image"] == "mine"


def test_settings_may_be_models() -> None:
    settings = [V1beta1AlgorithmSetting(name="seed", value="1")]
    algorithm = tuned(algorithm_settings=settings)["spec"]["algorithm"]
    assert algorithm["algorithmSettings"] == [{"name": "seed", "value": "1"}]


ENVIRONMENTS: dict[str, tuple[object, Manifest]] = {
    "a dict": ({"A": 1}, {"env": [{"name": "A", "value": "1"}]}),
    "nothing": ([], {}),
    "models": (
        [
            V1EnvVar(name="A", value="1"),
            V1EnvFromSource(config_map_ref={"name": "settings"}, prefix="P_"),
            V1EnvVar(name="B", value_from={"fieldRef": {"fieldPath": "metadata.name"}}),
        ],
        {
            "env": [
                {"name": "A", "value": "1"},
                {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
            "envFrom": [{"configMapRef": {"name": "settings"}, "prefix": "P_"}],
        },
    ),
}


@pytest.mark.parametrize("case", ENVIRONMENTS)
def test_trials_have_variables(case: str) -> None:
    given, expected = ENVIRONMENTS[case]
    container = container_of(tuned(env_per_trial=given))
    assert {name: container[name] for name in ("env", "envFrom") if name in container} == expected


@pytest.mark.parametrize("given", [["A=1"], [{"name": "A", "value": "1"}], "A=1", [None]])
def test_other_variables_are_refused(given: object) -> None:
    with pytest.raises(ValueError, match=r"^Incorrect value for env_per_trial: "):
        tuned(env_per_trial=given)


RESOURCES: dict[str, tuple[object, Manifest]] = {
    "a dict": (
        {"CPU": "1", "Gpu": 2, "example.com/fpga": 1},
        {"cpu": "1", "nvidia.com/gpu": 2, "example.com/fpga": 1},
    ),
    "a model": (V1ResourceRequirements(limits={"cpu": "2"}), {"cpu": "2"}),
}


@pytest.mark.parametrize("case", RESOURCES)
@pytest.mark.parametrize("is_distributed", [False, True])
def test_trials_have_resources(case: str, is_distributed: bool) -> None:
    given, expected = RESOURCES[case]
    experiment = tuned(
        resources_per_trial=TrainerResources(1, 1, given) if is_distributed else given
    )
    resources = container_of(experiment)["resources"]
    assert resources["limits"] == expected
    assert resources.get("requests", expected) == expected


@pytest.mark.parametrize(
    ("workers", "processes", "entrypoint", "others"),
    [(1, 1, "python -u", None), (1, 2, "torchrun", None), (3, 1, "torchrun", 2)],
)
def test_trials_may_be_distributed(
    workers: int, processes: int, entrypoint: str, others: int | None
) -> None:
    experiment = tuned(
        resources_per_trial=TrainerResources(workers, processes, {"cpu": "1"}),
        trial_active_deadline_seconds=60,
    )
    template = experiment["spec"]["trialTemplate"]
    assert template["primaryContainerName"] == container_of(experiment)["name"] == "pytorch"
    run = template["trialSpec"]
    assert (run["apiVersion"], run["kind"]) == ("kubeflow.org/v1", "PyTorchJob")
    assert run["spec"]["nprocPerNode"] == str(processes)
    assert run["spec"]["runPolicy"] == {"activeDeadlineSeconds": 60}
    replicas = run["spec"]["pytorchReplicaSpecs"]
    assert replicas["Master"]["replicas"] == 1
    assert replicas.get("Worker", {}).get("replicas") == others
    [script] = container_of(experiment)["args"]
    assert script.splitlines()[-1].startswith(f"{entrypoint} ")


# A language model. The libraries are small stand-ins.


@dataclass
class TrainingArguments:
    output_dir: str = "out"
    learning_rate: Any = 5e-5

    def to_dict(self) -> Manifest:
        return asdict(self)


@dataclass
class LoraConfig:
    r: Any = 8
    target_modules: Any = None
    task_type: str = "SEQ_CLS"


class AutoModelForSequenceClassification:
    pass


def a_model(**given: object) -> Manifest:
    """The arguments of a call of ``tune`` for a language model."""
    usual: Manifest = {
        "objective": None,
        "parameters": None,
        "model_provider_parameters": HuggingFaceModelParams(
            "hf://bert", AutoModelForSequenceClassification, num_labels=5
        ),
        "dataset_provider_parameters": HuggingFaceDatasetParams("yelp", split="train[:8]"),
        "trainer_parameters": HuggingFaceTrainerParams(
            TrainingArguments(learning_rate=a_rate()),
            LoraConfig(r=a_rate(), target_modules={"q", "k"}),
        ),
        "resources_per_trial": TrainerResources(2, 1, {"cpu": "2"}),
    }
    return {**usual, **given}


def test_a_language_model_is_trained_by_kubeflow_s_images() -> None:
    documents = tune_experiment(TuneArguments(**{**DEFAULTS, **a_model()}), {})
    assert documents.claim == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "tuned", "namespace": "team"},
        "spec": {
            "accessModes": ["ReadWriteOnce", "ReadOnlyMany"],
            "resources": {"requests": {"storage": "10Gi"}},
        },
    }
    spec = documents.experiment["spec"]
    assert [one["name"] for one in spec["parameters"]] == ["learning_rate", "r"]
    replicas = spec["trialTemplate"]["trialSpec"]["spec"]["pytorchReplicaSpecs"]
    master, worker = (replicas[name]["template"]["spec"] for name in ("Master", "Worker"))
    [loading] = master["initContainers"]
    assert loading["image"] == "docker.io/kubeflow/storage-initializer"
    words = flags_of(loading)
    assert (words["model_provider"], words["dataset_provider"]) == ("hf", "hf")
    assert json.loads(words["model_provider_parameters"]) == {
        "model_uri": "hf://bert",
        "transformer_type": "AutoModelForSequenceClassification",
        "access_token": None,
        "num_labels": 5,
    }
    assert json.loads(words["dataset_provider_parameters"])["split"] == "train[:8]"
    [container] = master["containers"]
    assert worker == {"containers": [container], "volumes": master["volumes"]}
    words = flags_of(container)
    assert json.loads(words["training_parameters"].strip("'")) == {
        "output_dir": "out",
        "learning_rate": "${trialParameters.learning_rate}",
    }
    assert json.loads(words["lora_config"].strip("'")) == {
        "r": "${trialParameters.r}",
        "target_modules": ["k", "q"],
        "task_type": "SEQ_CLS",
    }
    assert container["volumeMounts"] == [{"name": "storage-initializer", "mountPath": "/workspace"}]


def flags_of(container: Manifest) -> dict[str, str]:
    words = container["args"]
    return dict(zip((word.removeprefix("--") for word in words[::2]), words[1::2], strict=True))


def test_data_may_lie_in_a_bucket_and_images_have_other_names() -> None:
    data = S3DatasetParams("http://here", "bucket", "train/", region_name="one")
    variables = {"STORAGE_INITIALIZER_IMAGE": "loader", "TRAINER_TRANSFORMER_IMAGE": "trainer"}
    experiment = tuned(variables, **a_model(dataset_provider_parameters=data))
    run = experiment["spec"]["trialTemplate"]["trialSpec"]["spec"]
    [loading] = run["pytorchReplicaSpecs"]["Master"]["template"]["spec"]["initContainers"]
    assert (loading["image"], container_of(experiment)["image"]) == ("loader", "trainer")
    assert flags_of(loading)["dataset_provider"] == "s3"
    assert json.loads(flags_of(loading)["dataset_provider_parameters"]) == asdict(data)


def test_a_disk_may_be_another() -> None:
    storage = {"size": "1Gi", "storage_class": "fast", "access_modes": ["ReadWriteMany"]}
    given = {**DEFAULTS, **a_model(storage_config=storage)}
    claim = tune_experiment(TuneArguments(**given), {}).claim
    assert claim is not None
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "fast",
    }


@pytest.fixture
def kubeflow(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Kubeflow's own classes, as far as a program has loaded them."""

    @dataclass
    class HuggingFaceModelParams:
        model_uri: str
        transformer_type: object

        num_labels: int = 2

    module = SimpleNamespace(HuggingFaceModelParams=HuggingFaceModelParams)
    monkeypatch.setitem(sys.modules, "kubeflow.storage_initializer.hugging_face", module)
    return module


def test_kubeflow_s_own_classes_are_taken(kubeflow: SimpleNamespace) -> None:
    model = kubeflow.HuggingFaceModelParams("hf://bert", AutoModelForSequenceClassification)
    experiment = tuned(**a_model(model_provider_parameters=model))
    assert flags_of(container_of(experiment))["model_uri"] == "hf://bert"


def test_options_that_are_left_out_are_the_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "transformers.py").write_text("class TrainingArguments:\n    epochs = 3\n")
    (tmp_path / "peft.py").write_text("class LoraConfig:\n    r = 8\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    trainer = HuggingFaceTrainerParams()
    assert (trainer.training_parameters.epochs, trainer.lora_config.r) == (3, 8)
    for name in ("transformers", "peft"):
        monkeypatch.delitem(sys.modules, name)


def test_a_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"^LLM dependencies for Tune API are not installed"):
        HuggingFaceTrainerParams()


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (HuggingFaceModelParams, ("", "Auto")),
        (HuggingFaceDatasetParams, ("",)),
        (S3DatasetParams, ("http://here", None, "train/")),
    ],
)
def test_providers_need_names(kind: Callable[..., object], given: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"cannot be empty|is None"):
        kind(*given)


def no_arguments() -> None:
    pass


REFUSED: dict[str, tuple[Manifest, str]] = {
    "nothing": ({"objective": None, "parameters": None}, "Invalid configuration for creating"),
    "both": ({**a_model(), "objective": objective}, "Invalid configuration for creating"),
    "no name": ({"name": ""}, "Please specify name for the Experiment."),
    "no name comes before what is missing": (
        {"name": "", "objective": None},
        "Please specify name",
    ),
    "no function": ({"objective": None}, "One of the required parameters is None"),
    "no parameters": ({"parameters": None}, "One of the required parameters is None"),
    "empty parameters": ({"parameters": {}}, "One of the required parameters is None"),
    "no callable": (
        {"objective": "f", "env_per_trial": ["A=1"]},
        "Objective function must be callable, got function type: <class 'str'>",
    ),
    "no argument": ({"objective": no_arguments}, "Invalid args in the Objective function. "),
    "a model without data": (
        a_model(dataset_provider_parameters=None),
        "One of the required parameters is None",
    ),
    "a model without TrainerResources": (
        a_model(resources_per_trial={"cpu": "1"}),
        "One of the required parameters is None",
    ),
    "another model": (
        a_model(model_provider_parameters="bert"),
        "Model provider parameters must be an instance of HuggingFaceModelParams.",
    ),
    "other data": (
        a_model(dataset_provider_parameters="yelp"),
        "Dataset provider parameters must be an instance of S3DatasetParams or",
    ),
    "another trainer": (
        a_model(trainer_parameters={"epochs": 1}),
        "Trainer parameters must be an instance of HuggingFaceTrainerParams.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_katib_s_words(case: str) -> None:
    given, beginning = REFUSED[case]
    with pytest.raises(ValueError, match=f"^{re.escape(beginning)}"):
        tuned(**given)
