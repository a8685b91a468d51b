"""Every page of the web UI, as a person goes through them."""

from __future__ import annotations

import re

import pytest
from browsing import (
    MARKS,
    Ui,
    Visit,
    a_reporting_experiment,
    backend_of,
    create,
    create_waiting,
    drawn,
    heading,
    let_one_go,
    names_on,
    row_of,
    trials_of,
    wait_until_over,
)
from command_line import Katib, wait_for
from playwright.sync_api import Page, expect

from katib.client.requests import path_of

pytestmark = MARKS

#: How long is waited for what a page draws, in seconds.
SECONDS = 30.0

#: What holds the text of an editor.
EDITOR = ".cm-content"


@pytest.fixture(scope="module", autouse=True)
def experiments(looked_at: Katib) -> None:
    """Some that have ended before anybody looks."""
    create(looked_at, a_reporting_experiment("digits"))
    create(looked_at, a_reporting_experiment("letters", trials=2))
    create(looked_at, a_reporting_experiment("broken", 1, "echo failing; exit 3"))
    wait_until_over(looked_at, "digits", "letters", "broken")


def told_of(page: Page, number: int) -> str:
    """What a chart tells those who do not see it."""
    return page.locator("[_echarts_instance_]").nth(number).get_attribute("aria-label") or ""


def test_home_lists_what_there_is(visit: Visit) -> None:
    page = visit.open("/")
    expect(row_of(page, "digits")).to_contain_text("Succeeded")
    expect(row_of(page, "digits")).to_contain_text("6 of 6")
    expect(row_of(page, "digits")).to_contain_text("random")
    expect(row_of(page, "broken")).to_contain_text("Failed")
    expect(page).to_have_title("Experiments · Katib")


def test_home_is_filtered_and_sorted(visit: Visit) -> None:
    page = visit.open("/")
    row_of(page, "digits").wait_for()
    page.get_by_label("Filter experiments").fill("lett")
    expect(row_of(page, "digits")).to_have_count(0)
    assert names_on(page) == ["letters"]
    page.get_by_label("Filter experiments").fill("")
    row_of(page, "digits").wait_for()
    name = page.get_by_role("columnheader", name="Name", exact=True)
    name.click()
    expect(page.locator("tbody a.katib-link").first).to_have_text("broken")
    assert names_on(page) == ["broken", "digits", "letters"]
    name.click()
    expect(page.locator("tbody a.katib-link").first).to_have_text("letters")


def test_several_experiments_are_deleted_at_once(visit: Visit, looked_at: Katib) -> None:
    for name in ("gone-one", "gone-two"):
        create(looked_at, a_reporting_experiment(name, trials=1))
    page = visit.open("/")
    for name in ("gone-one", "gone-two"):
        row_of(page, name).get_by_role("checkbox").click()
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("Delete 2 experiments?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    expect(row_of(page, "gone-one")).to_have_count(1)
    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    for name in ("gone-one", "gone-two"):
        expect(row_of(page, name)).to_have_count(0)
    assert "not found" in looked_at("get", "experiment", "gone-one").err


def test_an_experiment_is_watched_until_it_ends(visit: Visit, looked_at: Katib) -> None:
    create_waiting(looked_at, "live", 3)
    home = visit.open("/")
    expect(row_of(home, "live")).to_contain_text("Running")
    expect(row_of(home, "live")).to_contain_text("0 of 3, 2 running")
    home.evaluate("window.isTheSame = true")
    let_one_go(looked_at, "live")
    expect(row_of(home, "live")).to_contain_text("1 of 3")
    assert home.evaluate("window.isTheSame")

    row_of(home, "live").get_by_role("link", name="live").click()
    heading(home, "live").wait_for()
    home.evaluate("window.isTheSame = true")
    overview = home.locator(".q-tab-panel")
    expect(overview).to_contain_text(re.compile("1\\s*Succeeded"))
    let_one_go(looked_at, "live")
    expect(overview).to_contain_text(re.compile("2\\s*Succeeded"))
    home.get_by_role("tab", name="Trials").click()
    expect(home.locator("tbody tr")).to_have_count(3)
    let_one_go(looked_at, "live")
    expect(home.locator("tbody").get_by_text("Succeeded")).to_have_count(3)
    expect(home.locator(".text-subtitle1").first).to_have_text("Succeeded")
    assert home.evaluate("window.isTheSame")


def test_the_log_and_reports_of_a_trial_are_followed(visit: Visit, looked_at: Katib) -> None:
    create_waiting(looked_at, "followed", 1)
    wait_for(lambda: bool(trials_of(looked_at, "followed")), "there is a trial")
    name = trials_of(looked_at, "followed")[0]["metadata"]["name"]
    page = visit.open(f"/experiment/default/followed/trial/{name}")
    page.evaluate("window.isTheSame = true")
    page.get_by_role("tab", name="Log").click()
    log = page.get_by_label(re.compile("^Log of "))
    expect(log).to_contain_text("waits with")
    expect(log).not_to_contain_text("goes on")
    let_one_go(looked_at, "followed")
    expect(log).to_contain_text("goes on")
    expect(page.locator(".text-subtitle1").first).to_have_text("Succeeded")
    page.get_by_role("tab", name="Metrics").click()
    expect(page.get_by_role("cell", name="loss", exact=True)).to_be_visible()
    wait_for(lambda: len(drawn(page, 0)) == 2, "both reports are drawn", SECONDS)
    page.get_by_role("button", name="By time").click()
    wait_for(
        lambda: "No report says when it was made" in told_of(page, 0), "it has no times", SECONDS
    )
    page.get_by_role("tab", name="YAML").click()
    expect(page.get_by_text("parameterAssignments")).to_be_visible()
    assert page.evaluate("window.isTheSame")


def test_the_best_trial_is_a_link_away(visit: Visit, looked_at: Katib) -> None:
    page = visit.open("/")
    row_of(page, "digits").get_by_role("link", name="digits").click()
    best = looked_at.get("experiment", "digits")["status"]["currentOptimalTrial"]["bestTrialName"]
    page.locator(".q-tab-panel").get_by_role("link", name=best).click()
    heading(page, best).wait_for()
    wait_for(lambda: len(drawn(page, 0)) == 5, "all five reports are drawn", SECONDS)
    page.get_by_role("button", name="By time").click()
    wait_for(lambda: drawn(page, 0)[0][0] > 1e12, "they lie by their times", SECONDS)
    page.get_by_role("navigation").get_by_role("link", name="digits").click()
    heading(page, "digits").wait_for()


def test_plots_show_the_trials(visit: Visit) -> None:
    page = visit.open("/experiment/default/digits?tab=plots")
    page.get_by_role("heading", name="Parallel coordinates").wait_for()
    # A slice for each of two parameters.
    wait_for(lambda: len(drawn(page, 4)) == 6, "all are drawn", SECONDS)
    assert [len(drawn(page, number)) for number in range(5)] == [6, 6, 2, 6, 6]
    page.get_by_role("button", name="Slices").click()
    page.get_by_role("button", name="Timeline").click()
    page.get_by_role("heading", name="Timeline").wait_for()
    expect(page.get_by_role("heading", name="Slices")).to_be_hidden()
    expect(page).to_have_url(re.compile("plots=history%2Cparallel%2Cimportances%2Ctimeline"))


def test_a_trial_that_is_a_pipelines_run_leads_to_it(visit: Visit, looked_at: Katib) -> None:
    name = trials_of(looked_at, "letters")[0]["metadata"]["name"]
    change = {"metadata": {"annotations": {"kubeflow-kale.org/kfp-run-uuid": "run-7"}}}
    path = path_of("trials", "default", name)
    backend_of(looked_at).ask("PATCH", path, change, "application/merge-patch+json")
    page = visit.open("/experiment/default/letters?tab=trials")
    link = page.get_by_role("link", name="run-7", exact=True)
    expect(link).to_have_count(1)
    expect(link).to_have_attribute("href", "/pipeline/#/runs/details/run-7")
    expect(page.get_by_role("columnheader", name="Pipeline run")).to_be_visible()


def test_trials_are_sorted_filtered_and_exported(visit: Visit, looked_at: Katib) -> None:
    page = visit.open("/experiment/default/digits?tab=trials")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(6)
    best = looked_at.get("experiment", "digits")["status"]["currentOptimalTrial"]["bestTrialName"]
    page.get_by_role("columnheader", name="loss").click()
    expect(page.locator("tbody a.katib-link").first).to_have_text(best)
    expect(rows.first.get_by_label("best trial")).to_be_visible()
    page.get_by_role("columnheader", name="loss").click()
    expect(page.locator("tbody a.katib-link").last).to_have_text(best)
    page.get_by_label("Filter", exact=True).fill(best)
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("CSV of what is filtered").click()
    head, row = download.value.path().read_text().splitlines()
    assert head.startswith("trial,status,")
    assert row.startswith(f"{best},Succeeded,")
    page.get_by_label("Filter", exact=True).fill("")
    expect(rows).to_have_count(6)


def test_a_budget_is_raised_in_the_yaml(visit: Visit, looked_at: Katib) -> None:
    create_waiting(looked_at, "raised", 2)
    page = visit.open("/experiment/default/raised?tab=yaml")
    expect(page.locator(EDITOR)).to_contain_text("maxTrialCount: 2")
    page.get_by_label("Trials at most").fill("4")
    page.get_by_role("button", name="Change budget").click()
    expect(page.get_by_text("The budget is changed")).to_be_visible()
    expect(page.locator(EDITOR)).to_contain_text("maxTrialCount: 4")
    page.get_by_label("Trials at once").fill("9")
    page.get_by_role("button", name="Change budget").click()
    refused = page.get_by_role("alert").filter(has_text="parallelTrialCount")
    expect(refused.first).to_be_visible()
    assert looked_at.get("experiment", "raised")["spec"]["maxTrialCount"] == 4


def test_events_and_details_tell_what_happened(visit: Visit) -> None:
    page = visit.open("/experiment/default/digits?tab=events")
    expect(page.get_by_role("cell", name="ExperimentMaxTrialsReached").first).to_be_visible()
    page.get_by_role("tab", name="Details").click()
    panel = page.locator(".q-tab-panel")
    expect(panel).to_contain_text("categorical: sgd, adam, lion")
    expect(panel).to_contain_text("${trialParameters.kind}")


def test_an_address_is_kept_over_reloads_and_the_way_back(visit: Visit) -> None:
    page = visit.open("/")
    row_of(page, "digits").get_by_role("link", name="digits").click()
    heading(page, "digits").wait_for()
    page.get_by_role("tab", name="Trials").click()
    expect(page.locator("tbody tr")).to_have_count(6)
    expect(page).to_have_url(re.compile(r"/experiment/default/digits\?tab=trials$"))
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(6)
    first = names_on(page)[0]
    page.get_by_role("link", name=first).click()
    heading(page, first).wait_for()
    page.go_back()
    expect(page.locator("tbody tr")).to_have_count(6)
    page.go_back()
    row_of(page, "digits").wait_for()


def test_what_is_not_there_is_said(visit: Visit) -> None:
    page = visit.open("/experiment/default/nowhere")
    expect(page.get_by_role("alert")).to_contain_text("There is no experiment nowhere")
    page = visit.open("/experiment/default/digits/trial/nowhere")
    expect(page.get_by_text("There is no trial nowhere")).to_be_visible()


def test_an_experiment_is_deleted_from_its_page(visit: Visit, looked_at: Katib) -> None:
    create(looked_at, a_reporting_experiment("unwanted", trials=1))
    page = visit.open("/experiment/default/unwanted")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    heading(page, "Experiments").wait_for()
    expect(row_of(page, "unwanted")).to_have_count(0)
    assert "not found" in looked_at("get", "experiment", "unwanted").err


def test_what_goes_wrong_in_a_page_is_noticed(visit: Visit, ui: Ui) -> None:
    page = visit.open("/")
    page.evaluate("console.error('this is wrong')")
    page.evaluate("fetch('there-is-no-such-page')")
    page.evaluate("new Image().src = 'http://elsewhere.invalid/picture.png'")
    page.wait_for_timeout(500)
    found = " ".join(visit.faults)
    assert f"404: {ui.address}/there-is-no-such-page" in found
    assert "elsewhere.invalid" in found
    with pytest.raises(AssertionError, match="this is wrong"):
        visit.check()
