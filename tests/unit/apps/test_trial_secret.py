from __future__ import annotations

import base64
from typing import Any, cast

import msgspec
import pytest

from katib.api.values import Manifest
from katib.apps.trial_secret import SIZE, read_trial_secret
from katib.errors import ConflictError, KatibError, NotFoundError, StoreAwayError
from katib.kubernetes.client import KubernetesClient

PATH = "/api/v1/namespaces/kubeflow/secrets/katib-webhook-cert"


class Server:
    """An API server with one Secret, which somebody else may write in between."""

    def __init__(self) -> None:
        self.data: Manifest = {"tls.crt": "eA=="}
        self.problem: KatibError | None = None
        self.faster: list[Manifest] = []
        self.puts = 0

    def request(self, method: str, path: str, **more: Any) -> bytes:
        assert path == PATH
        if self.problem is not None:
            raise self.problem
        if method == "GET":
            return msgspec.json.encode({"kind": "Secret", "data": self.data})
        if self.faster:
            self.data = self.faster.pop()
            raise ConflictError("Secret", "katib-webhook-cert", "1", "2")
        self.puts += 1
        self.data = msgspec.json.decode(more["body"])["data"]
        return b"{}"


def read(server: Server) -> bytes:
    return read_trial_secret(cast(KubernetesClient, server), "kubeflow", "katib-webhook-cert")


def test_it_is_made_once_and_kept_beside_the_rest() -> None:
    server = Server()
    made = read(server)
    assert len(made) == SIZE
    assert read(server) == made
    assert server.puts == 1
    assert server.data["tls.crt"] == "eA=="


def test_that_of_an_operator_that_was_faster_is_taken() -> None:
    server = Server()
    theirs = b"x" * SIZE
    server.faster = [{"trials.key": base64.b64encode(theirs).decode()}]
    assert read(server) == theirs


def test_without_a_secret_there_is_one_of_this_process(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.problem = NotFoundError("secrets", "kubeflow", "katib-webhook-cert")
    assert len(read(server)) == SIZE
    assert read(server) != read(server)
    assert "see that the Secret exists" in caplog.text


def test_a_server_that_is_away_is_waited_for_by_who_asks() -> None:
    server = Server()
    server.problem = StoreAwayError(PATH, "connection refused")
    with pytest.raises(StoreAwayError):
        read(server)
