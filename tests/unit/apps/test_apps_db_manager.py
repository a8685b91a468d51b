from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest

from databases import execute
from katib.api.values import Key
from katib.apps.db_manager import DBManagerService, Options
from katib.apps.tokens import write_token
from katib.errors import ConfigurationError, SchemaError, StoreUnavailableError
from katib.observations.remote import RemoteObservationLog
from katib.observations.sql import SqlObservationLog
from katib.observations.sql.preparing import read_revision
from katib.ports.observation_log import MetricEntry
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


SECRET = b"0123456789abcdef" * 2
MINE, THEIRS = Key("team-a", "tune-x1"), Key("team-b", "other-x1")
ENTRY = MetricEntry(datetime(2026, 1, 1, tzinfo=UTC), "loss", "0.5")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a database manager that knows trials by their tokens."""
    url = f"sqlite:///{tmp_path}/observations.db"
    options = Options(url, "127.0.0.1:0", access=Access("operator"), trial_secret=SECRET)
    service, ports = DBManagerService(options), Queue[int]()
    thread = Thread(target=service.run, args=(ports.put, lambda _: None))
    thread.start()
    yield f"127.0.0.1:{ports.get(timeout=60)}"
    service.stop()
    thread.join(60)


@contextmanager
def called(address: str, token: str) -> Iterator[RemoteObservationLog]:
    log = RemoteObservationLog(address, token)
    yield log
    log.close()


def test_a_trial_reports_for_itself_and_the_operator_reads_it(address: str) -> None:
    with called(address, write_token(SECRET, MINE, "uid-1")) as log:
        log.report(MINE, [ENTRY])
        assert log.read(MINE) == [ENTRY]
    with called(address, "operator") as log:
        assert log.read(MINE) == [ENTRY]
        log.report(THEIRS, [ENTRY])
        log.delete(MINE)
        assert log.read(MINE) == []


def test_a_trial_touches_no_other_ones_entries(address: str) -> None:
    with called(address, "operator") as log:
        log.report(THEIRS, [ENTRY])
    with called(address, write_token(SECRET, MINE, "uid-1")) as log:
        for act in (
            lambda: log.report(THEIRS, [ENTRY]),
            lambda: log.read(THEIRS),
            lambda: log.delete(THEIRS),
        ):
            with pytest.raises(StoreUnavailableError, match="PERMISSION_DENIED"):
                act()
        # A namespace that it names is not believed: the token says which trial it is.
        log.report(Key(THEIRS.namespace, MINE.name), [ENTRY])
        assert log.read(MINE) == [ENTRY]
    with called(address, "operator") as log:
        assert log.read(THEIRS) == [ENTRY]
        assert log.read(Key(THEIRS.namespace, MINE.name)) == []


@pytest.mark.parametrize("token", ["", "wrong", write_token(b"other", MINE, "uid-1")])
def test_nobody_else_is_answered(address: str, token: str) -> None:
    with called(address, token) as log:
        for act in (lambda: log.report(MINE, [ENTRY]), lambda: log.read(MINE)):
            with pytest.raises(StoreUnavailableError, match="UNAUTHENTICATED"):
                act()


def test_the_secret_of_trials_goes_with_a_token_for_the_operator() -> None:
    with pytest.raises(ConfigurationError, match="--trial-secret needs --token-file, too"):
        DBManagerService(Options(URL, "127.0.0.1:0", trial_secret=SECRET))
