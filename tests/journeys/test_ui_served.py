"""How the web UI is served: under a path, inside another page, and while servers are away."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import (
    MARKS,
    Visit,
    a_reporting_experiment,
    a_served_home,
    create,
    served_ui,
    visiting,
    wait_until_over,
)
from command_line import Katib
from playwright.sync_api import Browser, expect

pytestmark = MARKS


@pytest.fixture(scope="module", autouse=True)
def digits(looked_at: Katib) -> None:
    create(looked_at, a_reporting_experiment("digits", trials=2))
    wait_until_over(looked_at, "digits")


class Around(ThreadingHTTPServer):
    """Another site, whose page shows an address inside."""

    shown = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Around

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        frame = f'<iframe title="Katib" width=1000 height=700 src="{self.server.shown}"></iframe>'
        self.wfile.write(f'<!doctype html><link rel="icon" href="data:,">{frame}'.encode())

    def log_message(self, format: str, *values: object) -> None:
        """Quietly."""


@pytest.fixture
def around() -> Iterator[Around]:
    with Around() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_pages_are_served_under_a_path(browser: Browser, looked_at: Katib) -> None:
    with served_ui(looked_at, "--prefix", "/katib") as ui:
        assert ui.address.endswith("/katib")
        with visiting(browser, ui) as visit:
            asked: list[str] = []
            page = visit.open("/")
            page.on("request", lambda request: asked.append(urlsplit(request.url).path))
            page.get_by_role("link", name="digits").click()
            page.get_by_role("heading", name="digits", level=1).wait_for()
            page.get_by_role("tab", name="Trials").click()
            expect(page.locator("tbody tr")).to_have_count(2)
            page.locator("tbody a.katib-link").first.click()
            page.get_by_role("tab", name="Log").click()
            expect(page.get_by_label(re.compile("^Log of "))).to_contain_text("ends")
            page.get_by_role("link", name="New experiment").click()
            page.get_by_role("heading", name="New experiment", level=1).wait_for()
            assert [path for path in asked if not path.startswith("/katib/")] == []


def test_the_ui_is_shown_inside_a_page_whose_origin_is_allowed(
    browser: Browser, looked_at: Katib, around: Around
) -> None:
    with served_ui(looked_at, "--allow-framing", around.origin) as ui:
        around.shown = f"{ui.address}/"
        with visiting(browser, ui) as visit:
            visit.hosts.add(urlsplit(around.origin).netloc)
            visit.page.goto(around.origin)
            inside = visit.page.frame_locator("iframe")
            inside.get_by_role("link", name="digits").click()
            inside.get_by_role("tab", name="Trials").click()
            expect(inside.locator("tbody tr")).to_have_count(2)


def test_no_other_page_may_show_the_ui_inside(visit: Visit, around: Around) -> None:
    around.shown = f"{visit.ui.address}/"
    visit.hosts.add(urlsplit(around.origin).netloc)
    visit.page.goto(around.origin)
    inside = visit.page.frames[1]
    inside.wait_for_load_state()
    assert inside.url == "chrome-error://chromewebdata/"
    assert "frame-ancestors" in visit.forgive()


def test_a_page_says_that_the_server_is_away_and_goes_on(browser: Browser, tmp_path: Path) -> None:
    with a_served_home(tmp_path / "away") as katib:
        create(katib, a_reporting_experiment("before", trials=1))
        wait_until_over(katib, "before")
        with served_ui(katib) as ui, visiting(browser, ui) as visit:
            page = visit.open("/")
            page.get_by_role("link", name="before").wait_for()
            page.evaluate("window.isTheSame = true")
            katib("down", check=0)
            expect(page.get_by_role("alert").filter(has_text="does not answer")).to_be_visible()
            expect(page.get_by_role("link", name="before")).to_be_visible()
            katib("up", "--detach", "--port", "0", check=0)
            create(katib, a_reporting_experiment("after", trials=1))
            page.get_by_role("link", name="after").wait_for()
            expect(page.get_by_role("alert").filter(has_text="does not answer")).to_have_count(0)
            assert page.evaluate("window.isTheSame")
            visit.forgive()


def test_a_page_outlives_its_ui(browser: Browser, looked_at: Katib) -> None:
    with ExitStack() as stack:
        with served_ui(looked_at) as ui:
            visit = stack.enter_context(visiting(browser, ui))
            page = visit.open("/")
            page.get_by_role("link", name="digits").wait_for()
        expect(page.get_by_text("Connection lost")).to_be_visible()
        stack.enter_context(served_ui(looked_at, "--port", str(urlsplit(ui.address).port)))
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        page.get_by_role("link", name="digits").click()
        page.get_by_role("heading", name="digits", level=1).wait_for()
        visit.forgive()
