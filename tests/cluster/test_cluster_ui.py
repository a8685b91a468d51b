"""The web UI of a cluster: each user sees and does what the cluster's own rules let them.

The UI runs with the rights of its own account, as it is installed, and no others. Ada may edit in
one namespace and nothing elsewhere; Bob may look there, and edit in another; Eve may do nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from experiments import Experiments, an_experiment
from installing import UI_ACCOUNT, act_as_operator, apply
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect
from processes import wait_for
from ui_people import (
    ADA,
    BINDINGS,
    BOB,
    EVE,
    HEADER,
    NEAR,
    OURS,
    RBAC,
    THEIRS,
    Served,
    a_trial,
    bind,
    make,
    secret_of,
    serving,
)

from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions
from scripts.draw_plots import a_browser, find_chromium
from ui_browsers import Browser, SocketRefusedError

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl"),
]

in_a_browser = pytest.mark.skipif(
    find_chromium() is None, reason="there is no chromium: scripts/chromium.sh"
)

#: How long anything may take on a page, in milliseconds.
PATIENCE = 60_000
#: How long a right may still be believed to be there, in milliseconds.
BELIEVED = 60_000


@pytest.fixture(scope="module")
def installed(administrator: KubernetesClient, kubeconfig: Path) -> Iterator[InstallOptions]:
    """The accounts and roles of an installation."""
    options = InstallOptions(namespace="katib-ui-test", has_crds=False, has_webhooks=False)
    apply(kubeconfig, options)
    for namespace in (OURS, THEIRS):
        make(administrator, "/api/v1/namespaces", metadata={"name": namespace})
        experiments = Experiments(administrator, namespace)
        objective = {"type": "minimize", "objectiveMetricName": secret_of(namespace)}
        for name in (f"first-{namespace}", f"second-{namespace}"):
            experiments.create(an_experiment(name, objective=objective))
            place = f"/apis/kubeflow.org/v1beta1/namespaces/{namespace}/trials"
            make(administrator, place, **a_trial(namespace, experiments.get("experiments", name)))
    for binding in BINDINGS:
        bind(administrator, *binding)
    yield options
    for namespace in (OURS, THEIRS):
        administrator.request("DELETE", f"/api/v1/namespaces/{namespace}")
    apply(kubeconfig, options, "delete")


@pytest.fixture(scope="module")
def served(
    installed: InstallOptions,
    administrator: KubernetesClient,
    kubeconfig: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """The UI, with the rights of its own account, behind a proxy that tells it the user."""
    folder = tmp_path_factory.mktemp("ui")
    own = act_as_operator(administrator, kubeconfig, installed.namespace, folder, UI_ACCOUNT)
    with serving(folder, own) as address:
        yield Served(address, administrator)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with a_browser() as browser:
        yield browser


@pytest.fixture
def screen(chromium: Chromium, served: Served) -> Any:
    """Opens pages as somebody; whatever goes wrong in the browser is a failure."""

    @contextmanager
    def looked_at(user: str, path: str) -> Iterator[Page]:
        context = chromium.new_context(extra_http_headers={HEADER: user})
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{served.address}{path}")
        try:
            yield page
            assert errors == []
        finally:
            context.close()

    expect.set_options(timeout=PATIENCE)
    return looked_at


def button(page: Page, name: str) -> Any:
    return page.get_by_role("button", name=name, exact=True)


def choose(page: Page, name: str) -> None:
    page.get_by_role("row").filter(has_text=name).get_by_role("checkbox").click()


def text_of(page: Page) -> str:
    return page.locator("body").inner_text()


# What is asked for without a screen.


def test_whom_no_proxy_has_told_is_not_let_in(served: Served) -> None:
    stranger = Browser(served.address)
    port = served.address.rpartition(":")[2]
    for cookie in ("", f"katib-ui-{port}={'0' * 64}", f"{HEADER}={ADA}"):
        for path in ("/", f"/experiment/{OURS}/first-{OURS}", f"/?{HEADER}={ADA}"):
            answer = stranger.ask(path, headers={"Cookie": cookie} if cookie else {})
            assert (answer.status_code, answer.text) == (401, "user header not present")
    with pytest.raises(SocketRefusedError), stranger.socket():
        pass


def test_other_names_and_other_sites_pages_are_refused(served: Served) -> None:
    ada = served.visitor(ADA)
    page = ada.open("/")
    assert ada.ask("/", headers={"Host": "evil.example"}).status_code == 421
    evil = {"Origin": "https://evil.example"}
    assert ada.ask("/", "POST", headers=evil).status_code == 403
    for headers in (evil, {"Origin": "null"}, {"Host": "evil.example"}):
        with pytest.raises(SocketRefusedError), ada.socket(page.client, **headers):
            pass


def test_a_page_of_one_user_does_not_hear_another(served: Served) -> None:
    ada, bob = served.visitor(ADA), served.visitor(BOB)
    page = ada.open("/")
    with ada.socket() as hers, bob.socket() as his:
        assert hers.shake_hands(page.client)
        assert not his.shake_hands(page.client)
        hers.press(page, "Colours: auto")
        # Told when that button is pressed, and at no other time.
        assert hers.wait("run_javascript", 60)
        his.press(page, "Colours: auto")
        assert not hers.wait("run_javascript", 2)


@pytest.mark.parametrize("user", [ADA, EVE])
@pytest.mark.parametrize(
    "path",
    [
        f"/experiment/{THEIRS}/first-{THEIRS}",
        f"/experiment/{THEIRS}/first-{THEIRS}?tab=yaml",
        f"/experiment/{THEIRS}/first-{THEIRS}/trial/first-{THEIRS}-abcdefgh",
        f"/new?clone=first-{THEIRS}&namespace={THEIRS}",
        f"/compare?experiment={THEIRS}/first-{THEIRS}&experiment={THEIRS}/second-{THEIRS}",
    ],
)
def test_what_a_user_may_not_see_is_not_sent(served: Served, user: str, path: str) -> None:
    answer = served.visitor(user).ask(path)
    assert answer.status_code in (200, 404)
    assert secret_of(THEIRS) not in answer.text
    if "clone" not in path and answer.status_code == 200:
        assert re.search(rf"User: {user} is not authorized to (get|list) ", answer.text)


def test_whoever_may_see_a_page_is_sent_it(served: Served) -> None:
    for path in (
        f"/experiment/{THEIRS}/first-{THEIRS}",
        f"/experiment/{THEIRS}/first-{THEIRS}/trial/first-{THEIRS}-abcdefgh",
    ):
        answer = served.visitor(BOB).ask(path)
        assert answer.status_code == 200
        assert "is not authorized" not in answer.text


def test_one_of_a_namespaced_installation_needs_nothing_of_the_cluster(
    served: Served, kubeconfig: Path, tmp_path: Path
) -> None:
    options = InstallOptions(namespace=NEAR, has_crds=False, is_namespaced=True)
    make(served.client, "/api/v1/namespaces", metadata={"name": NEAR})
    apply(kubeconfig, options)
    served.experiments(NEAR).create(an_experiment("near"))
    bind(served.client, ADA, NEAR, "view")
    own = act_as_operator(served.client, kubeconfig, NEAR, tmp_path, UI_ACCOUNT)
    path = f"/experiment/{NEAR}/near"
    with serving(tmp_path, own, "--namespace", NEAR) as address:
        seen = Browser(address, {HEADER: ADA}).ask(path)
        assert seen.status_code == 200
        assert "is not authorized" not in seen.text
        refused = Browser(address, {HEADER: BOB}).ask(path)
        assert f"User: {BOB} is not authorized to get" in refused.text
        assert "You may look into no namespace" in Browser(address, {HEADER: BOB}).ask("/").text
        # It has no rights elsewhere, and cannot even ask whether a user has.
        elsewhere = Browser(address, {HEADER: BOB}).ask(f"/experiment/{THEIRS}/first-{THEIRS}")
        assert secret_of(THEIRS) not in elsewhere.text
    served.client.request("DELETE", f"/api/v1/namespaces/{NEAR}")


# What is seen and done on a screen.


@in_a_browser
def test_a_copy_is_filled_in_only_for_who_may_see_what_is_copied(screen: Any) -> None:
    path = f"/new?clone=first-{THEIRS}&namespace={THEIRS}"
    with screen(BOB, path) as page:
        metric = page.get_by_role("textbox", name="Metric", exact=True)
        expect(metric).to_have_value(secret_of(THEIRS))
    with screen(ADA, path) as page:
        page.wait_for_timeout(3000)
        assert secret_of(THEIRS) not in page.content()


@in_a_browser
def test_each_sees_the_experiments_of_their_namespaces(screen: Any) -> None:
    with screen(ADA, "/") as page:
        expect(page.get_by_text(f"first-{OURS}")).to_be_visible()
        expect(page.get_by_text(f"second-{OURS}")).to_be_visible()
        assert THEIRS not in page.content()
    with screen(BOB, "/") as page:
        for namespace in (OURS, THEIRS):
            expect(page.get_by_text(f"first-{namespace}")).to_be_visible()
    with screen(BOB, f"/?namespace={THEIRS}") as page:
        expect(page.get_by_text(f"first-{THEIRS}")).to_be_visible()
        assert f"first-{OURS}" not in text_of(page)
    with screen(ADA, f"/?namespace={THEIRS}") as page:
        expect(page.get_by_text(f"first-{OURS}")).to_be_visible()
        assert f"first-{THEIRS}" not in page.content()
    with screen(EVE, "/") as page:
        expect(page.get_by_text("You may look into no namespace")).to_be_visible()
        assert "first-" not in page.content()


@in_a_browser
def test_who_may_only_look_can_use_no_button_that_changes_something(screen: Any) -> None:
    with screen(BOB, f"/experiment/{OURS}/first-{OURS}") as page:
        expect(button(page, "Clone")).to_be_enabled()
        for name in ("Suspend", "Resume", "Stop", "Delete"):
            expect(button(page, name)).to_be_disabled()
    with screen(BOB, "/") as page:
        choose(page, f"first-{OURS}")
        expect(button(page, "Clone")).to_be_enabled()
        expect(button(page, "Delete")).to_be_disabled()
        # With one that may not be changed, both may not be.
        choose(page, f"first-{THEIRS}")
        expect(button(page, "Compare")).to_be_enabled()
        expect(button(page, "Delete")).to_be_disabled()
        choose(page, f"first-{OURS}")
        expect(button(page, "Delete")).to_be_enabled()


@in_a_browser
def test_a_button_that_a_browser_enables_itself_does_nothing(screen: Any, served: Served) -> None:
    with screen(BOB, f"/experiment/{OURS}/first-{OURS}") as page:
        expect(button(page, "Clone")).to_be_enabled()
        page.evaluate(
            """() => {
              for (const [id, one] of Object.entries(mounted_app.elements)) {
                if (one.props && one.props.label === "Suspend") {
                  const {listener_id} = one.events.find(each => each.type === "click");
                  window.socket.emit("event", {
                    id: Number(id), client_id: window.clientId, listener_id, args: ["{}"],
                  });
                }
              }
            }"""
        )
        page.wait_for_timeout(2000)
    assert served.annotations(OURS, f"first-{OURS}").get("katib.kubeflow.org/suspend") is None


@in_a_browser
def test_who_may_edit_does_so_with_the_uis_own_rights(screen: Any, served: Served) -> None:
    suspend, stop = "katib.kubeflow.org/suspend", "katib.kubeflow.org/stop"
    name = f"first-{OURS}"

    def says(annotation: str) -> bool:
        return served.annotations(OURS, name).get(annotation) == "true"

    with screen(ADA, f"/experiment/{OURS}/{name}") as page:
        button(page, "Suspend").click()
        wait_for(lambda: says(suspend), "it is suspended")
        button(page, "Resume").click()
        wait_for(lambda: not says(suspend), "it is resumed")
        button(page, "Stop").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Stop").click()
        wait_for(lambda: says(stop), "it is stopped")
        button(page, "Resume").click()
        wait_for(lambda: not says(stop), "it is resumed")


@in_a_browser
def test_who_may_edit_deletes(screen: Any, served: Served) -> None:
    with screen(BOB, "/") as page:
        choose(page, f"second-{THEIRS}")
        button(page, "Delete").click()
        page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
        experiments = served.experiments(THEIRS)
        wait_for(lambda: experiments.find("experiments", f"second-{THEIRS}") is None, "it is gone")
        expect(page.get_by_text(f"second-{THEIRS}", exact=True)).to_have_count(0)


@in_a_browser
def test_pages_follow_a_right_that_is_given_and_taken_away(screen: Any, served: Served) -> None:
    with (
        screen(EVE, f"/experiment/{OURS}/first-{OURS}") as page,
        screen(EVE, "/") as home,
    ):
        expect(page.get_by_text("is not authorized to get")).to_be_visible()
        expect(home.get_by_text("You may look into no namespace")).to_be_visible()
        bind(served.client, EVE, OURS, "view")
        expect(button(page, "Clone")).to_be_enabled()
        expect(home.get_by_text(f"first-{OURS}")).to_be_visible()
        served.client.request("DELETE", f"{RBAC}/namespaces/{OURS}/rolebindings/eve-view")
        expect(page.get_by_text("is not authorized to get")).to_be_visible(timeout=BELIEVED)
        expect(home.get_by_text("You may look into no namespace")).to_be_visible(timeout=BELIEVED)
