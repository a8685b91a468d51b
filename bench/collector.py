"""What a metrics collector costs beside a trial: its memory, its start and its work.

Each figure is the median of rounds in which all take turns. Time is processor time. A collector
follows a program that has just ended, reports to a database manager of this process, and ends; its
memory is the most that was resident. Run as ``python -m bench.collector``, by one who may make a
process namespace.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from katib.api.values import Key
from katib.observations.memory import MemoryObservationLog
from katib.rpc.db_manager import serve

ROUNDS = 5
#: How many entries the long log has.
ENTRIES = 100_000
FILTER = r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"

Command = tuple[Sequence[str], Callable[[Path], None]]


def nothing(folder: Path) -> None:
    """Bare imports read nothing."""


def a_log(line: str, count: int = 1) -> Callable[[Path], None]:
    """A program that has printed so many lines and ended well."""

    def write(folder: Path) -> None:
        (folder / "metrics.log").write_text("".join(line.format(one) for one in range(count)))
        (folder / "7.pid").write_text("completed\n")

    return write


# A process begins as large as the one that made it, which is this small one. What it measures is as
# alone as in a pod: a collector waits for everybody.
MEASURE = """
import os, sys
line = ["unshare", "--pid", "--fork", "--mount-proc", *sys.argv[1:]]
_, code, usage = os.wait4(os.posix_spawnp(line[0], line, os.environ), 0)
print("", usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(code))
"""


def measure(words: Sequence[str], folder: Path) -> tuple[float, float]:
    """Processor seconds, and the most megabytes that were resident."""
    line = [sys.executable, "-ISc", MEASURE, sys.executable, *words]
    ended = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(ended.stderr)
    seconds, megabytes = map(float, ended.stdout.split()[-2:])
    return seconds, megabytes


def commands(port: int) -> dict[str, Command]:
    def collect(*more: str) -> Sequence[str]:
        return (
            *("-m", "katib", "metrics-collector", "-t", "tune", "-m", "loss;accuracy"),
            *("-o-type", "minimize", "-s-db", f"127.0.0.1:{port}", *more),
        )

    text = ("-path", "metrics/metrics.log", "-format", "TEXT")
    json = ("-path", "metrics/metrics.log", "-format", "JSON")
    return {
        "Python alone": (("-c", "pass"), nothing),
        "Python with gRPC imported": (("-c", "import grpc"), nothing),
        "a collector of text": (collect(*text), a_log("loss=0.{}\n")),
        "of text, with a filter": (
            collect(*text, "-f", FILTER),
            a_log("{{metricName: loss, metricValue: 0.{}}}\n"),
        ),
        "of JSON": (collect(*json), a_log('{{"loss": "0.{}"}}\n')),
        "of event files": (collect("-path", "metrics"), a_log("")),
        f"of {ENTRIES:,} entries": (collect(*text), a_log("loss=0.{}\n", ENTRIES)),
    }


def main() -> None:
    """Print the table."""
    log = MemoryObservationLog()
    server = serve(log, lambda name: Key("", name), "127.0.0.1:0")
    measured: dict[str, list[tuple[float, float]]] = {}
    for _ in range(ROUNDS):
        for name, (words, prepare) in commands(server.port).items():
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made)
                (folder / "metrics").mkdir()
                prepare(folder / "metrics")
                measured.setdefault(name, []).append(measure(words, folder))
            log.delete(Key("", "tune"))
    server.close()
    print("| | processor time, s | most memory, MiB |")
    print("|---|---:|---:|")
    for name, found in measured.items():
        seconds, megabytes = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"| {name} | {seconds:.2f} | {megabytes:.1f} |")
    print("| limit of Katib's sidecar; its request | | 100; 10 |")


if __name__ == "__main__":
    main()
