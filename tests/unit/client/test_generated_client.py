from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

import katib
from katib.client.cluster import configured_access


@dataclass
class Answer:
    """What clients give for an answer."""

    data: str
    status: int = 409
    reason: str = "Conflict"
    headers: dict[str, str] = field(default_factory=lambda: {"a": "b"})

    def getheaders(self) -> dict[str, str]:
        return self.headers


TRIAL = {"kind": "Trial", "metadata": {"name": "one"}}


def test_models_are_made_plain_and_read() -> None:
    client = katib.ApiClient()
    trial = client.deserialize(Answer(json.dumps(TRIAL)), "V1beta1Trial")
    assert trial == client.deserialize(Answer(json.dumps(TRIAL)), katib.V1beta1Trial)
    assert [trial] == client.deserialize(Answer(json.dumps([TRIAL])), "list[V1beta1Trial]")
    assert client.sanitize_for_serialization([trial]) == [TRIAL]
    with pytest.raises(ValueError, match="'V1Nothing'"):
        client.deserialize(Answer("{}"), "V1Nothing")


def test_a_configuration_shows_who_asks() -> None:
    def header(**given: object) -> str | None:
        configuration = katib.Configuration(**given)  # type: ignore[arg-type]  # as they come
        return configuration.auth_settings()["authorization"]["value"]

    assert header() is None
    assert header(api_key={"authorization": "Bearer x"}) == "Bearer x"
    prefixed = {"api_key_prefix": {"authorization": "Bearer"}}
    assert header(api_key={"authorization": "x"}, **prefixed) == "Bearer x"
    assert header(username="me", password="secret") == "Basic bWU6c2VjcmV0"


def test_a_configuration_names_a_server() -> None:
    configuration = katib.Configuration("http://10.0.0.1:8080", {"authorization": "Bearer x"})
    access = configured_access(configuration)
    assert access.address == "http://10.0.0.1:8080"
    assert access.headers() == {"Authorization": "Bearer x"}


def test_errors_carry_what_clients_put_in_them() -> None:
    error = katib.ApiException(http_resp=Answer("gone"))
    assert (error.status, error.reason, error.body) == (409, "Conflict", "gone")
    assert str(error) == (
        "(409)\nReason: Conflict\nHTTP response headers: {'a': 'b'}\nHTTP response body: gone\n"
    )
    assert str(katib.ApiException(404, "Not Found")) == "(404)\nReason: Not Found\n"
    assert str(katib.ApiValueError("bad", ["spec", 0])) == "bad at ['spec'][0]"
    assert str(katib.ApiTypeError("bad")) == "bad"
    assert isinstance(katib.ApiKeyError("x", ["a"]), KeyError)
    assert issubclass(katib.ApiTypeError, katib.OpenApiException)
