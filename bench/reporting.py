"""How many trials can report to one database manager, and how long each report takes.

A thousand trials report once a second each. What is measured is the time from when a report was due
to its acknowledgement, which is when it is safe, and what that costs the processor of the manager.
In turns with it, the same reports go to services of the same library that only read and answer
them: the limit.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests")]

from reporters import Measured  # noqa: E402

from databases import MariaDB, Postgres, execute  # noqa: E402  # the path comes first

#: What the others are compared with.
LIMIT = "limit"
NAMES = {
    LIMIT: "gRPC alone, in threads: the limit",
    "loop": "gRPC alone, on an event loop",
    "sqlite": "SQLite",
    "postgres": "PostgreSQL",
    "mariadb": "MariaDB",
}
#: Those without a database, and how they are started.
BARE: Mapping[str, Sequence[str]] = {LIMIT: (), "loop": ("--loop",)}
DATABASES = [kind for kind in NAMES if kind not in BARE]


@contextmanager
def a_database(kind: str) -> Iterator[str]:
    """An empty database whose commits wait for the disk as its maker advises; its URL."""
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/observations.db"
        return
    with (Postgres if kind == "postgres" else MariaDB)(is_durable=True) as server:
        yield server.create()


@contextmanager
def a_server(*line: str) -> Iterator[tuple[str, int]]:
    """A service's address, and the number of its process."""
    process = subprocess.Popen([sys.executable, *line], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"at (\S+);", process.stdout.readline())
    assert found is not None
    try:
        yield found[1], process.pid
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Load:
    """How much is reported.

    Attributes:
        trials: that report once a second each.
        seconds: for how long.
    """

    trials: int
    seconds: int

    def put_on(self, server: AbstractContextManager[tuple[str, int]]) -> Measured:
        with server as (address, process):
            line = [sys.executable, str(HERE / "reporters.py"), address, "--server", str(process)]
            load = ["--trials", str(self.trials), "--seconds", str(self.seconds)]
            ended = subprocess.run([*line, *load], check=True, stdout=subprocess.PIPE, text=True)
        return Measured(**json.loads(ended.stdout))


def measure_bare(load: Load, kind: str) -> Measured:
    return load.put_on(a_server(str(HERE / "bare_manager.py"), *BARE[kind]))


def measure_manager(load: Load, kind: str) -> Measured:
    """Let a manager serve a new database, in which all that was answered must be afterwards."""
    with a_database(kind) as url:
        manager = a_server("-m", "katib", "db-manager", url, "--listen-address", "127.0.0.1:0")
        measured = load.put_on(manager)
        ((rows,),) = execute(url, "SELECT COUNT(*) FROM observation_logs")
    assert rows == measured.reports, f"{measured.reports} were acknowledged, {rows} are there"
    return measured


@dataclass(frozen=True)
class Row:
    """Medians of the rounds; times in milliseconds."""

    p50: float
    p99: float
    p999: float
    served: float
    sent: float
    mebibytes: float


def row_of(rounds: Sequence[Measured]) -> Row:
    def median(value: Callable[[Measured], float]) -> float:
        return statistics.median(map(value, rounds))

    def quantile(share: float) -> float:
        return 1000 * median(lambda one: sorted(one.seconds)[int(len(one.seconds) * share)])

    return Row(
        p50=quantile(0.5),
        p99=quantile(0.99),
        p999=quantile(0.999),
        served=1000 * median(lambda one: one.served),
        sent=1000 * median(lambda one: one.sent),
        mebibytes=median(lambda one: one.memory) / 2**20,
    )


def table_of(found: Mapping[str, Sequence[Measured]]) -> Iterator[str]:
    yield (
        "| | p50 ms | p99 ms | p99.9 ms | p99, of the limit's | server, processor ms "
        "| of the limit's | those who report, processor ms | MiB |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    rows = {kind: row_of(rounds) for kind, rounds in found.items()}
    limit = rows[LIMIT]
    for kind, row in rows.items():
        yield (
            f"| {NAMES[kind]} | {row.p50:.1f} | {row.p99:.1f} | {row.p999:.1f} "
            f"| {row.p99 / limit.p99:.1f} x | {row.served:.2f} | {row.served / limit.served:.2f} x "
            f"| {row.sent:.2f} | {row.mebibytes:.0f} |"
        )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=10, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", choices=DATABASES, default=DATABASES)
    options = parser.parse_args(words)
    load = Load(options.trials, options.seconds)
    ways = {kind: partial(measure_bare, load) for kind in BARE}
    ways |= {kind: partial(measure_manager, load) for kind in options.kinds}
    found: dict[str, list[Measured]] = {kind: [] for kind in ways}
    for _ in range(options.rounds):
        for kind, way in ways.items():
            found[kind].append(way(kind))
    print(f"{load.trials} trials, a report a second each; {options.rounds} x {load.seconds} s\n")
    print("\n".join(table_of(found)))


if __name__ == "__main__":
    main()
