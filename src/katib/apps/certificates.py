"""The certificates of a home's server: an authority of the home's own, and what it vouches for.

The authority is made once, so that clients which were told of it go on trusting the server; the
server's certificate is made anew at each start, for the names that it has then.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from katib.apps.server_record import write_private
from katib.errors import StoreUnavailableError

#: How long the authority is good for, and the server's certificate; Apple's clients take no server
#: certificate that is good for more than 825 days.
AUTHORITY_DAYS, SERVER_DAYS = 3650, 365

#: An authority that ends sooner is replaced, in days.
RENEWED_BEFORE = SERVER_DAYS + 1

#: Clocks of clients may be late by so much.
_LATENESS = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where a server's certificates are.

    Attributes:
        authority: what clients must trust, as PEM.
        certificate: the file of the server's certificate.
        key: the file of its private key.
    """

    authority: bytes
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Who vouches for a server."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> Pem:
        """As it is kept."""
        return Pem(self.certificate.public_bytes(Encoding.PEM), _pem(self.key))

    def is_good(self, now: datetime) -> bool:
        """Whether what it signs now is trusted until that ends itself."""
        return self.certificate.not_valid_after_utc > now + timedelta(days=RENEWED_BEFORE)


class Pem(NamedTuple):
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


def prepare_certificates(folder: Path, names: Iterable[str], now: datetime) -> Certificates:
    """A certificate for a server of these names.

    Args:
        folder: where the files are, and the authority of an earlier start.
        names: host names and IP addresses by which clients call the server.
        now: the present time.

    Raises:
        StoreUnavailableError: the disk refuses, or another program's files are in the way.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailableError(folder, error.strerror or str(error)) from error
    authority = _authority(folder, now)
    certificate, key = sign(authority, names, now)
    found = Certificates(
        authority.certificate.public_bytes(Encoding.PEM),
        folder / "server.crt",
        folder / "server.key",
    )
    write_private(found.certificate, certificate)
    write_private(found.key, key)
    return found


def sign(authority: Authority, names: Iterable[str], now: datetime) -> Pem:
    """A new certificate, for a server of these names, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _server_certificate(authority, key.public_key(), names, now)
    return Pem(certificate.public_bytes(Encoding.PEM), _pem(key))


def read_authority(pem: Pem) -> Authority | None:
    """The authority that was kept; ``None`` when the two do not fit.

    Raises:
        ValueError: they are no certificate and no key.
    """
    certificate = x509.load_pem_x509_certificate(pem.certificate)
    key = load_pem_private_key(pem.key, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    return Authority(certificate, key) if certificate.public_key() == key.public_key() else None


def _authority(folder: Path, now: datetime) -> Authority:
    certificate_path, key_path = folder / "ca.crt", folder / "ca.key"
    try:
        # An engine that died between the two files has left a pair that does not fit.
        found = read_authority(Pem(certificate_path.read_bytes(), key_path.read_bytes()))
    except FileNotFoundError:
        found = None
    except (OSError, ValueError, TypeError) as error:
        problem = f"{error}; remove ca.crt and ca.key there, and new ones are made"
        raise StoreUnavailableError(folder, problem) from error
    if found is not None and found.is_good(now):
        return found
    fresh = make_authority(now)
    write_private(key_path, fresh.pem.key)
    write_private(certificate_path, fresh.pem.certificate)
    return fresh


def make_authority(now: datetime) -> Authority:
    """A new one, good from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("katib-ca")
    builder = (
        _builder(name, key.public_key(), now, AUTHORITY_DAYS)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
    )
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _server_certificate(
    authority: Authority, key: ec.EllipticCurvePublicKey, names: Iterable[str], now: datetime
) -> x509.Certificate:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    alternatives = x509.SubjectAlternativeName([_general(name) for name in sorted(set(names))])
    builder = (
        _builder(_name("katib"), key, now, SERVER_DAYS)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_others=False), critical=True)
        .add_extension(usage, critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(alternatives, critical=False)
    )
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LATENESS)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "katib"),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
