"""Every page of the web UI, as a person goes through them."""

from __future__ import annotations

import pytest
from browsing import MARKS, Ui, Visit, a_reporting_experiment, create, wait_until_over
from command_line import Katib
from playwright.sync_api import expect

pytestmark = MARKS


@pytest.fixture(scope="module", autouse=True)
def digits(looked_at: Katib) -> None:
    """An experiment that has ended before anybody looks."""
    create(looked_at, a_reporting_experiment("digits"))
    wait_until_over(looked_at, "digits")


def test_home_lists_what_there_is(visit: Visit) -> None:
    page = visit.open("/")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="digits"))
    expect(row).to_contain_text("Succeeded")
    expect(row).to_contain_text("6 of 6")


def test_what_goes_wrong_in_a_page_is_noticed(visit: Visit, ui: Ui) -> None:
    page = visit.open("/")
    page.evaluate("console.error('this is wrong')")
    page.evaluate("fetch('there-is-no-such-page')")
    page.evaluate("new Image().src = 'http://elsewhere.invalid/picture.png'")
    page.wait_for_timeout(500)
    found = " ".join(visit.faults)
    assert "this is wrong" in found
    assert f"404: {ui.address}/there-is-no-such-page" in found
    assert "elsewhere.invalid" in found
    with pytest.raises(AssertionError, match="this is wrong"):
        visit.check()
