"""Follows an experiment to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from katib.api import names
from katib.api.values import Manifest
from katib.client.backend import Backend, RefusedError
from katib.client.requests import path_of
from katib.errors import KatibError

#: The shortest and the longest pause between two looks, in seconds, and the part of the time so far
#: that one is in between.
_SHORTEST, _LONGEST, _PART = 0.02, 0.5, 0.03

#: For how long nothing happens before it is told why, in seconds.
QUIET = 5.0

_BUDGET_SPENT = "ExperimentMaxTrialsReached"


class ExperimentGoneError(KatibError):
    """The experiment of a function was deleted while it was waited for."""

    def __init__(self, namespace: str, name: str) -> None:
        super().__init__(
            f'experiment "{name}" in namespace "{namespace}" was deleted while katib.tune waited '
            "for it; the same call begins it again"
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How an experiment stands.

    Attributes:
        name: of it.
        done: trials that have ended.
        total: trials that there may be; ``None`` when nobody knows.
        running: trials that run.
        failed: trials that failed, or ended without their metrics.
        stopped: trials that were stopped early.
        best: the best value, as its text; empty before there is one.
        seconds: since it was begun to wait.
        new: trials that have ended since then.
        waits: what it waits for, when nothing has happened for a while; empty else.
    """

    name: str
    done: int = 0
    total: int | None = None
    running: int = 0
    failed: int = 0
    stopped: int = 0
    best: str = ""
    seconds: float = 0.0
    new: int = 0
    waits: str = ""

    @property
    def rate(self) -> float:
        """Trials a second, since it was begun to wait."""
        return self.new / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; ``None`` when that cannot be told."""
        if self.total is None or not self.new:
            return None
        return max(0, self.total - self.done) / self.rate


@dataclass(slots=True)
class Follower:
    """Looks at one experiment again and again.

    Attributes:
        backend: whom to ask.
        namespace: of the experiment.
        name: of the experiment.
        monotonic: tells how much time is over, in seconds.
        sleep: waits between looks.
        experiment: as it was seen last.
    """

    backend: Backend
    namespace: str
    name: str
    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)
    experiment: Manifest = field(default_factory=dict)
    _began: float = field(init=False, default=0.0)
    _before: int | None = field(init=False, default=None)
    _changed: tuple[float, object] = field(init=False, default=(0.0, None))

    def follow(self, show: Callable[[Standing], None]) -> Manifest:
        """Wait for the experiment's end, and show how it stands meanwhile.

        Raises:
            ExperimentGoneError: it was deleted.
            AwayError: the server does not answer.
        """
        self._began = self.monotonic()
        self._changed = (self._began, None)
        while True:
            is_over = self.look()
            show(self.standing())
            if is_over:
                return self.experiment
            over = self.monotonic() - self._began
            self.sleep(min(max(over * _PART, _SHORTEST), _LONGEST))

    def look(self) -> bool:
        """Read the experiment; whether it has ended.

        Raises:
            ExperimentGoneError: it is not there.
            AwayError: the server does not answer.
        """
        path = path_of("experiments", self.namespace, self.name)
        try:
            self.experiment = self.backend.ask("GET", path)
        except RefusedError as error:
            if error.code == 404:
                raise ExperimentGoneError(self.namespace, self.name) from error
            raise
        return is_over(self.experiment)

    def standing(self) -> Standing:
        """How the experiment stood at the last look."""
        status: Manifest = self.experiment.get("status") or {}
        counts = {name: int(status.get(field) or 0) for name, field in _COUNTS.items()}
        done = counts["all"] - counts["running"] - counts["pending"]
        if self._before is None:
            self._before = done
        now = self.monotonic()
        if self._changed[1] != counts:
            self._changed = (now, counts)
        is_quiet = now - self._changed[0] >= QUIET and not counts["running"]
        return Standing(
            name=self.name,
            done=done,
            total=self.experiment["spec"].get("maxTrialCount"),
            running=counts["running"],
            failed=counts["failed"] + counts["lost"],
            stopped=counts["stopped"],
            best=best_text(self.experiment),
            seconds=now - self._began,
            new=done - self._before,
            waits=_find_wait(status) if is_quiet else "",
        )


_COUNTS = {
    "all": "trials",
    "running": "trialsRunning",
    "pending": "trialsPending",
    "failed": "trialsFailed",
    "lost": "trialMetricsUnavailable",
    "stopped": "trialsEarlyStopped",
}


def is_over(experiment: Manifest) -> bool:
    """Whether an experiment has ended, and may not go on with a budget that it was just given."""
    status: Manifest = experiment.get("status") or {}
    for one in status.get("conditions") or ():
        if one["status"] == "True" and one["type"] in (names.SUCCEEDED, names.FAILED):
            budget = experiment["spec"].get("maxTrialCount")
            is_spent = budget is not None and int(status.get("trials") or 0) >= budget
            return one.get("reason") != _BUDGET_SPENT or is_spent
    return False


def has_failed(experiment: Manifest) -> str:
    """Why an experiment has failed; empty when it has not."""
    for one in (experiment.get("status") or {}).get("conditions") or ():
        if one["status"] == "True" and one["type"] == names.FAILED:
            return str(one.get("message") or "it has failed")
    return ""


def best_text(experiment: Manifest) -> str:
    """The best value so far, as its text; empty before there is one."""
    objective = experiment["spec"]["objective"]
    best = (experiment.get("status") or {}).get("currentOptimalTrial") or {}
    for metric in (best.get("observation") or {}).get("metrics") or ():
        if metric["name"] == objective["objectiveMetricName"]:
            strategies = {
                one["name"]: one["value"] for one in objective.get("metricStrategies") or ()
            }
            strategy = strategies.get(metric["name"], names.LATEST)
            return str(metric.get(strategy) or metric.get(names.LATEST) or "")
    return ""


def _find_wait(status: Manifest) -> str:
    for one in status.get("conditions") or ():
        if one["type"] == names.PROGRESSING:
            return str(one.get("message") or "")
    return ""
