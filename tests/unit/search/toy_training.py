"""A training whose best learning rate moves with what is learnt so far."""

from __future__ import annotations

from dataclasses import dataclass

#: Where the best learning rate is largest, and where it is smallest.
PEAK, FLOOR = 0.01, 0.001


@dataclass(frozen=True)
class Model:
    """What a checkpoint holds.

    Attributes:
        accuracy: from 0 to 100.
    """

    accuracy: float = 0.0

    @property
    def best_rate(self) -> float:
        """Rises to half the way, and falls again."""
        return FLOOR + (PEAK - FLOOR) * (1 - abs(self.accuracy - 50) / 50)

    def train(self, rate: float, epochs: int) -> Model:
        """The model some epochs later; it forgets when the rate is far too large."""
        model = self
        for _ in range(epochs):
            ratio = max(rate, model.best_rate) / min(rate, model.best_rate)
            change = 0.5 / ratio if ratio < 3 else (3 - ratio) / 2 if rate > model.best_rate else 0
            model = Model(min(100.0, max(0.0, model.accuracy + change)))
        return model
