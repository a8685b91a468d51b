from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from databases import execute
from katib.apps.db_manager import DBManagerService, Options
from katib.errors import ConfigurationError, SchemaError, StoreUnavailableError
from katib.observations.sql import SqlObservationLog
from katib.observations.sql.preparing import read_revision
from katib.rpc.serving import Access

URL = "sqlite:////nowhere/observations.db"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_on_the_loopback_everybody_may_call(host: str) -> None:
    DBManagerService(Options(URL, f"{host}:0"))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "", "192.0.2.1"])
def test_off_the_loopback_it_must_be_said_who_may(host: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--token-file .* --insecure"):
        DBManagerService(Options(URL, f"{host}:0"))
    DBManagerService(Options(URL, f"{host}:0", is_open=True))
    DBManagerService(Options(URL, f"{host}:0", access=Access("token")))


def test_an_address_has_a_port() -> None:
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        DBManagerService(Options(URL, "localhost"))


def test_a_database_that_stays_away_is_told_once_and_then_given_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/observations.db"
    service = DBManagerService(Options(url, "127.0.0.1:0", connect_seconds=1.5))
    told: list[str] = []
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        service.run(lambda port: None, told.append)
    assert len(told) == 1
    assert "nowhere" in told[0]


def test_a_database_that_comes_later_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "later"
    url = f"sqlite:///{folder}/observations.db"
    service = DBManagerService(Options(url, "127.0.0.1:0"))
    ports: list[int] = []

    def tell(port: int) -> None:
        ports.append(port)
        service.stop()

    service.run(tell, lambda _: folder.mkdir())
    assert ports[0] > 0
    assert read_revision(url)[1]


def test_who_is_stopped_while_waiting_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/nowhere/observations.db"
    service = DBManagerService(Options(url, "127.0.0.1:0", connect_seconds=3600))
    thread = Thread(target=service.run, args=(lambda _: None, lambda _: service.stop()))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_a_database_is_left_as_it_is_when_that_is_wanted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/observations.db"
    SqlObservationLog(url).close()

    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match="later Katib"):
        DBManagerService(Options(url, "127.0.0.1:0", prepares=False)).run(print, print)
