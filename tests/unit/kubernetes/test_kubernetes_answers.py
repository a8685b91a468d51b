from __future__ import annotations

import msgspec
import pytest

from katib.errors import (
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    KatibError,
    NotFoundError,
    RequestRefusedError,
    StoreAwayError,
)
from katib.kubernetes.answers import Target, error_of, parse_path

PATH = "/apis/kubeflow.org/v1beta1/namespaces/team/trials/one"


def status(code: int, reason: str, message: str, **details: object) -> bytes:
    return msgspec.json.encode(
        {
            "kind": "Status",
            "status": "Failure",
            "code": code,
            "reason": reason,
            "message": message,
            "details": details,
        }
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PATH, Target("trials", "team", "one")),
        (f"{PATH}/status", Target("trials", "team", "one")),
        ("/api/v1/pods", Target("pods", "", "")),
        ("/api/v1/namespaces/team", Target("namespaces", "", "team")),
        ("/api/v1/namespaces/team/pods", Target("pods", "team", "")),
        ("/api/v1/persistentvolumes/disk", Target("persistentvolumes", "", "disk")),
        ("/apis/a.test/v1", Target("", "", "")),
    ],
)
def test_a_path_names_something(path: str, expected: Target) -> None:
    assert parse_path(path) == expected


@pytest.mark.parametrize(
    ("code", "reason", "type", "words"),
    [
        (404, "NotFound", NotFoundError, 'trials "one" not found in namespace "team"'),
        (409, "AlreadyExists", AlreadyExistsError, 'trials "one" already exists'),
        (409, "Conflict", ConflictError, "the server's words; read it again and repeat"),
        (410, "Expired", ExpiredError, "the server's words"),
        (429, "TooManyRequests", StoreAwayError, "the server's words. It is asked again"),
        (503, "ServiceUnavailable", StoreAwayError, "see that it runs"),
        (403, "Forbidden", RequestRefusedError, "the server's words; grant that to the account"),
        (401, "Unauthorized", RequestRefusedError, "see that the credentials are valid"),
        (500, "InternalError", RequestRefusedError, r"refuses GET .* \(500\): the server's words"),
    ],
)
def test_an_answer_is_an_error_of_ours(
    code: int, reason: str, type: type[KatibError], words: str
) -> None:
    error = error_of(code, status(code, reason, "the server's words"), "GET", PATH)
    assert isinstance(error, type)
    with pytest.raises(type, match=words):
        raise error


def test_a_refusal_names_the_fields() -> None:
    causes = [{"field": "spec.a", "message": "Required value"}, {"message": "and more"}]
    error = error_of(422, status(422, "Invalid", "invalid", causes=causes), "POST", PATH)
    assert isinstance(error, RequestRefusedError)
    assert error.causes == ("spec.a: Required value", "and more")
    assert error.code == 422


def test_what_is_no_status_is_quoted() -> None:
    error = error_of(502, b"<html>bad gateway", "GET", PATH)
    assert "<html>bad gateway" in str(error)
    assert "HTTP 418" in str(error_of(418, b"", "GET", PATH))
