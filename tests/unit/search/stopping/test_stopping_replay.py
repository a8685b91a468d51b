"""Every rule stops exactly the trials that its published definition stops.

Recorded learning curves are played as trials, some at a time, each reporting an epoch a turn. The
references below are the definitions, written down as slowly and plainly as they can be read; they
know nothing of rules, only what was known of the others: at each report, or when a trial began for
those that are judged by that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from katib.api import names
from katib.api.experiment import Experiment, ObjectiveSpec
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import Condition
from katib.collectors.stopping import LiveRules, RuleWatch
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.search.stopping import STOPPING_RULES
from katib.testing.builders import a_running_trial, an_experiment

CURVES = Path(__file__).resolve().parents[4] / "bench" / "search" / "curves.npz"
TRIALS, AT_ONCE = 200, 4

Curve = Sequence[float]


@dataclass
class Played:
    """A trial, what it has reported so far, and what was known of the others by each report."""

    curve: Curve
    begun_with: Sequence[Known]
    rule: RuleWatch
    trial: Trial
    reports: list[float] = field(default_factory=list)
    known: list[Sequence[Known]] = field(default_factory=list)
    ending: str = ""

    def read(self) -> Sequence[MetricEntry]:
        return [MetricEntry(NO_TIME, "loss", repr(number)) for number in self.reports]


@dataclass(frozen=True)
class Known:
    """Another trial's reports, and whether it has succeeded, at one moment."""

    reports: Curve
    is_succeeded: bool


#: Whether a trial is stopped at its last report: its reports, what was known, whether the objective
#: is maximised.
Reference = Callable[[Curve, Sequence[Known], bool], bool]


def is_worse(one: float, other: float, is_maximised: bool) -> bool:
    return one < other if is_maximised else one > other


def best(numbers: Curve, is_maximised: bool) -> float:
    return max(numbers) if is_maximised else min(numbers)


def succeeded_by(known: Sequence[Known], step: int) -> list[Curve]:
    return [one.reports for one in known if one.is_succeeded and len(one.reports) >= step]


def katibs_median(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """The best of the first four, and the median of the averages of the others' first four."""
    others = [one.reports for one in known if one.is_succeeded and one.reports]
    if len(own) != 4 or len(others) < 3:
        return False
    middle = float(np.median([np.mean(one[:4]) for one in others]))
    return is_worse(best(own, is_maximised), middle, is_maximised)


def vizier(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """Golovin et al. 2017: the best by step s is strictly worse than the median of the averages."""
    step = len(own)
    others = succeeded_by(known, step)
    if step < 4 or len(others) < 3:
        return False
    middle = float(np.median([sum(one[:step]) / step for one in others]))
    return is_worse(best(own, is_maximised), middle, is_maximised)


def percentile(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """Not among the best quarter of the bests by every second report from the third on."""
    step = len(own)
    others = succeeded_by(known, step)
    if step < 3 or (step - 3) % 2 or len(others) < 5:
        return False
    bests = [best(one[:step], is_maximised) for one in others]
    edge = float(np.percentile(bests, 75 if is_maximised else 25))
    return is_worse(best(own, is_maximised), edge, is_maximised)


def asha(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """Li et al. 2020: at a rung, only the best of every three that came to it go on."""
    step = len(own)
    if step not in (2, 6, 18, 54):
        return False
    mine = best(own, is_maximised)
    rung = [best(one.reports[:step], is_maximised) for one in known if len(one.reports) >= step]
    going_on = (len(rung) + 1) // 3
    ahead = sum(is_worse(mine, other, is_maximised) for other in rung)
    return going_on > 0 and ahead >= going_on


def bounds(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """The report is not within the bounds, from the third on."""
    low, high = LIMITS[is_maximised]
    return len(own) >= 3 and not (math.isfinite(own[-1]) and low <= own[-1] <= high)


def patience(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """Four reports without one that is better by more than 0.002 than the last that was."""
    improved = [0]
    for step in range(1, len(own)):
        gain = own[step] - own[improved[-1]]
        if (gain if is_maximised else -gain) > 0.002:
            improved.append(step)
    return len(own) - 1 - improved[-1] >= 4


def signed_rank(own: Curve, known: Sequence[Known], is_maximised: bool) -> bool:
    """Wilcoxon 1945, by trying all signs; the incumbent is the best on average."""
    others = [one.reports for one in known if one.is_succeeded]
    if not others:
        return False
    averages = [sum(one) / len(one) for one in others]
    incumbent = others[averages.index(best(averages, is_maximised))]
    worse_by = [o - i if not is_maximised else i - o for o, i in zip(own, incumbent, strict=False)]
    differences = np.array([one for one in worse_by if one])
    if len(own) < 2 or sum(worse_by) <= 0 or len(own) > len(incumbent):
        return False
    sizes = np.abs(differences)
    ranks = np.array([(sizes < s).sum() + ((sizes == s).sum() + 1) / 2 for s in sizes])
    signs = np.array(list(itertools.product((0, 1), repeat=len(ranks))))
    found = ranks[differences > 0].sum()
    return float(np.mean(signs @ ranks >= found - 1e-9)) < 0.1


#: Bounds that some curves leave, by whether the objective is maximised.
LIMITS: Mapping[bool, tuple[float, float]] = {False: (0.0, 0.3), True: (-0.3, 0.0)}


@dataclass(frozen=True)
class Case:
    """A rule, its settings and its definition; how many epochs lie between two reports."""

    settings: Mapping[str, str]
    reference: Reference
    every: int = 1


CASES: Mapping[str, Case] = {
    "medianstop": Case({}, katibs_median),
    "running-median": Case({}, vizier),
    "percentile": Case(
        {"start_step": "3", "interval": "2", "min_trials_required": "5"}, percentile
    ),
    "successive-halving": Case({"min_resource": "2", "eta": "3"}, asha),
    "threshold": Case({"lower": "0", "upper": "0.3", "start_step": "3"}, bounds),
    "patience": Case({"patience": "4", "min_delta": "0.002"}, patience),
    "wilcoxon": Case({}, signed_rank, every=8),
}


def recorded(every: int, is_maximised: bool) -> list[Curve]:
    with np.load(CURVES) as arrays:
        errors = np.nan_to_num(arrays["a line on breast cancer"].astype(np.float64), nan=math.inf)
    # In an order that is no grid's, and that is always the same.
    order = np.random.default_rng(7).permutation(len(errors))[:TRIALS]
    sign = -1 if is_maximised else 1
    return [[float(sign * number) for number in errors[one][::every]] for one in order]


class Play:
    """Trials, some at a time; whoever has no more to report has succeeded."""

    def __init__(self, name: str, experiment: Experiment) -> None:
        self._experiment = experiment
        self._objective = experiment.spec.objective or ObjectiveSpec()
        self._stopper = STOPPING_RULES.load(name)(experiment)
        self.trials: list[Played] = []

    def start(self, curve: Curve) -> Played:
        live = LiveRules(self._stopper.rules) if self._stopper.is_live else None
        watch = RuleWatch(self._stopper.rules(), self._objective, live)
        name = f"t{len(self.trials)}"
        trial = a_running_trial(self._experiment, name, TrialAssignment())
        played = Played(curve, self._known(), watch, trial)
        self.trials.append(played)
        self._stopper.tell(trial, played.read)
        return played

    def report(self, one: Played) -> None:
        """The next report of a trial, and its end if it is stopped or that was the last."""
        number = one.curve[len(one.reports)]
        one.known.append(self._known(one) if self._stopper.is_live else one.begun_with)
        one.rule.note([MetricEntry(NO_TIME, "loss", repr(number))])
        one.reports.append(number)
        if one.rule.verdict:
            one.ending = names.EARLY_STOPPED
        elif len(one.reports) == len(one.curve):
            one.ending = names.SUCCEEDED
        if one.ending:
            ended = (*one.trial.status.conditions, Condition(type=one.ending, status="True"))
            status = replace(one.trial.status, conditions=ended)
            self._stopper.tell(replace(one.trial, status=status), one.read)

    def _known(self, but: Played | None = None) -> Sequence[Known]:
        others = (one for one in self.trials if one is not but)
        return [Known(tuple(one.reports), one.ending == names.SUCCEEDED) for one in others]


def play(name: str, experiment: Experiment, curves: Sequence[Curve]) -> list[Played]:
    table = Play(name, experiment)
    waiting = list(reversed(curves))
    running: list[Played] = []
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(table.start(waiting.pop()))
        for one in running:
            table.report(one)
        running = [one for one in running if not one.ending]
    return table.trials


def first_stop(case: Case, one: Played, is_maximised: bool) -> int | None:
    for step, known in enumerate(one.known, start=1):
        if case.reference(one.curve[:step], known, is_maximised):
            return step
    return None


@pytest.mark.rule(
    "Every early stopping algorithm stops exactly the recorded curves that its definition stops"
)
@pytest.mark.parametrize("is_maximised", [False, True], ids=["minimise", "maximise"])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_stops_what_its_definition_stops(name: str, is_maximised: bool) -> None:
    case = CASES[name]
    settings = dict(case.settings)
    if name == "threshold":
        low, high = LIMITS[is_maximised]
        settings |= {"lower": str(low), "upper": str(high)}
    type = names.MAXIMIZE if is_maximised else names.MINIMIZE
    experiment = an_experiment().with_objective("loss", type).with_early_stopping(name, **settings)

    trials = play(name, experiment.build(), recorded(case.every, is_maximised))

    stopped = [len(one.reports) if one.ending == names.EARLY_STOPPED else None for one in trials]
    assert stopped == [first_stop(case, one, is_maximised) for one in trials]
    # Neither all nor none, or nothing was shown.
    assert TRIALS / 20 < sum(step is not None for step in stopped) < TRIALS


def test_every_rule_is_replayed() -> None:
    assert set(CASES) == set(STOPPING_RULES)
