"""``katib operator`` says what is wrong with what it is told, before it does anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from katib.cli.program import build_program
from katib.errors import ConfigurationError


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
