"""How quick is the server, and what do those who watch cost an experiment?

Asked of a `katib up` in a new home: how long a list of many trials takes, how long a `get` takes
while trials run, how soon a watcher sees a change, and whether many watchers hear everything and
slow the trials down. The server, the trials and all clients share the machine; the many watchers
stand for people at other machines, so their process gives way to every other (`nice`). Prints a
Markdown table with the limit beside each figure.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from audience import Heard, watching
from served import CONFIG_MAPS, JSON, NAMESPACE, TABLE, Server, Size, run_experiment, serving

from katib.api.suggestion import TrialAssignment
from katib.api.trial import TRIALS
from katib.apps.clock import SystemClock
from katib.stores.sqlite import SqliteStore
from katib.testing.builders import a_running_trial, a_succeeded_trial, an_experiment

#: How often an experiment is looked at: to time a ``get``, and only to see its end, in seconds.
OFTEN, SELDOM = 0.01, 0.2


@dataclass
class Rates:
    """Trials a second of one size of experiment, alone and watched, round by round."""

    size: Size
    alone: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    def measure(self, server: Server, name: str, watchers: int) -> None:
        self.alone.append(self._run(server, f"{name}-alone"))
        with watching(server, f"{name}-watched", watchers) as heard:
            self.watched.append(self._run(server, f"{name}-watched"))
        self.heard += heard

    def _run(self, server: Server, name: str) -> float:
        begun = time.perf_counter()
        run_experiment(server, name, self.size, SELDOM)
        return self.size.trials / (time.perf_counter() - begun)

    def print_rows(self, watchers: int) -> None:
        trials = f"{self.size.trials:,} trials"
        if self.size.seconds:
            trials += f" of {self.size.seconds} s, {self.size.parallel} at a time"
        cut_off = sum(one.cut_off for one in self.heard)
        complete = "yes" if all(one.is_complete for one in self.heard) else "no"
        complete += f", {cut_off} cut off" if cut_off else ""
        print(f"| {watchers} watchers heard every change of {trials} | {complete} | yes |")
        after = max(one.seconds_after for one in self.heard)
        print(f"| the last of them heard the last change after | {after:.2f} s | |")
        rates = median(self.alone), median(self.watched)
        lost = (1 - rates[1] / rates[0]) * 100
        print(f"| trials a second alone, and watched by {watchers} | ", end="")
        print(f"{rates[0]:.1f}, {rates[1]:.1f}: {lost:.0f} % less | 20 % less |")


def list_seconds(home: Path, count: int, rounds: int) -> dict[str, float]:
    """Lists of trials that have ended, as two clients want them."""
    home.mkdir()
    store = SqliteStore(home / "katib.db", SystemClock())
    owner = an_experiment().build()
    for number in range(count):
        assignment = TrialAssignment(name=f"trial-{number:05}")
        trial = a_running_trial(owner, assignment.name, assignment)
        store.create(TRIALS, a_succeeded_trial(trial, "0.5"))
    store.close()
    taken: dict[str, float] = {}
    with serving(home) as server, closing(server.connect()) as connection:
        for form, accept in (("Table", TABLE), ("JSON", JSON)):
            samples = []
            for _ in range(rounds):
                begun = time.perf_counter()
                data = server.ask(connection, f"{NAMESPACE}/trials", accept)
                samples.append(time.perf_counter() - begun)
                listed = json.loads(data)
                found = len(listed["rows" if form == "Table" else "items"])
                assert found == count, found
            taken[form] = median(samples)
    return taken


def seen_seconds(server: Server, count: int) -> list[float]:
    """From asking for a new object to seeing it in a watch, while nothing else goes on."""
    version = server.list_now(CONFIG_MAPS)["metadata"]["resourceVersion"]
    taken = []
    with closing(server.connect()) as watch, closing(server.connect()) as writer:
        path = f"{CONFIG_MAPS}?watch=1&resourceVersion={version}"
        lines = server.begin(watch, path)
        for number in range(count):
            manifest = {"metadata": {"name": f"seen-{number}"}, "data": {"number": str(number)}}
            begun = time.perf_counter()
            server.begin(writer, CONFIG_MAPS, created=manifest).read()
            event = json.loads(lines.readline())
            taken.append(time.perf_counter() - begun)
            assert event["object"]["metadata"]["name"] == f"seen-{number}", event
            time.sleep(0.1)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listed", type=int, default=10_000, help="trials in the list")
    parser.add_argument("--trials", type=int, default=1_000, help="trials that cost nothing")
    parser.add_argument("--parallel", type=int, default=2, help="trials at a time")
    parser.add_argument("--slow-trials", type=int, default=200, help="trials of half a second")
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    flags = parser.parse_args()
    quick = Rates(Size(flags.trials, flags.parallel))
    slow = Rates(Size(flags.slow_trials, 10, 0.5))
    gets: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        lists = list_seconds(Path(folder, "lists"), flags.listed, max(3, flags.rounds))
        with serving(Path(folder, "runs")) as server:
            seen = seen_seconds(server, 20)
            for number in range(flags.rounds):
                gets += run_experiment(server, f"asked-{number}", quick.size, OFTEN)
                quick.measure(server, f"quick-{number}", flags.watchers)
                slow.measure(server, f"slow-{number}", flags.watchers)
    centiles = quantiles(gets, n=100)
    print("| What | Measured | Limit |\n|---|---|---|")
    print(f"| list of {flags.listed:,} trials as a Table | {lists['Table']:.2f} s | 1 s |")
    print(f"| list of {flags.listed:,} trials as JSON | {lists['JSON']:.2f} s | 1.5 s |")
    print(f"| `get` while trials run, half of them within | {centiles[49] * 1e3:.1f} ms | |")
    print(f"| `get` while trials run, 99 % within | {centiles[98] * 1e3:.1f} ms | 10 ms |")
    print(f"| a change is seen by one who watches after | {median(seen) * 1e3:.1f} ms | 50 ms |")
    quick.print_rows(flags.watchers)
    slow.print_rows(flags.watchers)


if __name__ == "__main__":
    main()
