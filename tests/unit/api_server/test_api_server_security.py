from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from starlette.requests import Request

from katib.api_server import serving
from katib.api_server.bodies import read_body
from katib.api_server.durability import Durability
from katib.api_server.statuses import StatusError
from katib.errors import StoreUnavailableError
from served_home import CONFIG_MAPS_PATH, TOKEN, Home, a_config_map_manifest, listening


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz", "/version"])
def test_whoever_waits_for_the_server_needs_no_token(path: str) -> None:
    assert Home().ask("GET", path, authorization="").status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/api", "/openapi/v3", CONFIG_MAPS_PATH, "/x"])
@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer other", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_everything_else_needs_the_token(path: str, authorization: str) -> None:
    response = Home().ask("GET", path, authorization=authorization)
    assert response.status_code == 401
    assert response.json()["reason"] == response.json()["message"] == "Unauthorized"


def test_the_version_is_one_that_kubectl_knows() -> None:
    assert Home().json("GET", "/version")["gitVersion"] == "v1.32.0+katib"


def test_metrics_are_text() -> None:
    response = Home().ask("GET", "/metrics")
    assert response.text == "katib_experiments 3\n"
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_a_fault_is_a_status_and_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = Home()

    def break_down(*_: object) -> None:
        raise RuntimeError("the cause")

    monkeypatch.setattr(home.store, "find", break_down)
    with caplog.at_level(logging.ERROR):
        response = home.ask("GET", f"{CONFIG_MAPS_PATH}/one")
    assert (response.status_code, response.json()["reason"]) == (500, "InternalError")
    assert "the cause" not in response.text
    assert "the cause" in caplog.text


def test_what_may_not_be_done_to_a_path_is_not_allowed() -> None:
    home = Home()
    for method, path in (("POST", "/version"), ("PUT", CONFIG_MAPS_PATH), ("POST", "/api/v1/pods")):
        response = home.ask(method, path, {})
        assert (response.status_code, response.json()["reason"]) == (405, "MethodNotAllowed")


@pytest.mark.parametrize(
    ("attributes", "is_allowed"),
    [
        ({"verb": "create", "group": "kubeflow.org", "resource": "experiments"}, True),
        ({"verb": "*", "group": "*", "resource": "*"}, True),
        ({"verb": "create", "group": "", "resource": "events"}, False),
        ({"verb": "get", "group": "", "resource": "nodes"}, False),
    ],
)
def test_whoever_has_the_token_may_do_whatever_is_served(
    attributes: dict[str, str], is_allowed: bool
) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = Home().json("POST", path, body)
    assert review["status"]["allowed"] is is_allowed
    assert review["kind"] == "SelfSubjectAccessReview"
    assert Home().ask("GET", path).status_code == 405


def test_the_rules_name_every_resource() -> None:
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rules = Home().json("POST", path, body)["status"]["resourceRules"]
    assert {"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["events"]} in rules


def test_a_write_is_acknowledged_when_it_is_on_disk() -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    assert home.store.flushed[-1] == home.store.version
    home.json("DELETE", f"{CONFIG_MAPS_PATH}/one")
    assert home.store.flushed[-1] == home.store.version


def test_a_dry_run_waits_for_no_disk() -> None:
    home = Home()
    home.json("POST", f"{CONFIG_MAPS_PATH}?dryRun=All", a_config_map_manifest())
    assert home.store.flushed == []


def test_a_disk_that_refuses_is_unavailable() -> None:
    home = Home()
    home.store.problem = StoreUnavailableError("katib.db", "no space left on device")
    response = home.ask("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    assert (response.status_code, response.json()["reason"]) == (503, "ServiceUnavailable")
    assert "no space left on device" in response.json()["message"]


def test_a_fault_while_flushing_reaches_whoever_waits() -> None:
    home = Home()
    home.store.problem = ValueError("a fault")
    response = home.ask("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    assert (response.status_code, response.json()["reason"]) == (500, "InternalError")


def test_requests_that_wait_share_a_flush() -> None:
    flushes: list[int] = []
    is_begun, may_end = threading.Event(), threading.Event()

    def flush() -> None:
        flushes.append(1)
        is_begun.set()
        assert may_end.wait(10)

    async def write_much() -> None:
        durability = Durability(flush)
        first = asyncio.create_task(durability.settle())
        await asyncio.to_thread(is_begun.wait, 10)
        others = [asyncio.create_task(durability.settle()) for _ in range(50)]
        await asyncio.sleep(0)
        may_end.set()
        await asyncio.gather(first, *others)

    asyncio.run(write_much())
    # The one that ran already may have begun before the others wrote; they share the next.
    assert len(flushes) == 2


def test_a_body_that_does_not_arrive_ends_the_request() -> None:
    async def never() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(StatusError) as failed:
        asyncio.run(read_body(Request(scope, never), seconds=0.01))
    assert failed.value.code == 408


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that waits a very short time for the head of a request."""
    monkeypatch.setattr(serving, "LONGEST_HEAD", 0.05)
    with listening(Home()) as found:
        yield found


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"])
def test_who_begins_a_request_and_does_not_go_on_is_hung_up_on(port: int, sent: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        client.sendall(sent)
        assert client.recv(1) == b""


def test_a_second_request_on_a_connection_has_its_own_time(port: int) -> None:
    whole = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as client:
        client.sendall(whole)
        assert b"200 OK" in client.recv(4096)
        client.sendall(whole[:10])
        rest = client.recv(4096)
        while rest:
            rest = client.recv(4096)
        assert rest == b""


def test_a_name_is_never_a_path() -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    for name in ("..%2Fsecrets", "%2e%2e", "one%2F..", "one%00"):
        assert home.ask("GET", f"{CONFIG_MAPS_PATH}/{name}").status_code == 404


def test_answers_do_not_wait_for_the_client_to_confirm_their_heads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = []
    made = serving.PatientOnceProtocol.connection_made

    def look(self: serving.PatientOnceProtocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        own = transport.get_extra_info("socket")
        options.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    monkeypatch.setattr(serving.PatientOnceProtocol, "connection_made", look)
    with listening(Home()) as port:
        httpx.get(f"http://127.0.0.1:{port}/readyz")
    assert len(options) == 1
    assert options[0] != 0


REVIEWS_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

OWNED = b"""{"apiVersion": "v1", "kind": "ConfigMap",
 "metadata": {"name": "one", "ownerReferences": %s}}"""

UNREADABLE: dict[str, tuple[str, bytes, str]] = {
    "an owner reference that is none": (CONFIG_MAPS_PATH, OWNED % b'["a"]', "application/json"),
    "owner references that are none": (CONFIG_MAPS_PATH, OWNED % b'{"a": 1}', "application/json"),
    "an owner whose name is none": (CONFIG_MAPS_PATH, OWNED % b'[{"name": 1}]', "application/json"),
    "lists in lists without end": (CONFIG_MAPS_PATH, b"- " * 20_000, "application/yaml"),
    "brackets without end": (CONFIG_MAPS_PATH, b'{"a":' * 20_000, "application/yaml"),
    "a key that stands twice": (
        CONFIG_MAPS_PATH,
        b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nkind: ConfigMap\n",
        "application/yaml",
    ),
    "a review of what is no object": (REVIEWS_PATH, b'{"spec":"a"}', "application/json"),
    "an integer that Python does not read": (CONFIG_MAPS_PATH, b"9" * 5000, "application/yaml"),
}


@pytest.mark.parametrize(("path", "body", "media_type"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_the_fault_of_the_client(
    path: str, body: bytes, media_type: str
) -> None:
    response = Home().ask("POST", path, body, content_type=media_type)
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
