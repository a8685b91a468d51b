"""The certificate of the operator's webhooks, which renews itself.

It is kept in a Secret, with the authority that vouches for it, so that all replicas of the operator
show the same; and the API server is told of the authority in the configurations of the webhooks.
Where something else in the cluster makes certificates, it is read from mounted files instead.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from katib.api.values import Key, Manifest
from katib.apps.certificates import Authority, Pem, make_authority, read_authority, sign
from katib.configuration.defaults import WEBHOOK_SECRET, WEBHOOK_SERVICE
from katib.errors import ConfigurationError, NotFoundError
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.secrets import keep_secret
from katib.ports.clock import Clock

#: The name of both configurations, and their paths.
CONFIGURATION = "katib.kubeflow.org"
_ROOT = "/apis/admissionregistration.k8s.io/v1"
PATHS = tuple(
    f"{_ROOT}/{kind}webhookconfigurations/{CONFIGURATION}" for kind in ("validating", "mutating")
)

#: How long before its end a certificate is replaced.
RENEWED_BEFORE = timedelta(days=30)

AUTHORITY, AUTHORITY_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"


class CertificateSource(Protocol):
    """Gives the certificate that holds now."""

    def ensure(self) -> Pem:
        """The certificate, made or renewed if that is due. To be called again now and then.

        Raises:
            ConfigurationError: it can neither be found nor be made.
            StoreAwayError: the API server cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where the certificate is kept, and for whom it is.

    Attributes:
        namespace: of the operator, its Service and the Secret.
        secret: the Secret's name.
        service: the Service's name.
        names: further names by which the API server calls the webhooks.
    """

    namespace: str
    secret: str = WEBHOOK_SECRET
    service: str = WEBHOOK_SERVICE
    names: Sequence[str] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """All names that the certificate is for."""
        address = f"{self.service}.{self.namespace}.svc"
        return frozenset((address, f"{address}.cluster.local", *self.names))


class RotatingCertificates:
    """Makes certificates, keeps them in a Secret and tells the API server of their authority.

    Args:
        client: of the cluster.
        place: where and for whom.
        clock: for their ends.
    """

    def __init__(self, client: KubernetesClient, place: Place, clock: Clock) -> None:
        self._client, self._place, self._clock = client, place, clock

    def ensure(self) -> Pem:
        place, now = self._place, self._clock.now()
        key = Key(place.namespace, place.secret)
        data = keep_secret(self._client, key, lambda data: renew(data, place.hosts, now))
        for path in PATHS:
            self._introduce(path, data[AUTHORITY])
        return Pem(data[CERTIFICATE], data[KEY])

    def _introduce(self, path: str, authority: bytes) -> None:
        try:
            found: Manifest = msgspec.json.decode(self._client.request("GET", path))
        except NotFoundError:
            # The operator works without webhooks, too.
            return
        bundle = base64.b64encode(authority).decode()
        patch: list[Manifest] = []
        for index, webhook in enumerate(found.get("webhooks") or ()):
            if (webhook.get("clientConfig") or {}).get("caBundle") != bundle:
                place = f"/webhooks/{index}"
                patch += [
                    {"op": "test", "path": f"{place}/name", "value": webhook.get("name")},
                    {"op": "add", "path": f"{place}/clientConfig/caBundle", "value": bundle},
                ]
        if patch:
            self._client.request(
                "PATCH",
                path,
                body=msgspec.json.encode(patch),
                content_type="application/json-patch+json",
            )


class MountedCertificates:
    """Reads a certificate that something else makes and renews.

    Args:
        folder: where its files are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ensure(self) -> Pem:
        try:
            return Pem(*((self._folder / name).read_bytes() for name in (CERTIFICATE, KEY)))
        except OSError as error:
            raise ConfigurationError(
                f"the webhooks have no certificate: {error}; mount the Secret there, or set "
                "init.certGenerator.enable: true in Katib's configuration"
            ) from error


def renew(data: Mapping[str, bytes], names: frozenset[str], now: datetime) -> Mapping[str, bytes]:
    """What a Secret is to hold: what it holds, where that is good for a while.

    An authority that is followed by another one stays beside it, as what it vouched for may still
    be shown by an operator that has not looked yet.
    """
    authority, bundle = _authority(data, now)
    is_same = authority is not None and bundle == data.get(AUTHORITY)
    if authority is None:
        authority = make_authority(now)
        bundle = authority.pem.certificate + bundle
    if is_same and _is_good(data, authority, names, now):
        return data
    certificate, key = sign(authority, names, now)
    return {
        **data,
        AUTHORITY: bundle,
        AUTHORITY_KEY: authority.pem.key,
        CERTIFICATE: certificate,
        KEY: key,
    }


def _authority(data: Mapping[str, bytes], now: datetime) -> tuple[Authority | None, bytes]:
    """The authority, if it is good; and what the API server is to trust besides a new one."""
    try:
        found = read_authority(Pem(data[AUTHORITY], data[AUTHORITY_KEY]))
    except (KeyError, ValueError, TypeError):
        return None, b""
    if found is None:
        return None, b""
    if found.is_good(now):
        return found, data[AUTHORITY]
    return None, found.pem.certificate if found.certificate.not_valid_after_utc > now else b""


def _is_good(
    data: Mapping[str, bytes], authority: Authority, names: frozenset[str], now: datetime
) -> bool:
    try:
        found = x509.load_pem_x509_certificate(data[CERTIFICATE])
        has_key = load_pem_private_key(data[KEY], None).public_key() == found.public_key()
        named = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found.verify_directly_issued_by(authority.certificate)
    except Exception:  # whatever is wrong with it, it is made anew
        return False
    held = {str(one.value) for one in named}
    is_lasting = found.not_valid_after_utc - RENEWED_BEFORE > now
    return has_key and is_lasting and names <= held
