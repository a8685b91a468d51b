"""How many trials a second does a tuned Python function get through?

The function is ``x**2 + y**2``, which costs nothing, so what is measured is what is around it:
``katib.tune``, Optuna with its two durable storages, and Ray Tune, in turns. Prints Markdown tables
of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent

#: Environments of their own: what others need is not what Katib needs.
PEERS, RAY = ".venv-peers", ".venv-ray"

#: What takes longer gets fewer trials: its rate is the same.
FEWER = {"sqlite": 200, "ray": 10}

TITLES = {
    "katib": "`katib.tune`",
    "journal": "Optuna, journal file",
    "sqlite": "Optuna, SQLite",
    "ray": "Ray Tune",
}


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        trials: that ended well.
        seconds: that they took.
        first: seconds of a search of one trial before, in which everything is started.
        whole: seconds of the whole process, imports too.
    """

    trials: int
    seconds: float
    first: float
    whole: float

    @property
    def rate(self) -> float:
        """Trials a second, when everything has been started."""
        return self.trials / self.seconds

    @property
    def cold_rate(self) -> float:
        """Trials a second of a program that starts, tunes once and ends."""
        # The process has run one search more, which was of one trial.
        return (self.trials + 1) / self.whole


def main() -> None:
    flags = parse_flags()
    if {"journal", "sqlite"} & set(flags.only):
        build(HERE / PEERS, "optuna==5.0.*")
    if "ray" in flags.only:
        build(HERE / RAY, "ray[tune]==2.*")
    samples: dict[str, list[Sample]] = {name: [] for name in flags.only}
    for number in range(1, flags.rounds + 1):
        for name in flags.only:
            sample = measure(flags, name)
            samples[name].append(sample)
            load = os.getloadavg()[0]
            note(f"round {number}: {name}: {sample.rate:.1f} trials/s, load {load:.1f}")
    print_rates(samples)
    print_imports()


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000, help="trials of each measurement")
    parser.add_argument("--parallel", type=int, default=2, help="trials at a time")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument("--only", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="where files are written: should be on the disk that matters",
    )
    return parser.parse_args()


def build(folder: Path, package: str) -> None:
    if (folder / "complete").exists():
        return
    note(f"installing {package} into {folder}")
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", package], check=True)
    (folder / "complete").touch()


def measure(flags: argparse.Namespace, name: str) -> Sample:
    """One search of a contender in a process, and a folder, of its own."""
    folder = Path(tempfile.mkdtemp(prefix="katib-bench-", dir=flags.work))
    trials, parallel = str(min(flags.trials, FEWER.get(name, flags.trials))), str(flags.parallel)
    peers, ray = (str(HERE / one / "bin" / "python") for one in (PEERS, RAY))
    words = {
        "katib": [sys.executable, str(HERE / "sdk_katib.py"), str(folder / "home")],
        "journal": [peers, str(HERE / "sdk_optuna.py"), "journal", str(folder / "journal")],
        "sqlite": [peers, str(HERE / "sdk_optuna.py"), "sqlite", str(folder / "sqlite")],
        "ray": [ray, str(HERE / "sdk_ray.py"), str(folder)],
    }[name]
    try:
        started = time.monotonic()
        ended = subprocess.run([*words, trials, parallel], stdout=subprocess.PIPE, check=True)
        whole = time.monotonic() - started
        found = json.loads(ended.stdout.splitlines()[-1])
        if found["trials"] != int(trials):
            raise SystemExit(f"{name}: {found['trials']} of {trials} trials ended well")
        return Sample(found["trials"], found["seconds"], found["first"], whole)
    finally:
        shutil.rmtree(folder)


# What is printed


def print_rates(samples: dict[str, list[Sample]]) -> None:
    """The medians, and how often as fast `katib.tune` is: of its rate to each one's, by rounds."""
    ours = samples.get("katib")
    print("| | trials | trials/s | `katib.tune` has | first search, s | with start-up, trials/s |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, group in samples.items():
        rate = median(one.rate for one in group)
        times = "-"
        if ours and name != "katib":
            pairs = zip(ours, group, strict=True)
            times = (
                f"{median(mine.rate / theirs.rate for mine, theirs in pairs):.2f} times its rate"
            )
        first, cold = (median(map(read, group)) for read in (_first, _cold))
        print(
            f"| {TITLES[name]} | {group[0].trials} | {rate:.1f} | {times} | {first:.2f} | "
            f"{cold:.1f} |"
        )


def _first(sample: Sample) -> float:
    return sample.first


def _cold(sample: Sample) -> float:
    return sample.cold_rate


def print_imports(rounds: int = 10) -> None:
    """What `import katib` takes beyond a Python that does nothing."""
    bare, ours = (
        median(time_python(words) for _ in range(rounds)) for words in ("pass", "import katib")
    )
    print(f"\n`import katib`: {ours - bare:.3f} s, beside {bare:.3f} s of Python itself")


def time_python(program: str) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", program], check=True)
    return time.monotonic() - started


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
