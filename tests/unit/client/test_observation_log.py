from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fake_backend import FakeBackend, not_found

from katib.api.values import Key
from katib.client.backend import RefusedError
from katib.client.observation_log import MetricLog, NamedValue, read_entries
from katib.observations.memory import MemoryObservationLog
from katib.ports.observation_log import MetricEntry
from katib.rpc.db_manager import serve

TRIAL = "/apis/kubeflow.org/v1beta1/namespaces/default/trials/one"
LOG = f"{TRIAL}/observationlog"
ENTRY = MetricEntry(datetime(2026, 1, 31, 12, tzinfo=UTC), "loss", "0.50")
READ = MetricLog("2026-01-31T12:00:00Z", NamedValue("loss", "0.50"))


@pytest.fixture(scope="module")
def manager() -> Iterator[str]:
    """The address of a database manager that knows one entry."""
    log = MemoryObservationLog()
    log.report(Key("default", "one"), [ENTRY])
    server = serve(log, lambda name: Key("default", name), "127.0.0.1:0")
    yield f"127.0.0.1:{server.port}"
    server.close()


def test_a_server_that_has_logs_is_asked() -> None:
    entries = [
        {"name": "loss", "value": "nan"},
        {"time": "2026-01-31T12:00:00Z", "name": "loss", "value": "0.50"},
    ]
    found = read_entries(FakeBackend({LOG: {"entries": entries}}), "default", "one", None, 10)
    assert found == [MetricLog("", NamedValue("loss", "nan")), READ]


def test_else_a_clusters_database_manager(manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = manager.partition(":")
    for name, value in (("NAMESPACE", ""), ("IP", host), ("PORT", port)):
        monkeypatch.setenv(f"KATIB_DB_MANAGER_SERVICE_{name}", value)
    backend = FakeBackend({TRIAL: {"kind": "Trial"}, LOG: not_found("one")})
    assert read_entries(backend, "default", "one", None, 10) == [READ]
    assert backend.asked == [f"GET {LOG}", f"GET {TRIAL}"]


def test_or_the_one_that_is_named(manager: str) -> None:
    backend = FakeBackend({})
    assert read_entries(backend, "default", "one", manager, 10) == [READ]
    assert backend.asked == []


def test_a_trial_that_is_not_there_has_none_anywhere() -> None:
    with pytest.raises(RefusedError, match='trials/one" not found'):
        read_entries(FakeBackend({}), "default", "one", None, 10)


def test_other_refusals_are_told() -> None:
    refused = FakeBackend({LOG: RefusedError(403, "Forbidden", "not for you")})
    with pytest.raises(RefusedError, match="not for you"):
        read_entries(refused, "default", "one", None, 10)


def test_a_manager_that_is_away_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"^the database manager at 127\.0\.0\.1:1 says UNAVAIL"):
        read_entries(FakeBackend({}), "default", "one", "127.0.0.1:1", 10)
