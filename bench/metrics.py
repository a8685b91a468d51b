"""How fast metrics are found in text, against Katib's own expression applied line by line.

Each figure is the median of rounds in which the two take turns on the same bytes, in processor
time, so that other programs of the machine count for little. Run as ``python -m bench.metrics``.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from katib.collectors.text import TextCollector
from katib.ports.collector import CollectorSource

ROUNDS = 7
METRICS = ("loss", "accuracy")
KATIB = re.compile(r"([\w|-]+)\s*=\s*([+-]?\d*(\.\d+)?([Ee][+-]?\d+)?)", re.ASCII)
USER = r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"

#: What is read, and by which filters.
LOGS: dict[str, tuple[str, Sequence[str]]] = {
    "no metric": (
        "2024-03-04 12:00:00 INFO worker 3 has written ckpt-{0:05d}.pt in 0.52 s, step = {0}\n",
        (),
    ),
    "no metric, a filter": (
        "2024-03-04 12:00:00 INFO worker 3 has written ckpt-{0:05d}.pt in 0.52 s, step = {0}\n",
        (USER,),
    ),
    "one metric a line": ("loss=0.{0:05d}\n", ()),
    "two metrics a line": ("epoch {0}: loss=0.{0:05d} accuracy=0.{0:04d}\n", ()),
    "a metric and a time": ("2024-03-04T12:00:00Z INFO loss=0.{0:05d}\n", ()),
    "a metric among others": ("step={0} lr=0.1 val_loss=0.2 loss=0.{0:05d} grad=1.5\n", ()),
    "a filter": ("{{metricName: loss, metricValue: 0.{0:05d}}}\n", (USER,)),
    "another form": ("epoch {0}, loss: 0.{0:05d}\n", ()),
}


def collect(log: Path, filters: Sequence[str]) -> int:
    """The number of entries that our collector finds."""
    collector = TextCollector(CollectorSource(METRICS, filters, log))
    found, is_caught_up = 0, False
    while not is_caught_up:
        entries, is_caught_up = collector.read(True)
        found += len(entries)
    return found


def collect_line_by_line(log: Path, filters: Sequence[str]) -> int:
    """The number of entries by Katib's expression, with no more around it than it needs."""
    patterns = [re.compile(text, re.ASCII) for text in filters] or [KATIB]
    found: list[tuple[str, str]] = []
    with log.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if any(metric in line for metric in METRICS):
                for pattern in patterns:
                    matches = pattern.finditer(line)
                    found += [(match[1], match[2]) for match in matches if match[1] in METRICS]
    return len(found)


def measure(action: Callable[[], object]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    action()
    return time.process_time() - start


def compare(log: Path, name: str, megabytes: int) -> str:
    """One row of the table."""
    line, filters = LOGS[name]
    log.write_text("".join(line.format(number) for number in range(10_000)))
    content, copies = log.read_bytes(), megabytes * 10**6 // log.stat().st_size + 1
    log.write_bytes(content * copies)
    size, lines = len(content) * copies, 10_000 * copies
    ours, plain = [], []
    for _ in range(ROUNDS):
        ours.append(measure(lambda: collect(log, filters)))
        plain.append(measure(lambda: collect_line_by_line(log, filters)))
    mine, theirs = statistics.median(ours), statistics.median(plain)
    return (
        f"| {name} | {size / mine / 1e6:,.0f} | {lines / mine:,.0f} | "
        f"{lines / theirs:,.0f} | {theirs / mine:.1f} |"
    )


def main() -> None:
    """Print the table."""
    print("| Text | MB/s | lines/s | lines/s, line by line | times as fast |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in LOGS:
            print(compare(Path(folder) / "log", name, 10))


if __name__ == "__main__":
    main()
