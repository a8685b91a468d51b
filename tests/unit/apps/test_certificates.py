from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from katib.apps.certificates import RENEWED_BEFORE, Certificates, prepare_certificates
from katib.errors import StoreUnavailableError

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


def verify(found: Certificates, authority: bytes, name: str, now: datetime = NOW) -> None:
    """As a client that trusts this authority does."""
    trusted = Store(x509.load_pem_x509_certificates(authority))
    certificate = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    subject = x509.DNSName(name)
    PolicyBuilder().store(trusted).time(now).build_server_verifier(subject).verify(certificate, [])


def test_the_authority_vouches_for_the_servers_names(tmp_path: Path) -> None:
    found = prepare_certificates(tmp_path / "tls", NAMES, NOW)
    verify(found, found.authority, "localhost")
    certificate = x509.load_pem_x509_certificate(found.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1"}


REFUSED = {
    "another name": ("example.com", NOW),
    "after its time": ("localhost", NOW + timedelta(days=400)),
    "long before its time": ("localhost", NOW - timedelta(days=1)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_client_refuses(case: str, tmp_path: Path) -> None:
    name, now = REFUSED[case]
    found = prepare_certificates(tmp_path, NAMES, NOW)
    with pytest.raises(VerificationError):
        verify(found, found.authority, name, now)


def test_a_client_of_another_home_refuses(tmp_path: Path) -> None:
    found = prepare_certificates(tmp_path / "one", NAMES, NOW)
    other = prepare_certificates(tmp_path / "two", NAMES, NOW)
    with pytest.raises(VerificationError):
        verify(found, other.authority, "localhost")


def test_clients_go_on_trusting_after_a_restart(tmp_path: Path) -> None:
    first = prepare_certificates(tmp_path, NAMES, NOW)
    before = first.certificate.read_bytes()
    second = prepare_certificates(tmp_path, ("elsewhere",), NOW + timedelta(days=30))
    assert second.authority == first.authority
    assert second.certificate.read_bytes() != before
    verify(second, first.authority, "elsewhere", NOW + timedelta(days=30))


def test_an_authority_that_soon_ends_is_replaced(tmp_path: Path) -> None:
    first = prepare_certificates(tmp_path, NAMES, NOW)
    later = NOW + timedelta(days=3650 - RENEWED_BEFORE + 1)
    second = prepare_certificates(tmp_path, NAMES, later)
    assert second.authority != first.authority
    verify(second, second.authority, "localhost", later)


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    found = prepare_certificates(tmp_path / "tls", NAMES, NOW)
    for path in (found.key, tmp_path / "tls" / "ca.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pair_that_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    prepare_certificates(tmp_path / "other", NAMES, NOW)
    first = prepare_certificates(tmp_path, NAMES, NOW)
    (tmp_path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    second = prepare_certificates(tmp_path, NAMES, NOW)
    assert second.authority != first.authority
    verify(second, second.authority, "localhost")


def test_damaged_files_are_told_with_the_way_out(tmp_path: Path) -> None:
    prepare_certificates(tmp_path, NAMES, NOW)
    (tmp_path / "ca.crt").write_text("nothing of the kind")
    with pytest.raises(StoreUnavailableError, match=r"remove ca\.crt and ca\.key there"):
        prepare_certificates(tmp_path, NAMES, NOW)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "tls").touch()
    with pytest.raises(StoreUnavailableError, match="File exists"):
        prepare_certificates(tmp_path / "tls", NAMES, NOW)
