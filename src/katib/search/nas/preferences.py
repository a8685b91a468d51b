"""What the user has set for the controller of ENAS."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from katib.api.experiment import Experiment
from katib.errors import FieldError
from katib.search.settings import SettingsReader, Values
from katib.search.span import above, above_to, at_least

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
    def of(cls, experiment: Experiment, problems: Iterable[FieldError] = ()) -> Preferences:
        """Read them.

        Args:
            experiment: whose settings.
            problems: what is already known to be wrong with its search space.

        Raises:
            SettingsError: they are wrong; the message names everything that is, known or not.
        """
        reader, default = _Reader(experiment), cls()
        reader.note(*problems)
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
        reader.seed(
            "Algorithm Setting random_state: {value} with int type must be in range [0, inf)"
        )
        reader.check()
        return read


class _Reader(SettingsReader):
    """Words problems as the users of Katib's ENAS know them."""

    def whole(self, name: str, default: D, low: int) -> int | D:
        """A whole number from ``low`` on."""
        wrong = f"Algorithm Setting {name}: {{value}} with int type must be in range [{low}, inf)"
        return self.integer(name, default, at_least(low), wrong)

    def count(self, name: str, default: int) -> int:
        """A whole number from 1 on."""
        return self.whole(name, default, 1)

    def share(self, name: str, default: float) -> float:
        """A number above 0, and at most 1."""
        return self.number(name, default, above_to(0, 1), _out_of_range(name, 1.0))

    def optional(self, name: str, default: float | None) -> float | None:
        """A number above 0, or ``None``."""
        return self.read(name, default, _OPTIONAL, _out_of_range(name, math.inf))

    def _unknown(self, name: str) -> str:
        return f"Unknown Algorithm Setting name: {name}"

    def _unparsed(self, name: str, text: str, error: ValueError, words: str) -> str:
        kind = "int" if words.startswith("a whole") else "float"
        return f"Algorithm Setting {name} must be {kind} type: exception {error}, write {words}"


def _out_of_range(name: str, high: float) -> str:
    return f"Algorithm Setting {name}: {{value}} with float type must be in range (0.0, {high})"


def _number_or_none(text: str) -> float | None:
    return None if text == "None" else float(text)


def _is_above_zero_or_none(number: float | None) -> bool:
    return number is None or above(0)(number)


_OPTIONAL = Values(_number_or_none, "a number above 0, or None", _is_above_zero_or_none)
