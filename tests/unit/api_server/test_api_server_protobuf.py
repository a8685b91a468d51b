from __future__ import annotations

import pytest

from katib.api.values import Manifest
from katib.api_server.protobuf import MEDIA_TYPE, read_protobuf
from served_home import CONFIG_MAPS_PATH, Home, a_config_map_manifest


def number(field: int, value: int) -> bytes:
    """A field that is a number."""
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes | str) -> bytes:
    """A field that is a text or a message."""
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """A number of any length."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def entry(field: int, name: str, value: str) -> bytes:
    """An entry of a map."""
    return part(field, part(1, name) + part(2, value))


def body(kind: str, raw: bytes, api_version: str = "v1") -> bytes:
    """An object as client-go sends it."""
    head = part(1, api_version) + part(2, kind)
    return b"k8s\x00" + part(1, head) + part(2, raw) + part(3, "") + part(4, "")


METADATA = part(1, "one") + part(2, "") + number(7, 0) + part(8, b"")
LONG = "x" * 300


@pytest.mark.parametrize(
    ("data", "expected"),
    {
        "a config map": (
            body("ConfigMap", part(1, METADATA) + entry(2, "a", "b") + entry(2, "long", LONG)),
            {"kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b", "long": LONG}},
        ),
        "a secret": (
            body("Secret", part(1, METADATA) + entry(2, "a", "b") + part(3, "Opaque")),
            {
                "kind": "Secret",
                "metadata": {"name": "one"},
                "data": {"a": "Yg=="},
                "type": "Opaque",
            },
        ),
        "a namespace": (
            body("Namespace", part(1, METADATA) + part(2, part(1, "kubernetes")) + part(3, b"")),
            {
                "kind": "Namespace",
                "metadata": {"name": "one"},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {},
            },
        ),
        "how to delete": (
            body("DeleteOptions", number(1, 0) + part(2, part(1, "uid")) + part(5, "All")),
            {"kind": "DeleteOptions", "preconditions": {"uid": "uid"}, "dryRun": ["All"]},
        ),
        "a time": (
            body("ConfigMap", part(1, part(1, "one") + part(8, number(1, 1_767_225_600)))),
            {
                "kind": "ConfigMap",
                "metadata": {"name": "one", "creationTimestamp": "2026-01-01T00:00:00Z"},
            },
        ),
    }.values(),
)
def test_an_object_is_read_as_if_it_were_json(data: bytes, expected: Manifest) -> None:
    read = read_protobuf(data)
    assert read == {"apiVersion": "v1", **expected}


def test_kubectl_creates_a_config_map_and_asks_what_it_may_do() -> None:
    home = Home()
    data = body("ConfigMap", part(1, part(1, "one")) + entry(2, "a", "b"))
    created = home.json(
        "POST",
        CONFIG_MAPS_PATH,
        data,
        content_type=MEDIA_TYPE,
        accept=f"{MEDIA_TYPE},application/json",
    )
    assert created["data"] == {"a": "b"}
    asked = part(2, "get") + part(5, "pods")
    spec = part(2, part(1, asked))
    review = body("SelfSubjectAccessReview", spec, "authorization.k8s.io/v1")
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = home.json("POST", path, review, content_type=MEDIA_TYPE)
    assert answer["status"] == {"allowed": True}


@pytest.mark.parametrize(
    ("data", "code", "problem"),
    {
        "another kind": (body("Job", b""), 415, "Job is read from application/json only"),
        "no magic": (b"{}", 400, "does not begin"),
        "cut off": (body("ConfigMap", part(1, METADATA))[:-9], 400, "ends within"),
        "an endless number": (b"k8s\x00" + b"\xff" * 12, 400, "longer than 64 bits"),
        "a field that is not known": (
            body("ConfigMap", part(99, "x")),
            400,
            "field 99 of ConfigMap is read from JSON only",
        ),
        "a text that is none": (body("ConfigMap", part(1, part(1, b"\xff"))), 400, "decode"),
        "a number for a message": (body("ConfigMap", number(1, 7)), 400, "a number stands"),
    }.values(),
)
def test_what_cannot_be_read_is_refused(data: bytes, code: int, problem: str) -> None:
    response = Home().ask("POST", CONFIG_MAPS_PATH, data, content_type=MEDIA_TYPE)
    assert response.status_code == code
    assert problem in response.json()["message"]


def test_what_is_empty_in_metadata_is_left_out() -> None:
    manifest = a_config_map_manifest()
    manifest["metadata"] |= {"annotations": {}, "labels": None, "finalizers": []}
    created = Home().json("POST", CONFIG_MAPS_PATH, manifest)
    assert {"annotations", "labels", "finalizers"}.isdisjoint(created["metadata"])
