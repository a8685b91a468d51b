from __future__ import annotations

import base64
import logging
from typing import cast

import msgspec
import pytest

from katib.api.values import Manifest
from katib.apps.trial_secret import NAME, read_trial_secret
from katib.errors import NotFoundError, RequestRefusedError
from katib.kubernetes.client import KubernetesClient


class ApiServer:
    """Has a Secret, unless it refuses everything."""

    def __init__(self, problem: Exception | None = None) -> None:
        metadata = {"name": "katib-webhook-cert", "resourceVersion": "1"}
        self.secret: Manifest = {"metadata": metadata, "data": {"ca.crt": "YQ=="}}
        self.problem = problem

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        if self.problem is not None:
            raise self.problem
        if method == "PUT":
            self.secret = msgspec.json.decode(body)
        return msgspec.json.encode(self.secret)


def read(server: ApiServer) -> bytes:
    return read_trial_secret(cast(KubernetesClient, server), "kubeflow", "katib-webhook-cert")


def test_all_operators_have_the_same_secret() -> None:
    server = ApiServer()
    made = read(server)
    assert len(made) == 32
    assert base64.b64decode(server.secret["data"][NAME]) == made
    assert server.secret["data"]["ca.crt"] == "YQ=="
    assert read(server) == made


@pytest.mark.parametrize(
    "problem",
    [
        NotFoundError("namespaces", "", "kubeflow"),
        RequestRefusedError("GET /api", 403, "secrets is forbidden"),
    ],
    ids=["no namespace", "no right"],
)
def test_an_operator_that_can_keep_none_has_its_own(
    problem: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    server = ApiServer(problem)
    with caplog.at_level(logging.WARNING, "katib"):
        assert read(server) != read(server)
    assert "cannot say that they were stopped early" in caplog.text
