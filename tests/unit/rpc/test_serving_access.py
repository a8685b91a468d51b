from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from katib.api.values import Key
from katib.errors import ConfigurationError
from katib.observations.memory import MemoryObservationLog
from katib.rpc.db_manager import serve
from katib.rpc.generated import api_pb2 as pb
from katib.rpc.generated.api_pb2_grpc import DBManagerStub
from katib.rpc.serving import Access, Server

TOKEN = "a token"
QUESTION = pb.GetObservationLogRequest(trial_name="x")


def a_server(access: Access) -> Server:
    return serve(MemoryObservationLog(), lambda name: Key("", name), "127.0.0.1:0", access=access)


@pytest.fixture
def guarded() -> Iterator[grpc.Channel]:
    server = a_server(Access(TOKEN))
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield channel
    server.close()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_who_carries_the_token_is_answered(scheme: str, guarded: grpc.Channel) -> None:
    metadata = (("authorization", f"{scheme} {TOKEN}"),)
    reply = DBManagerStub(guarded).GetObservationLog(QUESTION, metadata=metadata)
    assert list(reply.observation_log.metric_logs) == []


WRONG: dict[str, tuple[tuple[str, str | bytes], ...]] = {
    "none": (),
    "another": (("authorization", "Bearer another"),),
    "a part of it": (("authorization", f"Bearer {TOKEN[:-1]}"),),
    "no scheme": (("authorization", TOKEN),),
    "another scheme": (("authorization", f"Basic {TOKEN}"),),
    "other metadata": (("token", f"Bearer {TOKEN}"),),
}


@pytest.mark.parametrize("case", WRONG)
def test_who_does_not_is_refused(case: str, guarded: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        DBManagerStub(guarded).GetObservationLog(QUESTION, metadata=WRONG[case])
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "authorization: Bearer" in str(caught.value.details())


def test_nor_is_it_described_to_those_without_a_token(guarded: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ProtoReflectionDescriptorDatabase(guarded).get_services()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_the_health_is_told_to_everybody(guarded: grpc.Channel) -> None:
    check = guarded.unary_unary(
        "/grpc.health.v1.Health/Check",
        health_pb2.HealthCheckRequest.SerializeToString,
        health_pb2.HealthCheckResponse.FromString,
    )
    assert check(health_pb2.HealthCheckRequest()).status == 1


def test_a_certificate_makes_it_tls() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    server = a_server(Access(key=private, certificate=pem))
    credentials = grpc.ssl_channel_credentials(pem)
    with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
        reply = DBManagerStub(channel).GetObservationLog(QUESTION, timeout=60)
    assert list(reply.observation_log.metric_logs) == []
    server.close()


def test_a_key_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="certificate and the key do not fit"):
        a_server(Access(key=b"no key", certificate=b"no certificate"))
