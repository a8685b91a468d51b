"""How long after a program printed a metric can it be read, and what do silent trials cost?

Each trial of a `katib up` in a new home prints the wall clock's time as its metric now and then.
The observation log is read as `katib metrics` reads it, from the file in the home, all the time:
the delay of a line is from the time in it until it is there. What trials cost that print nothing is
processor time of the server.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from served import NAMESPACE, Server, Size, experiment, serving

#: How often the observation log is read, in seconds.
LOOK_EVERY = 0.005

#: For how long the server is watched while its trials are silent, in seconds.
SILENCE = 10.0

PRINTING = """
import random, time
for _ in range({lines}):
    time.sleep(random.uniform(0.5, 1.5))
    print(f"loss={{time.time():.6f}}", flush=True)
"""


def delays(server: Server, name: str, trials: int, lines: int) -> list[float]:
    """Seconds from printing to being readable, of all lines of all trials."""
    _start(server, name, trials, PRINTING.format(lines=lines))
    rows = _rows(server.home / "observations.db")
    seen: list[float] = []
    while len(seen) < trials * lines:
        printed = next(rows)
        now = time.time()
        seen += [now - float(value) for value in printed]
        time.sleep(LOOK_EVERY)
    return seen


def silent_cost(server: Server, trials: int) -> float:
    """Processor time per second that the server takes while its trials print nothing."""
    seconds = SILENCE + 10
    _start(server, "silent", trials, f"import time; time.sleep({seconds}); print('loss=1')")
    while _running(server, "silent") < trials:
        time.sleep(0.5)
    time.sleep(1)
    before, begun = _processor_seconds(server), time.monotonic()
    time.sleep(SILENCE)
    return (_processor_seconds(server) - before) / (time.monotonic() - begun)


def _start(server: Server, name: str, trials: int, program: str) -> None:
    manifest = experiment(name, Size(trials, trials))
    template = manifest["spec"]["trialTemplate"]["trialSpec"]["spec"]["template"]
    # Its packages are not looked at: that would take time.
    words = [sys.executable, "-ISc", program, "${trialParameters.x}"]
    template["spec"]["containers"][0]["command"] = words
    server.create(f"{NAMESPACE}/experiments", manifest)


def _rows(file: Path) -> Iterator[list[str]]:
    """The values that are new since the last look."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        (newest,) = connection.execute("SELECT max(id) FROM observation_logs").fetchone()
        newest = newest or 0
        while True:
            rows = connection.execute(
                "SELECT id, value FROM observation_logs WHERE id > ? ORDER BY id", (newest,)
            ).fetchall()
            newest = rows[-1][0] if rows else newest
            yield [value for _, value in rows]


def _running(server: Server, name: str) -> int:
    found: dict[str, Any] = server.list_now(f"{NAMESPACE}/experiments/{name}")
    return int(found.get("status", {}).get("trialsRunning", 0))


def _processor_seconds(server: Server) -> float:
    pid = json.loads((server.home / "server.json").read_bytes())["pid"]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[1, 10, 50], help="at once")
    parser.add_argument("--lines", type=int, default=20, help="that each trial prints")
    parser.add_argument("--silent", type=int, default=100, help="trials that print nothing")
    flags = parser.parse_args()
    print("| trials at once | lines | half of them within | 99 % within |\n|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder, "home")) as server:
        for trials in flags.trials:
            found = delays(server, f"printing-{trials}", trials, flags.lines)
            late = quantiles(found, n=100)[98]
            print(f"| {trials} | {len(found)} | {median(found):.3f} s | {late:.3f} s |", flush=True)
        cost = silent_cost(server, flags.silent)
    print(f"\n{flags.silent} silent trials: {cost * 100:.1f} % of a processor")


if __name__ == "__main__":
    main()
