"""Reading an algorithm's settings, which arrive as texts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from katib.api.experiment import Experiment
from katib.errors import SettingsError

T = TypeVar("T")
D = TypeVar("D")


class SettingsReader:
    """Reads the settings of an experiment's algorithm and gathers what is wrong with them.

    Each reading names one setting. :meth:`check` comes last: it also knows then which settings
    nobody reads.

    Args:
        experiment: whose settings; of a name that is given twice, the last counts.
    """

    def __init__(self, experiment: Experiment) -> None:
        algorithm = experiment.spec.algorithm
        self._algorithm = "" if algorithm is None else algorithm.algorithm_name
        settings = () if algorithm is None else algorithm.algorithm_settings
        self._texts = {setting.name: setting.value for setting in settings}
        self._read: set[str] = set()
        self._problems: list[str] = []

    def integer(
        self,
        name: str,
        default: D,
        accept: Callable[[int], bool] = lambda _: True,
        message: str = "",
    ) -> int | D:
        """A whole number that ``accept`` agrees to; otherwise ``message`` is the problem."""
        return self._parse(name, int, default, (accept, message))

    def number(
        self,
        name: str,
        default: D,
        accept: Callable[[float], bool] = lambda _: True,
        message: str = "",
    ) -> float | D:
        """A number that ``accept`` agrees to; otherwise ``message`` is the problem."""
        return self._parse(name, float, default, (accept, message))

    def choice(self, name: str, default: str, choices: Collection[str], message: str) -> str:
        """One of some words; ``{value}`` in the message stands for what was found."""
        text = self._texts.get(name, default)
        wrong = message.replace("{value}", text)
        return self._parse(name, str, default, (lambda value: value in choices, wrong))

    def parsed(self, name: str, parse: Callable[[str], T], default: D) -> T | D:
        """What ``parse`` makes of the text; the message of its ``ValueError`` is the problem."""
        return self._parse(name, parse, default, (lambda _: True, ""))

    def refuse(self, problem: str) -> None:
        """Note a problem that the caller has found: settings that do not go together."""
        self._problems.append(problem)

    def check(self) -> None:
        """Return if all is well.

        Raises:
            SettingsError: a value is wrong, or a setting is given that was never read.
        """
        unknown = [
            f"unknown setting {name} for algorithm {self._algorithm}"
            for name in self._texts
            if name not in self._read
        ]
        self._raise(unknown + self._problems)

    def check_values(self) -> None:
        """As :meth:`check`, for a reader that is interested in some settings only."""
        self._raise(self._problems)

    def _parse(
        self,
        name: str,
        parse: Callable[[str], T],
        default: D,
        rule: tuple[Callable[[T], bool], str],
    ) -> T | D:
        self._read.add(name)
        text = self._texts.get(name)
        if text is None:
            return default
        try:
            value = parse(text)
        except ValueError as error:
            self._problems.append(f"failed to validate {name}({text}): {error}")
            return default
        accept, message = rule
        if not accept(value):
            self._problems.append(message)
            return default
        return value

    @staticmethod
    def _raise(problems: list[str]) -> None:
        if problems:
            raise SettingsError(*problems)
