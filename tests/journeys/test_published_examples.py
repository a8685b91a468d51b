"""The examples that Katib publishes, written anew: each is admitted, and those of Jobs run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml
from command_line import REPOSITORY, Answer, Katib, Manifest

from katib.admission.context import AdmissionContext
from katib.apps.door import admission_context
from katib.errors import ConfigurationError

pytestmark = pytest.mark.journey

ROOT = REPOSITORY / "examples"

#: What is published of each: its name, algorithm and objective metric, and how many trials there
#: may be at a time, in all, and failed.
Published = tuple[str, str, str, tuple[int, int, int]]
USUAL = (3, 12, 3)
#: The kinds of trials that one machine runs.
RUN_HERE = ("Job", "TrainJob")

PUBLISHED: Mapping[str, Published] = {
    "argo/argo-workflow.yaml": ("katib-argo-workflow", "random", "loss", (2, 5, 1)),
    "early-stopping/median-stop-with-json-format.yaml": (
        "median-stop-with-json-format",
        "random",
        "accuracy",
        (2, 15, 3),
    ),
    "early-stopping/median-stop.yaml": ("median-stop", "random", "loss", (2, 15, 3)),
    "fpga/xgboost-example.yaml": ("xgb-svhn-fpga", "random", "accuracy", (1, 10, 3)),
    "hp-tuning/bayesian-optimization.yaml": (
        "bayesian-optimization",
        "bayesianoptimization",
        "loss",
        USUAL,
    ),
    "hp-tuning/cma-es.yaml": ("cmaes", "cmaes", "loss", USUAL),
    "hp-tuning/grid.yaml": ("grid", "grid", "loss", USUAL),
    "hp-tuning/hyperband.yaml": ("hyperband", "hyperband", "loss", (2, 2, 2)),
    "hp-tuning/hyperopt-distribution.yaml": ("hyperopt-distribution", "random", "loss", USUAL),
    "hp-tuning/multivariate-tpe.yaml": ("multivariate-tpe", "multivariate-tpe", "loss", USUAL),
    "hp-tuning/optuna-distribution.yaml": ("optuna-distribution", "tpe", "loss", USUAL),
    "hp-tuning/random.yaml": ("random", "random", "loss", USUAL),
    # Published with 3 failures among 2 trials, which is refused.
    "hp-tuning/simple-pbt.yaml": ("simple-pbt", "pbt", "Validation-accuracy", (2, 2, 2)),
    "hp-tuning/sobol.yaml": ("sobol", "sobol", "loss", USUAL),
    "hp-tuning/tpe.yaml": ("tpe", "tpe", "loss", USUAL),
    "kubeflow-trainer/trainjob-pytorch.yaml": (
        "torch-distributed-example",
        "random",
        "loss",
        USUAL,
    ),
    "kubeflow-training-operator/mpijob-horovod.yaml": (
        "mpijob-horovod",
        "random",
        "loss",
        (2, 6, 3),
    ),
    "kubeflow-training-operator/pytorchjob-mnist.yaml": (
        "pytorchjob-mnist",
        "random",
        "loss",
        USUAL,
    ),
    "kubeflow-training-operator/tfjob-mnist-with-summaries.yaml": (
        "tfjob-mnist-with-summaries",
        "random",
        "accuracy",
        USUAL,
    ),
    "kubeflow-training-operator/xgboostjob-lightgbm.yaml": (
        "xgboostjob-lightgbm",
        "random",
        "valid_1 auc",
        (2, 6, 3),
    ),
    "metrics-collector/custom-metrics-collector.yaml": (
        "custom-metrics-collector",
        "random",
        "accuracy",
        USUAL,
    ),
    "metrics-collector/file-metrics-collector-with-json-format.yaml": (
        "file-metrics-collector-with-json-format",
        "random",
        "accuracy",
        USUAL,
    ),
    "metrics-collector/file-metrics-collector.yaml": (
        "file-metrics-collector",
        "random",
        "accuracy",
        USUAL,
    ),
    "metrics-collector/metrics-collection-strategy.yaml": (
        "metrics-collection-strategy",
        "tpe",
        "loss",
        USUAL,
    ),
    "nas/darts-cpu.yaml": ("darts-cpu", "darts", "Best-Genotype", (1, 1, 1)),
    "nas/darts-gpu.yaml": ("darts-gpu", "darts", "Best-Genotype", (1, 1, 1)),
    "nas/enas-cpu.yaml": ("enas-cpu", "enas", "Validation-Accuracy", (2, 3, 2)),
    "nas/enas-gpu.yaml": ("enas-gpu", "enas", "Validation-Accuracy", USUAL),
    "resume-experiment/from-volume-resume.yaml": ("from-volume-resume", "random", "loss", USUAL),
    "resume-experiment/long-running-resume.yaml": ("long-running-resume", "random", "loss", USUAL),
    "tekton/pipeline-run.yaml": ("tekton-pipeline-run", "random", "loss", (2, 4, 3)),
    "trial-template/trial-configmap-source.yaml": (
        "trial-configmap-source",
        "cmaes",
        "Validation-accuracy",
        (2, 10, 3),
    ),
    "trial-template/trial-metadata-substitution.yaml": (
        "trial-metadata-substitution",
        "random",
        "loss",
        USUAL,
    ),
    "v1alpha3/random.yaml": ("random-example", "random", "Validation-accuracy", USUAL),
}

RESUMED = (
    "resume-experiment/from-volume-resume.yaml",
    "resume-experiment/long-running-resume.yaml",
)


@dataclass(frozen=True)
class Example:
    """One file.

    Attributes:
        place: its path below the folder of examples.
        head: its first lines, which say how to run it.
        manifest: its Experiment.
    """

    place: str
    head: str
    manifest: Manifest

    @property
    def path(self) -> str:
        """From the root of the repository."""
        return f"examples/{self.place}"

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def images(self) -> Sequence[str]:
        """What stands for its images."""
        return re.findall(r"--image (\S+)", self.head)

    @property
    def kind(self) -> str:
        """Of what its trials run."""
        return str(self.manifest["spec"]["trialTemplate"].get("trialSpec", {}).get("kind", "Job"))

    @property
    def missing(self) -> str:
        """What it needs and this version does not have yet, by name; empty when it can run."""
        spec, context = self.manifest["spec"], a_context()
        wanted: list[tuple[str, Callable[[str], None], str | None]] = [
            ("algorithm", context.check_algorithm, spec["algorithm"]["algorithmName"]),
            (
                "early stopping rule",
                context.check_early_stopping,
                spec.get("earlyStopping", {}).get("algorithmName"),
            ),
            (
                "metrics collector",
                context.check_collector,
                spec.get("metricsCollectorSpec", {}).get("collector", {}).get("kind"),
            ),
        ]
        found = [
            f"{what} {name}" for what, check, name in wanted if name and not is_here(check, name)
        ]
        return ", ".join(found)


def is_here(check: Callable[[str], None], name: str) -> bool:
    try:
        check(name)
    except ConfigurationError:
        return False
    return True


@cache
def a_context() -> AdmissionContext:
    return admission_context(lambda kind, key: None)


@cache
def load(place: str) -> Example:
    text = (ROOT / place).read_text()
    head, _, _ = text.partition("apiVersion:")
    [manifest] = [one for one in yaml.safe_load_all(text) if one["kind"] == "Experiment"]
    return Example(place, head, manifest)


def present(places: Sequence[str], is_job: bool = True) -> list[Example]:
    """Those that can run, or would if their kind could."""
    examples = [load(place) for place in places]
    return [one for one in examples if (one.kind in RUN_HERE) == is_job and not one.missing]


@pytest.fixture
def here(tmp_path: Path) -> Katib:
    """At the root of the repository, from which the examples name their programs."""
    return Katib(tmp_path / "home", REPOSITORY)


def run(katib: Katib, examples: Sequence[Example], check: int) -> Answer:
    """All of them at once."""
    assert examples
    images = sorted({image for example in examples for image in example.images})
    options = [word for image in images for word in ("--image", image)]
    return katib("run", *(one.path for one in examples), *options, check=check)


@dataclass(frozen=True)
class Outcome:
    """What became of an example."""

    experiment: Manifest
    suggestion: Manifest
    trials: Sequence[Manifest]
    logs: Path

    @property
    def status(self) -> Manifest:
        status: Manifest = self.experiment["status"]
        return status

    @property
    def last(self) -> Manifest:
        last: Manifest = self.status["conditions"][-1]
        return last

    def log(self, trial: Manifest) -> str:
        """What a trial's program printed."""
        meta = trial["metadata"]
        [log] = (self.logs / meta["namespace"] / meta["name"]).glob("*.log")
        text: str = log.read_text()
        return text


def outcomes(katib: Katib) -> dict[str, Outcome]:
    """Of everything in the home, by the experiment's name."""

    def listed(kind: str) -> list[Manifest]:
        items = yaml.safe_load(katib("get", kind, "-A", "-o", "yaml", check=0).out)["items"]
        found: list[Manifest] = items
        return found

    suggestions = {one["metadata"]["name"]: one for one in listed("suggestions")}
    trials: dict[str, list[Manifest]] = {}
    for trial in listed("trials"):
        experiment = trial["metadata"]["labels"]["katib.kubeflow.org/experiment"]
        trials.setdefault(experiment, []).append(trial)
    return {
        name: Outcome(one, suggestions[name], trials[name], katib.home / "trials")
        for one in listed("experiments")
        for name in [one["metadata"]["name"]]
    }


def metrics_of(trial: Manifest) -> dict[str, Manifest]:
    return {one["name"]: one for one in trial["status"]["observation"]["metrics"]}


# The documents


def test_every_published_example_is_there_and_no_other() -> None:
    ours = {
        "asha",
        "bohb",
        "darts",
        "digits",
        "diverging",
        "enas",
        "flaky",
        "pbt",
        "programs",
        "prometheus",
        "push",
        "shell",
        "smac",
        "successive-halving",
        "tensorboard",
        "wildcards",
    }
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.yaml")}
    assert {place for place in found if place.split("/")[0] not in ours} == set(PUBLISHED)


@pytest.mark.parametrize("place", PUBLISHED)
def test_an_example_has_the_published_name_and_numbers(place: str) -> None:
    manifest = load(place).manifest
    spec = manifest["spec"]
    counts = (spec["parallelTrialCount"], spec["maxTrialCount"], spec["maxFailedTrialCount"])
    algorithm, objective = spec["algorithm"]["algorithmName"], spec["objective"]
    assert PUBLISHED[place] == (
        manifest["metadata"]["name"],
        algorithm,
        objective["objectiveMetricName"],
        counts,
    )


@pytest.mark.parametrize("place", PUBLISHED)
def test_the_first_lines_of_an_example_name_programs_that_are_there(place: str) -> None:
    example = load(place)
    verb = "run" if example.kind in RUN_HERE else "validate"
    assert f"katib {verb} {example.path}" in example.head
    assert bool(example.images) == (example.kind in RUN_HERE)
    for image in example.images:
        name, _, program = image.partition("=")
        assert (REPOSITORY / program).exists()
        assert name in (ROOT / place).read_text().removeprefix(example.head)


@pytest.mark.parametrize("place", PUBLISHED)
def test_nothing_is_missing_for_an_example(place: str) -> None:
    assert not load(place).missing


def test_all_for_which_nothing_is_missing_are_valid(here: Katib) -> None:
    examples = present([*PUBLISHED]) + present([*PUBLISHED], is_job=False)
    answer = here("validate", *(one.path for one in examples), check=0)
    assert answer.err == ""
    said = [f"{one.path}: experiment {one.name} is valid" for one in examples]
    assert answer.out.splitlines() == said


# Those that run here

BATCHES: dict[str, list[str]] = {
    "hyperparameters": [one for one in PUBLISHED if one.startswith("hp-tuning/")],
    "the others": [
        one for one in PUBLISHED if not one.startswith("hp-tuning/") and one not in RESUMED
    ],
}


@pytest.mark.parametrize("batch", BATCHES)
def test_the_examples_that_are_jobs_run_to_their_ends(here: Katib, batch: str) -> None:
    examples = present(BATCHES[batch])
    answer = run(here, examples, check=0)

    assert "Traceback (most recent call last)" not in answer.err
    found = outcomes(here)
    assert set(found) == {one.name for one in examples}
    for example in examples:
        check_end(found[example.name], answer)
        if example.place in SPECIAL:
            SPECIAL[example.place](found[example.name])


def check_end(outcome: Outcome, answer: Answer) -> None:
    """The verdict, the counts, the optimum and the suggestion."""
    spec, status = outcome.experiment["spec"], outcome.status
    where = f"{outcome.experiment['metadata']['name']}: {outcome.last['message']}"
    assert (outcome.last["type"], outcome.last["status"]) == ("Succeeded", "True"), where
    assert outcome.last["reason"] == "ExperimentMaxTrialsReached"
    assert outcome.last["message"] in answer.out
    ended = status.get("trialsSucceeded", 0) + status.get("trialsEarlyStopped", 0)
    assert ended == spec["maxTrialCount"] == status["trials"] == len(outcome.trials)
    check_optimum(outcome)
    conditions = {one["type"]: one["status"] for one in outcome.suggestion["status"]["conditions"]}
    if spec["resumePolicy"] == "LongRunning":
        assert conditions.get("Succeeded") != "True"
    else:
        assert conditions.get("Running") != "True"


def check_optimum(outcome: Outcome) -> None:
    objective = outcome.experiment["spec"]["objective"]
    metric, is_smallest = objective["objectiveMetricName"], objective["type"] == "minimize"
    best = outcome.status["currentOptimalTrial"]
    observed = {one["name"]: one for one in best["observation"]["metrics"]}
    assert best["bestTrialName"] in {one["metadata"]["name"] for one in outcome.trials}
    if metric == "Best-Genotype":
        assert observed[metric]["latest"].startswith("Genotype(normal=[[(")
        return
    strategy = "min" if is_smallest else "max"
    values = [float(metrics_of(trial)[metric][strategy]) for trial in outcome.trials]
    numbers = [value for value in values if not math.isnan(value)]
    assert float(observed[metric][strategy]) == (min(numbers) if is_smallest else max(numbers))


def check_points_of_the_grid(outcome: Outcome) -> None:
    points = set()
    for trial in outcome.trials:
        given = {one["name"]: float(one["value"]) for one in trial["spec"]["parameterAssignments"]}
        steps = (given["lr"] / 0.005, given["momentum"] / 0.1)
        assert steps == pytest.approx([round(step) for step in steps])
        points.add(tuple(round(step) for step in steps))
    assert len(points) == len(outcome.trials)


def check_metadata(outcome: Outcome) -> None:
    for trial in outcome.trials:
        said = set(re.findall(r" (TRIAL_\w+ is \S+)", outcome.log(trial)))
        assert said == {
            f"TRIAL_NAME is {trial['metadata']['name']}",
            "TRIAL_NAMESPACE is kubeflow",
            "TRIAL_KIND is Job",
            "TRIAL_API_VERSION is batch/v1",
            "TRIAL_LABEL_CUSTOM is custom-label",
            "TRIAL_ANNOTATION_CUSTOM is custom-annotation",
        }


def check_strategies(outcome: Outcome) -> None:
    for trial in outcome.trials:
        log, metrics = outcome.log(trial), metrics_of(trial)
        losses = re.findall(r"loss(?:=|, metricValue: )([\d.]+)", log)
        accuracies = re.findall(r"accuracy, metricValue: ([\d.]+)", log)
        assert len(losses) > len(accuracies) > 1
        assert float(metrics["loss"]["min"]) == min(map(float, losses))
        assert float(metrics["accuracy"]["max"]) == max(map(float, accuracies))


def check_both_metrics(outcome: Outcome) -> None:
    for trial in outcome.trials:
        assert {"accuracy", "loss"} == set(metrics_of(trial))
        assert 0 < float(metrics_of(trial)["loss"]["latest"]) < 1


def check_custom_collector(outcome: Outcome) -> None:
    for trial in outcome.trials:
        folder = outcome.logs / "kubeflow" / trial["metadata"]["name"]
        [log] = folder.glob("*.custom-metrics-logger-and-collector.log")
        printed = re.findall(r"accuracy=([\d.]+)", log.read_text())
        assert metrics_of(trial)["accuracy"]["latest"] == printed[-1]


def check_rules(outcome: Outcome) -> None:
    """Once a trial has succeeded, those that are made next have a rule."""
    rules = [one["spec"].get("earlyStoppingRules", []) for one in outcome.trials]
    metric = outcome.experiment["spec"]["objective"]["objectiveMetricName"]
    told = {rule["name"] for one in rules for rule in one}
    assert told == {metric}


def check_limit(name: str) -> Callable[[Outcome], None]:
    """The template asks for what this machine does not have, and no trial waits for it."""

    def check(outcome: Outcome) -> None:
        for trial in outcome.trials:
            [container] = trial["spec"]["runSpec"]["spec"]["template"]["spec"]["containers"]
            assert container["resources"]["limits"] == {name: 1}

    return check


def check_config_map(outcome: Outcome) -> None:
    for trial in outcome.trials:
        [container] = trial["spec"]["runSpec"]["spec"]["template"]["spec"]["containers"]
        given = {one["name"]: one["value"] for one in trial["spec"]["parameterAssignments"]}
        assert container["command"][-1] == f"--optimizer={given['optimizer']}"


def check_conversion(outcome: Outcome) -> None:
    assert outcome.experiment["apiVersion"] == "kubeflow.org/v1beta1"
    for trial in outcome.trials:
        given = {one["name"] for one in trial["spec"]["parameterAssignments"]}
        assert given == {"--lr", "--num-layers"}


#: What is special in an example is looked at when it has run.
SPECIAL: Mapping[str, Callable[[Outcome], None]] = {
    "early-stopping/median-stop.yaml": check_rules,
    "early-stopping/median-stop-with-json-format.yaml": check_rules,
    "fpga/xgboost-example.yaml": check_limit("xilinx/aws-vu9p-f1"),
    "hp-tuning/grid.yaml": check_points_of_the_grid,
    "metrics-collector/custom-metrics-collector.yaml": check_custom_collector,
    "metrics-collector/file-metrics-collector-with-json-format.yaml": check_both_metrics,
    "metrics-collector/file-metrics-collector.yaml": check_both_metrics,
    "metrics-collector/metrics-collection-strategy.yaml": check_strategies,
    "nas/darts-gpu.yaml": check_limit("nvidia.com/gpu"),
    "nas/enas-gpu.yaml": check_limit("nvidia.com/gpu"),
    "trial-template/trial-configmap-source.yaml": check_config_map,
    "trial-template/trial-metadata-substitution.yaml": check_metadata,
    "v1alpha3/random.yaml": check_conversion,
}


def test_the_resume_examples_go_on_when_they_are_raised(here: Katib, tmp_path: Path) -> None:
    examples = present(RESUMED)
    answer = run(here, examples, check=0)
    first = outcomes(here)
    for outcome in first.values():
        check_end(outcome, answer)

    raised = []
    for example in examples:
        spec = example.manifest["spec"]
        counts = {name: spec[name] + 1 for name in ("maxTrialCount", "parallelTrialCount")}
        path = tmp_path / Path(example.place).name
        path.write_text(yaml.safe_dump({**example.manifest, "spec": {**spec, **counts}}))
        raised.append(str(path))
    answer = here("run", *raised, "--image", examples[0].images[0], check=0)

    for name, outcome in outcomes(here).items():
        check_end(outcome, answer)
        conditions = {one["type"]: one for one in outcome.status["conditions"]}
        assert conditions["Restarting"]["status"] == "True"
        assert outcome.status["trials"] == first[name].status["trials"] + 1 == 13
        before = {one["metadata"]["name"] for one in first[name].trials}
        assert before < {one["metadata"]["name"] for one in outcome.trials}


# Those that do not


def test_kinds_that_need_a_cluster_fail_and_say_which_run_here(here: Katib) -> None:
    examples = present([*PUBLISHED], is_job=False)
    assert {one.kind for one in examples} >= {"MPIJob", "PipelineRun", "Workflow"}

    answer = run(here, examples, check=1)

    found = outcomes(here)
    for example in examples:
        outcome = found[example.name]
        assert (outcome.last["type"], outcome.last["status"]) == ("Failed", "True")
        version = example.manifest["spec"]["trialTemplate"]["trialSpec"]["apiVersion"]
        why = f"the kind {example.kind} ({version}) needs a cluster that knows it"
        assert why in answer.out
        for trial in outcome.trials:
            last = trial["status"]["conditions"][-1]
            assert (last["type"], last["status"]) == ("Failed", "True")
            assert "KindNotRunnable" in last["reason"]
            assert why in last["message"]
