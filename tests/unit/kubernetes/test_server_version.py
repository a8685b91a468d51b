from __future__ import annotations

from typing import cast

import msgspec
import pytest

from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.server_version import has_native_sidecars


@pytest.mark.parametrize(
    ("major", "minor", "expected"),
    [
        ("1", "20", False),
        ("1", "28+", False),
        ("1", "29", True),
        ("1", "31+", True),
        ("2", "0", True),
        ("", "", False),
    ],
)
def test_which_servers_run_native_sidecars(major: str, minor: str, expected: bool) -> None:
    class Server:
        def request(self, method: str, path: str) -> bytes:
            assert (method, path) == ("GET", "/version")
            return msgspec.json.encode({"major": major, "minor": minor, "gitVersion": "v1"})

    assert has_native_sidecars(cast(KubernetesClient, Server())) is expected
