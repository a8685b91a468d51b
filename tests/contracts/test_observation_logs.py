from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from katib.observations import OBSERVATION_LOGS
from katib.observations.memory import MemoryObservationLog
from katib.observations.sql import SqlObservationLog
from katib.ports.observation_log import ObservationLog
from katib.testing.observation_log_contract import ObservationLogContract

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
