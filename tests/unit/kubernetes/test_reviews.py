from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from katib.api.values import Manifest
from katib.errors import AdmissionError, FieldError, ManifestError
from katib.kubernetes.reviews import Review, find_patch, read_review

OBJECT: Manifest = {"metadata": {"name": "x"}, "spec": {"a": 1}}


def asked(**request: object) -> bytes:
    return msgspec.json.encode(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {"uid": "u-1", "operation": "CREATE", "namespace": "team-a", **request},
        }
    )


def answered(body: bytes) -> Any:
    answer = msgspec.json.decode(body)
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    return answer["response"]


def a_review() -> Review:
    return read_review(asked(object=OBJECT, oldObject=None, dryRun=False))


def test_a_question_is_read() -> None:
    found = a_review()
    assert (found.operation, found.namespace, found.object) == ("CREATE", "team-a", OBJECT)
    assert found.old is None
    assert read_review(asked(object=OBJECT, oldObject={"a": 1})).old == {"a": 1}


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"\xff", b'{"kind": "AdmissionReview"}', asked(), asked(object=None)],
)
def test_what_is_no_question_is_refused(body: bytes) -> None:
    with pytest.raises(ManifestError, match="the AdmissionReview: "):
        read_review(body)


def test_what_stays_as_it_is_has_no_patch() -> None:
    for changed in (None, OBJECT):
        assert answered(a_review().allow(changed)) == {"uid": "u-1", "allowed": True}


def test_what_changes_is_a_patch() -> None:
    changed = {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"a": 2}}
    answer = answered(a_review().allow(changed, ["mind this"]))
    assert answer["patchType"] == "JSONPatch"
    assert answer["warnings"] == ["mind this"]
    assert msgspec.json.decode(base64.b64decode(answer["patch"])) == [
        {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}},
        {"op": "replace", "path": "/spec", "value": {"a": 2}},
    ]


def test_a_patch_replaces_what_is_there() -> None:
    before = {"metadata": {"labels": {"a": "b"}}}
    after = {"metadata": {"labels": {"a": "c"}}, "spec": {}}
    assert [one["op"] for one in find_patch(before, after)] == ["replace", "add"]


def test_a_refusal_has_everything_that_is_wrong() -> None:
    errors = [FieldError("spec.a", "Invalid value", "must be 2", "1"), FieldError("b", "c", "d")]
    answer = answered(a_review().refuse(AdmissionError('Experiment "x"', errors)))
    assert answer == {
        "uid": "u-1",
        "allowed": False,
        "status": {
            "code": 400,
            "reason": "",
            "message": "[spec.a: Invalid value: 1: must be 2, b: c: d]",
            "details": {
                "causes": [
                    {
                        "field": "spec.a",
                        "message": "Invalid value: 1: must be 2",
                        "reason": "FieldValueInvalid",
                    },
                    {"field": "b", "message": "c: d", "reason": "FieldValueInvalid"},
                ]
            },
        },
    }
