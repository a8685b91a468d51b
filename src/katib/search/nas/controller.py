"""The controller of ENAS: a recurrent policy that chooses an architecture, layer by layer.

H. Pham, M. Guan, B. Zoph, Q. Le and J. Dean, "Efficient Neural Architecture Search via Parameter
Sharing", ICML 2018, section 2.3 (macro search). Skip connections are chosen by attention over the
earlier layers: B. Zoph and Q. Le, "Neural Architecture Search with Reinforcement Learning", ICLR
2017, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from katib.search.history import Floats
from katib.search.nas.architecture import Architecture
from katib.search.nas.cell import Step, log_sigmoid, sigmoid, step, step_back
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Outline, Weights

#: Chooses one outcome for each row of probabilities. (n_choices, n_outcomes)
Choose = Callable[[Floats], Sequence[int]]

#: A target of no skip connections at all, or of nothing else, is as good as reached from here on.
_LEAST_TARGET = 1e-6


@dataclass(frozen=True, slots=True)
class _Operations:
    """What is known before the operation of a layer is chosen.

    Attributes:
        first: the step before it.
        raw: the logits before squashing. (operations,)
        log_chances: the logarithms of the probabilities. (operations,)
        chances: the probabilities. (operations,)
    """

    first: Step
    raw: Floats
    log_chances: Floats
    chances: Floats


@dataclass(frozen=True, slots=True)
class _Skips:
    """What is known before the skip connections of a layer are chosen.

    Attributes:
        second: the step after the operation.
        attended: what attention saw of each earlier layer. (earlier layers, hidden)
        raw: its number for each of them before squashing. (earlier layers,)
        log_chances: the logarithms of the probabilities of none and one. (earlier layers, 2)
        penalty: how far they are from the target.
    """

    second: Step
    attended: Floats
    raw: Floats
    log_chances: Floats
    penalty: float


@dataclass(frozen=True, slots=True)
class Beginnings:
    """What samples of the same weights know of each other's beginnings.

    Attributes:
        operations: by the rows of all earlier layers.
        skips: by these and the operation.
    """

    operations: dict[Architecture, _Operations] = field(default_factory=dict)
    skips: dict[tuple[Architecture, int], _Skips] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Layer:
    """What was chosen for one layer, and all that led to it.

    Attributes:
        row: its row of the architecture.
        operations: what led to its operation.
        skips: what led to its skip connections.
    """

    row: tuple[int, ...]
    operations: _Operations
    skips: _Skips

    @property
    def second(self) -> Step:
        """The step after its operation."""
        return self.skips.second

    @property
    def bits(self) -> Floats:  # (earlier layers,)
        """Which earlier layers are connected, as numbers."""
        return np.array(self.row[1:], dtype=np.float64)


@dataclass(slots=True)
class Episode:
    """An architecture, and what the policy thinks of it.

    Attributes:
        cross_entropy: minus the logarithm of the architecture's probability.
        entropy: the sum of -p log p over the choices that were made.
        skip_penalty: how far the chances of skip connections are from the target: the mean over
            the layers that have a choice.
        layers: how it came about, for the gradient.
    """

    cross_entropy: float = 0.0
    entropy: float = 0.0
    skip_penalty: float = 0.0
    layers: list[_Layer] = field(default_factory=list)

    @property
    def architecture(self) -> Architecture:
        """What was chosen."""
        return tuple(layer.row for layer in self.layers)

    @property
    def skip_rate(self) -> float:
        """The share of all possible skip connections that it has; 0 when there are none."""
        bits = [bit for layer in self.layers for bit in layer.row[1:]]
        return sum(bits) / max(len(bits), 1)

    def count(self, log_chances: Floats) -> None:
        """Add the choices that had these logarithms of their probabilities."""
        self.cross_entropy -= float(log_chances.sum())
        self.entropy -= float((log_chances * np.exp(log_chances)).sum())


@dataclass(frozen=True, slots=True)
class Loss:
    """What a training step makes smaller.

    Attributes:
        advantage: how much better than usual the architecture did; weighs its cross entropy.
        skip_weight: weighs the skip penalty.
    """

    advantage: float
    skip_weight: float

    def of(self, episode: Episode) -> float:
        """Its value."""
        return self.advantage * episode.cross_entropy + self.skip_weight * episode.skip_penalty


class Controller:
    """The policy, for any weights.

    Args:
        outline: how large it is.
        preferences: how logits are squashed, and how many skip connections are wanted.
    """

    def __init__(self, outline: Outline, preferences: Preferences) -> None:
        self.outline = outline
        self._temperature, self._tanh_const = preferences.temperature, preferences.tanh_const
        target = min(max(preferences.skip_target, _LEAST_TARGET), 1 - _LEAST_TARGET)
        self._log_target = np.log([[1 - target], [target]])  # (2, 1)

    def sample(self, weights: Weights, choose: Choose, begun: Beginnings | None = None) -> Episode:
        """The architecture that ``choose`` makes of the probabilities it is shown.

        It is asked twice for each layer but the first: for the operation, and for a 0 or 1 for each
        of the earlier layers; for the first layer, it is asked once.

        Args:
            weights: the policy's.
            choose: makes the choices.
            begun: what samples of the same weights know of their beginnings; grows.
        """
        episode, known = Episode(), Beginnings() if begun is None else begun
        for _ in range(self.outline.layers):
            layer = self._layer(weights, episode, choose, known)
            episode.layers.append(layer)
        return episode

    def judge(self, weights: Weights, architecture: Architecture) -> Episode:
        """The episode in which exactly these choices are made."""
        answers = _answers(architecture)
        return self.sample(weights, lambda _: next(answers))

    def gradient(self, weights: Weights, episode: Episode, loss: Loss, out: Floats) -> None:
        """Write how a loss changes with each of the weights that the episode came from."""
        out.fill(0)
        _Back(self, weights, Weights.over(out, self.outline), loss).run(episode.layers)

    def squash(self, raw: Floats) -> Floats:
        """Logits that are neither too sure nor too large."""
        scaled = raw if self._temperature is None else raw / self._temperature
        return scaled if self._tanh_const is None else self._tanh_const * np.tanh(scaled)

    def slope(self, raw: Floats) -> Floats:
        """The derivative of :meth:`squash`."""
        scale = 1.0 if self._temperature is None else 1 / self._temperature
        if self._tanh_const is None:
            return np.full_like(raw, scale)
        return scale * self._tanh_const * (1 - np.tanh(raw * scale) ** 2)

    def skip_penalty(self, logits: Floats) -> tuple[float, Floats]:
        """The sum of u log(u / target) over both outcomes u, and its gradient by each logit."""
        both = np.stack((-logits, logits))
        shares, distance = sigmoid(both), log_sigmoid(both) - self._log_target
        slopes = (distance + 1) * shares * (1 - shares)
        return float((shares * distance).sum()), slopes[1] - slopes[0]

    def _layer(
        self, weights: Weights, episode: Episode, choose: Choose, known: Beginnings
    ) -> _Layer:
        """The next layer of an episode."""
        before = episode.architecture
        operations = known.operations.get(before)
        if operations is None:
            operations = self._operations(weights, episode.layers)
            known.operations[before] = operations
        operation = choose(operations.chances[None, :])[0]
        episode.count(operations.log_chances[operation : operation + 1])

        skips = known.skips.get((before, operation))
        if skips is None:
            skips = self._skips(weights, episode.layers, operations.first, operation)
            known.skips[before, operation] = skips
        bits: Sequence[int] = ()
        if before:
            bits = choose(np.exp(skips.log_chances))
            episode.count(skips.log_chances[np.arange(len(before)), list(bits)])
            episode.skip_penalty += skips.penalty / (self.outline.layers - 1)
        return _Layer((operation, *bits), operations, skips)

    def _operations(self, weights: Weights, before: Sequence[_Layer]) -> _Operations:
        state = memory = np.zeros(self.outline.hidden)
        given = weights.start
        if before:
            state, memory = before[-1].second.state, before[-1].second.memory
        if len(before) > 1:
            given = _mixed(before)
        first = step(weights.lstm, given, state, memory)
        raw = first.state @ weights.operations
        logits = self.squash(raw)
        log_chances = logits - np.logaddexp.reduce(logits)
        return _Operations(first, raw, log_chances, np.exp(log_chances))

    def _skips(
        self, weights: Weights, before: Sequence[_Layer], first: Step, operation: int
    ) -> _Skips:
        second = step(weights.lstm, weights.embeddings[operation], first.state, first.memory)
        states = [layer.second.state for layer in before]
        past = np.array(states).reshape(len(states), self.outline.hidden)
        attended = np.tanh(past @ weights.past + second.state @ weights.present)
        raw = attended @ weights.attention
        # Outcomes have the logits -s and s, so that the second has the probability sigmoid(2s).
        skips = self.squash(raw)
        log_chances = log_sigmoid(2 * np.stack((-skips, skips), axis=1))
        return _Skips(second, attended, raw, log_chances, self.skip_penalty(skips)[0])


class _Back:
    """Goes back through an episode, from the last choice to the first, and gathers the gradient."""

    def __init__(
        self, controller: Controller, weights: Weights, gradient: Weights, loss: Loss
    ) -> None:
        self._controller, self._weights, self._gradient = controller, weights, gradient
        layers, hidden = controller.outline.layers, controller.outline.hidden
        self._advantage = loss.advantage
        self._skip_weight = loss.skip_weight / max(layers - 1, 1)
        # What later layers have to say about each layer's state, directly and as attention sees it.
        self._states = np.zeros((layers, hidden))
        self._seen = np.zeros((layers, hidden))
        self._state, self._memory = np.zeros(hidden), np.zeros(hidden)
        self._steps: list[Floats] = []
        self._gates: list[Floats] = []

    def run(self, layers: Sequence[_Layer]) -> None:
        given = np.zeros_like(self._state)
        for number in range(len(layers) - 1, -1, -1):
            layer = layers[number]
            self._spread(number, layer, given)
            self._state = self._state + self._states[number]
            self._state += self._weights.past @ self._seen[number]
            self._gradient.past[:] += np.outer(layer.second.state, self._seen[number])
            if number:
                self._skips(number, layer)
            self._gradient.embeddings[layer.row[0]] += self._step(layer.second)
            self._operation(layer)
            given = self._step(layer.operations.first)
        self._gradient.start[:] += given
        np.matmul(np.array(self._steps).T, np.array(self._gates), out=self._gradient.lstm)

    def _spread(self, number: int, layer: _Layer, given: Floats) -> None:
        """The input after a layer was the start again, or the mean of the states it chose."""
        if number == 0:
            self._gradient.start[:] += given
            return
        bits = layer.bits
        self._states[:number] += np.outer(bits / (1 + bits.sum()), given)

    def _skips(self, number: int, layer: _Layer) -> None:
        controller, weights = self._controller, self._weights
        skips = controller.squash(layer.skips.raw)
        slopes = self._advantage * 2 * (sigmoid(2 * skips) - layer.bits)
        slopes = slopes + self._skip_weight * controller.skip_penalty(skips)[1]
        raw = slopes * controller.slope(layer.skips.raw)
        self._gradient.attention[:] += raw @ layer.skips.attended
        seen = np.outer(raw, weights.attention) * (1 - layer.skips.attended**2)
        self._seen[:number] += seen
        total = seen.sum(axis=0)
        self._gradient.present[:] += np.outer(layer.second.state, total)
        self._state += weights.present @ total

    def _operation(self, layer: _Layer) -> None:
        slopes = self._advantage * layer.operations.chances
        slopes[layer.row[0]] -= self._advantage
        raw = slopes * self._controller.slope(layer.operations.raw)
        self._gradient.operations[:] += np.outer(layer.operations.first.state, raw)
        self._state += self._weights.operations @ raw

    def _step(self, one: Step) -> Floats:
        """Back over one step; the gradient of its input."""
        gates, self._memory = step_back(one, self._state, self._memory)
        self._steps.append(one.seen)
        self._gates.append(gates)
        seen = self._weights.lstm @ gates
        hidden = len(self._state)
        self._state = seen[hidden:]
        return seen[:hidden]


def _mixed(layers: Sequence[_Layer]) -> Floats:
    """The next input: the states that the last layer chose, divided by one more than they are."""
    bits = layers[-1].bits
    states = np.array([layer.second.state for layer in layers[:-1]])
    mixed: Floats = bits @ states / (1 + bits.sum())
    return mixed


def _answers(architecture: Architecture) -> Iterator[Sequence[int]]:
    for row in architecture:
        yield row[:1]
        if len(row) > 1:
            yield row[1:]
