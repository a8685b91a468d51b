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
from pathlib import Path

from sqlalchemy import create_engine, text

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests")]

from databases import MariaDB, Postgres  # noqa: E402  # the path comes first
from katib.api.values import Key  # noqa: E402
from katib.observations.sql import SqlObservationLog  # noqa: E402
from katib.observations.sql.preparing import prepare_database  # noqa: E402

#: How many entries a trial has, of how many metrics, and how many trials report at the same time.
ENTRIES, METRICS, ABREAST = 200, 2, 50
#: How many trials are read in each round.
READ = 100


@contextmanager
def a_database(kind: str, work: str | None) -> Iterator[str]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory(dir=work) as folder:
            yield f"sqlite:///{folder}/observations.db"
        return
    with (Postgres if kind == "postgres" else MariaDB)() as server:
        yield server.create()


def name_of(trial: int) -> str:
    return f"trial-{trial * 2654435761 % 4294967296}"


#: What differs between the databases: the numbers, a moment, a division, text, and housekeeping.
DIALECTS = {
    "sqlite": (
        "(WITH RECURSIVE s(n) AS (SELECT {0} UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {1})"
        " SELECT n FROM s)",
        "datetime('2026-01-01', {0} || ' seconds')",
        "/",
        "TEXT",
        "ANALYZE",
    ),
    "postgresql": (
        "(SELECT generate_series({0}::bigint, {1} - 1) AS n)",
        "timestamp '2026-01-01' + ({0}) * interval '1 second'",
        "/",
        "TEXT",
        "VACUUM ANALYZE",
    ),
    "mysql": (
        "(SELECT seq AS n FROM seq_{0}_to_{2})",
        "DATE_ADD('2026-01-01', INTERVAL {0} SECOND)",
        "DIV",
        "CHAR",
        "ANALYZE TABLE observation_logs",
    ),
}


def fill(url: str, first: int, last: int) -> None:
    """Insert rows as they come when many trials report side by side, in the database itself."""
    numbers, moment, over, words, housekeeping = DIALECTS[url.partition(":")[0].partition("+")[0]]
    step = f"((n % {ABREAST * ENTRIES}) {over} {ABREAST})"
    trial = f"((n {over} {ABREAST * ENTRIES}) * {ABREAST} + n % {ABREAST})"
    name = f"CAST({trial} * 2654435761 % 4294967296 AS {words})"
    columns = {
        "namespace": "'default'",
        "trial_name": f"CONCAT('trial-', {name})" if words == "CHAR" else f"'trial-' || {name}",
        "time": moment.format(step),
        "metric_name": f"CASE {step} % {METRICS} WHEN 0 THEN 'metric-0' ELSE 'metric-1' END",
        "value": f"CAST(1000000.0 / (n + 1) AS {words})",
    }
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                f"INSERT INTO observation_logs ({', '.join(columns)})"
                f" SELECT {', '.join(columns.values())}"
                f" FROM {numbers.format(first, last, last - 1)} AS numbers ORDER BY n"
            )
        )
        # As the server does by itself in time.
        connection.execute(text(housekeeping))
    engine.dispose()


def measure(url: str, total: int) -> Iterator[float]:
    """Medians in ms: all of a trial and our processor time of it; the end values of one metric."""
    log = SqlObservationLog(url)
    chosen = random.Random(7).sample(range(total // ENTRIES), min(READ, total // ENTRIES))
    log.read(Key("default", "nobody"))
    whole, processor, ends = [], [], []
    for trial in chosen:
        key = Key("default", name_of(trial))
        begun, used = time.perf_counter(), time.process_time()
        found = log.read(key)
        whole.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
        assert len(found) == ENTRIES
        begun = time.perf_counter()
        values = [float(entry.value) for entry in log.read(key, "metric-0")]
        latest, smallest, largest = values[-1], min(values), max(values)
        ends.append(time.perf_counter() - begun)
        assert (latest, len(values)) == (smallest, ENTRIES // METRICS)
        assert largest == values[0]
    log.close()
    return (1000 * statistics.median(one) for one in (whole, processor, ends))


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--kinds", nargs="+", default=["sqlite", "postgres", "mariadb"])
    parser.add_argument("--work", help="the disk for SQLite")
    options = parser.parse_args(words)
    print(
        f"| database | rows | {ENTRIES} entries, ms | of it, our processor | latest, min, max, ms |"
    )
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
