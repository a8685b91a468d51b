from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography import x509

from katib.api.values import Manifest
from katib.apps.webhook_certificates import (
    AUTHORITY,
    CERTIFICATE,
    PATHS,
    MountedCertificates,
    Place,
    RotatingCertificates,
    renew,
)
from katib.errors import ConfigurationError, ConflictError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.testing.clocks import FakeClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOSTS = Place("kubeflow").hosts
SECRET = "/api/v1/namespaces/kubeflow/secrets/katib-webhook-cert"


def days(count: int) -> datetime:
    return NOW + timedelta(days=count)


def certificate(data: Any, name: str = CERTIFICATE) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data[name])


def test_a_certificate_is_for_the_service_and_its_authority_vouches_for_it() -> None:
    data = renew({}, HOSTS, NOW)
    found = certificate(data)
    found.verify_directly_issued_by(certificate(data, AUTHORITY))
    named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one.value) for one in named} == {
        "katib-controller.kubeflow.svc",
        "katib-controller.kubeflow.svc.cluster.local",
    }


def test_what_is_good_is_kept() -> None:
    data = renew({"other": b"kept"}, HOSTS, NOW)
    assert data["other"] == b"kept"
    assert renew(data, HOSTS, days(300)) is data


@pytest.mark.parametrize("broken", ["tls.crt", "tls.key", "ca.crt", "ca.key"])
@pytest.mark.parametrize("with_", [None, b"", b"nonsense"])
def test_what_is_broken_is_made_anew(broken: str, with_: bytes | None) -> None:
    data = dict(renew({}, HOSTS, NOW))
    data.pop(broken)
    if with_ is not None:
        data[broken] = with_
    fresh = renew(data, HOSTS, NOW)
    certificate(fresh).verify_directly_issued_by(certificate(fresh, AUTHORITY))
    assert fresh["tls.key"].startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_certificate_is_renewed_before_its_end_and_its_authority_stays() -> None:
    data = renew({}, HOSTS, NOW)
    fresh = renew(data, HOSTS, days(340))
    assert fresh[AUTHORITY] == data[AUTHORITY]
    assert certificate(fresh).not_valid_after_utc > days(700)


def test_a_certificate_is_renewed_for_another_name() -> None:
    data = renew({}, HOSTS, NOW)
    fresh = renew(data, HOSTS | {"127.0.0.1"}, NOW)
    assert certificate(fresh) != certificate(data)
    assert fresh[AUTHORITY] == data[AUTHORITY]


def test_an_authority_that_goes_is_trusted_beside_the_new_one() -> None:
    data = renew({}, HOSTS, NOW)
    later = days(3400)
    fresh = renew(data, HOSTS, later)
    first, second = x509.load_pem_x509_certificates(fresh[AUTHORITY])
    assert second == certificate(data, AUTHORITY)
    certificate(fresh).verify_directly_issued_by(first)
    assert renew(fresh, HOSTS, later + timedelta(days=1)) is fresh
    ended = renew(fresh, HOSTS, later + timedelta(days=3400))
    # The first of all has ended by then.
    assert x509.load_pem_x509_certificates(ended[AUTHORITY])[1:] == [first]


class ApiServer:
    """Keeps a Secret and the webhooks' configurations, as an API server does."""

    def __init__(self) -> None:
        self.data: dict[str, str] = {}
        self.version = 1
        self.bundles: dict[str, list[str | None]] = {path: [None, "old"] for path in PATHS}
        self.calls: list[str] = []

    def request(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> bytes:
        self.calls.append(method)
        if path == SECRET:
            return self._secret(method, body)
        if path not in self.bundles:
            raise NotFoundError("webhookconfigurations", "", path)
        if method == "PATCH":
            assert content_type == "application/json-patch+json"
            for change in msgspec.json.decode(body):
                _, _, index, *rest = change["path"].split("/")
                if change["op"] == "test":
                    assert change["value"] == f"w{index}"
                else:
                    assert rest == ["clientConfig", "caBundle"]
                    self.bundles[path][int(index)] = change["value"]
        webhooks = [
            {"name": f"w{index}", "clientConfig": {"caBundle": one} if one else {}}
            for index, one in enumerate(self.bundles[path])
        ]
        return msgspec.json.encode({"webhooks": webhooks})

    def _secret(self, method: str, body: bytes) -> bytes:
        if method == "PUT":
            wanted: Manifest = msgspec.json.decode(body)
            if wanted["metadata"]["resourceVersion"] != str(self.version):
                raise ConflictError("Secret", "katib-webhook-cert", "1", "2")
            self.data, self.version = wanted["data"], self.version + 1
        secret = {"metadata": {"resourceVersion": str(self.version)}, "data": self.data or None}
        return msgspec.json.encode(secret)


def rotating(server: ApiServer) -> RotatingCertificates:
    return RotatingCertificates(cast(KubernetesClient, server), Place("kubeflow"), FakeClock(NOW))


def test_the_api_server_is_told_of_the_authority() -> None:
    server = ApiServer()
    pem = rotating(server).ensure()
    kept = {name: base64.b64decode(text) for name, text in server.data.items()}
    assert pem == (kept["tls.crt"], kept["tls.key"])
    bundle = server.data["ca.crt"]
    assert server.bundles == {path: [bundle, bundle] for path in PATHS}
    assert rotating(server).ensure() == pem
    assert server.calls[-3:] == ["GET", "GET", "GET"]


def test_without_webhooks_there_is_nothing_to_tell() -> None:
    server = ApiServer()
    server.bundles.clear()
    assert rotating(server).ensure().certificate


def test_mounted_files_are_read_anew(tmp_path: Path) -> None:
    mounted = MountedCertificates(tmp_path)
    with pytest.raises(ConfigurationError, match=r"init\.certGenerator\.enable: true"):
        mounted.ensure()
    (tmp_path / "tls.crt").write_bytes(b"a")
    (tmp_path / "tls.key").write_bytes(b"b")
    assert mounted.ensure() == (b"a", b"b")
    (tmp_path / "tls.crt").write_bytes(b"c")
    assert mounted.ensure() == (b"c", b"b")
