from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
import yaml

from katib.apps.home import Home
from katib.apps.kubeconfig import (
    make_kubeconfig,
    read_token,
    token_path,
    write_kubeconfig,
)
from katib.errors import StoreUnavailableError

ADDRESS = "https://127.0.0.1:7443"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_token_is_made_once_for_its_owner_only(home: Home) -> None:
    token = read_token(home)
    assert len(token) >= 40
    assert read_token(home) == token
    assert mode(token_path(home)) == 0o600


def test_homes_have_tokens_of_their_own(tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("one", "two")]
    for home in homes:
        home.path.mkdir()
    assert len({read_token(home) for home in homes}) == 2


@pytest.mark.parametrize("left", ["", "\n"], ids=["no byte", "a line end"])
def test_an_empty_token_lets_nobody_in_so_another_is_made(left: str, home: Home) -> None:
    token_path(home).write_text(left)
    assert len(read_token(home)) >= 40


def test_a_token_that_the_user_wrote_is_kept(home: Home) -> None:
    token_path(home).write_text("mine\n")
    assert read_token(home) == "mine"


def test_a_token_that_cannot_be_read_is_told(home: Home) -> None:
    token_path(home).mkdir()
    with pytest.raises(StoreUnavailableError, match="token"):
        read_token(home)


def test_the_context_leads_to_the_server_with_the_token(home: Home) -> None:
    path = write_kubeconfig(home, make_kubeconfig(ADDRESS, "secret", b"PEM"))
    found = yaml.safe_load(path.read_text())
    assert (found["apiVersion"], found["kind"]) == ("v1", "Config")
    (context,) = [one for one in found["contexts"] if one["name"] == found["current-context"]]
    assert context["name"] == "katib"
    assert context["context"]["namespace"] == "default"
    (cluster,) = [one for one in found["clusters"] if one["name"] == context["context"]["cluster"]]
    assert cluster["cluster"]["server"] == ADDRESS
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == b"PEM"
    (user,) = [one for one in found["users"] if one["name"] == context["context"]["user"]]
    assert user["user"] == {"token": "secret"}


def test_without_tls_there_is_nothing_to_trust() -> None:
    made = make_kubeconfig("http://127.0.0.1:7443", "secret")
    assert made["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:7443"}


def test_a_kubeconfig_is_replaced_and_stays_private(home: Home) -> None:
    write_kubeconfig(home, make_kubeconfig(ADDRESS, "one"))
    path = write_kubeconfig(home, make_kubeconfig(ADDRESS, "two"))
    assert "two" in path.read_text()
    assert mode(path) == 0o600
    assert [one.name for one in home.path.iterdir()] == ["kubeconfig"]
