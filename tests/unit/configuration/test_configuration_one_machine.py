"""What an embedded home makes of its configuration: lookups, admission, and the option."""

from __future__ import annotations

from pathlib import Path

import pytest

from katib.admission import AdmissionContext, admit
from katib.admission.context import Lookup
from katib.api.codec import to_manifest
from katib.api.experiment import Experiment
from katib.api.values import Key, Manifest
from katib.apps.door import admission_context, admit_here
from katib.apps.embedded import Options
from katib.apps.home import Home
from katib.cli.options import open_config
from katib.configuration import KatibConfig, read_config
from katib.configuration.one_machine import OneMachine
from katib.errors import AdmissionError, ConfigurationError
from katib.testing.builders import an_experiment

ONLY_IMAGE = "is only an image (me/mine), and an image cannot run on one machine"


def here(text: str = "{}") -> OneMachine:
    return OneMachine(read_config(text, "file"), ("random", "tpe"), ("medianstop",), ("StdOut",))


def suggestions(entry: str) -> str:
    return f"runtime: {{suggestions: [{entry}]}}"


def stoppings(entry: str) -> str:
    return f"runtime: {{earlyStoppings: [{entry}]}}"


def collectors(entry: str) -> str:
    return f"runtime: {{metricsCollectors: [{entry}]}}"


def experiment(algorithm: str = "random", stopping: str = "", kind: str = "StdOut") -> Manifest:
    builder = an_experiment().with_parameter("x", min="0", max="1").with_algorithm(algorithm)
    if stopping:
        builder = builder.with_early_stopping(stopping)
    manifest = to_manifest(builder.build())
    manifest["metadata"] = {"name": "tune"}
    manifest["spec"]["metricsCollectorSpec"] = {"collector": {"kind": kind}}
    return {name: manifest[name] for name in ("apiVersion", "kind", "metadata", "spec")}


FOUND = {
    "A built-in algorithm needs no entry": ("{}", "random", ""),
    "The image of a built-in algorithm's entry does not matter on one machine": (
        suggestions("{algorithmName: random, image: ''}"),
        "random",
        "",
    ),
    "An algorithm whose entry has an address is asked there": (
        suggestions("{algorithmName: mine, address: 'localhost:6789'}"),
        "mine",
        "localhost:6789",
    ),
    "An address goes before what is built in": (
        suggestions("{algorithmName: tpe, image: i, address: '[::1]:6789'}"),
        "tpe",
        "[::1]:6789",
    ),
}


@pytest.mark.parametrize(("text", "name", "address"), FOUND.values(), ids=FOUND.keys())
def test_an_algorithm_can_be_used(text: str, name: str, address: str) -> None:
    assert here(text).find_algorithm(name) == address


STOPPINGS = {
    "A built-in stopping rule needs no entry": ("{}", "medianstop", ""),
    "A stopping rule whose entry has an address is asked there": (
        stoppings("{algorithmName: mine, address: 'stopper:6788'}"),
        "mine",
        "stopper:6788",
    ),
}


@pytest.mark.parametrize(("text", "name", "address"), STOPPINGS.values(), ids=STOPPINGS.keys())
def test_a_stopping_rule_can_be_used(text: str, name: str, address: str) -> None:
    assert here(text).find_early_stopping(name) == address


@pytest.mark.rule("A built-in collector kind needs no entry")
def test_a_collector_can_be_used() -> None:
    here().check_collector("StdOut")
    with pytest.raises(ConfigurationError, match="failed to find metrics collector config for"):
        here().check_collector("File")


@pytest.mark.rule("An algorithm that is only an image is refused on one machine")
def test_an_algorithm_that_is_an_image() -> None:
    one = here(suggestions("{algorithmName: mine, image: me/mine}"))
    with pytest.raises(ConfigurationError) as caught:
        one.find_algorithm("mine")
    assert str(caught.value) == (
        f"algorithm mine {ONLY_IMAGE}; start its gRPC service yourself and add address: host:port "
        "to the entry, or use one that is built in: random, tpe"
    )


@pytest.mark.rule("A stopping rule that is only an image is refused on one machine")
def test_a_stopping_rule_that_is_an_image() -> None:
    one = here(stoppings("{algorithmName: mine, image: me/mine}"))
    with pytest.raises(ConfigurationError) as caught:
        one.find_early_stopping("mine")
    assert str(caught.value).startswith(f"early stopping algorithm mine {ONLY_IMAGE}")


@pytest.mark.rule("A collector kind that is only an image is refused on one machine")
def test_a_collector_that_is_an_image() -> None:
    one = here(collectors("{kind: File, image: me/mine}"))
    with pytest.raises(ConfigurationError) as caught:
        one.check_collector("File")
    assert str(caught.value) == f"metrics collector kind: File {ONLY_IMAGE}; use StdOut"


@pytest.mark.rule("An entry cannot help a collector kind that needs none")
@pytest.mark.parametrize("kind", ["Custom", "Push"])
def test_a_collector_without_entry(kind: str) -> None:
    one = here(collectors(f"{{kind: {kind}, image: me/mine}}"))
    with pytest.raises(ConfigurationError, match=f"kind: {kind} cannot be used here; use StdOut"):
        one.check_collector(kind)


def refusals(manifest: Manifest, text: str = "{}") -> list[str]:
    one = here(text)
    context = AdmissionContext(
        Lookup(one.find_algorithm),
        Lookup(one.find_early_stopping),
        Lookup(one.check_collector),
        lambda key: None,
    )
    try:
        admit(manifest, context)
    except AdmissionError as error:
        return [str(one) for one in error.errors]
    return []


REFUSED: dict[str, tuple[Manifest, str]] = {
    "An algorithm without a usable entry is refused at its name": (
        experiment(algorithm="randon"),
        'spec.algorithm.algorithmName: Invalid value: "randon": unable to get Suggestion config '
        "data for algorithm randon: failed to find suggestion config for algorithm: randon in "
        'ConfigMap: katib-config, did you mean "random"?; known: ',
    ),
    "A stopping rule without a usable entry is refused at its name": (
        experiment(stopping="mine"),
        'spec.earlyStopping.algorithmName: Invalid value: "mine": unable to get EarlyStopping '
        "config data for algorithm mine: failed to find early stopping config for algorithm: mine "
        "in ConfigMap: katib-config",
    ),
    "A collector kind without a usable entry is refused at its kind": (
        experiment(kind="PrometheusMetric"),
        "spec.metricsCollectorSpec.collector.kind: Invalid value: "
        '"PrometheusMetric": GetMetricsCollectorConfigData failed: failed to find metrics '
        "collector config for kind: PrometheusMetric in ConfigMap: katib-config",
    ),
}


@pytest.mark.parametrize(("manifest", "problem"), REFUSED.values(), ids=REFUSED.keys())
def test_admission_asks_the_configuration(manifest: Manifest, problem: str) -> None:
    (found,) = refusals(manifest)
    assert found.startswith(problem)


def test_an_entry_without_image_is_refused_by_admission() -> None:
    (found,) = refusals(experiment(algorithm="mine"), suggestions("{algorithmName: mine}"))
    assert found.endswith(
        "for algorithm mine: required value for image configuration of algorithm name: mine"
    )


@pytest.mark.rule("Admission leaves the settings of an algorithm with an address to its service")
def test_a_remote_algorithm_is_admitted() -> None:
    entries = "{algorithmName: mine, address: 'a:1'}, {algorithmName: random, address: 'a:2'}"
    config = read_config(suggestions(entries), "file")
    for name in ("mine", "random"):
        manifest = experiment(algorithm=name)
        settings = [{"name": "depth", "value": "3"}]
        manifest["spec"]["algorithm"]["algorithmSettings"] = settings
        context = admission_context(lambda kind, key: None, config)
        admitted = admit_here(manifest, context, config=config)
        assert isinstance(admitted, Experiment)
        assert admitted.key == Key("default", "tune")
    plain = admission_context(lambda kind, key: None)
    with pytest.raises(AdmissionError, match="depth"):
        admit_here(manifest, plain)


@pytest.mark.rule("Settings that only matter in a cluster are accepted on one machine")
def test_settings_that_only_matter_in_a_cluster_are_accepted() -> None:
    text = (
        "init: {controller: {enableLeaderElection: true, trialResources: [TFJob.v1.kubeflow.org]}, "
        "certGenerator: {enable: true}}\n"
        "runtime: {suggestions: [{algorithmName: random, image: i, serviceAccountName: s}]}"
    )
    assert refusals(experiment(), text) == []


def test_the_engine_has_the_defaults_unless_told_otherwise() -> None:
    assert Options().config == KatibConfig()


@pytest.mark.rule("Without a file the defaults hold")
def test_no_file(tmp_path: Path) -> None:
    assert open_config(Home(tmp_path), None) == KatibConfig()


@pytest.mark.rule("The home's own `katib-config.yaml` is read when it exists")
def test_the_file_of_a_home(tmp_path: Path) -> None:
    (tmp_path / "katib-config.yaml").write_text("init: {controller: {webhookPort: 1}}")
    assert open_config(Home(tmp_path), None).init.controller.webhook_port == 1


@pytest.mark.rule("A file that is named goes before the home's own")
def test_a_named_file(tmp_path: Path) -> None:
    (tmp_path / "katib-config.yaml").write_text("init: {controller: {webhookPort: 1}}")
    named = tmp_path / "other.yaml"
    named.write_text("init: {controller: {webhookPort: 2}}")
    assert open_config(Home(tmp_path), named).init.controller.webhook_port == 2


@pytest.mark.rule("A file that is named and does not exist is an error")
def test_a_named_file_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "katib-config.yaml").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"other.yaml cannot be read: No such file"):
        open_config(Home(tmp_path), tmp_path / "other.yaml")
