"""``katib operator`` says what is wrong with what it is told, before it does anything."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from katib.apps.operating import Options
from katib.cli.program import build_program
from katib.errors import ConfigurationError
from katib.kubernetes.client import KubernetesClient


def run(*words: str, variables: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(build_program(), ["operator", *words], env=variables or {})


@pytest.mark.parametrize("address", ["db", "db:", ":6789", "db:nine", "db:0", "db:65536"])
def test_the_database_manager_has_a_host_and_a_port(address: str, tmp_path: Path) -> None:
    result = run("--kubeconfig", str(tmp_path / "gone"), "--db-manager", address)
    assert result.exit_code == 2
    assert "write HOST:PORT" in result.output


def test_an_empty_token_is_no_token(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    result = run("--db-manager-token", str(tmp_path / "token"))
    assert isinstance(result.exception, ConfigurationError)
    assert "is empty; it should hold a token" in str(result.exception)


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    result = run("--kubeconfig", str(tmp_path / "gone"))
    assert isinstance(result.exception, ConfigurationError)
    assert "there is no such file" in str(result.exception)


def test_the_packages_that_only_operators_need_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    said = run().exception
    assert isinstance(said, ConfigurationError)
    assert str(said) == (
        "katib operator needs a package that is not installed (kubernetes): "
        "pip install 'katib[cluster]'"
    )


@pytest.mark.parametrize(
    ("words", "variables"),
    [(("--image", "me/katib:1"), {}), ((), {"KATIB_IMAGE": "me/katib:1"})],
    ids=["an option", "a variable"],
)
def test_the_image_of_collectors_may_be_named_by(
    words: tuple[str, ...], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Options] = []

    class Operator:
        def __init__(self, client: object, options: Options) -> None:
            seen.append(options)

        def run(self, tell: object) -> None:
            pass

    monkeypatch.setattr("katib.apps.operating.Operator", Operator)
    monkeypatch.setattr(KubernetesClient, "connect", lambda *_: None)
    assert run(*words, variables=variables).exception is None
    assert [options.image for options in seen] == ["me/katib:1"]
