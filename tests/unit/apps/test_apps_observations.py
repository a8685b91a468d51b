from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from databases import Postgres
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.apps.home import Home
from katib.apps.observations import open_observations
from katib.configuration import KatibConfig
from katib.errors import SchemaError
from katib.observations.outbox import Outbox
from katib.observations.sql import SqliteObservationLog, SqlObservationLog
from katib.observations.sql.preparing import prepare_database
from katib.ports.observation_log import ObservationLog
from katib.testing.observation_log_contract import TRIAL, entry, values

pytest_plugins = ("databases",)


class Stage:
    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.heard: list[Key] = []

    def open(self, url: str) -> ObservationLog:
        config = KatibConfig()
        controller = replace(config.init.controller, observations=url)
        config = replace(config, init=replace(config.init, controller=controller))
        return open_observations(self.home, config, SystemClock(), self.heard.append)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_file_needs_no_outbox(stage: Stage, tmp_path: Path) -> None:
    for url, kind in (
        ("", SqliteObservationLog),
        (f"sqlite:///{tmp_path}/o.db", SqlObservationLog),
    ):
        log = stage.open(url)
        assert isinstance(log, kind)
        log.close()


def test_a_database_that_is_not_of_this_version_is_told_at_once(
    stage: Stage, postgres: Postgres
) -> None:
    with pytest.raises(SchemaError, match="katib db upgrade"):
        stage.open(postgres.create())


def test_an_engine_begins_while_its_database_is_away(stage: Stage) -> None:
    with Postgres() as server:
        url = server.create()
        prepare_database(url)
        server.kill()
        log = stage.open(url)
        assert isinstance(log, Outbox)
        log.report(TRIAL, [entry("1")])
        log.flush()
        assert "1 entries wait in" in log.delay(TRIAL)
        assert "s3cret" not in log.delay(TRIAL)
        assert list(stage.home.outbox.rglob("*.reports"))
        server.start()
        deadline = time.monotonic() + 60
        while log.delay(TRIAL):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert values(log) == ["1"]
        assert stage.heard == [TRIAL, TRIAL]
        log.close()
