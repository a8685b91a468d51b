"""ENAS: a policy that makes up architectures, and learns from how well they did.

Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", 2018. Its macro search
only, and every trial trains its own weights; the policy is in :mod:`katib.search.nas.controller`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from random import Random

import numpy as np

from katib.api.experiment import Experiment, NasConfig
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.ports.suggester import SuggestionReply
from katib.search.history import ENDED, Floats, History, Outcome, PastTrial
from katib.search.nas.architecture import Architecture, architecture_of, network_text, text_of
from katib.search.nas.controller import Choose, Controller
from katib.search.nas.learning import Learner, Lesson
from katib.search.nas.operations import choices_of, config_of, found, problems_of, refusals
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Outline, Weights
from katib.search.penalty import penalty_of
from katib.search.space import SearchSpace

ARCHITECTURE = "architecture"
NETWORK = "nn_config"

#: How often an architecture that was tried before is drawn anew, until it is given again.
_MOST_DRAWS = 100

#: Where a trial stands that ended without saying when.
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Enas:
    """Draws architectures from a policy that is trained with every trial that has ended.

    Trials teach in the order in which they ended; those of the same second, by name.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        config = config_of(experiment)
        self._graph, self._choices = config.graph_config, choices_of(config)
        preferences = Preferences.of(experiment)
        layers, self._seed = self._graph.num_layers or 0, seed
        #: How many architectures there are.
        self._size: int = len(self._choices) ** layers * 2 ** (layers * (layers - 1) // 2)
        self._outline = Outline(layers, len(self._choices), preferences.hidden_size)
        self._controller = Controller(self._outline, preferences)
        self._learner = Learner(self._controller, preferences, seed)
        self._history = History(experiment, SearchSpace(()))
        self._tried: dict[str, tuple[datetime, Architecture]] = {}

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings of the controller, ``random_state``, and a whole ``nasConfig``."""
        Preferences.of(experiment, refusals(experiment, _problems_of))

    def tell(self, trials: Sequence[Trial]) -> None:
        """A trial without an architecture of this experiment is no evidence and is left out."""
        for trial in trials:
            values = {pair.name: pair.value for pair in trial.spec.parameter_assignments}
            try:
                architecture = architecture_of(
                    values.get(ARCHITECTURE, ""), self._outline.layers, self._outline.operations
                )
            except ValueError:
                continue
            ended = trial.status.completion_time
            when = ended if isinstance(ended, datetime) else _LONG_AGO
            self._tried[trial.metadata.name] = when, architecture
            self._history.tell([trial])

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; none that was tried before, as long as that is likely."""
        weights = self._learner.learn(list(self._lessons()))
        seen = {architecture for _, architecture in self._tried.values()}
        assignments: list[TrialAssignment] = []
        for offset in range(count):
            architecture = self._draw(weights, index + offset, seen)
            seen.add(architecture)
            assignments.append(self._assignment(architecture))
        return SuggestionReply(assignments)

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

    def _draw(self, weights: Weights, index: int, seen: set[Architecture]) -> Architecture:
        attempts = _MOST_DRAWS if len(seen) < self._size else 1
        for attempt in range(attempts):
            choose = by_chance(Random(f"{self._seed}:{index}:{attempt}"))
            architecture = self._controller.sample(weights, choose).architecture
            if architecture not in seen:
                break
        return architecture

    def _assignment(self, architecture: Architecture) -> TrialAssignment:
        network = network_text(architecture, self._graph, self._choices)
        return TrialAssignment(
            parameter_assignments=(
                NameValue(name=ARCHITECTURE, value=text_of(architecture)),
                NameValue(name=NETWORK, value=network),
            )
        )


def by_chance(random: Random) -> Choose:
    """Chooses every outcome as often as its probability says."""

    def choose(chances: Floats) -> Sequence[int]:
        sums = chances.cumsum(axis=1)
        draws = np.array([random.random() for _ in chances])[:, None] * sums[:, -1:]
        return [int(number) for number in (sums[:, :-1] <= draws).sum(axis=1)]

    return choose


def _problems_of(config: NasConfig) -> Iterator[str]:
    graph = config.graph_config
    shown = found("spec.nasConfig.graphConfig", graph)
    if not graph.input_sizes:
        yield f"Missing InputSizes in GraphConfig:\n{shown}"
    if not graph.output_sizes:
        yield f"Missing OutputSizes in GraphConfig:\n{shown}"
    if (graph.num_layers or 0) <= 0:
        yield f"Missing NumLayers in GraphConfig:\n{shown}"
    yield from problems_of(config)
