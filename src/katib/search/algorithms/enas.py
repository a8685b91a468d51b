"""ENAS: a policy that makes up architectures, and learns from how well they did.

Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", 2018. Its macro search
only, and every trial trains its own weights; the policy is in :mod:`katib.search.nas.controller`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from random import Random

from katib.api.experiment import Experiment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.history import ENDED, Floats, History, Outcome, PastTrial
from katib.search.nas.architecture import Architecture
from katib.search.nas.controller import Beginnings, Choose, Controller
from katib.search.nas.learning import Learner, Lesson
from katib.search.nas.networks import Networks, problems_of_networks
from katib.search.nas.operations import refusals
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Outline, Weights
from katib.search.penalty import penalty_of
from katib.search.space import SearchSpace

#: Where a trial stands that ended without saying when.
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Enas:
    """Draws architectures from a policy that is trained with every trial that has ended.

    Trials teach in the order in which they ended; those of the same second, by name.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        self._networks = networks = Networks(experiment)
        preferences = Preferences.of(experiment)
        self._seed = seed
        self._outline = Outline(networks.layers, len(networks.choices), preferences.hidden_size)
        self._controller = Controller(self._outline, preferences)
        self._learner = Learner(self._controller, preferences, seed)
        self._history = History(experiment, SearchSpace(()))
        self._tried: dict[str, tuple[datetime, Architecture]] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings of the controller, ``random_state``, and a whole ``nasConfig``."""
        Preferences.of(experiment, refusals(experiment, problems_of_networks))

    def tell(self, trials: Sequence[Trial]) -> None:
        """A trial without an architecture of this experiment is no evidence and is left out."""
        for trial in trials:
            architecture = self._networks.find_architecture(trial)
            if architecture is None:
                continue
            ended = trial.status.completion_time
            when = ended if isinstance(ended, datetime) else _LONG_AGO
            self._tried[trial.metadata.name] = when, architecture
            self._history.tell([trial])

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; none that was tried before, as long as that is likely."""
        weights = self._learner.learn(list(self._lessons()))
        seen = {architecture for _, architecture in self._tried.values()}
        architectures: list[Architecture] = []
        # A policy that is sure repeats itself: many draws until one is new, all begun alike.
        begun = Beginnings()
        for offset in range(count):
            architectures.append(self._draw(weights, index + offset, seen, begun))
            seen.add(architectures[-1])
        return SuggestionReply([self._networks.assignment(one) for one in architectures])

    def _lessons(self) -> Iterator[Lesson]:
        """What the trials that have ended teach, in the order of their ends.

        A trial that was stopped early is worth its value, and a failed one nothing, but neither
        more than the worst before it that finished; a penalised one is worth less than all before
        it. A failed or penalised one without any before it says nothing.
        """
        ended = self._history.of(*ENDED)
        worst, losses = math.inf, list[float]()
        for trial in sorted(ended, key=self._place):
            if trial.outcome is Outcome.FINISHED:
                reward = -trial.loss
                worst = min(worst, reward)
                losses.append(trial.loss)
            elif trial.outcome is Outcome.STOPPED:
                reward = min(-trial.loss, worst)
            elif trial.outcome is Outcome.PENALISED and losses:
                reward = -penalty_of(losses)
            else:
                reward = worst
            if math.isfinite(reward):
                yield Lesson(self._tried[trial.name][1], reward)

    def _place(self, trial: PastTrial) -> tuple[datetime, str]:
        return self._tried[trial.name][0], trial.name

    def _draw(
        self, weights: Weights, index: int, seen: set[Architecture], begun: Beginnings
    ) -> Architecture:
        def make(attempt: int) -> Architecture:
            choose = by_chance(Random(f"{self._seed}:{index}:{attempt}"))
            return self._controller.sample(weights, choose, begun).architecture

        return self._networks.make_new(seen, make)


def by_chance(random: Random) -> Choose:
    """Chooses every outcome as often as its probability says."""

    def choose(chances: Floats) -> Sequence[int]:
        return [_pick(row, random.random()) for row in chances.tolist()]

    return choose


def _pick(chances: Sequence[float], draw: float) -> int:
    sums = list(accumulate(chances))
    return bisect_right(sums, draw * sums[-1], hi=len(sums) - 1)
