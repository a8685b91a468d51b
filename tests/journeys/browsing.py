"""The web UI as a person has it: ``katib up``, ``katib ui``, and a browser that nobody sees.

Whatever a page must not do is noted while it is looked at, and :meth:`Visit.check` fails on it: an
error in the console, an answer of 400 or above, a request that nobody answers or that leaves for
another host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from command_line import Katib, Manifest, an_experiment, finish, read_until, wait_for
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from katib.apps.connection import connect
from katib.apps.home import Home
from katib.apps.server_record import find_server
from katib.client.backend import Backend
from katib.client.requests import path_of
from scripts.draw_plots import find_chromium

#: What every module that uses a browser is marked with.
MARKS = [
    pytest.mark.journey,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_chromium() is None, reason="there is no chromium: scripts/chromium.sh"),
]

#: How long a page may take to show what is expected, in milliseconds: generous, as machines are
#: busy, and as nobody waits that long where all goes well.
LONGEST = 30_000
expect.set_options(timeout=LONGEST)

#: A trial that tells a metric and the time a few times, and something besides.
REPORTING = """\
x=${trialParameters.x}
echo "starts with $x"
for step in 1 2 3 4 5; do
  loss=$(awk "BEGIN {print ($x - 0.3) ^ 2 + 1 / $step}")
  echo "$(date -u +%Y-%m-%dT%H:%M:%S.%NZ) loss=$loss"
done
echo "ends"
"""

#: A trial that ends when it is told to: whoever creates a file lets one of them go.
UNTIL_TOLD = """\
x=${trialParameters.x}
echo "waits with $x"
echo "loss=2"
until mv go-on-NAME gone 2>/dev/null; do sleep 0.05; done
echo "goes on"
echo "loss=$x"
"""

#: Every parameter must be used.
_USED = "${trialParameters.x} ${trialParameters.kind}"


@dataclass(frozen=True)
class Ui:
    """A web UI that is served.

    Attributes:
        katib: the home that it shows.
        address: where it is, without a slash behind.
        token: lets a browser in.
    """

    katib: Katib
    address: str
    token: str

    @property
    def origin(self) -> str:
        """Its scheme, host and port."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass
class Visit:
    """A page in a browser, and what it did that it must not.

    Attributes:
        page: is looked at.
        ui: is shown there.
        faults: what went wrong so far, in words.
        hosts: those that may be asked, with their ports.
    """

    page: Page
    ui: Ui
    hosts: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hosts.add(urlsplit(self.ui.address).netloc)
        self.page.set_default_timeout(LONGEST)
        self.page.set_default_navigation_timeout(LONGEST)
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._see)
        self.page.on("response", self._read)
        self.page.on("requestfailed", self._miss)
        self.page.on("websocket", lambda socket: self._visit(socket.url))

    def open(self, path: str = "/") -> Page:
        """Go to a page of the UI and wait until it is alive; the browser has been let in."""
        self.page.goto(f"{self.ui.address}{path}")
        self.page.locator("main, [role=main]").first.wait_for()
        return self.page

    def check(self) -> None:
        """Fail on what went wrong, and forget it."""
        faults = self.forgive()
        assert not faults, faults

    def forgive(self) -> str:
        """What went wrong, a line each; it is forgotten, for who has made it go wrong."""
        faults, self.faults = self.faults, []
        return "\n".join(faults)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _see(self, request: Request) -> None:
        self._visit(request.url)

    def _visit(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("data", "blob"):
            return
        if parts.netloc not in self.hosts:
            self.faults.append(f"another host is asked: {url}")

    def _read(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _miss(self, request: Request) -> None:
        # Who leaves a page waits for no more of it.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"not answered: {request.url}: {request.failure}")


@contextmanager
def a_served_home(folder: Path) -> Iterator[Katib]:
    """A new home with a server, which is stopped with all of its trials at the end."""
    folder.mkdir(exist_ok=True)
    katib = Katib(folder / "home", folder)
    katib("up", "--detach", "--port", "0", check=0)
    try:
        yield katib
    finally:
        katib("down", "--stop-trials", check=0)


@contextmanager
def served_ui(katib: Katib, *options: str) -> Iterator[Ui]:
    """``katib ui`` of a home, on a free port; ended as Ctrl-C ends it.

    Args:
        katib: the home.
        options: more words of the command.
    """
    process = katib.start("ui", "--port", "0", *options)
    line = read_until(process, "Open http")
    found = re.search(r"(http://[^\s?]+)/(?:\?token=(\S+))?", line)
    assert found is not None, line
    try:
        yield Ui(katib, found[1], found[2] or "")
    finally:
        process.terminate()
        answer = finish(process)
        assert "Traceback" not in answer.text, answer.text


@contextmanager
def visiting(
    browser: Browser, ui: Ui, *, is_dark: bool = False, width: int = 1280
) -> Iterator[Visit]:
    """A new browser profile that has been let in; what went wrong fails at the end.

    Args:
        browser: any.
        ui: to be visited.
        is_dark: whether the person's machine prefers dark pages.
        width: of the window, in pixels.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if is_dark else "light"
    )
    try:
        _let_in(context, ui)
        visit = Visit(context.new_page(), ui)
        yield visit
        visit.check()
    finally:
        context.close()


def _let_in(context: BrowserContext, ui: Ui) -> None:
    if ui.token:
        answer = context.request.get(f"{ui.address}/?token={ui.token}")
        assert answer.status == 200, answer.text()


def backend_of(katib: Katib) -> Backend:
    """A client of the server of a home."""
    home = Home(katib.home)
    record = find_server(home)
    assert record is not None
    return connect(home, record)


def create(katib: Katib, manifest: Manifest, namespace: str = "default") -> Manifest:
    """Have the server of a home take an experiment."""
    return backend_of(katib).ask("POST", path_of("experiments", namespace), manifest)


def wait_until_over(katib: Katib, *experiments: str) -> None:
    """Return when experiments have ended."""
    backend = backend_of(katib)

    def is_over(name: str) -> bool:
        found = backend.ask("GET", path_of("experiments", "default", name))
        return bool((found.get("status") or {}).get("completionTime"))

    for name in experiments:
        wait_for(partial(is_over, name), f"{name} has ended")


def trials_of(katib: Katib, experiment: str) -> Sequence[Manifest]:
    """The trials of an experiment, in the order of their creation."""
    listed = backend_of(katib).ask("GET", path_of("trials", "default"))
    label = "katib.kubeflow.org/experiment"
    ours = [one for one in listed["items"] if one["metadata"]["labels"].get(label) == experiment]
    return sorted(ours, key=lambda one: str(one["metadata"]["creationTimestamp"]))


def a_reporting_experiment(name: str, trials: int = 6, script: str = REPORTING) -> Manifest:
    """An experiment with two parameters, of which one is a word.

    Args:
        name: of it.
        trials: how many.
        script: of each trial; may use ``${trialParameters.x}`` and ``${trialParameters.kind}``.
    """
    manifest = an_experiment(script, name, maxTrialCount=trials, parallelTrialCount=min(2, trials))
    spec = manifest["spec"]
    spec["maxFailedTrialCount"] = 1
    words = {"list": ["sgd", "adam", "lion"]}
    spec["parameters"].append(
        {"name": "kind", "parameterType": "categorical", "feasibleSpace": words}
    )
    template = spec["trialTemplate"]
    template["retain"] = True
    template["trialParameters"].append({"name": "kind", "reference": "kind"})
    container = template["trialSpec"]["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["/bin/sh", "-c", f": {_USED}\n{script}"]
    return manifest


def create_waiting(katib: Katib, name: str, trials: int, **spec: Any) -> None:
    """An experiment whose trials wait until they are let go.

    Args:
        katib: the home.
        name: of it.
        trials: how many; two run at once.
        spec: fields of ``spec`` that differ from the usual ones.
    """
    manifest = a_reporting_experiment(name, trials, UNTIL_TOLD.replace("NAME", name))
    manifest["spec"].update(spec)
    create(katib, manifest)


def let_one_go(katib: Katib, name: str) -> None:
    """One trial of the experiment goes on to its end."""
    (katib.folder / f"go-on-{name}").touch()


def let_go(katib: Katib, name: str, count: int) -> None:
    """So many trials of the experiment go on, one after the other."""
    for _ in range(count):
        let_one_go(katib, name)
        wait_for(lambda: not (katib.folder / f"go-on-{name}").exists(), "a trial goes on")


def heading(page: Page, name: str) -> Locator:
    """The heading of a page."""
    return page.get_by_role("heading", name=name, exact=True, level=1)


def row_of(page: Page, name: str) -> Locator:
    """The row of a table whose link has a name."""
    link = page.get_by_role("link", name=name, exact=True)
    return page.get_by_role("row").filter(has=link)


def names_on(page: Page) -> list[str]:
    """The experiments or trials of a table, from its top."""
    return page.locator("tbody a.katib-link").all_inner_texts()


def settle(page: Page) -> None:
    """Wait until a page has drawn what it knows, and nothing moves any more."""
    page.evaluate(_SETTLED)


#: Nothing has changed for a while; a page that never rests is waited for no longer.
_SETTLED = """() => new Promise(resolve => {
  const begun = performance.now();
  let pause;
  const rest = () => { clearTimeout(pause); pause = setTimeout(end, 1000); };
  const observer = new MutationObserver(() => performance.now() - begun < 15000 && rest());
  const end = () => { observer.disconnect(); resolve(); };
  const seen = {childList: true, subtree: true, attributes: true, characterData: true};
  observer.observe(document.body, seen);
  rest();
})"""


def drawn(page: Page, number: int) -> list[Any]:
    """What the first series of a chart holds, as ECharts has it; empty while there is none.

    Args:
        page: that is looked at.
        number: of the chart, from the top.
    """
    data: list[Any] = page.evaluate(_DRAWN, number)
    return data


_DRAWN = """number => {
  const element = document.querySelectorAll("[_echarts_instance_]")[number];
  const chart = element && getElement(element).chart;
  const options = chart && chart.getOption();
  return (options && options.series && options.series.length && options.series[0].data) || [];
}"""
