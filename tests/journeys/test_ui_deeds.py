"""What a person does from pages: halts experiments, compares several, and searches a log."""

from __future__ import annotations

import re

from browsing import (
    MARKS,
    Visit,
    a_reporting_experiment,
    create,
    create_waiting,
    heading,
    let_go,
    row_of,
    trials_of,
    wait_until_over,
)
from command_line import Katib, wait_for
from playwright.sync_api import Locator, Page, expect

pytestmark = MARKS

#: A trial with much to say, of which some is looked for; it says more when it is told to.
TALKING = """\
for line in $(seq 300); do
  case $line in 40|140|240) echo "line $line: a Needle";; *) echo "line $line";; esac
done
until mv go-on-NAME gone 2>/dev/null; do sleep 0.05; done
for line in $(seq 301 340); do echo "line $line"; done
until mv go-on-NAME gone 2>/dev/null; do sleep 0.05; done
for line in $(seq 341 380); do echo "line $line"; done
echo "loss=${trialParameters.x}"
"""

#: Whether the end of a log is what is seen of it.
_IS_AT_END = "one => one.scrollHeight - one.scrollTop - one.clientHeight < 24"


def state_of(page: Page) -> Locator:
    """How what a page is about stands."""
    return page.locator(".text-subtitle1").first


def press(page: Page, word: str) -> None:
    """One of the buttons of what can be done."""
    page.get_by_role("toolbar", name="Actions").get_by_role("button", name=word).click()


def may_press(page: Page, *words: str) -> None:
    """Only these buttons of those that halt can be used."""
    toolbar = page.get_by_role("toolbar", name="Actions")
    for word in ("Suspend", "Resume", "Stop"):
        button = toolbar.get_by_role("button", name=word)
        expect(button).to_be_enabled() if word in words else expect(button).to_be_disabled()


def test_an_experiment_is_suspended_resumed_and_stopped(visit: Visit, looked_at: Katib) -> None:
    create_waiting(looked_at, "halted", 6)
    page = visit.open("/experiment/default/halted")
    expect(page.locator(".q-tab-panel")).to_contain_text(re.compile(r"2\s*Running"))
    may_press(page, "Suspend", "Stop")
    press(page, "Suspend")
    expect(page.get_by_text("Suspended halted; trials that run go on.")).to_be_visible()
    may_press(page, "Resume", "Stop")
    let_go(looked_at, "halted", 2)
    expect(state_of(page)).to_have_text("Suspended")
    expect(page.locator(".q-tab-panel")).to_contain_text(re.compile(r"2\s*Succeeded"))
    assert len(trials_of(looked_at, "halted")) == 2

    press(page, "Resume")
    expect(page.get_by_text("Resumed halted.")).to_be_visible()
    expect(state_of(page)).to_have_text("Running")
    wait_for(lambda: len(trials_of(looked_at, "halted")) == 4, "it makes trials again")
    expect(page.locator(".q-tab-panel")).to_contain_text(re.compile(r"2\s*Running"))

    press(page, "Stop")
    dialog = page.get_by_role("alertdialog", name="Stop halted?")
    expect(dialog).to_contain_text("No new trials are made, and it ends as succeeded.")
    expect(dialog).to_contain_text("The 2 trials under way go on to the end.")
    expect(dialog).to_contain_text("cannot be resumed once ended, but cloned")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    may_press(page, "Suspend", "Stop")
    press(page, "Stop")
    dialog.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped halted.")).to_be_visible()
    may_press(page, "Resume")
    let_go(looked_at, "halted", 2)
    expect(state_of(page)).to_have_text("Succeeded")
    assert len(trials_of(looked_at, "halted")) == 4

    press(page, "Resume")
    dialog = page.get_by_role("dialog", name="Resume")
    expect(dialog).to_contain_text("It cannot go on")
    expect(dialog).to_contain_text("halted has ended, and its resumePolicy is Never; clone it")
    expect(dialog.get_by_role("button", name="Resume")).to_have_count(0)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)


def test_a_spent_budget_is_raised_to_resume(visit: Visit, looked_at: Katib) -> None:
    manifest = a_reporting_experiment("spent", trials=1)
    manifest["spec"]["resumePolicy"] = "LongRunning"
    create(looked_at, manifest)
    wait_until_over(looked_at, "spent")
    page = visit.open("/experiment/default/spent")
    may_press(page, "Resume")
    press(page, "Resume")
    dialog = page.get_by_role("dialog", name="Resume")
    expect(dialog).to_contain_text("spent has 1 of 1")
    more = dialog.get_by_label("More trials")
    more.fill("")
    expect(dialog.get_by_role("button", name="Resume")).to_be_disabled()
    more.fill("2")
    dialog.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed spent.")).to_be_visible()
    expect(page.locator(".q-tab-panel")).to_contain_text(re.compile(r"3\s*Succeeded"))
    expect(state_of(page)).to_have_text("Succeeded")
    assert looked_at.get("experiment", "spent")["spec"]["maxTrialCount"] == 3


def test_several_experiments_are_chosen_and_compared(visit: Visit, looked_at: Katib) -> None:
    for name, trials in (("first", 3), ("second", 2)):
        create(looked_at, a_reporting_experiment(name, trials))
    wait_until_over(looked_at, "first", "second")
    page = visit.open("/")
    row_of(page, "first").get_by_role("checkbox").click()
    toolbar = page.get_by_role("toolbar", name="Actions")
    expect(toolbar.get_by_role("button", name="Clone")).to_be_enabled()
    expect(toolbar.get_by_role("button", name="Compare")).to_be_disabled()
    row_of(page, "second").get_by_role("checkbox").click()
    expect(toolbar.get_by_role("button", name="Clone")).to_be_disabled()
    press(page, "Compare")
    heading(page, "Compare experiments").wait_for()
    for name in ("first", "second"):
        expect(page.get_by_role("columnheader", name=name)).to_be_visible()
    head = page.get_by_role("rowheader", name="Trials", exact=True)
    told = page.get_by_role("row").filter(has=head)
    expect(told).to_contain_text("3 trials, 3 succeeded")
    expect(told).to_contain_text("2 trials, 2 succeeded")
    wait_for(lambda: names_of_series(page) == {"first", "second"}, "both are drawn")
    page.get_by_role("button", name="Over time").click()
    expect(page).to_have_url(re.compile("by=time$"))
    page.get_by_role("link", name="second").click()
    heading(page, "second").wait_for()


def names_of_series(page: Page) -> set[str]:
    """What is drawn in the first chart."""
    found: list[str] = page.evaluate(
        """() => {
          const element = document.querySelector("[_echarts_instance_]");
          const options = element && getElement(element).chart.getOption();
          return ((options && options.series) || []).map(one => one.name);
        }"""
    )
    return set(found)


def test_a_log_is_searched_followed_and_downloaded(visit: Visit, looked_at: Katib) -> None:
    create(looked_at, a_reporting_experiment("talking", 1, TALKING.replace("NAME", "talking")))
    wait_for(lambda: bool(trials_of(looked_at, "talking")), "there is a trial")
    name = trials_of(looked_at, "talking")[0]["metadata"]["name"]
    page = visit.open(f"/experiment/default/talking/trial/{name}?tab=log")
    log = page.get_by_role("log", name=f"Log of {name}")
    follows = page.get_by_role("switch", name="Follow")
    expect(log).to_contain_text("line 300")
    assert log.evaluate(_IS_AT_END)

    page.get_by_label("Search").fill("needle")
    found = page.get_by_text(re.compile(r"^\d of 3 lines$"))
    expect(found).to_have_text("1 of 3 lines")
    now = log.locator(".katib-now")
    expect(now).to_have_text("line 40: a Needle")
    expect(now).to_be_in_viewport()
    expect(follows).to_have_attribute("aria-checked", "false")
    for button, place, line in (
        ("Next match", 2, 140),
        ("Previous match", 1, 40),
        ("Previous match", 3, 240),
        ("Next match", 1, 40),
    ):
        page.get_by_role("button", name=button).click()
        expect(found).to_have_text(f"{place} of 3 lines")
        expect(now).to_have_text(f"line {line}: a Needle")
        expect(now).to_be_in_viewport()
    page.get_by_label("Search").fill("haystack")
    expect(page.get_by_text("Not found")).to_be_visible()
    expect(log.locator(".katib-hit")).to_have_count(0)

    # It grows, and who reads elsewhere is left there.
    let_go(looked_at, "talking", 1)
    expect(log).to_contain_text("line 340")
    assert not log.evaluate(_IS_AT_END)
    follows.click()
    wait_for(lambda: bool(log.evaluate(_IS_AT_END)), "the end is seen")
    let_go(looked_at, "talking", 1)
    expect(log).to_contain_text("loss=")
    wait_for(lambda: bool(log.evaluate(_IS_AT_END)), "the end is still seen")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{name}.log"
    lines = download.value.path().read_text().splitlines()
    assert [line for line in lines if line.startswith("line ")][::379] == ["line 1", "line 380"]
