"""Record learning curves: every point of some search spaces, trained to the end.

    OPENBLAS_NUM_THREADS=1 .venv/bin/python bench/search/make_curves.py

writes `curves.npz`: for each task its curves, (n_points, n_epochs), the validation error after each
epoch, half precision, `nan` once a training has diverged; and its parameters as JSON, so that
points are numbered as a grid whose last parameter changes fastest. Needs scikit-learn and some
three minutes of one core; the same versions of numpy and scikit-learn make the same file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

FILE = Path(__file__).resolve().parent / "curves.npz"
EPOCHS = 81

Floats = NDArray[np.float64]
Value = float | int | str
Point = Mapping[str, Any]


@dataclass(frozen=True)
class Data:
    """Features and targets to train with, and to validate with."""

    train: tuple[Floats, Any]
    valid: tuple[Floats, Any]

    @classmethod
    def of(cls, load: Callable[..., Any], share: float) -> Data:
        features, targets = load(return_X_y=True)
        parts = train_test_split(features, targets, train_size=share, random_state=0)
        scaler = StandardScaler().fit(parts[0])
        return cls((scaler.transform(parts[0]), parts[2]), (scaler.transform(parts[1]), parts[3]))


@dataclass(frozen=True)
class Task:
    """A search space, and the errors of one point's training, epoch by epoch.

    Attributes:
        parameters: name → its values: numbers in order, or words.
        train: yields the validation error after each epoch.
        data: what is learnt.
    """

    parameters: Mapping[str, Sequence[Value]]
    train: Callable[[Point, Data], Iterator[float]]
    data: Callable[[], Data]

    def points(self) -> Iterator[Point]:
        for values in itertools.product(*self.parameters.values()):
            yield dict(zip(self.parameters, values, strict=True))


def spread(low: float, high: float, count: int) -> list[float]:
    """Numbers with the same ratio between neighbours, three digits each."""
    return [float(f"{number:.3g}") for number in np.geomspace(low, high, count)]


def root_mean_square(differences: Floats) -> float:
    return float(np.sqrt(np.mean(differences**2)))


def network_on_digits(point: Point, data: Data) -> Iterator[float]:
    model = MLPClassifier(
        hidden_layer_sizes=(point["width"],),
        activation=point["activation"],
        solver="sgd",
        learning_rate_init=point["lr"],
        batch_size=64,
        momentum=point["momentum"],
        random_state=1,
    )
    classes = np.unique(data.train[1])
    for _ in range(EPOCHS):
        model.partial_fit(*data.train, classes=classes)
        yield float(np.mean(model.predict(data.valid[0]) != data.valid[1]))


def network_on_diabetes(point: Point, data: Data) -> Iterator[float]:
    mean, deviation = np.mean(data.train[1]), np.std(data.train[1])
    model = MLPRegressor(
        hidden_layer_sizes=(point["width"],),
        solver=point["solver"],
        learning_rate_init=point["lr"],
        batch_size=point["batch"],
        alpha=point["alpha"],
        random_state=1,
    )
    for _ in range(EPOCHS):
        model.partial_fit(data.train[0], (data.train[1] - mean) / deviation)
        found = model.predict(data.valid[0]) * deviation + mean
        yield root_mean_square(found - data.valid[1])


def line_on_cancer(point: Point, data: Data) -> Iterator[float]:
    model = SGDClassifier(
        "log_loss",
        penalty=point["penalty"],
        alpha=point["alpha"],
        learning_rate=point["schedule"],
        eta0=point["lr"],
        random_state=1,
    )
    for _ in range(EPOCHS):
        model.partial_fit(*data.train, classes=[0, 1])
        right = model.predict_proba(data.valid[0])[np.arange(len(data.valid[1])), data.valid[1]]
        yield float(-np.mean(np.log(np.maximum(right, 1e-15))))


def trees_on_diabetes(point: Point, data: Data) -> Iterator[float]:
    model = GradientBoostingRegressor(
        n_estimators=EPOCHS,
        learning_rate=point["lr"],
        max_depth=point["depth"],
        subsample=point["subsample"],
        min_samples_leaf=point["leaf"],
        random_state=1,
    ).fit(*data.train)
    for found in model.staged_predict(data.valid[0]):
        yield root_mean_square(found - data.valid[1])


TASKS: Mapping[str, Task] = {
    "trees on diabetes": Task(
        {
            "lr": spread(3e-3, 1.0, 12),
            "depth": [1, 2, 3, 5],
            "subsample": [0.3, 0.6, 1.0],
            "leaf": [1, 4, 16],
        },
        trees_on_diabetes,
        lambda: Data.of(load_diabetes, 0.5),
    ),
    "a line on breast cancer": Task(
        {
            "lr": spread(1e-4, 1.0, 11),
            "alpha": spread(1e-6, 1e-1, 6),
            "penalty": ["l1", "l2"],
            "schedule": ["adaptive", "constant", "invscaling"],
        },
        line_on_cancer,
        lambda: Data.of(load_breast_cancer, 0.4),
    ),
    "a network on diabetes": Task(
        {
            "lr": spread(1e-4, 1.0, 11),
            "batch": [24, 72],
            "width": [4, 16, 64],
            "alpha": [1e-3, 1e-1, 10.0],
            "solver": ["sgd", "adam"],
        },
        network_on_diabetes,
        lambda: Data.of(load_diabetes, 0.5),
    ),
    "a network on digits": Task(
        {
            "lr": spread(1e-3, 1.0, 13),
            "momentum": [0.0, 0.5, 0.9, 0.97],
            "width": [8, 24],
            "activation": ["logistic", "relu"],
        },
        network_on_digits,
        lambda: Data.of(load_digits, 0.2),
    ),
}


def curve_of(task: Task, point: Point, data: Data) -> list[float]:
    """The errors of all epochs: a training that diverged has none from then on."""
    errors: list[float] = []
    try:
        for error in task.train(point, data):
            if not error < 6e4:
                break
            errors.append(error)
    except ValueError as error:
        if "non-finite" not in str(error):
            raise
    return errors + [float("nan")] * (EPOCHS - len(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tasks", nargs="*", default=[*TASKS], help="all, if none is named")
    parser.add_argument("--out", type=Path, default=FILE, help="the file to write")
    flags = parser.parse_args()
    arrays: dict[str, Any] = dict(np.load(flags.out)) if flags.out.exists() else {}
    for name in flags.tasks:
        start, task = time.process_time(), TASKS[name]
        data = task.data()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            curves = [curve_of(task, point, data) for point in task.points()]
        arrays[name] = np.array(curves, dtype=np.float16)
        arrays[f"{name}: parameters"] = np.array(json.dumps(task.parameters))
        np.savez_compressed(flags.out, **arrays)
        seconds = time.process_time() - start
        print(f"{name}: {len(curves)} points, {seconds:.0f} s of one core", flush=True)


if __name__ == "__main__":
    main()
