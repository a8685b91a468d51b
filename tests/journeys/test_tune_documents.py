"""What ``tune`` sends, ours and that of Katib's own SDK: the same program, but for its imports."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import Manifest
from test_sdk_programs import Listener, interpreter_of, serving

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

#: The import lines of a program for Katib's SDK, and what they become.
IMPORTS = {
    "from kubeflow.katib import": "from katib import",
    "from kubeflow.storage_initializer.hugging_face import": "from katib import",
    "from kubeflow.storage_initializer.s3 import": "from katib import",
}

PROGRAM = """
from kubeflow.katib import KatibClient, TrainerResources, models, search
from kubeflow.storage_initializer.hugging_face import (
    HuggingFaceDatasetParams,
    HuggingFaceModelParams,
    HuggingFaceTrainerParams,
)
from kubeflow.storage_initializer.s3 import S3DatasetParams
import peft
import transformers

client = KatibClient()


def objective(parameters):
    import time

    time.sleep(0.1)
    result = 4 * int(parameters["a"]) - float(parameters["b"]) ** 2
    print(f"result={result}")


def scopes():
    def indented(parameters):
        # A comment.
        if parameters["constant"]:
            print("a text", 'another', parameters)

    return indented


def space():
    return {"a": search.int(min=10, max=20), "b": search.double(min=1e-5, max=5e-5)}


def tune(name, **given):
    usual = dict(objective=objective, parameters=space(), objective_metric_name="result")
    client.tune(name=name, **{**usual, **given})


tune("plain")
tune("counted", max_trial_count=4, parallel_trial_count=2, max_failed_trial_count=1)
tune(
    "worded",
    namespace="team",
    objective_type="minimize",
    objective_goal=0.5,
    additional_metric_names=["accuracy", "loss"],
    algorithm_name="tpe",
    algorithm_settings={"random_state": 10, "n_startup_trials": "5"},
    base_image="docker.io/me/image:1",
    metrics_collector_config={"kind": "Push"},
    retain_trials=True,
    trial_active_deadline_seconds=60,
)
tune("settings", algorithm_settings=[models.V1beta1AlgorithmSetting(name="a", value="1")])
tune("stepped", parameters={"a": search.int(1, 9, 2), "b": search.double(0.1, 0.9, step=0.2)})
tune(
    "constants",
    objective=scopes(),
    parameters={**space(), "constant": True, "text": "it's", "nest": {"a": [1, (2, None)]}},
)
tune("choices", parameters={"a": search.categorical(["relu", "tanh"])})
tune("variables", env_per_trial={"A": 1, "B": "two"})
tune(
    "variable-objects",
    env_per_trial=[
        models.V1EnvVar(name="A", value="1"),
        models.V1EnvFromSource(
            config_map_ref=models.V1ConfigMapEnvSource(name="settings"), prefix="P_"
        ),
        models.V1EnvVar(
            name="B",
            value_from=models.V1EnvVarSource(
                field_ref=models.V1ObjectFieldSelector(field_path="metadata.name")
            ),
        ),
    ],
)
tune("resources", resources_per_trial={"CPU": "100m", "gpu": "2", "memory": "1Gi"})
tune(
    "resource-objects",
    resources_per_trial=models.V1ResourceRequirements(limits={"cpu": "2"}, requests={"cpu": "1"}),
)
tune("one-worker", resources_per_trial=TrainerResources(1, 1, {"cpu": "100m"}))
tune("processes", resources_per_trial=TrainerResources(1, 2, {"cpu": "100m"}))
tune(
    "workers",
    resources_per_trial=TrainerResources(num_workers=2, num_procs_per_worker=2,
                                         resources_per_worker={"cpu": "100m"}),
    trial_active_deadline_seconds=60,
    max_trial_count=3,
    parallel_trial_count=2,
)
tune(
    "packages",
    packages_to_install=["numpy", "pandas==2.0"],
    pip_index_urls=["http://127.0.0.1:1/simple", "http://127.0.0.1:2/simple"],
)


def model(name, dataset, **given):
    client.tune(
        name=name,
        model_provider_parameters=HuggingFaceModelParams(
            model_uri="hf://google-bert/bert-base-cased",
            transformer_type=transformers.AutoModelForSequenceClassification,
            num_labels=5,
        ),
        dataset_provider_parameters=dataset,
        trainer_parameters=HuggingFaceTrainerParams(
            training_parameters=transformers.TrainingArguments(
                learning_rate=search.double(min=1e-05, max=5e-05)
            ),
            lora_config=peft.LoraConfig(r=search.int(min=8, max=32), target_modules={"query"}),
        ),
        resources_per_trial=TrainerResources(
            num_workers=2, num_procs_per_worker=1, resources_per_worker={"cpu": "2"}
        ),
        objective_metric_name="train_loss",
        objective_type="minimize",
        max_trial_count=1,
        parallel_trial_count=1,
        **given,
    )


model("model", HuggingFaceDatasetParams(repo_id="yelp_review_full", split="train[:8]"))
model(
    "bucket",
    S3DatasetParams(endpoint_url="http://here", bucket_name="b", file_key="k"),
    storage_config={"size": "1Gi", "storage_class": "fast", "access_modes": ["ReadWriteOnce"]},
    trial_active_deadline_seconds=60,
    retain_trials=True,
)
"""

#: Small stand-ins of the libraries of language models.
LIBRARIES = {
    "transformers.py": """
import dataclasses
import enum
import typing


class Strategy(str, enum.Enum):
    STEPS = "steps"


@dataclasses.dataclass
class TrainingArguments:
    output_dir: str = "test_trainer"
    learning_rate: typing.Any = 5e-05
    num_train_epochs: float = 3.0
    seed: typing.Any = None
    save_strategy: Strategy = Strategy.STEPS

    def to_dict(self):
        found = dataclasses.asdict(self)
        return {k: v.value if isinstance(v, enum.Enum) else v for k, v in found.items()}


class AutoModelForSequenceClassification: ...
class AutoModelForTokenClassification: ...
class AutoModelForQuestionAnswering: ...
class AutoModelForCausalLM: ...
class AutoModelForMaskedLM: ...
class AutoModelForImageClassification: ...
""",
    "peft.py": """
import dataclasses
import typing


@dataclasses.dataclass
class LoraConfig:
    r: typing.Any = 8
    lora_alpha: int = 8
    target_modules: typing.Any = None
    runtime_config: dict = dataclasses.field(default_factory=dict)

    def to_dict(self):
        return dataclasses.asdict(self)
""",
}

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
clusters: [{{name: it, cluster: {{server: "{url}"}}}}]
contexts: [{{name: it, context: {{cluster: it, user: it}}}}]
users: [{{name: it, user: {{}}}}]
"""


def record(python: str, program: str, folder: Path) -> list[Manifest]:
    """What a program posts."""
    return run(python, program, folder)[0]


def refusals(python: str, program: str, folder: Path) -> list[str]:
    """The errors that a program tells."""
    told: list[str] = json.loads(run(python, program, folder)[1].splitlines()[-1])
    return told


def run(python: str, program: str, folder: Path) -> tuple[list[Manifest], str]:
    """What a program posts to an API server, and what it prints."""
    folder.mkdir()
    for name, text in {**LIBRARIES, "program.py": program}.items():
        (folder / name).write_text(text)
    posted: list[Manifest] = []
    with serving(type("Recorder", (Listener,), {"posted": posted})) as url:
        (folder / "kubeconfig").write_text(KUBECONFIG.format(url=url))
        ended = subprocess.run(
            [python, "program.py"],
            cwd=folder,
            env={**os.environ, "KUBECONFIG": str(folder / "kubeconfig")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    return posted, ended.stdout


def as_ours(document: Manifest) -> Any:
    """What Katib's SDK sends, with what we do in another way."""
    text = json.dumps(document)
    # The end of the program is quoted, so that bash leaves the program as it is.
    text = text.replace("<< EOM", "<< 'EOM'")
    # A script ends when its packages are not there.
    text = re.sub(r"(pip install.*?)\\n", r"\1 || exit 1\\n", text)
    found = json.loads(text.replace("--quiet         --no-warn", "--quiet --no-warn"))
    for parameter in found["spec"].get("parameters", ()):
        # Choices stand where they belong.
        space = parameter["feasibleSpace"]
        if isinstance(space.get("distribution"), list):
            space["list"] = space.pop("distribution")
    return found


def changed(program: str) -> str:
    """A program for Katib's SDK with our imports."""
    for theirs, ours in IMPORTS.items():
        program = program.replace(theirs, ours)
    return program


def test_the_same_is_sent_by_both(tmp_path: Path) -> None:
    sent = record(sys.executable, changed(PROGRAM), tmp_path / "ours")
    expected = record(interpreter_of("katib"), PROGRAM, tmp_path / "theirs")
    names = [(one["kind"], one["metadata"]["name"]) for one in sent]
    assert names == [(one["kind"], one["metadata"]["name"]) for one in expected]
    assert len(names) == 19
    for own, other in zip(sent, expected, strict=True):
        assert own == as_ours(other), own["metadata"]["name"]


REFUSED = """
import json

from kubeflow.katib import KatibClient, TrainerResources, search
from kubeflow.storage_initializer.hugging_face import (
    HuggingFaceDatasetParams,
    HuggingFaceModelParams,
    HuggingFaceTrainerParams,
)
from kubeflow.storage_initializer.s3 import S3DatasetParams

client = KatibClient()
errors = []


def objective(parameters):
    print(parameters)


def refuse(call, *words, **given):
    try:
        call(*words, **given)
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
    else:
        errors.append("nothing")


def tune(name="n", **given):
    refuse(client.tune, name=name, **given)


space = {"a": search.int(1, 2)}
model = HuggingFaceModelParams("hf://bert", "Auto")
data = HuggingFaceDatasetParams("yelp")
trainer = HuggingFaceTrainerParams()
providers = dict(
    model_provider_parameters=model,
    dataset_provider_parameters=data,
    trainer_parameters=trainer,
    resources_per_trial=TrainerResources(1, 1, {}),
)
tune()
tune(objective=objective, parameters=space, **providers)
tune(name="", objective=objective, parameters=space)
tune(name="", objective=objective)
tune(objective=objective)
tune(parameters=space)
tune(objective="objective", parameters=space)
tune(objective=lambda: 1, parameters=space)
tune(objective=lambda a, b: 1, parameters=space)
tune(objective=objective, parameters=space, env_per_trial=["A=1"])
tune(model_provider_parameters=model)
tune(**{**providers, "resources_per_trial": {"cpu": "1"}})
tune(**{**providers, "model_provider_parameters": "bert"})
tune(**{**providers, "dataset_provider_parameters": "yelp"})
tune(**{**providers, "trainer_parameters": "trainer"})
refuse(HuggingFaceModelParams, "", "Auto")
refuse(S3DatasetParams, None, "b", "k")
print(json.dumps(errors))
"""


def test_the_same_is_refused_in_words_that_begin_alike(tmp_path: Path) -> None:
    found = [
        refusals(sys.executable, changed(REFUSED), tmp_path / "ours"),
        refusals(interpreter_of("katib"), REFUSED, tmp_path / "theirs"),
    ]
    assert len(found[0]) == len(found[1]) == 17
    for ours, theirs in zip(*found, strict=True):
        # Behind the first words ours say more: what was found, and what would be right.
        beginning = len("ValueError: One of the required")
        assert ours[:beginning] == theirs[:beginning]
