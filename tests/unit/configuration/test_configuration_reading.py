"""From text to a configuration, and what is said of a text that is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from katib.configuration import KatibConfig, read_config, read_config_map, read_file
from katib.configuration.models import GroupVersionKind, parse_trial_resources
from katib.errors import ConfigurationError

HEAD = "apiVersion: config.kubeflow.org/v1beta1\nkind: KatibConfig\n"
BODY = "init:\n  controller:\n    webhookPort: 1\n"
PARSE = "failed to parse katib-config.yaml in ConfigMap: katib-config"
CPU = "runtime:\n  suggestions:\n  - image: i\n  - resources:\n      limits:\n        cpu: "
ADDRESS = "runtime:\n  suggestions:\n  - address: "


def a_config_map(text: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": {"katib-config.yaml": text}}


LEGAL = {
    "A KatibConfig with `apiVersion` and `kind` is read": HEAD + BODY,
    "`apiVersion` and `kind` may be missing": BODY,
    "Unknown fields of the file are ignored": f"{HEAD}colour: red\n{BODY}    shade: 3\n",
    "JSON is read as YAML is": '{"init": {"controller": {"webhookPort": 1}}}',
    "A ConfigMap that holds the key `katib-config.yaml` is read as the file": yaml.safe_dump(
        a_config_map(HEAD + BODY)
    ),
    "A null means the same as absence": f"{BODY}    metricsAddr: null\nruntime: null\n",
}


@pytest.mark.parametrize("text", LEGAL.values(), ids=LEGAL.keys())
def test_legal_texts(text: str) -> None:
    config = read_config(text, "file")
    assert config.init.controller.webhook_port == 1
    assert config.init.controller.metrics_addr == ":8080"
    assert config.runtime == KatibConfig().runtime


ILLEGAL = {
    "A text that is no YAML is refused with its line": (
        "init:\n  controller: [",
        r"file, line \d+, column \d+: ",
    ),
    "A text of another kind is refused": (
        "kind: Experiment",
        'file, line 1: kind: "Experiment" must be KatibConfig, or left out',
    ),
    "A text of another version is refused": (
        "apiVersion: config.kubeflow.org/v2",
        'line 1: apiVersion: "config.kubeflow.org/v2" must be config.kubeflow.org/v1beta1',
    ),
    "More than one document is refused": ("{}\n---\n{}\n", "file holds 2 documents"),
    "A wrong type is refused with file, line and path": (
        "init:\n  controller:\n    metricsAddr: ':1'\n    webhookPort: many\n",
        "file, line 4: init.controller.webhookPort: Expected int, got str",
    ),
    "A wrong type in an entry is refused with the entry's number": (
        "runtime:\n  earlyStoppings:\n  - image: i\n  - algorithmName: a\n    image: 5\n",
        r"file, line 5: runtime.earlyStoppings\[1\].image: Expected str, got int",
    ),
    "A section that is no map is refused": (
        "init:\n  controller: 5",
        "line 2: init.controller: 5 must be a map",
    ),
    "A list that is no list is refused": (
        "runtime:\n  suggestions: {a: 1}",
        "line 2: runtime.suggestions: .* must be a list",
    ),
    "An entry that is no map is refused": (
        "runtime:\n  metricsCollectors:\n  - StdOut",
        r'line 3: runtime.metricsCollectors\[0\]: "StdOut" must be a map',
    ),
    "An invalid CPU quantity is refused": (
        f"{CPU}invalid",
        r'line 6: runtime.suggestions\[1\].resources.limits.cpu: "invalid" must be a quantity',
    ),
    "A quantity that is neither text nor number is refused": (
        f"{CPU}true",
        r"line 6: runtime.suggestions\[1\].resources.limits.cpu: true must be a quantity",
    ),
    "An invalid quantity of storage in a claim is refused": (
        "runtime: {suggestions: [{persistentVolumeClaimSpec: {resources: {requests: "
        "{storage: lots}}}}]}",
        r'persistentVolumeClaimSpec.resources.requests.storage: "lots" must be a quantity',
    ),
    "`invalid;;invalid` is no kind in `trialResources`": (
        "init:\n  controller:\n    trialResources: [Job.v1.batch, 'invalid;;invalid']",
        "line 3: init.controller.trialResources: invalid GroupVersionKinds: invalid;;invalid",
    ),
    "A kind of fewer than three parts is refused": (
        "init: {controller: {trialResources: [Job.v1]}}",
        "invalid GroupVersionKinds: Job.v1; write Kind.version.group, as Job.v1.batch",
    ),
    "A `workerMemory` that is no quantity is refused": (
        "init:\n  controller:\n    workerMemory: much",
        'line 3: init.controller.workerMemory: "much" must be a quantity from 0 on, as 2Gi',
    ),
    "A negative `workerMemory` is refused": (
        "init: {controller: {workerMemory: '-1'}}",
        '"-1" must be a quantity from 0 on',
    ),
    "An address without a port is refused": (
        f"{ADDRESS}localhost",
        r'line 3: runtime.suggestions\[0\].address: "localhost" must be host:port',
    ),
    "An address with a scheme is refused": (f"{ADDRESS}http://a:1", '"http://a:1" must be host'),
    "An address whose port is too large is refused": (f"{ADDRESS}a:65536", '"a:65536" must be'),
    "An address that is no text is refused": (f"{ADDRESS}6789", "6789 must be host:port"),
}


@pytest.mark.parametrize(("text", "problem"), ILLEGAL.values(), ids=ILLEGAL.keys())
def test_illegal_texts(text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        read_config(text, "file")
    assert str(caught.value).startswith(f"{PARSE}: file")


@pytest.mark.rule("An error in a ConfigMap names the line of the whole file")
@pytest.mark.parametrize(
    "inner", ["init:\n  controller:\n    webhookPort: many", "init:\n  a: 1\n  controller: ]"]
)
def test_lines_in_a_config_map(inner: str) -> None:
    block = "".join(f"    {line}\n" for line in inner.splitlines())
    text = f"kind: ConfigMap\napiVersion: v1\ndata:\n  katib-config.yaml: |\n{block}"
    with pytest.raises(ConfigurationError, match="file, line 7"):
        read_config(text, "file")


def test_lines_in_a_quoted_text_are_its_own() -> None:
    text = """kind: ConfigMap\ndata:\n  a: b\n  katib-config.yaml: "init:\\n  controller: 5"\n"""
    with pytest.raises(ConfigurationError, match=r"file, katib-config\.yaml, line 2: init\.contr"):
        read_config(text, "file")


@pytest.mark.rule("A ConfigMap without the key `katib-config.yaml` is an error")
@pytest.mark.parametrize("data", ["{}", "{other: x}", "null", "{katib-config.yaml: {}}"])
def test_the_key_is_missing(data: str) -> None:
    problem = re.escape("failed to find katib-config.yaml in ConfigMap: katib-config")
    with pytest.raises(ConfigurationError, match=f"^{problem}$"):
        read_config(f"kind: ConfigMap\ndata: {data}", "file")


def test_the_data_of_a_config_map() -> None:
    assert read_config_map({"katib-config.yaml": BODY}) == read_config(BODY, "file")
    with pytest.raises(ConfigurationError, match=r"failed to find katib-config\.yaml in ConfigMap"):
        read_config_map({})


@pytest.mark.rule("A missing ConfigMap is an error")
def test_no_config_map() -> None:
    with pytest.raises(ConfigurationError, match='ConfigMap "katib-config" not found'):
        read_config_map(None)


@pytest.mark.rule("A file that cannot be read is an error that names it")
def test_unreadable_files(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"init: {controller: {leaderElectionID: \xe4}}")
    for path, why in (
        (tmp_path / "none.yaml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "'utf-8' codec can't decode"),
    ):
        problem = re.escape(f"{PARSE}: {path} cannot be read: {why}")
        with pytest.raises(ConfigurationError, match=problem):
            read_file(path)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "katib-config.yaml"
    path.write_text(BODY)
    assert read_file(path).init.controller.webhook_port == 1


KINDS = {
    "`Job.v1.batch` is the kind Job of `batch/v1`": ("Job.v1.batch", "batch/v1", "Job"),
    "The group of a kind may hold dots": (
        "TrainJob.v1alpha1.trainer.kubeflow.org",
        "trainer.kubeflow.org/v1alpha1",
        "TrainJob",
    ),
    "The group of a core kind is empty": ("Pod.v1.", "v1", "Pod"),
}


@pytest.mark.parametrize(("text", "api_version", "kind"), KINDS.values(), ids=KINDS.keys())
def test_trial_kinds(text: str, api_version: str, kind: str) -> None:
    config = read_config(f"init: {{controller: {{trialResources: [{text}]}}}}", "file")
    (found,) = config.init.controller.trial_kinds
    assert (found.api_version, found.kind) == (api_version, kind)


def test_a_kind_is_split_at_the_first_two_dots() -> None:
    assert parse_trial_resources(("A.b.c.d",)) == (
        GroupVersionKind(kind="A", version="b", group="c.d"),
    )


@pytest.mark.rule("No kinds at all are an error: `trialResources are empty`")
def test_no_trial_kinds() -> None:
    with pytest.raises(ConfigurationError, match=r"^trialResources are empty"):
        parse_trial_resources(())
