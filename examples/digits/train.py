"""Trains a small neural network on scikit-learn's handwritten digits.

Nothing here knows of Katib: the program takes its hyperparameters as flags and prints its metrics,
one line for each epoch, as ``name=value``.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

#: What each name of an optimizer means to scikit-learn.
OPTIMIZERS = {
    "adam": {"solver": "adam"},
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "momentum": 0.9, "nesterovs_momentum": True},
}


def main() -> None:
    flags = parse_flags()
    digits = load_digits()
    train_x, validation_x, train_y, validation_y = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    network = MLPClassifier(
        hidden_layer_sizes=(64,) * flags.num_layers,
        learning_rate_init=flags.lr,
        batch_size=64,
        random_state=0,
        **OPTIMIZERS[flags.optimizer],
    )
    classes = np.unique(digits.target)
    for epoch in range(1, flags.epochs + 1):
        network.partial_fit(train_x, train_y, classes=classes)
        train = network.score(train_x, train_y)
        validation = network.score(validation_x, validation_y)
        # Without the flush a pipe would hold back the lines until the end.
        print(
            f"epoch {epoch}: Train-accuracy={train:.4f} Validation-accuracy={validation:.4f}",
            flush=True,
        )


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate")
    parser.add_argument("--num-layers", type=int, default=2, help="hidden layers of 64 units")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, default="adam")
    parser.add_argument("--epochs", type=int, default=15)
    return parser.parse_args()


if __name__ == "__main__":
    main()
