from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from databases import DatabaseServer
from katib.observations import OBSERVATION_LOGS
from katib.observations.memory import MemoryObservationLog
from katib.observations.sql import SqlObservationLog
from katib.ports.observation_log import ObservationLog
from katib.testing.observation_log_contract import ObservationLogContract

pytest_plugins = ("databases",)

FACTORIES: dict[str, Callable[[Path], ObservationLog]] = {
    "memory": lambda _: MemoryObservationLog(),
    "sql": lambda folder: SqlObservationLog(f"sqlite:///{folder}/observations.db"),
}


class TestObservationLogs(ObservationLogContract):
    @pytest.fixture(params=sorted(OBSERVATION_LOGS))
    def log(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObservationLog]:
        log = FACTORIES[request.param](tmp_path)
        assert isinstance(log, OBSERVATION_LOGS.load(request.param))
        yield log
        log.close()


class TestSharedObservationLogs(ObservationLogContract):
    """The same in the databases that several processes share."""

    @pytest.fixture(params=["postgres", "mariadb"])
    def log(self, request: pytest.FixtureRequest) -> Iterator[ObservationLog]:
        server: DatabaseServer = request.getfixturevalue(request.param)
        log = SqlObservationLog(server.create())
        yield log
        log.close()
