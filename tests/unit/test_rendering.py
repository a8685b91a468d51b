"""From template and assignments to a run's manifest."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from katib.api.codec import to_raw
from katib.api.experiment import (
    ConfigMapSource,
    Experiment,
    ExperimentSpec,
    TrialParameter,
    TrialTemplate,
)
from katib.api.values import Manifest, NameValue
from katib.errors import RenderError
from katib.rendering import render

HEAD: Manifest = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"labels": {"team": "blue"}, "annotations": {"a/b": "note"}},
}
LR = ("lr", "lr")


def _experiment(
    spec: Any, parameters: tuple[tuple[str, str], ...], head: Manifest = HEAD
) -> Experiment:
    """With ``spec`` as the spec of the template; with a ConfigMap when it is ``None``."""
    place = ConfigMapSource(
        config_map_name="templates", config_map_namespace="ns", template_path="job.yaml"
    )
    template = TrialTemplate(
        trial_spec=UNSET if spec is None else to_raw({**head, "spec": spec}),
        config_map=place if spec is None else None,
        trial_parameters=tuple(
            TrialParameter(name=name, reference=reference) for name, reference in parameters
        ),
    )
    return Experiment(spec=ExperimentSpec(trial_template=template))


def _render(experiment: Experiment, text: str | None = None, /, **values: str) -> Manifest:
    assignments = [NameValue(name=name, value=value) for name, value in values.items()]
    return render(experiment, "tune-1", "team-a", assignments, text)


@pytest.mark.rule("A placeholder is replaced wherever it stands, in keys and in parts of texts too")
def test_placeholders_are_replaced_wherever_they_stand() -> None:
    spec = {
        "args": ["--lr=${trialParameters.lr}", "${trialParameters.lr}${trialParameters.n}"],
        "${trialParameters.n}": {"deep": [{"x": "a ${trialParameters.n} b"}]},
        "number": 5,
    }
    found = _render(_experiment(spec, (LR, ("n", "count"))), lr="0.1", count="3")
    assert found["spec"] == {
        "args": ["--lr=0.1", "0.13"],
        "3": {"deep": [{"x": "a 3 b"}]},
        "number": 5,
    }


@pytest.mark.rule("Name and namespace of the run are the trial's")
def test_the_trial_gives_name_and_namespace() -> None:
    found = _render(_experiment("${trialParameters.lr}", (LR,)), lr="1")
    assert found["metadata"] == {**HEAD["metadata"], "name": "tune-1", "namespace": "team-a"}
    assert (found["apiVersion"], found["kind"]) == ("batch/v1", "Job")


@pytest.mark.rule("A template without metadata gets name and namespace")
def test_a_template_without_metadata_gets_some() -> None:
    found = _render(_experiment("${trialParameters.lr}", (LR,), {"kind": "Job"}), lr="1")
    assert found["metadata"] == {"name": "tune-1", "namespace": "team-a"}


@pytest.mark.rule(
    "Any text is a value under `trialSpec`, with quotes, backslashes and line breaks too"
)
@pytest.mark.parametrize("value", ['{"a": "b"}', "back\\slash", "line\nbreak", "Ünï ${x}", "'", ""])
def test_any_text_is_a_value(value: str) -> None:
    found = _render(_experiment(["x${trialParameters.lr}"], (LR,)), lr=value)
    assert found["spec"] == [f"x{value}"]


@pytest.mark.rule("A value that looks like a placeholder is left as it is")
def test_a_value_that_looks_like_a_placeholder_is_left_as_it_is() -> None:
    experiment = _experiment(
        ["${trialParameters.a}", "${trialParameters.b}"], (("a", "a"), ("b", "b"))
    )
    found = _render(experiment, a="${trialParameters.b}", b="2")
    assert found["spec"] == ["${trialParameters.b}", "2"]


@pytest.mark.rule("A parameter's name may have quotes")
def test_a_parameter_name_may_have_quotes() -> None:
    found = _render(_experiment(['${trialParameters.l"r}'], (('l"r', "lr"),)), lr="1")
    assert found["spec"] == ["1"]


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("${trialSpec.Name}", "tune-1"),
        ("${trialSpec.Namespace}", "team-a"),
        ("${trialSpec.Kind}", "Job"),
        ("${trialSpec.APIVersion}", "batch/v1"),
        ("${trialSpec.Annotations[a/b]}", "note"),
        ("${trialSpec.Labels[team]}", "blue"),
    ],
    ids=[
        "`${trialSpec.Name}` is the trial's name",
        "`${trialSpec.Namespace}` is the trial's namespace",
        "`${trialSpec.Kind}` is the kind of the template",
        "`${trialSpec.APIVersion}` is the API version of the template",
        "`${trialSpec.Annotations[key]}` is an annotation of the template",
        "`${trialSpec.Labels[key]}` is a label of the template",
    ],
)
@pytest.mark.parametrize("is_text", [False, True], ids=["trialSpec", "ConfigMap"])
def test_metadata_references(reference: str, value: str, is_text: bool) -> None:
    parameters = (LR, ("meta", reference))
    args = ["${trialParameters.meta}", "${trialParameters.lr}"]
    text = to_raw({**HEAD, "spec": args}) if is_text else None
    experiment = _experiment(None if is_text else args, parameters)
    found = _render(experiment, None if text is None else bytes(text).decode(), lr="x")
    assert found["spec"] == [value, "x"]


@pytest.mark.rule("A metadata reference in the template itself is plain text")
def test_metadata_references_are_not_seen_in_the_template_itself() -> None:
    found = _render(_experiment(["${trialSpec.Name}", "${trialParameters.lr}"], (LR,)), lr="1")
    assert found["spec"] == ["${trialSpec.Name}", "1"]


@pytest.mark.rule("A placeholder in a ConfigMap may stand for a number or a part of the document")
def test_text_of_a_config_map_may_hold_numbers_and_parts_of_documents() -> None:
    text = "kind: Job\nspec:\n  replicas: ${trialParameters.n}\n  args: ${trialParameters.args}\n"
    experiment = _experiment(None, (("n", "n"), ("args", "args")))
    found = _render(experiment, text, n="3", args="[a, b]")
    assert found["spec"] == {"replicas": 3, "args": ["a", "b"]}


@pytest.mark.rule("Every trial gets a run of its own")
def test_every_manifest_is_new() -> None:
    experiment = _experiment([{"x": "${trialParameters.lr}"}], (LR,))
    first = _render(experiment, lr="1")
    first["spec"][0]["x"] = "changed"
    first["metadata"]["labels"]["team"] = "red"
    second = _render(experiment, lr="2")
    assert second["spec"] == [{"x": "2"}]
    assert second["metadata"]["labels"] == {"team": "blue"}


TWO = (LR, ("n", "n"))
BOTH = "${trialParameters.lr}${trialParameters.n}"


@pytest.mark.parametrize(
    ("parameters", "spec", "values", "problem"),
    [
        (TWO, BOTH, {"lr": "1"}, '"n" refers to "n", and no assignment has that name'),
        (
            (("n", "layers"),),
            "${trialParameters.n}",
            {"layer": "1"},
            '"n" refers to "layers", and no assignment has that name, did you mean "layer"?',
        ),
        ((LR,), "${trialParameters.lr}", {"lr": "1", "n": "2"}, 'refers to "n"; add one'),
        (
            (LR, ("other", "lr")),
            "${trialParameters.lr}",
            {"lr": "1", "n": "2"},
            'no trial parameter refers to "n"',
        ),
        ((LR, ("other", "lr")), "x", {"lr": "1"}, 'parameter "lr" is referred to by more than one'),
        ((LR,), BOTH, {"lr": "1"}, "the template has the placeholder ${trialParameters.n}"),
        (
            (LR, ("m", "${trialSpec.Labels[none]}")),
            BOTH,
            {"lr": "1"},
            "illegal reference of trial metadata: ${trialSpec.Labels[none]}: the template has no",
        ),
        (
            (("m", "${trialSpec.Annotations}"),),
            BOTH,
            {},
            "it names no key; write ${trialSpec.Annotations[key]}",
        ),
        (
            (("m", "${trialSpec.Color}"),),
            BOTH,
            {},
            "illegal reference of trial metadata: ${trialSpec.Color}: there are Name",
        ),
    ],
    ids=[
        "A parameter without an assignment is an error",
        "A misspelt reference is an error that names the nearest parameter",
        "An assignment that no parameter refers to is an error",
        "An unused assignment is an error, though another one is used twice",
        "An assignment that two parameters refer to is an error",
        "A placeholder that no trial parameter declares is an error",
        "A reference to a label that the template does not have is an error",
        "A reference to annotations or labels without a key is an error",
        "A reference to other metadata is an error",
    ],
)
def test_what_does_not_fit(
    parameters: tuple[tuple[str, str], ...], spec: str, values: dict[str, str], problem: str
) -> None:
    with pytest.raises(RenderError) as caught:
        _render(_experiment(spec, parameters), **values)
    assert problem in str(caught.value)


@pytest.mark.rule("A parameter that is assigned twice is an error")
def test_a_parameter_that_is_assigned_twice() -> None:
    twice = [NameValue(name="lr", value="1"), NameValue(name="lr", value="2")]
    with pytest.raises(RenderError, match='"lr" is assigned more than once'):
        render(_experiment("${trialParameters.lr}", (LR,)), "t", "n", twice)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, r'unable to find trial template in ConfigMap "ns/templates": .* "job.yaml"'),
        ("a: [${trialParameters.lr}", "failed to convert string to unstructured: the template, "),
        ("- ${trialParameters.lr}", "failed to convert string to unstructured: .* is a list"),
        ("a: ${trialParameters.lr}\n---\nb: c", "must hold one resource, it holds 2"),
    ],
    ids=[
        "A ConfigMap without the template's key is an error",
        "A text that is no YAML after the values went in is an error",
        "A text that is no map after the values went in is an error",
        "A text of two documents is an error",
    ],
)
def test_text_of_a_config_map_that_cannot_be_used(text: str | None, problem: str) -> None:
    with pytest.raises(RenderError, match=problem):
        _render(_experiment(None, (LR,)), text, lr="1")


@pytest.mark.rule("A template with neither `trialSpec` nor ConfigMap is an error")
def test_no_template_and_no_source() -> None:
    with pytest.raises(RenderError, match=r"spec\.trialTemplate is missing"):
        _render(Experiment())
    empty = Experiment(spec=ExperimentSpec(trial_template=TrialTemplate()))
    with pytest.raises(RenderError, match="neither trialSpec nor configMap"):
        _render(empty)


@pytest.mark.rule("A placeholder under `trialSpec` always gives a text")
def test_a_placeholder_gives_a_text() -> None:
    found = _render(_experiment({"replicas": "${trialParameters.n}"}, (("n", "n"),)), n="3")
    assert found["spec"] == {"replicas": "3"}


@pytest.mark.rule("The template's own name and namespace are replaced")
def test_the_templates_own_name_is_replaced() -> None:
    head = {**HEAD, "metadata": {"name": "mine", "namespace": "elsewhere"}}
    found = _render(_experiment("${trialParameters.lr}", (LR,), head), lr="1")
    assert found["metadata"] == {"name": "tune-1", "namespace": "team-a"}


@pytest.mark.rule(
    "References to the metadata of a ConfigMap's template are read before values go in"
)
def test_metadata_is_read_before_values_go_in() -> None:
    text = (
        "kind: Job\nmetadata: {labels: {team: '${trialParameters.lr}'}}\n"
        "spec: ['${trialParameters.meta}']\n"
    )
    experiment = _experiment(None, (LR, ("meta", "${trialSpec.Labels[team]}")))
    found = _render(experiment, text, lr="1")
    assert found["spec"] == ["${trialParameters.lr}"]
    assert found["metadata"]["labels"] == {"team": "1"}


@pytest.mark.rule("A `trialSpec` that is no map is an error")
def test_a_template_that_is_no_map() -> None:
    template = TrialTemplate(trial_spec=to_raw(["a"]))
    experiment = Experiment(spec=ExperimentSpec(trial_template=template))
    with pytest.raises(RenderError, match="unstructured: trialSpec is not a map"):
        _render(experiment)


@pytest.mark.rule("A metadata reference needs no assignment")
def test_metadata_needs_no_assignment() -> None:
    found = _render(_experiment(["${trialParameters.n}"], (("n", "${trialSpec.Name}"),)))
    assert found["spec"] == ["tune-1"]


@pytest.mark.rule("A trial parameter whose placeholder is nowhere uses its assignment all the same")
def test_a_placeholder_may_be_missing() -> None:
    assert _render(_experiment(["x"], (LR,)), lr="1")["spec"] == ["x"]
