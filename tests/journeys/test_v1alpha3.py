"""Documents of v1alpha3, as a user of that version has them."""

from __future__ import annotations

import pytest
import yaml
from command_line import Katib, Manifest

pytestmark = pytest.mark.journey

#: The random-example of v1alpha3, as it was published; its program is a line of Python here, and
#: there are fewer trials.
RANDOM_EXAMPLE = """\
apiVersion: kubeflow.org/v1alpha3
kind: Experiment
metadata:
  name: random-example
  namespace: kubeflow
spec:
  algorithm:
    algorithmName: random
  maxFailedTrialCount: 1
  maxTrialCount: 3
  metricsCollectorSpec:
    collector:
      kind: StdOut
  objective:
    additionalMetricNames:
    - accuracy
    goal: 0.99
    objectiveMetricName: Validation-accuracy
    type: maximize
  parallelTrialCount: 2
  parameters:
  - feasibleSpace:
      max: "0.03"
      min: "0.01"
    name: --lr
    parameterType: double
  - feasibleSpace:
      max: "5"
      min: "2"
    name: --num-layers
    parameterType: int
  trialTemplate:
    goTemplate:
      rawTemplate: |-
        apiVersion: batch/v1
        kind: Job
        metadata:
          name: {{.Trial}}
          namespace: {{.NameSpace}}
        spec:
          template:
            spec:
              containers:
              - name: {{.Trial}}
                image: docker.io/kubeflowkatib/mxnet-mnist
                command:
                - "python3"
                - "-c"
                - "import sys; a = dict(word.split('=') for word in sys.argv[1:]);
                  print('Validation-accuracy=%s' % (float(a['--lr']) * int(a['--num-layers'])));
                  print('accuracy=0.5')"
                - "--batch-size=64"
                {{- with .HyperParameters}}
                {{- range .}}
                - "{{.Name}}={{.Value}}"
                {{- end}}
                {{- end}}
              restartPolicy: Never
"""

FLAGS = ["--batch-size=64", "--lr=${trialParameters.lr}"]
FLAGS.append("--num-layers=${trialParameters.numLayers}")


def write(katib: Katib, text: str, file: str = "old.yaml") -> str:
    path = katib.folder / file
    path.write_text(text)
    return str(path)


def an_experiment_whose_template_is_in_a_config_map() -> tuple[Manifest, Manifest]:
    """The experiment and the ConfigMap."""
    experiment: Manifest = yaml.safe_load(RANDOM_EXAMPLE)
    text = experiment["spec"]["trialTemplate"]["goTemplate"]["rawTemplate"]
    del experiment["spec"]["trialTemplate"]
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "trial-template", "namespace": "kubeflow"},
        "data": {"defaultTrialTemplate.yaml": text},
    }
    return experiment, config_map


def test_the_published_example_runs_as_it_is(katib: Katib) -> None:
    path = write(katib, RANDOM_EXAMPLE)
    assert "random-example is valid" in katib("validate", path, check=0).text

    answer = katib("run", path, check=0)

    assert "warning" not in answer.err
    experiment = katib.get("experiment", "random-example", "kubeflow")
    assert experiment["apiVersion"] == "kubeflow.org/v1beta1"
    assert experiment["spec"]["resumePolicy"] == "LongRunning"
    assert experiment["status"]["trialsSucceeded"] == 3
    best = experiment["status"]["currentOptimalTrial"]
    values = {one["name"]: one["value"] for one in best["parameterAssignments"]}
    assert set(values) == {"--lr", "--num-layers"}
    metrics = {one["name"]: one["latest"] for one in best["observation"]["metrics"]}
    expected = float(values["--lr"]) * int(values["--num-layers"])
    assert float(metrics["Validation-accuracy"]) == pytest.approx(expected)
    assert metrics["accuracy"] == "0.5"
    # The same file names the same experiment, so nothing is run again.
    katib("run", path, check=0)
    listed = katib("get", "trials", "-n", "kubeflow", "-e", "random-example", "-o", "name", check=0)
    assert len(listed.out.split()) == 3


def test_convert_prints_what_admission_takes(katib: Katib) -> None:
    answer = katib("convert", write(katib, RANDOM_EXAMPLE), check=0)

    new: Manifest = yaml.safe_load(answer.out)
    container = new["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["command"][3:] == FLAGS
    path = write(katib, answer.out, "new.yaml")
    assert "random-example is valid" in katib("validate", path, check=0).text
    assert katib("convert", path, check=0).out == answer.out


def test_convert_takes_templates_from_the_files_or_the_home_and_passes_the_rest_on(
    katib: Katib,
) -> None:
    experiment, config_map = an_experiment_whose_template_is_in_a_config_map()
    old = katib.write(experiment, "old.yaml")
    templates = katib.write(config_map, "templates.yaml")

    refused = katib("convert", old, check=2)
    assert refused.out == ""
    assert 'there is no ConfigMap "kubeflow/trial-template"' in refused.err

    both = list(yaml.safe_load_all(katib("convert", old, templates, check=0).out))
    assert both[0]["spec"]["trialTemplate"]["retain"] is True
    assert both[1] == config_map

    katib("run", old, templates, check=0)
    from_home = yaml.safe_load(katib("convert", old, check=0).out)
    assert from_home == both[0]


def test_what_cannot_be_converted_is_refused_with_its_line(katib: Katib) -> None:
    template = '- "{{.Name}}={{.Value}}"'
    path = write(katib, RANDOM_EXAMPLE.replace(template, "- {{.Value}}"))
    for command in ("convert", "validate", "run"):
        answer = katib(command, path, check=2)
        assert "rawTemplate: Invalid value: the template, line 21, column 11:" in answer.err
        assert "write quotes round the value of --lr" in answer.err
        assert answer.out == ""


def test_convert_has_help_with_examples(katib: Katib) -> None:
    answer = katib("convert", "--help", check=0)
    assert "katib convert old.yaml > new.yaml" in answer.out
