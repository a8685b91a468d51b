"""What a trial calls: the user's function, its parameters turned from texts into values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from katib.api.numbers import parse_number
from katib.client.tuning.objective import CallingWay


@dataclass(frozen=True, slots=True)
class Number:
    """Reads a number as its text says it.

    Attributes:
        is_whole: whether it is an ``int``.
    """

    is_whole: bool

    def read(self, text: str) -> object:
        """The value of a text."""
        if not self.is_whole:
            return float(text)
        try:
            return int(text)
        except ValueError:
            # Some algorithms of services write 3.0 for 3.
            return int(float(text))


@dataclass(frozen=True, slots=True)
class Choice:
    """Reads one of some choices: the very objects that the user gave.

    Attributes:
        choices: by the texts that stand for them in documents.
    """

    choices: Mapping[str, object]

    def read(self, text: str) -> object:
        """The value of a text.

        Raises:
            LookupError: it stands for none of the choices.
        """
        if text in self.choices:
            return self.choices[text]
        for known, value in self.choices.items():
            # A number may be written in another way.
            if parse_number(known) is not None and parse_number(known) == parse_number(text):
                return value
        raise LookupError(f"{text!r} is none of the choices {', '.join(self.choices)}")


Reader = Number | Choice


@dataclass(frozen=True, slots=True)
class TunedFunction:
    """The objective as an executor calls it.

    Attributes:
        function: the user's.
        way: how it is called.
        readers: of what is searched, by name.
        constants: what is the same for every trial.
        metric: what a number that is returned stands for.
    """

    function: Callable[..., Any]
    way: CallingWay
    readers: Mapping[str, Reader]
    metric: str
    constants: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, arguments: Mapping[str, str], trial: object) -> Mapping[str, Any]:
        """The metrics of one call.

        Args:
            arguments: the texts of what is searched.
            trial: the handle that the function may want.
        """
        values = {name: self.readers[name].read(text) for name, text in arguments.items()}
        found = self.way.call(self.function, {**self.constants, **values}, trial)
        if found is None:
            # What was reported on the way may be all there is.
            return {}
        return found if isinstance(found, Mapping) else {self.metric: found}
