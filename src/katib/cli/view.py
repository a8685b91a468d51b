"""What ``katib run`` shows: a live view in a terminal, lines elsewhere, a table at the end."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.api.values import Key
from katib.apps.home import Home, default_home
from katib.cli.numbers import duration, words
from katib.cli.objective import show_objective
from katib.cli.output import Output
from katib.cli.watching import Watched
from katib.ports.observation_log import ObservationLog
from katib.ports.resource_store import ResourceReader

#: How many of the best trials the table at the end shows, and how many failures are told in full.
BEST_SHOWN, FAILURES_SHOWN = 10, 3

#: How wide tables may be where no terminal says so: values are never cut.
PLAIN_WIDTH = 240

#: How many lines one drawing prints at most, when it prints lines.
LINES_AT_ONCE = 10


class View:
    """Shows experiments while they run.

    Args:
        store: where they are.
        observations: for the latest metrics of running trials.
        home: named at the end.
        keys: which experiments.
        is_plain: lines instead of a live view.
        new: those whose trials are all news, even if some have ended.
    """

    def __init__(
        self,
        store: ResourceReader,
        observations: ObservationLog,
        home: Home,
        keys: Sequence[Key],
        is_plain: bool,
        new: Collection[Key] = (),
    ) -> None:
        self._observations, self._home, self._new = observations, home, new
        self._watched = [Watched(store, key, key in new) for key in keys]
        self._is_plain = is_plain
        self._out = Output(sys.stdout)
        self._console = Console(
            file=cast(IO[str], self._out) if is_plain else None,
            soft_wrap=is_plain,
            highlight=False,
            width=PLAIN_WIDTH if is_plain else None,
        )
        self._started = time.monotonic()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        for watched in self._watched:
            self._console.print(
                _opening(watched.experiment, watched.experiment.key in self._new), markup=False
            )
            for image in _images(watched.experiment):
                self._console.print(
                    f"image {image} is not used: programs run on this machine, with its own Python "
                    "and tools (--image NAME=PATH says what stands for it)",
                    markup=False,
                )
        if not self._is_plain:
            self._live.start()
        return self

    def __exit__(
        self,
        type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    @property
    def is_over(self) -> bool:
        """Whether every experiment is completed and no trial of theirs runs."""
        return all(watched.is_over for watched in self._watched)

    @property
    def is_successful(self) -> bool:
        """Whether every experiment found an optimum."""
        return all(watched.is_successful for watched in self._watched)

    def say(self, line: str) -> None:
        """Print a line of our own."""
        if self._is_plain:
            # Laying out a line costs more than a trial; nobody looks at the layout here.
            print(line, file=self._out, flush=True)
        else:
            self._console.print(line, markup=False)

    def draw(self) -> None:
        """Show what is now."""
        for watched in self._watched:
            watched.look()
            ended = watched.take_ended()
            if self._is_plain:
                self._print_lines(watched, ended)
        if not self._is_plain:
            self._live.update(
                Group(*(self._panel(watched) for watched in self._watched)), refresh=True
            )

    def conclude(self) -> None:
        """The best trials, the failures, and where everything is."""
        for watched in self._watched:
            self._console.print(_verdict(watched), markup=False)
            best = watched.best_trials(BEST_SHOWN)
            if best:
                self._console.print(self._best_table(watched, best))
            for trial in watched.failures[-FAILURES_SHOWN:]:
                self._console.print(f"{trial.metadata.name}: {_why(trial)}", markup=False)
            name = watched.experiment.metadata.name
            namespace = watched.experiment.metadata.namespace
            option = "" if namespace == "default" else f" -n {namespace}"
            if self._home.path != default_home():
                option += f" --home {shlex.quote(str(self._home.path))}"
            self._console.print(
                f"Everything is kept in {self._home.path}, logs in {self._home.trials}.\n"
                f"  katib get trials -e {name} -o wide{option}\n"
                f"  katib explain {name}{option}",
                markup=False,
            )

    def _print_lines(self, watched: Watched, ended: Sequence[Trial]) -> None:
        first = watched.completed - len(ended) + 1
        for number, trial in enumerate(ended[:LINES_AT_ONCE], start=first):
            self.say(self._line(watched, trial, number))
        if len(ended) > LINES_AT_ONCE:
            more = len(ended) - LINES_AT_ONCE
            self.say(
                f"{_count(watched, watched.completed)} … and {more} more trials; {_best(watched)}"
            )

    def _line(self, watched: Watched, trial: Trial, number: int) -> str:
        name, state = trial.metadata.name, trial.status.conditions[-1].type
        given = words(trial.spec.parameter_assignments)
        metric = _metrics(trial)
        if state == "Succeeded":
            return f"{_count(watched, number)} {name} {metric} ({given}); {_best(watched)}"
        return f"{_count(watched, number)} {name} {state} ({given}): {_why(trial)}"

    def _panel(self, watched: Watched) -> RenderableType:
        experiment, status = watched.experiment, watched.experiment.status
        budget = experiment.spec.max_trial_count
        elapsed = duration(time.monotonic() - self._started)
        parts: list[RenderableType] = [
            Text.from_markup(
                f"[bold]{escape(experiment.metadata.name)}[/bold]  {elapsed}  "
                f"{escape(_best(watched))}"
            )
        ]
        if budget:
            done = min(watched.completed, budget)
            grid = Table.grid(padding=(0, 1))
            grid.add_row(ProgressBar(total=budget, completed=done, width=40), f"{done}/{budget}")
            parts.append(grid)
        parts.append(
            Text(
                f"running {status.trials_running}  pending {status.trials_pending}  "
                f"succeeded {status.trials_succeeded}  failed {status.trials_failed}  "
                f"without metrics {status.trial_metrics_unavailable}"
            )
        )
        parts.append(self._running_table(watched))
        if watched.failures:
            trial = watched.failures[-1]
            parts.append(Text(f"last failure: {trial.metadata.name}: {_why(trial)}", style="red"))
        return Group(*parts)

    def _running_table(self, watched: Watched) -> Table:
        table = Table("trial", "latest", "time", "assignments", box=None)
        now = datetime.now(UTC)
        for trial in watched.running[:12]:
            since = trial.status.start_time or now
            table.add_row(
                Text(trial.metadata.name),
                Text(self._latest(trial)),
                duration((now - since).total_seconds()),
                Text(words(trial.spec.parameter_assignments)),
            )
        return table

    def _latest(self, trial: Trial) -> str:
        objective = trial.spec.objective
        if objective is None:
            return ""
        entries = self._observations.read(trial.key, objective.objective_metric_name)
        return f"{entries[-1].name}={entries[-1].value}" if entries else "…"

    def _best_table(self, watched: Watched, best: Sequence[Trial]) -> Table:
        objective = watched.experiment.spec.objective
        metric = objective.objective_metric_name if objective else "objective"
        table = Table(
            title=f"Best trials of {watched.experiment.metadata.name}", title_justify="left"
        )
        table.add_column("", justify="right")
        table.add_column("trial", no_wrap=True)
        table.add_column(metric, no_wrap=True)
        names = [one.name for one in watched.experiment.spec.parameters]
        for name in names:
            table.add_column(name)
        for number, trial in enumerate(best, start=1):
            values = {one.name: one.value for one in trial.spec.parameter_assignments}
            value = show_objective(trial.spec.objective, trial.status.observation)
            cells = [trial.metadata.name, value, *(values.get(name, "") for name in names)]
            table.add_row(str(number), *(Text(cell) for cell in cells))
        return table


def _opening(experiment: Experiment, is_new: bool) -> str:
    spec, name = experiment.spec, experiment.metadata.name
    algorithm = spec.algorithm.algorithm_name if spec.algorithm else ""
    objective = spec.objective
    target = f"{objective.type} {objective.objective_metric_name}" if objective else ""
    goal = f" to {objective.goal:g}" if objective and objective.goal is not None else ""
    most = spec.max_trial_count
    budget = f"{most} trial{'s' * (most > 1)}" if most else "no limit of trials"
    going = ", going on" if experiment.status.conditions and not is_new else ""
    return (
        f"experiment {name}{going}: {target}{goal} by {algorithm} search, {budget}, "
        f"{spec.parallel_trial_count} in parallel"
    )


def _images(experiment: Experiment) -> Sequence[str]:
    from katib.api.codec import from_raw

    template = experiment.spec.trial_template
    if template is None or not template.trial_spec:
        return ()
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("image"), str) and "name" in value:
                found.append(value["image"])
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(from_raw(template.trial_spec))
    return sorted(set(found))


def _count(watched: Watched, number: int) -> str:
    budget = watched.experiment.spec.max_trial_count
    return f"[{number}/{budget}]" if budget else f"[{number}]"


def _best(watched: Watched) -> str:
    best = watched.best
    if best is None:
        return "no optimum yet"
    value = show_objective(best.spec.objective, best.status.observation)
    given = words(best.spec.parameter_assignments)
    return f"best {value} of {best.metadata.name} ({given})"


def _metrics(trial: Trial) -> str:
    observation = trial.status.observation
    objective = trial.spec.objective
    shown = []
    for metric in observation.metrics if observation else ():
        is_objective = objective is not None and metric.name == objective.objective_metric_name
        value = show_objective(objective, observation) if is_objective else metric.latest
        shown.append(f"{metric.name}={value}")
    return " ".join(shown)


def _why(trial: Trial) -> str:
    last = trial.status.conditions[-1]
    return last.message or last.reason


def _verdict(watched: Watched) -> str:
    conditions = watched.experiment.status.conditions
    last = conditions[-1] if conditions else None
    said = f"{last.message} ({last.reason})" if last else "not started"
    best = _best(watched)
    return f"\n{said}. {best[:1].upper()}{best[1:]}"
