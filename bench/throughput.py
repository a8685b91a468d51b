"""How many trials a second does an engine carry when the trials themselves cost nothing?

Every trial is the same shell one-liner that prints a metric, so what is measured is the engine.
Compared, in one run and in turns: the bare processes (no engine can be faster), `katib run`, and
Optuna with its two durable storages. Prints a Markdown table of medians.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
PEERS = HERE / ".venv-peers"
OPTUNA = "optuna==5.0.*"
#: Optuna on SQLite writes some transactions for each trial; more trials only take longer.
SLOW_TRIALS = 200


@dataclass(frozen=True)
class Sample:
    """One measurement. ``peak_mib`` is the largest resident set of the measured process."""

    trials: int
    seconds: float
    peak_mib: float = 0.0

    @property
    def rate(self) -> float:
        return self.trials / self.seconds


def main() -> None:
    flags = parse_flags()
    flags.work.mkdir(parents=True, exist_ok=True)
    contenders = choose(flags)
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for round_number in range(1, flags.rounds + 1):
        for name, measure in contenders.items():
            sample = measure()
            samples[name].append(sample)
            note(f"round {round_number}: {name}: {sample.rate:.1f} trials/s")
    print_rates(samples)
    if flags.big:
        print_big(flags, samples)
    if flags.startup:
        print_startup(flags)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000, help="trials of each measurement")
    parser.add_argument("--parallel", type=int, default=2, help="trials at a time")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=["bare", "katib", "journal", "sqlite"],
        help="measure these and leave the others out",
    )
    parser.add_argument("--big", action="store_true", help="then 10,000 trials: cost and memory")
    parser.add_argument("--startup", action="store_true", help="then the time until things begin")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()),
        help="where files are written: should be on the disk that matters",
    )
    parser.add_argument(
        "--katib",
        default=str(Path(sys.executable).parent / "katib"),
        help="the katib command; by default the one beside this Python",
    )
    return parser.parse_args()


# What is measured


def choose(flags: argparse.Namespace) -> dict[str, Callable[[], Sample]]:
    """The contenders in the order of their turns; builds the peers' environment if needed."""
    slow = min(flags.trials, SLOW_TRIALS)
    every: dict[str, Callable[[], Sample]] = {
        "bare": lambda: measure_bare(flags, flags.trials),
        "katib": lambda: measure_katib(flags, flags.trials, flags.parallel),
        "katib, one trial": lambda: measure_katib(flags, 1, 1),
        "journal": lambda: measure_optuna(flags, "journal", flags.trials),
        "sqlite": lambda: measure_optuna(flags, "sqlite", slow),
    }
    wanted = set(flags.only or every)
    if "katib" in wanted:
        wanted.add("katib, one trial")
    if wanted & {"journal", "sqlite"}:
        build_peers()
    return {name: measure for name, measure in every.items() if name in wanted}


def measure_bare(flags: argparse.Namespace, trials: int) -> Sample:
    """The same commands without an engine: spawned from one loop, output to files."""
    with scratch(flags) as folder:
        started = time.monotonic()
        alive = 0
        for number in range(trials):
            if alive == flags.parallel:
                os.wait()
                alive -= 1
            spawn(f"echo loss=0.{number}", folder / f"{number}.log")
            alive += 1
        for _ in range(alive):
            os.wait()
        return Sample(trials, time.monotonic() - started)


def spawn(script: str, log: Path) -> int:
    mode = os.O_WRONLY | os.O_CREAT
    actions = [(os.POSIX_SPAWN_OPEN, 1, str(log), mode, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)]
    return os.posix_spawn(
        "/bin/sh", ["/bin/sh", "-c", script], os.environ, file_actions=actions, setpgroup=0
    )


def measure_katib(flags: argparse.Namespace, trials: int, parallel: int) -> Sample:
    """`katib run` in a new home, as a user calls it; everything it keeps is on disk at the end."""
    with scratch(flags) as folder:
        script = "echo loss=${trialParameters.x}"
        return run_katib(flags, folder, an_experiment(script, trials, parallel))


def run_katib(flags: argparse.Namespace, folder: Path, experiment: dict[str, Any]) -> Sample:
    file, output = folder / "experiment.yaml", folder / "output"
    file.write_text(json.dumps(experiment))  # JSON is YAML
    command = [flags.katib, "run", str(file), "--home", str(folder / "home")]
    started = time.monotonic()
    with output.open("wb") as stream:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = output.read_text(errors="replace")[-2000:]
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    return Sample(experiment["spec"]["maxTrialCount"], seconds, usage.ru_maxrss / 1024)


def an_experiment(script: str, trials: int, parallel: int) -> dict[str, Any]:
    container = {
        "name": "training-container",
        "image": "docker.io/library/busybox:1.36",
        "command": ["/bin/sh", "-c", script],
    }
    pod = {"containers": [container], "restartPolicy": "Never"}
    return {
        "apiVersion": "kubeflow.org/v1beta1",
        "kind": "Experiment",
        "metadata": {"name": "throughput"},
        "spec": {
            "objective": {"type": "minimize", "objectiveMetricName": "loss"},
            "algorithm": {"algorithmName": "random"},
            "maxTrialCount": trials,
            "parallelTrialCount": parallel,
            "maxFailedTrialCount": 0,
            "parameters": [
                {
                    "name": "x",
                    "parameterType": "double",
                    "feasibleSpace": {"min": "0", "max": "1"},
                }
            ],
            "trialTemplate": {
                "primaryContainerName": "training-container",
                "trialParameters": [{"name": "x", "reference": "x"}],
                "trialSpec": {
                    "apiVersion": "batch/v1",
                    "kind": "Job",
                    "spec": {"template": {"spec": pod}},
                },
            },
        },
    }


def measure_optuna(flags: argparse.Namespace, storage: str, trials: int) -> Sample:
    """The same commands from Optuna's own threads; start-up is not counted."""
    with scratch(flags) as folder:
        command = [str(PEERS / "bin" / "python"), str(HERE / "optuna_driver.py"), storage]
        command += [str(folder / storage), f"--trials={trials}", f"--parallel={flags.parallel}"]
        ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found = json.loads(ended.stdout)
        return Sample(found["trials"], found["seconds"])


def build_peers() -> None:
    if (PEERS / "complete").exists():
        return
    note(f"installing {OPTUNA} into {PEERS}")
    venv.create(PEERS, clear=True, with_pip=True)
    pip = [str(PEERS / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", OPTUNA], check=True)
    (PEERS / "complete").touch()


# What is printed


def print_rates(samples: dict[str, list[Sample]]) -> None:
    rows: list[tuple[str, int, float]] = []
    names = {
        "bare": "bare processes: the machine's limit",
        "katib": "`katib run`, the whole process",
        "journal": "Optuna, journal file, without start-up",
        "sqlite": "Optuna, SQLite, without start-up",
    }
    for name, title in names.items():
        if name in samples:
            rows.append((title, samples[name][0].trials, middle(samples[name])))
        if name == "katib" in samples and samples[name][0].trials > 1:
            rate = steady_rate(samples[name], samples["katib, one trial"])
            rows.append(("`katib run`, without start-up", samples[name][0].trials - 1, rate))
    limit = middle(samples["bare"]) if "bare" in samples else None
    ours = rows[[row[0] for row in rows].index(names["katib"])][2] if "katib" in samples else None
    print("| engine | trials | trials/s | ms per trial | of the limit | `katib run` has |")
    print("|---|---:|---:|---:|---:|---:|")
    for title, trials, rate in rows:
        share = f"{rate / limit:.0%}" if limit else "-"
        times = f"{ours / rate:.2f} times its rate" if ours else "-"
        print(f"| {title} | {trials} | {rate:.1f} | {1000 / rate:.2f} | {share} | {times} |")


def steady_rate(many: list[Sample], one: list[Sample]) -> float:
    """Trials a second after the first one: what many trials took beyond a run of one."""
    seconds = median(sample.seconds for sample in many) - median(s.seconds for s in one)
    return (many[0].trials - 1) / seconds


def print_big(flags: argparse.Namespace, samples: dict[str, list[Sample]]) -> None:
    """Whether cost grows with the number of trials, and how much memory the engine takes."""
    many = [measure_katib(flags, 10_000, flags.parallel)]
    few = samples.get("katib") or [measure_katib(flags, flags.trials, flags.parallel)]
    print("\n| `katib run` | trials/s | ms per trial | peak memory of the engine |")
    print("|---|---:|---:|---:|")
    for group in (few, many):
        rate, peak = middle(group), median(sample.peak_mib for sample in group)
        print(f"| {group[0].trials} trials | {rate:.1f} | {1000 / rate:.2f} | {peak:.0f} MiB |")


def print_startup(flags: argparse.Namespace) -> None:
    helps = median(time_help(flags) for _ in range(10))
    firsts = median(time_first_trial(flags) for _ in range(5))
    print("\n| start-up | seconds |")
    print("|---|---:|")
    print(f"| `katib --help`, median of 10 | {helps:.3f} |")
    print(f"| from `katib run` to the first trial's process, median of 5 | {firsts:.3f} |")


def time_help(flags: argparse.Namespace) -> float:
    started = time.monotonic()
    subprocess.run([flags.katib, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - started


def time_first_trial(flags: argparse.Namespace) -> float:
    """The trial itself notes when it began, by the same wall clock."""
    with scratch(flags) as folder:
        began = folder / "began"
        script = f"date +%s.%N > '{began}'; echo loss=${{trialParameters.x}}"
        started = time.time()
        run_katib(flags, folder, an_experiment(script, 1, 1))
        return float(began.read_text()) - started


def middle(samples: list[Sample]) -> float:
    return median(sample.rate for sample in samples)


@contextmanager
def scratch(flags: argparse.Namespace) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="katib-bench-", dir=flags.work))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
