from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from databases import DatabaseServer
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.observations import OBSERVATION_LOGS
from katib.observations.memory import MemoryObservationLog
from katib.observations.outbox import Outbox
from katib.observations.remote import RemoteObservationLog
from katib.observations.sql import SqliteObservationLog, SqlObservationLog
from katib.observations.sql.preparing import prepare_database
from katib.ports.observation_log import ObservationLog
from katib.rpc.db_manager import serve
from katib.testing.observation_log_contract import ObservationLogContract

pytest_plugins = ("databases",)

FACTORIES: dict[str, Callable[[Path], ObservationLog]] = {
    "memory": lambda _: MemoryObservationLog(),
    "sql": lambda folder: SqlObservationLog(f"sqlite:///{folder}/observations.db"),
    "sqlite": lambda folder: SqliteObservationLog(folder / "observations.db"),
}


class TestObservationLogs(ObservationLogContract):
    @pytest.fixture(params=sorted(OBSERVATION_LOGS))
    def log(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObservationLog]:
        log = FACTORIES[request.param](tmp_path)
        assert isinstance(log, OBSERVATION_LOGS.load(request.param))
        yield log
        log.close()


class TestRemoteObservationLogs(ObservationLogContract):
    """The same through a database manager."""

    @pytest.fixture
    def log(self) -> Iterator[ObservationLog]:
        server = serve(MemoryObservationLog(), lambda name: Key("", name), "127.0.0.1:0")
        log = RemoteObservationLog(f"127.0.0.1:{server.port}")
        yield log
        log.close()
        server.close()


class TestOutbox(ObservationLogContract):
    """The same with an outbox in front."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[ObservationLog]:
        log = Outbox(MemoryObservationLog, str(tmp_path), SystemClock())
        log.start()
        yield log
        log.close()


class TestSharedObservationLogs(ObservationLogContract):
    """The same in the databases of servers."""

    @pytest.fixture(params=["postgres", "mariadb"])
    def log(self, request: pytest.FixtureRequest) -> Iterator[ObservationLog]:
        server: DatabaseServer = request.getfixturevalue(request.param)
        url = server.create()
        prepare_database(url)
        log = SqlObservationLog(url)
        yield log
        log.close()
