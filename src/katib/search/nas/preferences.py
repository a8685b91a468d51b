"""What the user has set for the controller of ENAS."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from katib.api.experiment import Experiment
from katib.errors import SettingsError
from katib.search.settings import SettingsReader

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Preferences:
    """The controller's settings, with the names that they have in documents after ``controller_``.

    Those that may be ``None`` are then switched off.

    Attributes:
        hidden_size: how many numbers the controller's state has.
        temperature: what logits are divided by.
        tanh_const: between which numbers, plus and minus, logits are squeezed by a tanh.
        entropy_weight: how much of the entropy is added to a reward.
        baseline_decay: what is left of the baseline after each training step.
        learning_rate: of Adam.
        skip_target: the share of skip connections that is wanted.
        skip_weight: how much the distance from that share counts.
        train_steps: training steps after each trial.
        log_every_steps: after how many steps one is logged.
    """

    hidden_size: int = 64
    temperature: float | None = 5.0
    tanh_const: float | None = 2.25
    entropy_weight: float | None = 1e-5
    baseline_decay: float = 0.999
    learning_rate: float = 5e-5
    skip_target: float = 0.4
    skip_weight: float | None = 0.8
    train_steps: int = 50
    log_every_steps: int = 10

    @classmethod
    def of(cls, experiment: Experiment) -> Preferences:
        """Read them.

        Raises:
            SettingsError: they are wrong; the message names everything that is.
        """
        reader, default = _Reader(experiment), cls()
        read = cls(
            hidden_size=reader.count("controller_hidden_size", default.hidden_size),
            temperature=reader.optional("controller_temperature", default.temperature),
            tanh_const=reader.optional("controller_tanh_const", default.tanh_const),
            entropy_weight=reader.optional("controller_entropy_weight", default.entropy_weight),
            baseline_decay=reader.share("controller_baseline_decay", default.baseline_decay),
            learning_rate=reader.share("controller_learning_rate", default.learning_rate),
            skip_target=reader.share("controller_skip_target", default.skip_target),
            skip_weight=reader.optional("controller_skip_weight", default.skip_weight),
            train_steps=reader.count("controller_train_steps", default.train_steps),
            log_every_steps=reader.count("controller_log_every_steps", default.log_every_steps),
        )
        reader.whole("random_state", None, 0)
        reader.check()
        return read


class _Reader(SettingsReader):
    """Words problems as the users of Katib's ENAS know them."""

    def whole(self, name: str, default: D, low: int) -> int | D:
        """A whole number from ``low`` on."""
        text = self._texts.get(name, "")
        wrong = f"Algorithm Setting {name}: {text} with int type must be in range [{low}, inf)"
        return self.integer(name, default, lambda value: value >= low, wrong)

    def count(self, name: str, default: int) -> int:
        """A whole number from 1 on."""
        return self.whole(name, default, 1)

    def share(self, name: str, default: float) -> float:
        """A number above 0, and at most 1."""
        return self._above_zero(name, default, 1.0)

    def optional(self, name: str, default: float | None) -> float | None:
        """A number above 0, or ``None``."""
        if self._texts.get(name) == "None":
            self._read.add(name)
            return None
        return self._above_zero(name, default, math.inf)

    def check(self) -> None:
        """As for every algorithm, in other words.

        Raises:
            SettingsError: a value is wrong, or a setting is given that was never read.
        """
        problems = [*self._unknown(), *self._problems]
        if problems:
            raise SettingsError("; ".join(problems))

    def _above_zero(self, name: str, default: D, high: float) -> float | D:
        text = self._texts.get(name, "")
        wrong = f"Algorithm Setting {name}: {text} with float type must be in range (0.0, {high})"
        return self.number(
            name, default, lambda value: 0 < value <= high and math.isfinite(value), wrong
        )

    def _unknown(self) -> Iterator[str]:
        for name in self._texts:
            if name not in self._read:
                yield f"Unknown Algorithm Setting name: {name}"

    def _parse(
        self,
        name: str,
        parse: Callable[[str], T],
        default: D,
        rule: tuple[Callable[[T], bool], str],
    ) -> T | D:
        try:
            parse(self._texts.get(name, "1"))
        except ValueError as error:
            self._read.add(name)
            wanted = "int" if parse is int else "float"
            self._problems.append(
                f"Algorithm Setting {name} must be {wanted} type: exception {error}"
            )
            return default
        return super()._parse(name, parse, default, rule)
