"""A piece of a training: goes on from a checkpoint, and leaves one.

A small network of one hidden layer learns handwritten digits that are disturbed anew at each step,
so that there is always something left to learn and no two gradients are alike. At first a high
learning rate gets it further; later only a low one gets it closer. No fixed rate is good always.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CHECKPOINT = "network.npz"

#: The size of the hidden layer, the pictures of a step, and the noise of a pixel from 0 to 1.
_HIDDEN, _BATCH, _NOISE = 32, 8, 0.5


def load_digits(seed: int = 0) -> tuple[Floats, Floats, Floats, Floats]:
    """Pictures and answers for training, and for validation; each answer as a row of 0 and 1."""
    # Importing scikit-learn would take longer than all that a trial does.
    found = find_spec("sklearn")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn")
    file = Path(found.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    table = np.loadtxt(file, delimiter=",")
    images, labels = table[:, :-1], table[:, -1].astype(int)
    order = np.random.default_rng(seed).permutation(len(labels))
    images, answers = images[order] / 16, np.eye(10)[labels[order]]
    split = len(labels) * 3 // 4
    # Each picture is validated four times, with another disturbance, the same in every trial.
    validation = np.tile(images[split:], (4, 1))
    validation = validation + _NOISE * np.random.default_rng(1).normal(size=validation.shape)
    return images[:split], answers[:split], validation, np.tile(answers[split:], (4, 1))


class Network:
    """Its weights, and how many steps they have made.

    Args:
        weights: of the hidden layer, of the answers, and what is added to each of both.
        step: how many steps led to them.
    """

    def __init__(self, weights: list[Floats], step: int = 0) -> None:
        self.weights, self.step = weights, step

    @classmethod
    def new(cls, seed: int) -> Network:
        chance = np.random.default_rng(seed)
        first = chance.normal(scale=0.15, size=(64, _HIDDEN))
        second = chance.normal(scale=0.15, size=(_HIDDEN, 10))
        return cls([first, np.zeros(_HIDDEN), second, np.zeros(10)])

    @classmethod
    def load(cls, folder: Path, seed: int) -> Network:
        """From a checkpoint if there is one."""
        file = folder / CHECKPOINT
        if not file.exists():
            return cls.new(seed)
        try:
            with np.load(file) as kept:
                return cls([kept[f"arr_{place}"] for place in range(4)], int(kept["step"]))
        except (OSError, KeyError, ValueError) as error:
            raise SystemExit(f"{file} is no checkpoint of this program: {error}") from error

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Renamed when it is whole: one that is killed meanwhile leaves the one before.
        partial = folder / f".{CHECKPOINT}"
        with partial.open("wb") as file:
            np.savez(file, *self.weights, step=np.array(self.step))
        partial.replace(folder / CHECKPOINT)

    def train(self, images: Floats, answers: Floats, rate: float, steps: int, seed: int) -> None:
        """So many steps of stochastic gradient descent; which pictures depends on where it is."""
        chance = np.random.default_rng((seed, self.step))
        first, first_more, second, second_more = self.weights
        for _ in range(steps):
            chosen = chance.integers(len(images), size=_BATCH)
            seen = images[chosen] + _NOISE * chance.standard_normal((_BATCH, 64))
            hidden = np.maximum(seen @ first + first_more, 0)
            error = (_softmax(hidden @ second + second_more) - answers[chosen]) / _BATCH
            back = (error @ second.T) * (hidden > 0)
            second -= rate * (hidden.T @ error)
            second_more -= rate * error.sum(axis=0)
            first -= rate * (seen.T @ back)
            first_more -= rate * back.sum(axis=0)
        self.step += steps

    def validate(self, images: Floats, answers: Floats) -> tuple[float, float]:
        """The loss, and the share of right answers."""
        first, first_more, second, second_more = self.weights
        shares = _softmax(np.maximum(images @ first + first_more, 0) @ second + second_more)
        right = (shares.argmax(axis=1) == answers.argmax(axis=1)).mean()
        return float(-np.log((shares * answers).sum(axis=1) + 1e-300).mean()), float(right)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def main() -> None:
    flags = parse_flags()
    images, answers, *validation = load_digits()
    network = Network.load(Path(flags.checkpoint), flags.seed)
    print(f"It goes on at step {network.step}")
    network.train(images, answers, flags.lr, flags.steps, flags.seed)
    network.save(Path(flags.checkpoint))
    loss, accuracy = network.validate(*validation)
    print(f"loss={loss:.5f} accuracy={accuracy:.4f} step={network.step}", flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, required=True, help="learning rate")
    parser.add_argument("--steps", type=int, default=100, help="of this trial")
    parser.add_argument("--checkpoint", required=True, help="folder to go on from, and to leave")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn in training")
    return parser.parse_args()


if __name__ == "__main__":
    main()
