"""Environment variables, and what holds without them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from katib.configuration.environment import Environment, read_environment, read_variable

HELPER: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "A variable that is unset gives the fallback": ({}, "fallback", "fallback"),
    "A variable that is set gives its value": ({"NAME": "value"}, "fallback", "value"),
    "A variable's value goes before an empty fallback": ({"NAME": "value"}, "", "value"),
    "A variable that is set but empty counts as set": ({"NAME": ""}, "fallback", ""),
}


@pytest.mark.parametrize(("variables", "fallback", "expected"), HELPER.values(), ids=HELPER.keys())
def test_a_variable(
    variables: Mapping[str, str],
    fallback: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NAME", raising=False)
    assert read_variable("NAME", fallback, variables) == expected
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_variable("NAME", fallback) == expected


NAMES: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "`KATIB_CORE_NAMESPACE` is `kubeflow` unless set": ({}, "core_namespace", "kubeflow"),
    "`KATIB_SUGGESTION_COMPOSER` is `General` unless set": ({}, "suggestion_composer", "General"),
    "`KATIB_DB_MANAGER_SERVICE_NAMESPACE` is the core namespace unless set": (
        {"KATIB_CORE_NAMESPACE": "core"},
        "db_manager_namespace",
        "core",
    ),
    "`KATIB_DB_MANAGER_SERVICE_IP` is `katib-db-manager` unless set": (
        {},
        "db_manager_host",
        "katib-db-manager",
    ),
    "`KATIB_DB_MANAGER_SERVICE_PORT` is `6789` unless set": ({}, "db_manager_port", "6789"),
    "The database manager is at host, namespace and port": (
        {},
        "db_manager_address",
        "katib-db-manager.kubeflow:6789",
    ),
    "Without a namespace the database manager is at host and port": (
        {
            "KATIB_DB_MANAGER_SERVICE_NAMESPACE": "",
            "KATIB_DB_MANAGER_SERVICE_IP": "10.0.0.1",
            "KATIB_DB_MANAGER_SERVICE_PORT": "7000",
        },
        "db_manager_address",
        "10.0.0.1:7000",
    ),
}


@pytest.mark.parametrize(("variables", "name", "expected"), NAMES.values(), ids=NAMES.keys())
def test_the_environment(variables: Mapping[str, str], name: str, expected: str) -> None:
    assert getattr(read_environment(variables), name) == expected


def test_every_variable_is_read() -> None:
    found = read_environment(
        {
            "KATIB_CORE_NAMESPACE": "a",
            "KATIB_SUGGESTION_COMPOSER": "b",
            "KATIB_DB_MANAGER_SERVICE_NAMESPACE": "c",
            "KATIB_DB_MANAGER_SERVICE_IP": "d",
            "KATIB_DB_MANAGER_SERVICE_PORT": "e",
        }
    )
    assert found == Environment(
        core_namespace="a",
        suggestion_composer="b",
        db_manager_namespace="c",
        db_manager_host="d",
        db_manager_port="e",
    )
