"""New experiments, as a person makes them in the browser: by form, by YAML, and after others."""

from __future__ import annotations

import re

import pytest
import yaml
from browsing import MARKS, Ui, Visit, a_reporting_experiment, backend_of, create, wait_until_over
from command_line import Katib, wait_for
from playwright.sync_api import Dialog, Locator, Page, expect

from katib.client.requests import path_of

pytestmark = MARKS

GOOD = "This can be created"

#: The part of the form, the field, what is typed there, and what admission says of it: those
#: together of which none hides another's.
BAD_INPUT = [
    [
        ("Metadata", "Name", "Not_A_Name", "lowercase RFC 1123"),
        ("Objective", "Goal", "high", "must be a finite number"),
        ("Search algorithm", "random_state", "-1", "random_state should be"),
        ("Parameter 1", "Min", "5", "must not be greater than"),
        ("Parameter 2", "Step", "0", "must be greater than 0"),
        ("Parameter 3", "Name", "lr", "names are unique"),
        ("Parameter 3", "Values", "", "feasibleSpace must be specified"),
        ("Trial template", "Primary container", "other", "the template has no such container"),
        ("Trial thresholds", "Parallel trials", "0", "must be greater than 0"),
        ("Trial thresholds", "Max trials", "all", "must be an integer"),
        ("Trial thresholds", "Max failed trials", "-1", "should not be less than 0"),
    ],
    [
        ("Parameter 1", "Max", "much", "must be a finite number"),
        ("Parameter 3", "Name", "other", ""),
        ("Trial template", "Description of optimizer", "", "does not exist in spec.parameters"),
    ],
    [("Objective", "Metric", "", "must be specified")],
    [("Trial template", "Command", "true", "must be specified")],
]


def group(page: Page, name: str) -> Locator:
    return page.get_by_role("group", name=name, exact=True)


def field(page: Page, part: str, label: str) -> Locator:
    return group(page, part).get_by_label(label, exact=True)


def foot(page: Page) -> Locator:
    return page.locator(".katib-foot")


def type_whole_yaml(page: Page, text: str) -> None:
    """Replace what the editor holds, as who pastes does."""
    page.locator(".katib-whole .cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(text)


def choose(page: Page, part: str, label: str, option: str) -> None:
    group(page, part).get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def stored(katib: Katib, name: str) -> dict[str, object]:
    found = backend_of(katib).ask("GET", path_of("experiments", "default", name))
    spec: dict[str, object] = found["spec"]
    return spec


def names_there(katib: Katib) -> list[str]:
    listed = backend_of(katib).ask("GET", path_of("experiments", "default"))
    return sorted(one["metadata"]["name"] for one in listed["items"])


@pytest.fixture
def new(visit: Visit) -> Page:
    """The page, when its first document was found to be good."""
    page = visit.open("/new")
    expect(foot(page)).to_contain_text(GOOD)
    return page


def test_an_experiment_is_made_by_form_and_found_good_by_a_trial(
    new: Page, looked_at: Katib
) -> None:
    field(new, "Metadata", "Name").fill("formed")
    field(new, "Trial thresholds", "Max trials").fill("2")
    field(new, "Trial thresholds", "Max failed trials").fill("1")
    field(new, "Trial thresholds", "Parallel trials").fill("2")
    choose(new, "Search algorithm", "Algorithm", "tpe")
    field(new, "Search algorithm", "n_startup_trials").fill("1")
    group(new, "Parameters").get_by_role("button", name="Duplicate parameter 1").click()
    expect(field(new, "Parameter 2", "Name")).to_have_value("lr-2")
    expect(foot(new)).to_contain_text("1 problem")
    group(new, "Parameters").get_by_role("button", name="Delete parameter 2").click()
    expect(field(new, "Parameter 2", "Name")).to_have_value("num-layers")
    expect(group(new, "Parameters")).to_contain_text("576 combinations")
    expect(foot(new)).to_contain_text(GOOD)

    new.get_by_role("button", name="Try one trial").click()
    trial = new.get_by_role("dialog")
    expect(trial.get_by_text("Succeeded", exact=True)).to_be_visible()
    expect(trial).to_contain_text(re.compile(r"lr: 0\.0[123]"))
    expect(trial).to_contain_text("Validation-accuracy=0.")
    expect(trial.get_by_role("row").nth(1)).to_contain_text("Validation-accuracy")
    assert [one for one in names_there(looked_at) if one.startswith("formed-try-")]
    trial.get_by_role("button", name="Close").click()
    wait_for(lambda: "formed-try-" not in " ".join(names_there(looked_at)), "it is cleared away")

    new.get_by_role("button", name="Create", exact=True).click()
    new.wait_for_url("**/experiment/default/formed")
    spec = stored(looked_at, "formed")
    assert spec["maxTrialCount"] == 2
    assert spec["algorithm"] == {
        "algorithmName": "tpe",
        "algorithmSettings": [{"name": "n_startup_trials", "value": "1"}],
    }
    wait_until_over(looked_at, "formed")


def test_bad_input_is_told_at_every_field_and_a_bad_program_by_its_trial(
    new: Page, looked_at: Katib
) -> None:
    button = new.get_by_role("button", name="Create", exact=True)
    for batch in BAD_INPUT:
        before = [field(new, part, label).input_value() for part, label, _, _ in batch]
        for part, label, bad, _ in batch:
            field(new, part, label).fill(bad)
            new.keyboard.press("Tab")
        for part, _, _, told in batch:
            expect(group(new, part)).to_contain_text(told)
        expect(button).to_be_disabled()
        for (part, label, _, _), text in zip(batch, before, strict=True):
            field(new, part, label).fill(text)
            new.keyboard.press("Tab")
        expect(foot(new)).to_contain_text(GOOD)
    expect(button).to_be_enabled()

    field(new, "Metadata", "Name").fill("failing")
    command = ": ${trialParameters.learningRate} ${trialParameters.numberLayers}"
    field(new, "Trial template", "Command").fill(
        f"{command} ${{trialParameters.optimizer}}; echo no such data; exit 7"
    )
    expect(new.locator(".katib-whole")).to_contain_text("failing")
    expect(foot(new)).to_contain_text(GOOD)
    new.get_by_role("button", name="Try one trial").click()
    trial = new.get_by_role("dialog")
    expect(trial.get_by_text("Failed", exact=True)).to_be_visible()
    expect(trial).to_contain_text("no such data")
    trial.get_by_role("button", name="Close").click()
    wait_for(lambda: "failing-try-" not in " ".join(names_there(looked_at)), "it is cleared away")


def test_form_and_yaml_stay_in_step_and_are_kept_when_the_page_is_left(
    new: Page, visit: Visit
) -> None:
    document = a_reporting_experiment("stepped", trials=1)
    document["metadata"]["annotations"] = {"kept": "as it is"}
    type_whole_yaml(new, f"# a comment\n{yaml.safe_dump(document)}")
    expect(field(new, "Metadata", "Name")).to_have_value("stepped")
    expect(field(new, "Parameter 2", "Values")).to_have_value("sgd, adam, lion")
    expect(new.get_by_role("group", name="Parameter 3")).to_have_count(0)
    expect(foot(new)).to_contain_text(GOOD)
    type_whole_yaml(new, "kind: [")
    expect(new.get_by_role("alert")).to_contain_text("This is no YAML, line 2, column 1")
    expect(field(new, "Metadata", "Name")).to_have_value("stepped")
    field(new, "Metadata", "Name").fill("stepped-on")
    editor = new.locator(".katib-whole .cm-content")
    expect(editor).to_contain_text("name: stepped-on")
    expect(editor).to_contain_text("kept: as it is")
    expect(foot(new)).to_contain_text(GOOD)

    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    new.on("dialog", agree)
    field(new, "Metadata", "Name").fill("half-done")
    expect(new.locator(".katib-whole .cm-content")).to_contain_text("half-done")
    new.get_by_role("link", name="Cancel").click()
    new.wait_for_url(f"{visit.ui.address}/")
    assert asked == ["beforeunload"]
    new.goto(f"{visit.ui.address}/new")
    expect(new.get_by_text("This is what you had typed before")).to_be_visible()
    expect(field(new, "Metadata", "Name")).to_have_value("half-done")
    new.get_by_role("button", name="Begin afresh").click()
    expect(field(new, "Metadata", "Name")).not_to_have_value("half-done")


def test_an_experiment_is_cloned(visit: Visit, looked_at: Katib, ui: Ui) -> None:
    create(looked_at, a_reporting_experiment("first", trials=1))
    page = visit.open("/experiment/default/first")
    page.get_by_role("button", name="Clone").click()
    page.wait_for_url("**/new?*")
    expect(field(page, "Metadata", "Name")).to_have_value("first-copy")
    expect(field(page, "Parameter 2", "Values")).to_have_value("sgd, adam, lion")
    expect(foot(page)).to_contain_text(GOOD)
    page.get_by_role("button", name="Create", exact=True).click()
    page.wait_for_url("**/experiment/default/first-copy")
    page = visit.open("/new?clone=default/first")
    expect(field(page, "Metadata", "Name")).to_have_value("first-copy-2")
    assert stored(looked_at, "first-copy") == stored(looked_at, "first")
