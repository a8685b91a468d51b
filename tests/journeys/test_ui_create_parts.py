"""The parts of the form that not every experiment needs, each filled in badly, and then well."""

from __future__ import annotations

from typing import Any

import pytest
from browsing import MARKS, Visit, backend_of, wait_until_over
from command_line import Katib
from playwright.sync_api import Page, expect
from test_ui_create import GOOD, choose, field, foot, group, stored

from katib.client.requests import core_path

pytestmark = MARKS

COLLECTOR = "Metrics collector"

#: What a collector is made of beside its kind: fields with what is typed there, what admission says
#: of it, and what is typed then.
COLLECTORS = {
    "A file": [("Path", "relative.log", "an absolute path", "/tmp/metrics.log")],
    "TensorFlow events": [("Path", "events", "an absolute path", "/tmp/events")],
    "Prometheus": [
        ("Port", "many", "must be a positive integer", "9090"),
        ("HTTP path", "metrics", "it starts with /", "/metrics"),
    ],
}

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: training-container
          image: busybox
          command:
            - /bin/sh
            - -c
            - >-
              echo ${trialParameters.numberLayers} ${trialParameters.optimizer}
              Validation-accuracy=${trialParameters.learningRate} Train-accuracy=1
"""


@pytest.fixture
def new(visit: Visit) -> Page:
    """The page, when its first document was found to be good."""
    page = visit.open("/new")
    expect(foot(page)).to_contain_text(GOOD)
    return page


def open_part(page: Page, name: str) -> None:
    group(page, name).get_by_role("button").first.click()


@pytest.mark.parametrize("kind", COLLECTORS)
def test_a_collector_is_chosen_with_what_it_reads(new: Page, kind: str) -> None:
    open_part(new, COLLECTOR)
    choose(new, COLLECTOR, "Collector", kind)
    for label, bad, told, good in COLLECTORS[kind]:
        field(new, COLLECTOR, label).fill(bad)
        new.keyboard.press("Tab")
        expect(group(new, COLLECTOR)).to_contain_text(told)
        expect(new.get_by_role("button", name="Create", exact=True)).to_be_disabled()
        field(new, COLLECTOR, label).fill(good)
        new.keyboard.press("Tab")
        expect(foot(new)).to_contain_text(GOOD)


def test_a_scraped_program_may_want_headers(new: Page, looked_at: Katib) -> None:
    field(new, "Metadata", "Name").fill("scraped")
    open_part(new, COLLECTOR)
    choose(new, COLLECTOR, "Collector", "Prometheus")
    part = group(new, COLLECTOR)
    for name in ("X-Scope", "X-Other"):
        part.get_by_role("button", name="Add header").click()
        header = part.get_by_label("Header", exact=True).last
        expect(header).to_have_value("")
        header.fill(name)
        part.get_by_label("Value", exact=True).last.fill(name.lower())
        new.keyboard.press("Tab")
    part.get_by_role("button", name="Delete header 2").click()
    expect(part.get_by_label("Header", exact=True)).to_have_count(1)
    assert made(new, looked_at, "scraped")["metricsCollectorSpec"] == {
        "collector": {"kind": "PrometheusMetric"},
        "source": {
            "httpGet": {
                "port": 8080,
                "path": "/metrics",
                "scheme": "HTTP",
                "httpHeaders": [{"name": "X-Scope", "value": "x-scope"}],
            }
        },
    }


def test_a_collector_may_be_a_container_of_ones_own(new: Page, looked_at: Katib) -> None:
    field(new, "Metadata", "Name").fill("collected")
    open_part(new, COLLECTOR)
    choose(new, COLLECTOR, "Collector", "A container of your own")
    part = group(new, COLLECTOR)
    text = part.locator(".cm-content")
    text.fill("name: [")
    expect(part).to_contain_text("This is no YAML")
    text.fill("name: mine\nimage: example.org/collector:1\n")
    choose(new, COLLECTOR, "What it is", "File")
    field(new, COLLECTOR, "Path").fill("/tmp/mine.log")
    field(new, COLLECTOR, "Filters").fill(r"([\w-]+)=(\d+)")
    new.keyboard.press("Tab")
    assert made(new, looked_at, "collected")["metricsCollectorSpec"] == {
        "collector": {
            "kind": "Custom",
            "customCollector": {"name": "mine", "image": "example.org/collector:1"},
        },
        "source": {
            "fileSystemPath": {"path": "/tmp/mine.log", "kind": "File"},
            "filter": {"metricsFormat": [r"([\w-]+)=(\d+)"]},
        },
    }


def test_trials_may_be_stopped_early(new: Page) -> None:
    open_part(new, "Early stopping")
    choose(new, "Early stopping", "Rule", "medianstop")
    field(new, "Early stopping", "min_trials_required").fill("none")
    new.keyboard.press("Tab")
    expect(group(new, "Early stopping")).to_contain_text("min_trials_required")
    expect(new.get_by_role("button", name="Create", exact=True)).to_be_disabled()
    field(new, "Early stopping", "min_trials_required").fill("2")
    new.keyboard.press("Tab")
    expect(foot(new)).to_contain_text(GOOD)


def test_architectures_are_searched(new: Page) -> None:
    new.get_by_role("radio", name="Neural architecture search").click()
    graph = "Neural architecture graph"
    expect(field(new, graph, "Number of layers")).to_have_value("8")
    expect(group(new, "Parameters")).to_be_hidden()
    expect(foot(new)).to_contain_text(GOOD)
    for label, bad, told, good in (
        ("Number of layers", "0", "Missing NumLayers", "4"),
        ("Input sizes", "32, wide, 3", "inputSizes", "8, 8, 1"),
        ("Output sizes", "", "Missing OutputSizes", "10"),
    ):
        field(new, graph, label).fill(bad)
        new.keyboard.press("Tab")
        expect(new.locator("#main")).to_contain_text(told)
        expect(new.get_by_role("button", name="Create", exact=True)).to_be_disabled()
        field(new, graph, label).fill(good)
        new.keyboard.press("Tab")
        expect(foot(new)).to_contain_text(GOOD)
    operations = group(new, "Neural architecture operations")
    operations.get_by_label("Operation type", exact=True).first.fill("")
    new.keyboard.press("Tab")
    expect(foot(new)).to_contain_text("problem")
    operations.get_by_role("button", name="Delete operation 1").click()
    expect(foot(new)).to_contain_text(GOOD)


def test_a_template_is_taken_from_a_config_map(visit: Visit, looked_at: Katib) -> None:
    labels = {"katib.kubeflow.org/component": "trial-templates"}
    backend_of(looked_at).ask(
        "POST",
        core_path("configmaps", "default"),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "templates", "labels": labels},
            "data": {"cheap.yaml": TEMPLATE},
        },
    )
    page = visit.open("/new")
    expect(foot(page)).to_contain_text(GOOD)
    field(page, "Metadata", "Name").fill("kept-elsewhere")
    for label in ("Max trials", "Parallel trials", "Max failed trials"):
        field(page, "Trial thresholds", label).fill("2")
    template = group(page, "Trial template")
    template.get_by_role("radio", name="ConfigMap").click()
    for label, value in (
        ("Namespace of the ConfigMap", "default"),
        ("ConfigMap", "templates"),
        ("Path of the template", "cheap.yaml"),
    ):
        expect(template.get_by_role("combobox", name=label, exact=True)).to_have_value(value)
    expect(template).to_contain_text("echo ${trialParameters.numberLayers}")
    # What ends a run is written down: the text of a ConfigMap may change.
    template.get_by_role("button", name="Pods and conditions").click()
    for label, state in (("Success condition", "Complete"), ("Failure condition", "Failed")):
        condition = f'status.conditions.#(type=="{state}")#|#(status=="True")#'
        expect(field(page, "Trial template", label)).to_have_value(condition)
    field(page, "Trial template", "Success condition").fill("")
    page.keyboard.press("Tab")
    expect(template).to_contain_text("successCondition and failureCondition must be specified")
    complete = 'status.conditions.#(type=="Complete")#|#(status=="True")#'
    field(page, "Trial template", "Success condition").fill(complete)
    page.keyboard.press("Tab")
    assert made(page, looked_at, "kept-elsewhere")["trialTemplate"]["configMap"] == {
        "configMapNamespace": "default",
        "configMapName": "templates",
        "templatePath": "cheap.yaml",
    }
    wait_until_over(looked_at, "kept-elsewhere")


def made(page: Page, katib: Katib, name: str) -> dict[str, Any]:
    """What was stored of an experiment, when it has been created."""
    expect(foot(page)).to_contain_text(GOOD)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url(f"**/experiment/default/{name}")
    return stored(katib, name)
