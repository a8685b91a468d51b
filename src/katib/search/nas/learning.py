"""How the controller learns from trials: REINFORCE with a moving baseline, by Adam.

R. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement
Learning", Machine Learning 8 (1992); D. Kingma and J. Ba, "Adam: A Method for Stochastic
Optimization", ICLR 2015, algorithm 1. A trial takes far longer than a training step, so that the
last trials are learnt from many times; J. Schulman et al., "Proximal Policy Optimization
Algorithms", 2017, says how far: equation 7.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np

from katib.search.history import Floats
from katib.search.nas.architecture import Architecture
from katib.search.nas.controller import Controller, Episode, Loss
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Weights, first_weights

_LOG = logging.getLogger(__name__)

#: Of how many trials each is followed by all training steps. Later ones have fewer, in proportion,
#: so that a thousand trials can be learnt from again after a restart.
FULL_TRIALS = 20

#: How many of the last trials are learnt from again: what was drawn long ago says little about the
#: policy of now.
RECENT = 20

#: How much likelier or less likely than when it was drawn an architecture is made by learning from
#: it again.
_CLIP = 0.2

#: The logarithm of the largest ratio of probabilities, so that it stays finite.
_LARGEST_RATIO = 5.0

#: Adam's decay of the mean gradient and of its square, and what it never divides by less than.
_DECAY, _SQUARE_DECAY, _EPSILON = 0.9, 0.999, 1e-8

#: Rewards beyond this are cut, so that their squares stay finite.
_LARGEST_REWARD = 1e100

#: How many earlier states are kept for trials that turn out to have ended before known ones.
_KEPT = 8


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one trial teaches: the more reward, the better its architecture."""

    architecture: Architecture
    reward: float


@dataclass(slots=True)
class Knowledge:
    """What training has come to; it is trained in place.

    Attributes:
        weights: the controller's.
        mean: Adam's mean gradient.
        square: Adam's mean square of it.
        steps: how many training steps there were.
        baseline: the moving mean of rewards, which starts at 0.
        cross_entropies: of the last lessons, each as it was when the lesson came.
    """

    weights: Floats
    mean: Floats
    square: Floats
    steps: int = 0
    baseline: float = 0.0
    cross_entropies: tuple[float, ...] = ()

    def copy(self) -> Knowledge:
        """One that can be trained on while this one stays."""
        return replace(
            self, weights=self.weights.copy(), mean=self.mean.copy(), square=self.square.copy()
        )

    def follow(self, gradient: Floats, rate: float, room: Floats) -> None:
        """Make one step of Adam; ``gradient`` and ``room`` are overwritten."""
        self.steps += 1
        self.mean *= _DECAY
        self.mean += np.multiply(gradient, 1 - _DECAY, out=room)
        self.square *= _SQUARE_DECAY
        gradient *= gradient
        self.square += np.multiply(gradient, 1 - _SQUARE_DECAY, out=room)
        np.divide(self.square, 1 - _SQUARE_DECAY**self.steps, out=room)
        np.sqrt(room, out=room)
        room += _EPSILON
        np.divide(self.mean, room, out=room)
        room *= rate / (1 - _DECAY**self.steps)
        self.weights -= room


class Learner:
    """Knows what a sequence of lessons teaches.

    After each lesson there is a training step with it, and then steps with lessons that are drawn
    from the last ones. What was learnt from a sequence is kept, to go on from when it gets longer;
    it is what the whole sequence would have taught from the beginning.

    Args:
        controller: what learns.
        preferences: how.
        seed: where the first weights and the lessons that are repeated come from.
    """

    def __init__(self, controller: Controller, preferences: Preferences, seed: int) -> None:
        self._controller, self._preferences, self._seed = controller, preferences, seed
        vector = first_weights(controller.outline, seed)
        self._first = Knowledge(vector, np.zeros_like(vector), np.zeros_like(vector))
        self._gradient, self._room = np.empty_like(vector), np.empty_like(vector)
        self._lessons: tuple[Lesson, ...] = ()
        self._kept: deque[tuple[int, Knowledge]] = deque(maxlen=_KEPT)

    def learn(self, lessons: Sequence[Lesson]) -> Weights:
        """The weights that these lessons teach, in this order."""
        known = _common(self._lessons, lessons)
        while self._kept and self._kept[-1][0] > known:
            self._kept.pop()
        self._lessons = tuple(lessons)
        count, knowledge = self._kept[-1] if self._kept else (0, self._first)
        for number in range(count, len(lessons)):
            knowledge = self._lesson(knowledge, lessons[: number + 1])
            self._kept.append((number + 1, knowledge))
        return Weights.over(knowledge.weights, self._controller.outline)

    def _lesson(self, before: Knowledge, lessons: Sequence[Lesson]) -> Knowledge:
        """All the steps after the last of these lessons."""
        draw = Random(f"{self._seed}:lesson:{len(lessons)}").random
        knowledge, recent = before.copy(), lessons[-RECENT:]
        usual = self._meet(knowledge, recent[-1], len(lessons))
        self._train(knowledge, recent, -1, usual)
        for _ in range(self._repeats(len(lessons))):
            self._train(knowledge, recent, int(draw() * len(recent)), usual)
        return knowledge

    def _repeats(self, number: int) -> int:
        steps = self._preferences.train_steps
        return max(steps * FULL_TRIALS // max(number, FULL_TRIALS), 1) - 1

    def _meet(self, knowledge: Knowledge, lesson: Lesson, number: int) -> float:
        """Remember how likely a new lesson was; the reward that is usual now."""
        weights = Weights.over(knowledge.weights, self._controller.outline)
        episode = self._controller.judge(weights, lesson.architecture)
        known = knowledge.cross_entropies[1 - RECENT :]
        knowledge.cross_entropies = (*known, episode.cross_entropy)
        decay = self._preferences.baseline_decay
        knowledge.baseline -= (1 - decay) * (knowledge.baseline - self._reward(lesson, episode))
        # A mean that starts at 0 is too small for long, and then everything looks good, whatever
        # was tried first most of all. Corrected as Adam corrects its means.
        return knowledge.baseline / (1 - decay**number or 1)

    def _reward(self, lesson: Lesson, episode: Episode) -> float:
        reward = lesson.reward + (self._preferences.entropy_weight or 0.0) * episode.entropy
        return min(max(reward, -_LARGEST_REWARD), _LARGEST_REWARD)

    def _train(
        self, knowledge: Knowledge, recent: Sequence[Lesson], place: int, usual: float
    ) -> None:
        """One step with one of the last lessons, unless it has been learnt from enough."""
        preferences, controller = self._preferences, self._controller
        weights = Weights.over(knowledge.weights, controller.outline)
        episode = controller.judge(weights, recent[place].architecture)
        advantage = self._reward(recent[place], episode) - usual
        growth = knowledge.cross_entropies[place] - episode.cross_entropy
        ratio = math.exp(min(growth, _LARGEST_RATIO))
        if (ratio > 1 + _CLIP and advantage > 0) or (ratio < 1 - _CLIP and advantage < 0):
            return
        loss = Loss(ratio * advantage, preferences.skip_weight or 0.0)
        controller.gradient(weights, episode, loss, self._gradient)
        self._log(knowledge, episode, loss)
        knowledge.follow(self._gradient, preferences.learning_rate, self._room)

    def _log(self, knowledge: Knowledge, episode: Episode, loss: Loss) -> None:
        step = knowledge.steps + 1
        if step % self._preferences.log_every_steps == 0 and _LOG.isEnabledFor(logging.INFO):
            _LOG.info(
                "step %d: loss %g, entropy %g, gradient norm %g, baseline %g, skip rate %g",
                step,
                loss.of(episode),
                episode.entropy,
                np.linalg.norm(self._gradient),
                knowledge.baseline,
                episode.skip_rate,
            )


def _common(old: Sequence[Lesson], new: Sequence[Lesson]) -> int:
    """How many lessons both begin with."""
    for number, (one, other) in enumerate(zip(old, new, strict=False)):
        if one != other:
            return number
    return min(len(old), len(new))
