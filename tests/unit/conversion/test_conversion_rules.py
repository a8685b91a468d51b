"""The rules of conversion, one by one."""

from __future__ import annotations

from typing import Any

import pytest
from conversion_documents import (
    PARAMETERS,
    RAW,
    TEMPLATE,
    TEMPLATE_SPEC,
    a_command,
    a_job,
    an_old_experiment,
    command_of,
    converted,
    refusals,
    template_of,
)

from katib.admission import AdmissionContext, admit, unknown_fields
from katib.api.experiment import EXPERIMENTS
from katib.api.values import Key, Manifest
from katib.conversion.experiment import convert
from katib.errors import AdmissionError

OTHER = "my-templates"
FLAGS = ["python3", "train.py", "--lr=${trialParameters.lr}"]
FLAGS.append("--num-layers=${trialParameters.numLayers}")


def a_reference(namespace: str = "research", name: str = OTHER, path: str = "cpu.yaml") -> Manifest:
    named = {"configMapNamespace": namespace, "configMapName": name, "templatePath": path}
    stated = {field: value for field, value in named.items() if value}
    return {"goTemplate": {"templateSpec": stated}}


def words_of(template: Manifest) -> Any:
    return template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]["command"]


# The template


@pytest.mark.rule(
    "A `rawTemplate` becomes a `trialSpec` in which every parameter's value is a placeholder"
)
def test_a_raw_template() -> None:
    assert template_of(an_old_experiment()) == {
        "primaryContainerName": "training-container",
        "trialParameters": [
            {"name": "lr", "reference": "--lr"},
            {"name": "numLayers", "reference": "--num-layers"},
        ],
        "trialSpec": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": {
                "template": {
                    "spec": {
                        "containers": [
                            {
                                "name": "training-container",
                                "image": "docker.io/me/train",
                                "command": FLAGS,
                            }
                        ],
                        "restartPolicy": "Never",
                    }
                }
            },
        },
    }


@pytest.mark.rule(
    "A `templateSpec` is fetched from its ConfigMap and becomes a `trialSpec` as well"
)
def test_a_template_in_a_config_map() -> None:
    manifest = an_old_experiment(trialTemplate={**a_reference(), "retain": True})
    template = template_of(manifest, {Key("research", OTHER): {"cpu.yaml": TEMPLATE}})
    assert template == {**template_of(an_old_experiment()), "retain": True}


@pytest.mark.rule("A `templateSpec` that lacks a field is refused")
@pytest.mark.parametrize("field", ["namespace", "name", "path"])
def test_a_reference_with_a_gap(field: str) -> None:
    manifest = an_old_experiment(trialTemplate=a_reference(**{field: ""}))
    config_maps = {Key("research", OTHER): {"cpu.yaml": TEMPLATE}}
    assert refusals(manifest, config_maps) == {
        TEMPLATE_SPEC: "configMapName, configMapNamespace and templatePath must be specified"
    }


@pytest.mark.rule(
    "A template in a ConfigMap or under a key that is not there is refused with the names"
)
def test_a_template_that_is_not_there() -> None:
    manifest = an_old_experiment(trialTemplate=a_reference())
    (detail,) = refusals(manifest).values()
    assert detail.startswith('there is no ConfigMap "research/my-templates"')
    held = {Key("research", OTHER): {"gpu.yaml": TEMPLATE, "big.yaml": TEMPLATE}}
    assert refusals(manifest, held) == {
        TEMPLATE_SPEC: 'the ConfigMap "research/my-templates" has no key "cpu.yaml", it holds '
        "big.yaml, gpu.yaml"
    }
    (detail,) = refusals(an_old_experiment(None)).values()
    assert 'the default one is used; there is no ConfigMap "kubeflow/trial-template"' in detail


@pytest.mark.rule("Both a `rawTemplate` and a `templateSpec` are refused")
def test_two_templates() -> None:
    both = {"goTemplate": {"rawTemplate": TEMPLATE, **a_reference()["goTemplate"]}}
    (path,) = refusals(an_old_experiment(trialTemplate=both))
    assert path == "spec.trialTemplate.goTemplate"


DEFAULT = {Key("kubeflow", "trial-template"): {"defaultTrialTemplate.yaml": TEMPLATE}}


@pytest.mark.rule(
    "Without a `trialTemplate` the default ConfigMap's template is taken and `retain` becomes true"
)
def test_no_template() -> None:
    template = template_of(an_old_experiment(None), DEFAULT)
    assert template == {**template_of(an_old_experiment()), "retain": True}


@pytest.mark.rule(
    "A `trialTemplate` without a `goTemplate` takes the default ConfigMap's template and keeps its "
    "`retain`"
)
@pytest.mark.parametrize("stated", [{}, {"goTemplate": None}, {"goTemplate": {}}])
def test_an_empty_template(stated: Manifest) -> None:
    usual = template_of(an_old_experiment())
    assert template_of(an_old_experiment(trialTemplate=stated), DEFAULT) == usual
    kept = an_old_experiment(trialTemplate={**stated, "retain": False})
    assert template_of(kept, DEFAULT) == {**usual, "retain": False}


@pytest.mark.rule("The template's parameters are those of the search space in its order")
def test_the_order_of_parameters() -> None:
    manifest = an_old_experiment(parameters=PARAMETERS[::-1])
    assert command_of(manifest) == [*FLAGS[:2], FLAGS[3], FLAGS[2]]
    declared = template_of(manifest)["trialParameters"]
    assert [one["reference"] for one in declared] == ["--num-layers", "--lr"]


@pytest.mark.rule(
    "The search for architectures gives the template the parameters that its algorithm assigns"
)
def test_the_search_for_architectures() -> None:
    def searched(algorithm: str) -> Manifest:
        return an_old_experiment(
            TEMPLATE.replace('"{{.Name}}={{.Value}}"', "--{{.Name}}={{.Value}}"),
            algorithm={"algorithmName": algorithm},
            parameters=[],
            nasConfig={"graphConfig": {"numLayers": 1}},
        )

    assert template_of(searched("enas"))["trialParameters"] == [
        {"name": "architecture", "reference": "architecture"},
        {"name": "nn_config", "reference": "nn_config"},
    ]
    assert command_of(searched("darts"))[2:] == [
        "--algorithm-settings=${trialParameters.algorithmSettings}",
        "--search-space=${trialParameters.searchSpace}",
        "--num-layers=${trialParameters.numLayers}",
    ]
    assert list(refusals(searched("nasrl"))) == ["spec.algorithm.algorithmName"]


@pytest.mark.rule(
    "A template must print `{{.Trial}}` for its name and `{{.NameSpace}}` for its namespace, and "
    "both are removed"
)
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "name: {{.Trial}}\n  namespace",
            "name: x\n  namespace",
            "line 4, column 9: metadata.name",
        ),
        ("name: {{.Trial}}\n  namespace", "namespace", "metadata.name must be {{.Trial}}, and it"),
        ("name: {{.Trial}}\n  namespace", "name: a-{{.Trial}}\n  namespace", "found a-<the trial"),
        ("{{.NameSpace}}", "elsewhere", "line 5, column 14: metadata.namespace must be"),
        ("  namespace: {{.NameSpace}}\n", "", "metadata.namespace must be {{.NameSpace}}, and it"),
        ("  namespace: {{.NameSpace}}\n", "  namespace:\n", "and it is missing"),
    ],
)
def test_name_and_namespace(old: str, new: str, problem: str) -> None:
    assert TEMPLATE.count(old) == 1
    assert problem in refusals(an_old_experiment(TEMPLATE.replace(old, new)))[RAW]
    labelled = TEMPLATE.replace("metadata:\n", "metadata:\n  labels: {a: b}\n")
    metadata = template_of(an_old_experiment(labelled))["trialSpec"]["metadata"]
    assert metadata == {"labels": {"a": "b"}}


@pytest.mark.rule("The experiment's own namespace written out stands for `{{.NameSpace}}` too")
def test_a_namespace_written_out() -> None:
    template = TEMPLATE.replace("{{.NameSpace}}", "research")
    assert template_of(an_old_experiment(template)) == template_of(an_old_experiment())


@pytest.mark.rule("A template of another kind than Job, TFJob and PyTorchJob is refused")
@pytest.mark.parametrize("kind", ["MPIJob", "Pod", "[Job]", "{Job: 1}", "~"])
def test_another_kind(kind: str) -> None:
    detail = refusals(an_old_experiment(TEMPLATE.replace("kind: Job", f"kind: {kind}")))[RAW]
    assert "v1alpha3 runs Job, TFJob, PyTorchJob; here kind is" in detail


@pytest.mark.rule("A fault in a template is reported with its line and column in the template")
def test_a_fault_in_a_template() -> None:
    broken = TEMPLATE.replace("{{.Name}}=", "{{.Nane}}=")
    assert refusals(an_old_experiment(broken)) == {
        RAW: "the template, line 17, column 14: a parameter has no .Nane, did you mean "
        '"Name"?; it has .Name, .Value'
    }
    manifest = an_old_experiment(trialTemplate=a_reference())
    (detail,) = refusals(manifest, {Key("research", OTHER): {"cpu.yaml": broken}}).values()
    assert detail.startswith('"cpu.yaml" of the ConfigMap "research/my-templates", line 17, ')


@pytest.mark.rule(
    "What the template prints must be YAML, and a fault is reported with the template's line"
)
@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (TEMPLATE + "  bad\n: x: y\n", "line 22, column"),
        (TEMPLATE + "---\nkind: Job\n", "a template prints one resource, and this 2"),
        ("{{/* nothing */}}", "a template prints one resource, and this 0"),
        ("[a, b]", "document 1 is a list, not a resource"),
        (
            "a: 1\nkind: Job\nkind: Pod\n",
            'line 3, column 1: what the template prints is no YAML here: the key "kind" is there',
        ),
        ("a: \x07", "what the template prints is no YAML"),
        ("a: " + "[" * 2000 + "]" * 2000, "nested too deeply"),
    ],
)
def test_what_is_printed_is_read(template: str, problem: str) -> None:
    assert problem in refusals(an_old_experiment(template))[RAW]


# Parameters and placeholders


@pytest.mark.rule(
    "A parameter's name loses its dashes to become a placeholder and stays the reference"
)
@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("--lr", "lr"),
        ("--num-layers", "numLayers"),
        ("batch_size", "batch_size"),
        ("-O", "O"),
        ("a.b{c}d", "aBCD"),
        ("2d", "2d"),
        ("--", "parameter"),
        ("--größe", "grE"),
    ],
)
def test_the_names_of_placeholders(name: str, plain: str) -> None:
    parameters = [{**PARAMETERS[0], "name": name}]
    manifest = an_old_experiment(parameters=parameters)
    assert template_of(manifest)["trialParameters"] == [{"name": plain, "reference": name}]
    assert command_of(manifest)[2] == f"{name}=${{trialParameters.{plain}}}"


@pytest.mark.rule("Parameters whose names become the same get numbers")
def test_names_that_become_the_same() -> None:
    names = ["--lr", "lr", "-lr", "lr2", "trialName"]
    manifest = an_old_experiment(parameters=[{**PARAMETERS[0], "name": name} for name in names])
    declared = template_of(manifest)["trialParameters"]
    assert [one["reference"] for one in declared] == names
    assert [one["name"] for one in declared] == ["lr", "lr2", "lr3", "lr22", "trialName2"]


def uses_all(*words: str) -> str:
    """A command that begins with these words and then has both parameters."""
    return a_command(*words, '"{{range .HyperParameters}}{{.Value}} {{end}}"')


@pytest.mark.rule(
    "`{{.Trial}}` and `{{.NameSpace}}` elsewhere become placeholders for the trial's name and "
    "namespace"
)
def test_the_trial_elsewhere() -> None:
    manifest = an_old_experiment(uses_all("/out/{{.NameSpace}}/{{.Trial}}", "{{.Trial}}"))
    assert command_of(manifest)[:2] == [
        "/out/${trialParameters.trialNamespace}/${trialParameters.trialName}",
        "${trialParameters.trialName}",
    ]
    assert template_of(manifest)["trialParameters"][2:] == [
        {"name": "trialName", "reference": "${trialSpec.Name}"},
        {"name": "trialNamespace", "reference": "${trialSpec.Namespace}"},
    ]


@pytest.mark.rule("`{{.Experiment}}` becomes the experiment's name")
def test_the_name_of_the_experiment() -> None:
    manifest = an_old_experiment(uses_all("{{.Experiment}}-x"))
    assert command_of(manifest)[0] == "tune-x"
    manifest["metadata"] = {"generateName": "tune-"}
    assert "an experiment that has no name yet has no .Experiment" in refusals(manifest)[RAW]


@pytest.mark.rule("A parameter that the template does not use is refused by name")
def test_a_parameter_without_use() -> None:
    template = a_command('"{{(index .HyperParameters 0).Value}}"', "# {{.Trial}}")
    detail = refusals(an_old_experiment(template))[RAW]
    assert "does not use the parameter --num-layers" in detail
    assert "--lr" not in detail
    in_a_comment = a_command("x", "# {{range .HyperParameters}}{{.Value}}{{end}}")
    assert refusals(an_old_experiment(in_a_comment))[RAW].count("does not use the parameter") == 2


def of_type(type: str, **space: Any) -> Manifest:
    return {"name": "n", "parameterType": type, "feasibleSpace": space}


NUMBERS: dict[str, tuple[Manifest, str]] = {
    "int": (of_type("int", min="1", max="4"), "{{.Value}}"),
    "double": (of_type("double", min="1", max="4"), "{{.Value}}"),
    "double in the notation of tiny numbers": (of_type("double", min="1e-5"), "{{.Value}}"),
    "negative": (of_type("int", min="1", max="4"), "-{{.Value}}"),
    "with an exponent": (of_type("int", min="1", max="4"), "1e{{.Value}}"),
    "discrete": (of_type("discrete", list=["1", "2"]), "{{.Value}}"),
    "one of the categories": (of_type("categorical", list=["adam", "true"]), "{{.Value}}"),
    "nothing among the categories": (of_type("categorical", list=["adam", "null"]), "{{.Value}}"),
    "list among the categories": (of_type("categorical", list=["a", "[1]"]), "{{.Value}}"),
    "twice": (of_type("int", min="1", max="4"), "{{.Value}}{{.Value}}"),
}


@pytest.mark.rule(
    "A value without quotes that would be a number is refused with its line and what to do"
)
@pytest.mark.parametrize(("parameter", "text"), NUMBERS.values(), ids=NUMBERS)
def test_a_number(parameter: Manifest, text: str) -> None:
    words = f"{{{{range .HyperParameters}}}}{text}{{{{end}}}}"
    template = TEMPLATE.replace(
        "spec:\n  template", f"spec:\n  parallelism: {words}\n  template", 1
    )
    detail = refusals(an_old_experiment(template, parameters=[parameter]))[RAW]
    assert detail.startswith("the template, line 7, column ")
    assert "spec.parallelism has no quotes" in detail
    assert "write quotes round the value of n" in detail
    assert "where ${trialParameters.n} may be a number" in detail


TEXTS: dict[str, tuple[Manifest, str]] = {
    "double quotes": (of_type("int", min="1", max="4"), '"{{.Value}}"'),
    "single quotes": (of_type("int", min="1", max="4"), "'{{.Value}}'"),
    "a block": (of_type("int", min="1", max="4"), "|\n    {{.Value}}"),
    "within a text": (of_type("int", min="1", max="4"), "--n={{.Value}}"),
    "within a path": (of_type("double", min="1", max="4"), "/data/{{.Value}}.csv"),
    "categories that are texts": (of_type("categorical", list=["adam", "sgd"]), "{{.Value}}"),
    "a category that must be quoted": (of_type("categorical", list=["a: b", "- c"]), "{{.Value}}"),
}


@pytest.mark.rule("A value within a text needs no quotes")
@pytest.mark.parametrize(("parameter", "text"), TEXTS.values(), ids=TEXTS)
def test_a_text(parameter: Manifest, text: str) -> None:
    template = a_command(f"{{{{range .HyperParameters}}}}{text}{{{{end}}}}")
    (word,) = command_of(an_old_experiment(template, parameters=[parameter]))
    before, _, after = text.partition("{{.Value}}")
    plain = before.strip("\"'| \n"), after.strip("\"'")
    assert word.rstrip("\n") == f"{plain[0]}${{trialParameters.n}}{plain[1]}"


@pytest.mark.rule("A condition on a value is refused with its line")
@pytest.mark.parametrize("condition", ['eq .Value "0.1"', ".Value", "not .Value", "len .Value"])
def test_a_condition_on_a_value(condition: str) -> None:
    line = '        - "{{.Name}}={{.Value}}"\n'
    template = TEMPLATE.replace(
        line, f"        {{{{if {condition}}}}}\n{line}        {{{{end}}}}\n"
    )
    detail = refusals(an_old_experiment(template))[RAW]
    assert detail.startswith("the template, line 17, column ")
    assert "this depends on the value of --lr, which is not known before there is a trial" in detail


@pytest.mark.rule("A v1beta1 placeholder in an old template is refused")
def test_a_new_placeholder() -> None:
    template = uses_all("${trialParameters.lr}")
    detail = refusals(an_old_experiment(template))[RAW]
    assert detail.startswith(
        "the template, line 12, column 11: ${trialParameters.…} is a placehold"
    )


# The primary container

SIDE = "- name: side\n  image: side"
VALUES = '"{{range .HyperParameters}}{{.Value}} {{end}}"'


def containers_of(manifest: Manifest) -> tuple[str, list[str]]:
    template = template_of(manifest)
    pod = template["trialSpec"]["spec"]["template"]["spec"]
    return template["primaryContainerName"], [one["name"] for one in pod["containers"]]


@pytest.mark.rule("A container named `{{.Trial}}` gets a constant name and is the primary one")
def test_a_container_with_the_name_of_the_trial() -> None:
    trains = f"- name: {{{{.Trial}}}}\n  args: [{VALUES}]"
    found = containers_of(an_old_experiment(a_job(f"{SIDE}\n{trains}")))
    assert found == ("training-container", ["side", "training-container"])
    taken = SIDE.replace("name: side", "name: training-container")
    found = containers_of(an_old_experiment(a_job(f"{taken}\n{trains}")))
    assert found == ("training-container-2", ["training-container", "training-container-2"])


@pytest.mark.rule("Without a container named `{{.Trial}}` the first container is the primary one")
def test_the_first_container() -> None:
    first = f"- name: main\n  args: [{VALUES}]"
    other = "- name: other-{{.Trial}}"
    primary, names = containers_of(an_old_experiment(a_job(f"{first}\n{other}")))
    assert (primary, names) == ("main", ["main", "other-${trialParameters.trialName}"])
    varied = first.replace("main", "main-{{.Trial}}")
    assert containers_of(an_old_experiment(a_job(varied)))[0] == "training-container"


def a_replicated(kind: str, field: str, **containers: str) -> str:
    """The template of a job with these replicas: name → the name of the container."""
    head, _, _ = TEMPLATE.partition("spec:\n")
    lines = [head.replace("batch/v1", "kubeflow.org/v1").replace("kind: Job", f"kind: {kind}")]
    lines.append(f"spec:\n  {field}:\n")
    for replica, name in containers.items():
        pod = f"{{spec: {{containers: [{{name: {name}, args: [{VALUES}]}}]}}}}"
        pod = pod.replace("{{spec", "{ {spec")
        lines.append(f"    {replica}:\n      replicas: 1\n      template: {pod}\n")
    return "".join(lines)


@pytest.mark.rule("The primary container of a TFJob or PyTorchJob is that of the chief or master")
@pytest.mark.parametrize(
    ("kind", "field", "containers", "primary"),
    [
        ("TFJob", "tfReplicaSpecs", {"PS": "p", "Worker": "w", "Chief": "c"}, "c"),
        ("TFJob", "tfReplicaSpecs", {"Worker": "w", "Master": "m"}, "m"),
        ("TFJob", "tfReplicaSpecs", {"PS": "p", "Worker": "w"}, "w"),
        ("PyTorchJob", "pytorchReplicaSpecs", {"Worker": "w", "Master": "m"}, "m"),
    ],
)
def test_replicas(kind: str, field: str, containers: dict[str, str], primary: str) -> None:
    template = template_of(an_old_experiment(a_replicated(kind, field, **containers)))
    assert template["primaryContainerName"] == primary
    replicas = template["trialSpec"]["spec"][field]
    assert {name: one["replicas"] for name, one in replicas.items()} == dict.fromkeys(containers, 1)


@pytest.mark.parametrize(
    ("containers", "problem"),
    [
        ("", "no pod's template with a list of containers was found"),
        ("- main", "no pod's template with a list of containers was found"),
        ("- image: main", "every container in spec.template.spec.containers must have a name"),
    ],
)
def test_a_pod_without_a_container_to_be_primary(containers: str, problem: str) -> None:
    assert problem in refusals(an_old_experiment(a_job(containers)))[RAW]


# The other fields


@pytest.mark.rule("The apiVersion becomes v1beta1")
def test_the_version() -> None:
    assert converted(an_old_experiment())["apiVersion"] == EXPERIMENTS.api_version


@pytest.mark.rule("A missing `resumePolicy` becomes `LongRunning`")
def test_the_resume_policy() -> None:
    assert converted(an_old_experiment())["spec"]["resumePolicy"] == "LongRunning"
    assert converted(an_old_experiment(resumePolicy="Never"))["spec"]["resumePolicy"] == "Never"


@pytest.mark.rule("The collector kind `None` becomes `Push`")
@pytest.mark.parametrize(("old", "new"), [("None", "Push"), ("StdOut", "StdOut")])
def test_the_collector(old: str, new: str) -> None:
    source = {"fileSystemPath": {"path": "/log"}}
    manifest = an_old_experiment(
        metricsCollectorSpec={"collector": {"kind": old}, "source": source}
    )
    assert converted(manifest)["spec"]["metricsCollectorSpec"] == {
        "collector": {"kind": new},
        "source": source,
    }


def stopped_early(placeholder: object) -> Manifest:
    algorithm = {"algorithmName": "random", "earlyStopping": placeholder}
    spec: Manifest = converted(an_old_experiment(algorithm=algorithm))["spec"]
    assert spec["algorithm"] == {"algorithmName": "random"}
    return spec


@pytest.mark.rule(
    "A named early stopping algorithm moves from the algorithm to `spec.earlyStopping`"
)
def test_early_stopping() -> None:
    settings = [{"name": "start_step", "value": "4"}]
    named = {"earlyStoppingAlgorithmName": "medianstop", "earlyStoppingSettings": settings}
    assert stopped_early(named)["earlyStopping"] == {
        "algorithmName": "medianstop",
        "algorithmSettings": settings,
    }
    alone = {"earlyStoppingAlgorithmName": "medianstop"}
    assert stopped_early(alone)["earlyStopping"] == {"algorithmName": "medianstop"}


@pytest.mark.rule("An early stopping placeholder without a name is dropped")
@pytest.mark.parametrize(
    "placeholder", [None, {}, {"earlyStoppingAlgorithmName": ""}, {"earlyStoppingSettings": []}]
)
def test_an_early_stopping_without_a_name(placeholder: object) -> None:
    assert "earlyStopping" not in stopped_early(placeholder)


@pytest.mark.rule("A `maxFailedTrialCount` is raised by one, as it is reached and no more exceeded")
@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 2), (3, 4), (11, 12)])
def test_the_limit_of_failures(old: int, new: int) -> None:
    spec = converted(an_old_experiment(maxFailedTrialCount=old, maxTrialCount=12))["spec"]
    assert spec["maxFailedTrialCount"] == new


@pytest.mark.rule("A `maxFailedTrialCount` that could never be exceeded is left out")
@pytest.mark.parametrize("old", [12, 13])
def test_a_limit_that_all_trials_may_reach(old: int) -> None:
    spec = converted(an_old_experiment(maxFailedTrialCount=old, maxTrialCount=12))["spec"]
    assert "maxFailedTrialCount" not in spec


@pytest.mark.rule("The status is dropped")
def test_the_status() -> None:
    observation = {"metrics": [{"name": "accuracy", "value": 0.9}]}
    manifest = {**an_old_experiment(), "status": {"currentOptimalTrial": observation}}
    assert "status" not in converted(manifest)


@pytest.mark.rule("Labels and annotations stay as they are")
def test_the_metadata() -> None:
    manifest = an_old_experiment()
    manifest["metadata"] |= {"labels": {"experiment": "tune"}, "annotations": {"a": "b"}}
    assert converted(manifest)["metadata"] == manifest["metadata"]


# At the door

CONTEXT = AdmissionContext(
    algorithms=("random",),
    early_stopping_algorithms=(),
    collector_kinds=("StdOut", "Push"),
    find_config_map=DEFAULT.get,
)


@pytest.mark.rule("Admission takes a v1alpha3 Experiment as its v1beta1 conversion")
def test_admission() -> None:
    for manifest in (an_old_experiment(), an_old_experiment(None)):
        admitted = admit(manifest, CONTEXT)
        assert admitted == admit(convert(manifest, DEFAULT.get), CONTEXT)
        assert admitted.api_version == EXPERIMENTS.api_version
        assert admit(manifest, CONTEXT, admitted) == admitted


@pytest.mark.rule("What cannot be converted is an error of the field that holds it")
def test_admission_of_what_cannot_be_converted() -> None:
    with pytest.raises(
        AdmissionError, match=r'^Experiment "tune" is refused, 2 errors:'
    ) as refused:
        admit(an_old_experiment(a_command("x")), CONTEXT)
    assert [error.path for error in refused.value.errors] == [RAW, RAW]
    with pytest.raises(AdmissionError) as refused:
        admit(an_old_experiment(trialTemplate=a_reference()), CONTEXT)
    assert [error.path for error in refused.value.errors] == [TEMPLATE_SPEC]


@pytest.mark.rule("Fields that only v1alpha3 has bring no warning")
def test_warnings() -> None:
    algorithm = {"algorithmName": "random", "earlyStopping": {}}
    manifest = an_old_experiment(algorithm=algorithm, maxTrials=3)
    (warning,) = unknown_fields(manifest)
    assert warning.startswith("spec.maxTrials is not a field of an Experiment")


@pytest.mark.rule("A v1alpha3 document with a v1beta1 template is refused for its version")
def test_a_new_template_in_an_old_document() -> None:
    manifest = {**converted(an_old_experiment()), "apiVersion": "kubeflow.org/v1alpha3"}
    assert refusals(manifest) == {
        "apiVersion": 'must be "kubeflow.org/v1beta1", as spec.trialTemplate.trialSpec belongs to '
        "that version"
    }


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"trialTemplate": []}, "spec.trialTemplate"),
        ({"trialTemplate": {"goTemplate": "x"}}, "spec.trialTemplate.goTemplate"),
        ({"trialTemplate": {"goTemplate": {"rawTemplate": {}, "templateSpec": None}}}, "spec."),
        ({"trialTemplate": {"goTemplate": {"rawTemplate": 3}}}, RAW),
        ({"trialTemplate": {"goTemplate": {"templateSpec": []}}}, TEMPLATE_SPEC),
    ],
)
def test_misshapen_templates_are_refused(spec: Manifest, path: str) -> None:
    (found,) = refusals(an_old_experiment(**spec))
    assert found.startswith(path)


@pytest.mark.parametrize("spec", [None, [], "x"])
def test_a_misshapen_spec_is_left_to_admission(spec: object) -> None:
    manifest = {**an_old_experiment(), "spec": spec}
    assert converted(manifest)["spec"] == spec
    with pytest.raises(AdmissionError, match=r"spec"):
        admit(manifest, CONTEXT)


@pytest.mark.parametrize(
    "spec",
    [
        {"parameters": {}},
        {"parameters": [3, {"name": 4}]},
        {"algorithm": []},
        {"metricsCollectorSpec": {"collector": "x"}},
    ],
)
def test_other_misshapen_fields_are_refused_and_nothing_breaks(spec: Manifest) -> None:
    with pytest.raises(AdmissionError):
        admit(an_old_experiment(**spec), CONTEXT)
