"""Reports reach the observation log once and in order, whatever is killed in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stores import DbManager, sqlite

from databases import Postgres
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.observations.outbox import Outbox
from katib.observations.remote import RemoteObservationLog
from katib.ports.observation_log import NO_TIME, MetricEntry

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]

TRIALS, POINTS, KILLS = 50, 200, 5

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DbManager]:
    made = DbManager(sqlite(tmp_path))
    made.start()
    yield made
    made.kill()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres(is_durable=True) as server:
        yield server


@pytest.fixture
def manager_of_postgres(postgres: Postgres) -> Iterator[DbManager]:
    made = DbManager(postgres.create())
    made.start()
    yield made
    made.kill()


class Load:
    """Fifty trials that report all the time, each through an outbox of its own, as collectors do.

    Args:
        address: of the database manager.
        folder: for the outboxes.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.outboxes = [
            Outbox(
                lambda: RemoteObservationLog(address), str(folder / f"pod-{number}"), SystemClock()
            )
            for number in range(TRIALS)
        ]
        self.points = 0
        self.may_end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Load:
        for outbox in self.outboxes:
            outbox.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.may_end.set()
        self._thread.join()
        for outbox in self.outboxes:
            outbox.close()

    def finish(self) -> None:
        """Report the rest, and wait until all is stored."""
        self.may_end.set()
        self._thread.join()
        for outbox in self.outboxes:
            assert outbox.wait_until_empty(300), outbox.delay(name(0))

    def _run(self) -> None:
        while self.points < POINTS or not self.may_end.is_set():
            for number, outbox in enumerate(self.outboxes):
                outbox.report(name(number), [point(self.points)])
            self.points += 1
            time.sleep(0.02)


def name(number: int) -> Key:
    return Key("", f"trial-{number}")


def point(number: int) -> MetricEntry:
    """Times that are the same, and texts that come again, tell no two points apart."""
    moment = NO_TIME if number % 2 else NOON + timedelta(seconds=number // 10)
    return MetricEntry(moment, "loss", str(number % 7 if number % 3 else number))


def in_order(points: int) -> Sequence[MetricEntry]:
    return sorted(map(point, range(points)), key=lambda one: one.time)


def check(manager: DbManager, load: Load) -> None:
    wanted = in_order(load.points)
    for number in range(TRIALS):
        assert list(manager.read(name(number).name)) == wanted, f"trial {number}"


def kill_again_and_again(load: Load, kill: Callable[[], None], start: Callable[[], None]) -> None:
    """Each time while reports are on their way."""
    for _ in range(KILLS):
        before = load.points
        while load.points < before + 10:
            time.sleep(0.005)
        kill()
        start()


def test_a_database_manager_that_is_killed(manager: DbManager, tmp_path: Path) -> None:
    with Load(manager.address, tmp_path) as load:
        kill_again_and_again(load, manager.kill, manager.start)
        load.finish()
    check(manager, load)


def test_a_database_that_is_killed(
    manager_of_postgres: DbManager, postgres: Postgres, tmp_path: Path
) -> None:
    with Load(manager_of_postgres.address, tmp_path) as load:
        kill_again_and_again(load, postgres.kill, postgres.start)
        load.finish()
    check(manager_of_postgres, load)


def test_both_are_killed(
    manager_of_postgres: DbManager, postgres: Postgres, tmp_path: Path
) -> None:
    manager = manager_of_postgres

    def kill() -> None:
        manager.kill()
        postgres.kill()

    def start() -> None:
        postgres.start()
        manager.start()

    with Load(manager.address, tmp_path) as load:
        kill_again_and_again(load, kill, start)
        load.finish()
    check(manager, load)
