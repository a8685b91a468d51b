"""Reports reach the observation log once and in order, whatever is killed in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import Katib, Manifest, an_experiment, finish, wait_for
from stores import DbManager, sqlite

from databases import Postgres, execute
from katib.api.values import Key
from katib.apps.clock import SystemClock
from katib.observations.outbox import Outbox
from katib.observations.remote import RemoteObservationLog
from katib.observations.sql import SqlObservationLog
from katib.observations.sql.preparing import prepare_database
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


#: Reports as long as the gate is closed: whenever something is killed, reports are under way.
SCRIPT = """
number=0
until test -e ../gate; do
  number=$((number + 1)); echo "loss=$number"; sleep 0.25
done
echo "loss=0"
"""


def an_engines_trials(katib: Katib, url: str, **spec: Any) -> tuple[str, ...]:
    """The words that run an experiment whose observation logs are in a database."""
    controller = {"observations": url.replace("postgresql+psycopg", "postgresql")}
    config = {"apiVersion": "config.kubeflow.org/v1beta1", "kind": "KatibConfig"}
    file = katib.write({**config, "init": {"controller": controller}}, "config.yaml")
    script = SCRIPT.replace("../gate", str(katib.folder / "gate"))
    return ("run", katib.write(an_experiment(script, **spec)), "--config", file)


def test_an_engines_trials_go_on_while_their_database_is_killed(
    katib: Katib, postgres: Postgres
) -> None:
    url = postgres.create()
    prepare_database(url)
    words = an_engines_trials(katib, url, maxTrialCount=10, parallelTrialCount=5)
    running = katib.start(*words)
    wait_for(lambda: len(rows_of(url)) > 5, "reports come")
    postgres.kill()
    wait_for(lambda: "ObservationLogUnavailable" in reasons(*katib.trials("tuned")), "it is shown")
    told = katib("explain", "tuned").out
    assert "the observation log cannot be reached" in told, told
    assert "entries wait in" in told
    # The engine is killed, too, and the next one begins while the database is away.
    running.kill()
    finish(running)
    running = katib.start(*words)
    wait_for(lambda: any((katib.home / "outbox").rglob("*.reports")), "reports wait")
    for _ in range(2):
        postgres.start()
        before = len(rows_of(url))
        wait_for(lambda before=before: len(rows_of(url)) > before, "reports come again")  # type: ignore[misc]
        postgres.kill()
    (katib.folder / "gate").touch()
    wait_for(lambda: bool(ended_programs(katib)), "programs end")
    for name in ended_programs(katib):
        # How it ended is judged only when all that it reported can be read.
        assert "TrialSucceeded" not in reasons(katib.get("trial", name))
    postgres.start()
    answer = finish(running)
    assert answer.code == 0, answer.text
    trials = katib.trials("tuned")
    assert len(trials) == 10
    log = SqlObservationLog(url)
    for trial in trials:
        assert trial["status"]["conditions"][-1]["type"] == "Succeeded"
        key = Key("default", trial["metadata"]["name"])
        printed = printed_by(katib, key.name)
        assert [one.value for one in log.read(key)] == printed
        [metric] = trial["status"]["observation"]["metrics"]
        most = max(printed, key=int)
        assert metric == {"name": "loss", "min": "0", "max": most, "latest": "0"}
    log.close()


def printed_by(katib: Katib, trial: str) -> Sequence[str]:
    """The values that a trial's program has printed."""
    [log] = (katib.home / "trials" / "default" / trial).rglob("*.log")
    return [line.removeprefix("loss=") for line in log.read_text().splitlines()]


def rows_of(url: str) -> Sequence[object]:
    return execute(url, "SELECT value FROM observation_logs")


def reasons(*trials: Manifest) -> set[str]:
    """Those of all conditions."""
    found = (trial.get("status", {}).get("conditions", ()) for trial in trials)
    return {one["reason"] for conditions in found for one in conditions}


def ended_programs(katib: Katib) -> Sequence[str]:
    """The trials whose programs have printed their last line."""
    logs = (katib.home / "trials").rglob("*.log")
    return [log.parent.name for log in logs if "loss=0" in log.read_text()]
