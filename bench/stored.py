"""Whether reading one trial's log depends on how many other entries the database holds.

Fills a database with the entries of many trials, all reporting side by side, so that a trial's
entries lie far from each other as they do in life. Then it reads whole trials, each for the first
time, and computes what a controller does: latest, smallest and largest.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import create_engine, text

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests")]

from databases import MariaDB, Postgres  # noqa: E402  # the path comes first
from katib.api.values import Key  # noqa: E402
from katib.observations.sql import SqlObservationLog  # noqa: E402
from katib.observations.sql.database import Database  # noqa: E402
from katib.observations.sql.preparing import prepare_database  # noqa: E402

#: How many entries a trial has, of how many metrics, and how many trials report at the same time.
ENTRIES, METRICS, ABREAST = 200, 2, 500
#: How many trials are read in each round, and how many rows are inserted at once.
READ, AT_ONCE = 100, 50_000
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def a_database(kind: str, work: str | None) -> Iterator[str]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=work) as folder:
            yield f"sqlite:///{folder}/observations.db"
        return
    with (Postgres if kind == "postgres" else MariaDB)() as server:
        yield server.create()


def rows_of(first: int, count: int) -> list[dict[str, object]]:
    """The rows from a number on, as they come when many trials report side by side."""
    rows = []
    for number in range(first, first + count):
        group, place = divmod(number, ABREAST * ENTRIES)
        step, member = divmod(place, ABREAST)
        rows.append(
            {
                "namespace": "default",
                "trial_name": name_of(group * ABREAST + member),
                "time": (BEGIN + timedelta(seconds=step)).replace(tzinfo=None),
                "metric_name": f"metric-{step % METRICS}",
                "value": repr(1 / (number + 1)),
            }
        )
    return rows


def name_of(trial: int) -> str:
    return f"experiment-{trial // 100:05}-{trial * 2654435761 % 2**32:08x}"


def fill(url: str, first: int, last: int) -> None:
    from katib.observations.sql.schema import INSERT

    database = Database(url, answers_soon=False)
    for start in range(first, last, AT_ONCE):
        rows = rows_of(start, min(AT_ONCE, last - start))
        with database.engine.begin() as connection:
            connection.execute(INSERT, rows)
    database.close()
    # As the server's own housekeeping does in time.
    statement = {"postgresql": "VACUUM ANALYZE", "sqlite": "ANALYZE"}.get(
        url.partition(":")[0].partition("+")[0], "ANALYZE TABLE observation_logs"
    )
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def measure(url: str, total: int) -> tuple[float, float, float]:
    """Milliseconds for all of a trial, for one metric, and for what is computed of that."""
    log = SqlObservationLog(url)
    chosen = random.Random(7).sample(range(total // ENTRIES), min(READ, total // ENTRIES))
    log.read(Key("default", "nobody"))
    whole, single, computed = [], [], []
    for trial in chosen:
        key = Key("default", name_of(trial))
        begun = time.perf_counter()
        found = log.read(key)
        whole.append(time.perf_counter() - begun)
        assert len(found) == ENTRIES
        begun = time.perf_counter()
        entries = log.read(key, "metric-0")
        single.append(time.perf_counter() - begun)
        values = [float(entry.value) for entry in entries]
        assert (values[-1], min(values), max(values)) == (values[-1], values[-1], values[0])
        computed.append(time.perf_counter() - begun)
    log.close()
    medians = (1000 * statistics.median(one) for one in (whole, single, computed))
    return tuple(medians)  # type: ignore[return-value]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--kinds", nargs="+", default=["sqlite", "postgres", "mariadb"])
    parser.add_argument("--work", help="the disk for SQLite")
    options = parser.parse_args(words)
    print(f"| database | rows | {ENTRIES} entries, ms | one metric, ms | latest, min, max, ms |")
    print("|---|---:|---:|---:|---:|")
    for kind in options.kinds:
        with a_database(kind, options.work) as url:
            prepare_database(url)
            before = 0
            for total in options.rows:
                fill(url, before, total)
                before = total
                figures = " | ".join(f"{one:.2f}" for one in measure(url, total))
                print(f"| {kind} | {total:,} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
