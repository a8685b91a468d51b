"""The door of the web UI, as browsers, proxies and strangers find it: over HTTP and web sockets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from command_line import Katib, an_experiment, finish, read_until

from scripts.draw_plots import a_browser, find_chromium
from ui_browsers import Browser, SocketRefusedError

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

REFUSED = SocketRefusedError

#: What a page tells its browser when the button for its colours is pressed, and at no other time.
PRESSED = "run_javascript"

#: How long that may take, in seconds.
HEARD_WITHIN = 30.0

#: How long it is waited for what must not happen, in seconds.
NEVER = 2.0

#: A UI that a proxy tells its users; whoever is told may do everything.
TOLD = """
import signal, sys
from katib.apps.listening import listen
from katib.apps.ui import Options, UiService
from katib.client.finding import find_backend
from katib.web.guarding import Door

listener = listen("127.0.0.1", 0)
door = Door(user_header="kubeflow-userid")
service = UiService(find_backend(home=sys.argv[1]), listener, Options(door=door))
signal.signal(signal.SIGTERM, lambda *_: service.stop())
service.run(lambda: print(f"Open http://127.0.0.1:{service.port}/", flush=True))
"""


@contextmanager
def started(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """The address that a UI prints."""
    try:
        yield read_until(process, "Open").split()[1]
    finally:
        process.terminate()
        finish(process)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Katib]:
    """A home with an engine, and the UI beside it."""
    folder = tmp_path_factory.mktemp("door")
    katib = Katib(folder / "home", folder, has_ui=True)
    katib("up", "--detach", "--port", "0", "--ui-port", "0", check=0)
    yield katib
    katib("down", check=0)


@pytest.fixture(scope="module")
def token(home: Katib) -> str:
    return Path(home.home, "token").read_text().strip()


@pytest.fixture(scope="module")
def address(home: Katib) -> str:
    found = re.search(r"ui: (http://[^/]+)/", home("status", check=0).out)
    assert found is not None
    return found[1]


@pytest.fixture
def stranger(address: str) -> Browser:
    """Who has no token."""
    return Browser(address)


@pytest.fixture
def owner(address: str, token: str) -> Browser:
    """Who has opened the address that was printed."""
    browser = Browser(address)
    assert browser.ask(f"/?token={token}").status_code == 200
    return browser


@pytest.fixture(scope="module")
def framed(home: Katib) -> Iterator[str]:
    """A UI under a path, which two sites may show inside."""
    words = ("--prefix", "/katib", "--allow-framing", "'self'", "--allow-host", "katib.example.org")
    more = ("--allow-framing", "https://kubeflow.example.org")
    with started(home.start("ui", "--port", "0", *words, *more)) as address:
        yield address


@pytest.fixture(scope="module")
def told(home: Katib) -> Iterator[str]:
    command = [sys.executable, "-c", TOLD, str(home.home)]
    pipe = subprocess.PIPE
    with started(subprocess.Popen(command, stdout=pipe, stderr=pipe, bufsize=0)) as address:
        yield address.rstrip("/")


PLACES = (
    "/",
    "/new",
    "/experiment/default/any",
    "/experiment/default/any/trial/other",
    "/compare",
    "/nowhere",
    "/favicon.ico",
)


@pytest.mark.parametrize(
    "path", [*PLACES, "/_nicegui/auto/static/any.js", "/docs", "/openapi.json"]
)
def test_without_the_token_there_is_only_the_sign_in(stranger: Browser, path: str) -> None:
    answer = stranger.ask(path)
    assert answer.status_code == 401
    assert 'type="password"' in answer.text
    assert "client_id" not in answer.text
    assert answer.headers.get("set-cookie") is None


@pytest.mark.parametrize("told", ["wrong", "", "%00", "x" * 5000])
def test_a_wrong_token_lets_nobody_in(stranger: Browser, told: str) -> None:
    for answer in (
        stranger.ask(f"/?token={told}"),
        stranger.ask("/", "POST", data={"token": told}),
        stranger.ask("/", headers={"Authorization": f"Bearer {told}x"}),
    ):
        assert answer.status_code == 401
    assert not stranger.cookies


def test_the_token_becomes_a_cookie_that_no_page_can_read(stranger: Browser, token: str) -> None:
    answer = stranger.ask(f"/?token={token}", follows=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    flags = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} <= set(flags)
    assert "Secure" not in flags
    assert token not in answer.headers["set-cookie"]
    assert stranger.ask("/").status_code == 200


def test_the_cookie_of_a_ui_behind_tls_travels_by_tls_only(stranger: Browser, token: str) -> None:
    proxied = {"X-Forwarded-Proto": "https"}
    answer = stranger.ask(f"/?token={token}", headers=proxied, follows=False)
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_the_token_may_be_typed(stranger: Browser, token: str) -> None:
    assert stranger.ask("/new?namespace=default", "POST", data={"token": token}).status_code == 200
    assert stranger.ask("/").status_code == 200


def test_a_cookie_that_was_made_up_lets_nobody_in(stranger: Browser, owner: Browser) -> None:
    ((name, value),) = owner.cookies.items()
    for made_up in (f"{name}={'0' * len(value)}", f"{name}=", f"other={value}", f"{name}={value}x"):
        assert stranger.ask("/", headers={"Cookie": made_up}).status_code == 401
        with pytest.raises(REFUSED), stranger.socket(Cookie=made_up):
            pass


def test_a_socket_wants_the_cookie_too(stranger: Browser, owner: Browser, token: str) -> None:
    page = owner.open("/")
    for query in ("", f"&token={token}"):
        with pytest.raises(REFUSED), stranger.socket(page.client + query):
            pass
    with owner.socket() as socket:
        assert socket.shake_hands(page.client)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "a b"])
def test_a_name_that_others_have_pointed_here_is_refused(owner: Browser, host: str) -> None:
    # A page of that site would be one of ours to the browser.
    answer = owner.ask("/", headers={"Host": host})
    assert answer.status_code in (400, 421)
    assert "client_id" not in answer.text


def test_a_socket_by_such_a_name_is_refused(owner: Browser) -> None:
    with pytest.raises(REFUSED), owner.socket(Host="evil.example"):
        pass


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null"])
def test_pages_of_other_sites_are_refused(owner: Browser, token: str, origin: str) -> None:
    page = owner.open("/")
    headers = {"Origin": origin}
    assert owner.ask("/", "POST", data={"token": token}, headers=headers).status_code == 403
    upload = f"/_nicegui/client/{page.client}/upload/1"
    assert owner.ask(upload, "POST", headers=headers).status_code == 403
    with pytest.raises(REFUSED), owner.socket(page.client, **headers):
        pass
    polled = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    sid = re.search(r'"sid":"([^"]+)"', owner.ask(polled).text)
    assert sid is not None
    answer = owner.ask(f"{polled}&sid={sid[1]}", "POST", content="40", headers=headers)
    assert answer.status_code == 403


def test_a_page_of_its_own_may_speak(owner: Browser, address: str) -> None:
    page = owner.open("/")
    with owner.socket(Origin=address) as socket:
        assert socket.shake_hands(page.client)
        socket.press(page, "Colours: auto")
        assert socket.wait(PRESSED, HEARD_WITHIN)


def assert_nothing_may_frame(answer: httpx.Response) -> None:
    assert answer.headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_every_answer_tells_browsers_what_they_must_not_do(
    owner: Browser, stranger: Browser
) -> None:
    script = re.search(r'src="(/_nicegui/[^"]+\.js)"', owner.ask("/").text)
    assert script is not None
    for answer in (owner.ask("/"), owner.ask(script[1]), owner.ask("/nowhere"), stranger.ask("/")):
        assert_nothing_may_frame(answer)
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "object-src 'none'" in policy
        assert "form-action 'self'" in policy
        # No other host is named: nothing leaves for one.
        assert "http" not in policy
        assert len(answer.headers.get_list("content-security-policy")) == 1


def test_probes_are_answered_by_any_name_and_told_nothing(stranger: Browser) -> None:
    for path in ("/healthz", "/readyz"):
        answer = stranger.ask(path, headers={"Host": "10.1.2.3:8080"})
        assert (answer.status_code, answer.text) == (200, "ok")


def test_under_a_path_everything_stays_there(framed: str) -> None:
    browser = Browser(framed.partition("/katib/")[0] + "/katib")
    answer = browser.ask(f"/?{framed.partition('?')[2]}", follows=False)
    assert answer.headers["location"] == "/katib/"
    assert "Path=/katib" in answer.headers["set-cookie"].split("; ")
    page = browser.open("/")
    links = re.findall(r'(?:src|href)="?\\?"?(/[^"\\]*)', page.answer.text)
    assert links
    assert [link for link in links if not link.startswith("/katib/")] == []
    with browser.socket(page.client) as socket:
        assert socket.shake_hands(page.client)
        socket.press(page, "Colours: auto")
        assert socket.wait(PRESSED, HEARD_WITHIN)
    assert browser.ask("/healthz").text == "ok"


def test_only_the_sites_that_were_named_may_show_it_inside(framed: str) -> None:
    answer = Browser(framed.partition("/?")[0]).ask("/")
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'self' https://kubeflow.example.org" in policy
    assert "x-frame-options" not in answer.headers


def test_a_name_that_was_allowed_is_answered(framed: str) -> None:
    browser = Browser(framed.partition("/?")[0])
    assert browser.ask("/", headers={"Host": "katib.example.org"}).status_code == 401
    assert browser.ask("/", headers={"Host": "other.example.org"}).status_code == 421


def test_without_a_door_everybody_comes_in_but_no_other_site(home: Katib) -> None:
    with started(home.start("ui", "--port", "0", "--disable-auth")) as address:
        assert "token" not in address
        browser = Browser(address.rstrip("/"))
        page = browser.open("/")
        assert not browser.cookies
        with pytest.raises(REFUSED), browser.socket(page.client, Origin="https://evil.example"):
            pass
        assert browser.ask("/", headers={"Host": "evil.example"}).status_code == 421


def test_a_home_has_no_users(home: Katib) -> None:
    answer = home("ui", "--port", "0", "--user-header", "kubeflow-userid", check=2)
    assert "--user-header is for a cluster" in answer.err


def visitor(address: str, name: str) -> Browser:
    return Browser(address, {"kubeflow-userid": name})


def test_whom_no_proxy_tells_is_not_let_in(told: str, token: str) -> None:
    for headers in ({}, {"kubeflow-userid": ""}, {"kubeflow-userid": ":"}):
        browser = Browser(told, headers)
        for answer in (browser.ask("/"), browser.ask(f"/?token={token}")):
            assert (answer.status_code, answer.text) == (401, "user header not present")
        with pytest.raises(REFUSED), browser.socket():
            pass


def test_a_socket_speaks_for_pages_of_its_own_visitor_only(told: str) -> None:
    ada, eve = visitor(told, "ada"), visitor(told, "eve")
    page = ada.open("/")
    with ada.socket(page.client) as hers:
        assert hers.shake_hands(page.client)
        hers.press(page, "Colours: auto")
        assert hers.wait(PRESSED, HEARD_WITHIN)
        # By naming it as it is opened.
        with pytest.raises(REFUSED), eve.socket(f"{page.client}&implicit_handshake=true"):
            pass
        with eve.socket() as socket:
            # By shaking hands, and by saying what only the page's own browser may say.
            assert not socket.shake_hands(page.client)
            socket.press(page, "Colours: auto")
            assert not hers.wait(PRESSED, NEVER)
            assert socket.heard == []
        # What her own browser says still counts.
        hers.press(page, "Colours: auto")
        assert hers.wait(PRESSED, HEARD_WITHIN)


def test_nobody_goes_on_with_another_visitors_connection(told: str) -> None:
    ada, eve = visitor(told, "ada"), visitor(told, "eve")
    polled = "/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    sid = re.search(r'"sid":"([^"]+)"', ada.ask(polled).text)
    assert sid is not None
    for method in ("GET", "POST"):
        answer = eve.ask(f"{polled}&sid={sid[1]}", method, content="40")
        assert answer.status_code == 403
    assert ada.ask(f"{polled}&sid={sid[1]}", "POST", content="40").status_code == 200
    page = ada.open("/")
    upload = f"/_nicegui/client/{page.client}/upload/1"
    assert eve.ask(upload, "POST").status_code == 403
    assert ada.ask(upload, "POST").status_code == 404


#: As Kubeflow's dashboard does it: it shows a page inside, and tells it which namespace was chosen.
_DASHBOARD = """
<!doctype html><title>Dashboard</title><iframe src="/katib/?ns=default" width="900" height="600">
</iframe><script>
window.addEventListener("message", event => {
  if (event.data.type === "iframe-connected") window.connected = (window.connected || 0) + 1;
});
window.choose = told => document.querySelector("iframe").contentWindow.postMessage(told, "*");
</script>
"""


@pytest.mark.skipif(find_chromium() is None, reason="there is no chromium: scripts/chromium.sh")
def test_a_dashboard_around_it_says_which_namespace_is_shown(home: Katib, framed: str) -> None:
    home("run", home.write(an_experiment("echo loss=1", "here")), check=0)
    away = an_experiment("echo loss=1", "away")
    away["metadata"]["namespace"] = "elsewhere"
    home("run", home.write(away), check=0)
    with a_browser() as browser:
        page = browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(framed)
        page.route(
            "**/dashboard", lambda route: route.fulfill(content_type="text/html", body=_DASHBOARD)
        )
        page.goto(f"{framed.partition('/katib/')[0]}/dashboard")
        inside = page.frame_locator("iframe")
        inside.get_by_text("here", exact=True).wait_for()
        assert inside.get_by_text("away", exact=True).count() == 0
        # The dashboard has a list of namespaces of its own.
        assert not inside.get_by_label("Namespace").is_visible()
        page.evaluate("choose({type: 'namespace-selected', value: 'elsewhere'})")
        inside.get_by_text("away", exact=True).wait_for()
        assert inside.get_by_text("here", exact=True).count() == 0
        page.evaluate("choose({type: 'all-namespaces'})")
        inside.get_by_text("here", exact=True).wait_for()
        inside.get_by_text("away", exact=True).wait_for()
        assert page.evaluate("window.connected") >= 3
