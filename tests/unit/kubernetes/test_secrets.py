from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import cast

import msgspec
import pytest

from katib.api.values import Key, Manifest
from katib.errors import (
    AlreadyExistsError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    RequestRefusedError,
)
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.secrets import ATTEMPTS, keep_secret

KEY = Key("kubeflow", "katib-x")
PATH = "/api/v1/namespaces/kubeflow/secrets"


class ApiServer:
    """Keeps one Secret, or none."""

    def __init__(self, data: Mapping[str, bytes] | None = None) -> None:
        self.secret: Manifest | None = None
        self.calls: list[str] = []
        self.rivals, self.is_read_only = 0, False
        if data is not None:
            self.put(data)

    def put(self, data: Mapping[str, bytes]) -> None:
        version = int(self.secret["metadata"]["resourceVersion"]) if self.secret else 0
        encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
        metadata = {"name": KEY.name, "resourceVersion": str(version + 1)}
        self.secret = {"metadata": metadata, "data": encoded}

    @property
    def data(self) -> Mapping[str, bytes]:
        assert self.secret is not None
        return {name: base64.b64decode(text) for name, text in self.secret["data"].items()}

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        self.calls.append(method)
        if method == "GET":
            assert path == f"{PATH}/{KEY.name}"
            if self.secret is None:
                raise NotFoundError("secrets", *KEY)
            return msgspec.json.encode(self.secret)
        self._write(method, path, msgspec.json.decode(body))
        return b"{}"

    def _write(self, method: str, path: str, wanted: Manifest) -> None:
        if self.is_read_only:
            raise RequestRefusedError(f"{method} {path}", 403, "forbidden")
        if self.rivals:
            self.rivals -= 1
            self.put({"rival": b"1"})
        if method == "POST":
            assert path == PATH
            if self.secret is not None:
                raise AlreadyExistsError("Secret", *KEY)
        elif wanted["metadata"] != (self.secret or {}).get("metadata"):
            raise ConflictError("Secret", KEY.name, "1", "2")
        self.put({name: base64.b64decode(text) for name, text in wanted["data"].items()})


def keep(server: ApiServer) -> Mapping[str, bytes]:
    def fill(data: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return data if "mine" in data else {**data, "mine": b"\x00secret"}

    return keep_secret(cast(KubernetesClient, server), KEY, fill)


def test_an_empty_secret_is_filled_once() -> None:
    server = ApiServer({})
    assert keep(server) == server.data == {"mine": b"\x00secret"}
    assert keep(server) == {"mine": b"\x00secret"}
    assert server.calls == ["GET", "PUT", "GET"]


def test_what_others_have_put_there_stays() -> None:
    server = ApiServer({"other": b"1"})
    assert keep(server) == server.data == {"other": b"1", "mine": b"\x00secret"}


def test_a_missing_secret_is_made() -> None:
    server = ApiServer()
    assert keep(server) == server.data == {"mine": b"\x00secret"}
    assert server.calls == ["GET", "POST"]


@pytest.mark.parametrize("data", [None, {}], ids=["missing", "empty"])
def test_somebody_who_was_quicker_is_heeded(data: Mapping[str, bytes] | None) -> None:
    server = ApiServer(data)
    server.rivals = 1
    assert keep(server) == server.data == {"rival": b"1", "mine": b"\x00secret"}


def test_a_secret_that_others_write_again_and_again_is_told() -> None:
    server = ApiServer({})
    server.rivals = ATTEMPTS
    with pytest.raises(ConfigurationError, match="is written by somebody else again and again"):
        keep(server)


def test_a_missing_right_is_told() -> None:
    server = ApiServer({})
    server.is_read_only = True
    with pytest.raises(ConfigurationError) as refused:
        keep(server)
    assert str(refused.value).startswith(
        'the Secret "kubeflow/katib-x" cannot be kept: the API server refuses PUT'
    )
