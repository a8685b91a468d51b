"""How many trials can report to one database manager, and how long each report takes.

A thousand trials report once a second each, from a few processes that keep a connection apiece, as
sidecars would. What is measured is the time from a report's beginning to its acknowledgement, which
is when it is safe.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "tests")]

from databases import MariaDB, Postgres, execute  # noqa: E402  # the path comes first
from katib.rpc.generated import api_pb2 as pb  # noqa: E402
from katib.rpc.generated.api_pb2_grpc import DBManagerStub  # noqa: E402

#: How many processes report, and with how many connections each.
PROCESSES, CHANNELS = 2, 10


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
def a_manager(url: str) -> Iterator[tuple[str, psutil.Process]]:
    """A database manager; its address and its process."""
    line = [sys.executable, "-m", "katib", "db-manager", url, "--listen-address", "127.0.0.1:0"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"at (\S+);", process.stdout.readline())
    assert found is not None
    try:
        yield found[1], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


async def report_all(address: str, trials: range, seconds: int) -> list[float]:
    """Let the trials report once a second each; how long each report took."""
    import grpc

    channels = [
        # A connection each: channels of equal options would share one.
        grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(CHANNELS)
    ]
    stubs = [DBManagerStub(one) for one in channels]  # type: ignore[no-untyped-call, unused-ignore]
    took: list[float] = []
    start = time.monotonic() + 1

    async def report(number: int) -> None:
        stub = stubs[number % CHANNELS]
        for second in range(seconds):
            # Evenly over the second, as trials that know nothing of each other.
            due = start + second + (number - trials.start) / len(trials)
            await asyncio.sleep(max(0, due - time.monotonic()))
            begun = time.monotonic()
            await stub.ReportObservationLog(a_report(f"trial-{number}", second))
            # From when it was due: a report that had to wait for its turn is late as well.
            took.append(time.monotonic() - min(begun, due))

    await asyncio.gather(*map(report, trials))
    for one in channels:
        await one.close()
    return took


def a_report(trial: str, second: int) -> pb.ReportObservationLogRequest:
    metric = pb.Metric(name="loss", value=str(1 / (second + 1)))
    stamp = f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"
    log = pb.ObservationLog(metric_logs=[pb.MetricLog(time_stamp=stamp, metric=metric)])
    return pb.ReportObservationLogRequest(trial_name=trial, observation_log=log)


def start_part(address: str, first: int, count: int, seconds: int) -> subprocess.Popen[str]:
    line = [sys.executable, __file__, "--part", address, *map(str, (first, count, seconds))]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True)


def measure(kind: str, trials: int, seconds: int) -> str:
    """A row of the table."""
    with a_database(kind) as url:
        with a_manager(url) as (address, manager):
            used = manager.cpu_times()
            share = trials // PROCESSES
            parts = [start_part(address, n * share, share, seconds) for n in range(PROCESSES)]
            took = sorted(one for part in parts for one in json.loads(part.communicate()[0]))
            spent = manager.cpu_times()
            processor = spent.user + spent.system - used.user - used.system
            memory = manager.memory_info().rss / 2**20
        ((rows,),) = execute(url, "SELECT COUNT(*) FROM observation_logs")
    assert rows == len(took) == share * PROCESSES * seconds
    p50, p99, last = (1000 * took[int(len(took) * q)] for q in (0.5, 0.99, 0.999))
    return (
        f"| {kind} | {len(took)} | {p50:.1f} | {p99:.1f} | {last:.1f} "
        f"| {1000 * processor / len(took):.2f} | {memory:.0f} |"
    )


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--kinds", nargs="+", default=["sqlite", "postgres", "mariadb"])
    options = parser.parse_args(words)
    print(f"{options.trials} trials, a report a second each, {options.seconds} s\n")
    print("| database | reports | p50 ms | p99 ms | p99.9 ms | manager, processor ms | MiB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for kind in options.kinds:
        print(measure(kind, options.trials, options.seconds), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        place, first, count, length = sys.argv[2:]
        mine = range(int(first), int(first) + int(count))
        print(json.dumps(asyncio.run(report_all(place, mine, int(length)))))
    else:
        main()
