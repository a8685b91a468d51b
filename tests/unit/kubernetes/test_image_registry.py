from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from katib.errors import ConfigurationError
from katib.kubernetes import registry as registry_module
from katib.kubernetes.registry import (
    FAILED_FOR,
    KEPT_FOR,
    MOST_BYTES,
    EntryPoint,
    Image,
    Registries,
    parse_image,
)

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Registry:
    """A registry of this machine that gives everybody a token, if it wants one."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        self.token, self.scheme = "", "Bearer"
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests are quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix("/v2/team/train/")
        self.asked.append(path)
        if request.path.startswith("/token?"):
            assert "service=here" in request.path
            assert "scope=repository%3Ateam%2Ftrain%3Apull" in request.path
            return self.send(request, 200, {"token": self.token})
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            challenge = f'{self.scheme} realm="http://{self.host}/token",service="here"'
            return self.send(request, 401, {}, challenge)
        if path.startswith("manifests/"):
            assert MANIFEST in request.headers["Accept"]
        found = self.answers.get(path)
        if isinstance(found, str):
            request.send_response(307)
            request.send_header("Location", found)
            request.end_headers()
            return None
        self.send(request, 404 if found is None else 200, found or {})

    def send(
        self, request: BaseHTTPRequestHandler, code: int, body: object, challenge: str = ""
    ) -> None:
        request.send_response(code)
        if challenge:
            request.send_header("WWW-Authenticate", challenge)
        request.end_headers()
        with suppress(ConnectionError):
            request.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

    def add(self, tag: str, **run: object) -> None:
        """An image for one platform."""
        self.answers[f"manifests/{tag}"] = {"config": {"digest": f"sha256:{tag}"}}
        self.answers[f"blobs/sha256:{tag}"] = {"architecture": "amd64", "config": run}

    @property
    def image(self) -> str:
        return f"{self.host}/team/train"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.parametrize(
    ("text", "host", "repository", "reference"),
    [
        ("python", "registry-1.docker.io", "library/python", "latest"),
        ("python:3.13", "registry-1.docker.io", "library/python", "3.13"),
        ("docker.io/kubeflow/x:v1", "registry-1.docker.io", "kubeflow/x", "v1"),
        ("kubeflow/x", "registry-1.docker.io", "kubeflow/x", "latest"),
        ("ghcr.io/a/b/c:1", "ghcr.io", "a/b/c", "1"),
        ("localhost:5000/x", "localhost:5000", "x", "latest"),
        ("localhost/x:1", "localhost", "x", "1"),
        ("ghcr.io/a/b@sha256:12", "ghcr.io", "a/b", "sha256:12"),
        ("ghcr.io/a/b:1@sha256:12", "ghcr.io", "a/b", "sha256:12"),
    ],
)
def test_the_name_of_an_image(text: str, host: str, repository: str, reference: str) -> None:
    assert parse_image(text) == Image(host, repository, reference)


def test_tls_is_spoken_but_on_this_machine() -> None:
    assert parse_image("ghcr.io/a/b").root == "https://ghcr.io/v2/a/b"
    assert parse_image("localhost:5000/a").root == "http://localhost:5000/v2/a"


def test_an_entry_point_is_read(registry: Registry) -> None:
    registry.add("1", Entrypoint=["python", "train.py"], Cmd=["--fast"])
    registry.add("2", Entrypoint=None, Cmd=["sh"])
    registry.add("3")
    registries = Registries()
    assert registries.find(f"{registry.image}:1") == EntryPoint(("python", "train.py"), ("--fast",))
    assert registries.find(f"{registry.image}:2") == EntryPoint((), ("sh",))
    assert registries.find(f"{registry.image}:3") == EntryPoint()


def test_what_everybody_may_read_is_read_with_everybodys_token(registry: Registry) -> None:
    registry.token = "for-all"
    registry.add("1", Entrypoint=["train"])
    assert Registries().find(f"{registry.image}:1") == EntryPoint(("train",))
    assert [one.partition("?")[0] for one in registry.asked] == [
        "manifests/1",
        "/token",
        "manifests/1",
        "blobs/sha256:1",
    ]


def test_of_several_platforms_linux_is_taken(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    platforms = [("windows", "amd64", "w"), ("linux", "amd64", "l"), ("linux", "arm64", "a")]
    registry.answers["manifests/1"] = {
        "manifests": [
            {"digest": name, "platform": {"os": os, "architecture": architecture}}
            for os, architecture, name in platforms
        ]
    }
    for _, _, name in platforms:
        registry.add(name, Entrypoint=[name])
    assert Registries().find(f"{registry.image}:1").command == ("a",)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert Registries().find(f"{registry.image}:1").command == ("l",)


def test_it_is_asked_again_when_a_tag_may_have_been_moved(registry: Registry) -> None:
    now = [0.0]
    registries = Registries(lambda: now[0])
    registry.add("1", Entrypoint=["old"])
    assert registries.find(f"{registry.image}:1").command == ("old",)
    registry.add("1", Entrypoint=["new"])
    assert registries.find(f"{registry.image}:1").command == ("old",)
    now[0] = KEPT_FOR
    assert registries.find(f"{registry.image}:1").command == ("new",)


def refused(image: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Registries().find(image)
    text = str(caught.value)
    assert text.startswith(f'the entry point of the image "{image}" cannot be read: ')
    assert text.endswith("Write the command into spec.trialTemplate, so that it need not be known")
    return text


def test_an_image_that_is_not_there(registry: Registry) -> None:
    assert "manifests/1 answers 404" in refused(f"{registry.image}:1")


def test_an_image_that_not_everybody_may_read(registry: Registry) -> None:
    registry.token, registry.scheme = "secret", "Basic"
    assert "asks for credentials" in refused(f"{registry.image}:1")


def test_a_registry_that_answers_nonsense(registry: Registry) -> None:
    registry.answers["manifests/1"] = b"<html>"
    assert refused(f"{registry.image}:1")


def test_a_registry_that_is_away() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    assert "refused" in refused(f"{host}/x:1").lower()


def test_a_registry_that_did_not_tell_is_left_alone_for_a_while(registry: Registry) -> None:
    now = [0.0]
    registries = Registries(lambda: now[0])
    for _ in range(3):
        with pytest.raises(ConfigurationError, match="answers 404"):
            registries.find(f"{registry.image}:1")
    assert registry.asked == ["manifests/1"], "many trials may wait for it"
    registry.add("1", Entrypoint=["train"])
    now[0] = FAILED_FOR
    assert registries.find(f"{registry.image}:1").command == ("train",)


def test_an_answer_that_is_too_long_is_not_read(registry: Registry) -> None:
    registry.answers["manifests/1"] = b" " * (MOST_BYTES + 1)
    assert f"is longer than {MOST_BYTES} bytes" in refused(f"{registry.image}:1")


def test_an_answer_that_does_not_end_is_not_waited_for(registry: Registry) -> None:
    registry.answers["manifests/1"] = b" " * MOST_BYTES
    ticks = itertools.count(step=registry_module.WHOLE_WITHIN)
    with pytest.raises(ConfigurationError, match="takes more than 15 s"):
        Registries(lambda: next(ticks)).find(f"{registry.image}:1")


def test_not_every_image_is_remembered(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "REMEMBERED", 2)
    registries = Registries()
    for tag in ("1", "2", "3"):
        registry.add(tag, Entrypoint=[tag])
        registries.find(f"{registry.image}:{tag}")
    registry.asked.clear()
    registries.find(f"{registry.image}:3")
    assert registry.asked == []
    registries.find(f"{registry.image}:1")
    assert registry.asked == ["manifests/1", "blobs/sha256:1"]


def test_where_a_registry_leads_on_itself_is_gone_to(registry: Registry) -> None:
    registry.token = "for-all"
    registry.add("1", Entrypoint=["train"])
    registry.answers["blobs/moved"] = registry.answers.pop("blobs/sha256:1")
    registry.answers["blobs/sha256:1"] = "/v2/team/train/blobs/moved"
    assert Registries().find(f"{registry.image}:1") == EntryPoint(("train",))
    assert registry.asked[-2:] == ["blobs/sha256:1", "blobs/moved"]


def test_nothing_else_of_this_network_is_called(registry: Registry) -> None:
    other = Registry()
    registry.answers["manifests/1"] = f"http://{other.host}/secrets"
    assert "another server and not HTTPS" in refused(f"{registry.image}:1")
    assert other.asked == []
    other.server.shutdown()
    other.server.server_close()


def test_an_answer_that_leads_on_and_on(registry: Registry) -> None:
    registry.answers["manifests/1"] = "/v2/team/train/manifests/1"
    assert f"led on more than {registry_module.REDIRECTS} times" in refused(f"{registry.image}:1")


def test_a_token_is_shown_to_nobody_else() -> None:
    given = {"Accept": "all", "Authorization": "Bearer secret"}
    there = "https://elsewhere.example/blob?signed=1"
    led = registry_module._led("https://registry.example/v2/x/blobs/1", there, given)
    assert led == (there, {"Accept": "all"})
