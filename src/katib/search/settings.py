"""Reading an algorithm's settings, which arrive as texts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Literal, TypeVar

from katib.api.experiment import AlgorithmSpec, Experiment
from katib.errors import FieldError, SettingsError, printed, suggest
from katib.search.space import SearchSpace
from katib.search.span import ANY, Span, at_least

T = TypeVar("T")
D = TypeVar("D")

#: A setting that has no default.
MUST_BE_GIVEN = "must be given"

_STATE = "random_state should be great or equal than zero"


@dataclass(frozen=True, slots=True)
class Values(Generic[T]):
    """What a setting may be.

    Attributes:
        parse: makes a value of the text; the message of its ``ValueError`` is the problem.
        words: what is right, as ``a number above 0``.
        accept: whether a value that could be parsed is right.
        choices: all that it may be, where these are words.
    """

    parse: Callable[[str], T]
    words: str
    accept: Callable[[T], bool] = lambda _: True
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that an algorithm knows.

    Attributes:
        name: as it is in documents.
        values: what it may be.
        default: what it is when it is not given.
        choices: all that it may be, where these are words.
    """

    name: str
    values: str
    default: str
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        default = self.default if self.default == MUST_BE_GIVEN else f"default {self.default}"
        return f"{self.name} ({self.values}; {default})"


#: Where the settings that are read are noted down for whoever listens.
_HEARD: ContextVar[dict[str, Setting] | None] = ContextVar("heard", default=None)


@contextmanager
def listening() -> Iterator[Mapping[str, Setting]]:
    """All settings, by name, that readers of this thread read while this lasts."""
    heard: dict[str, Setting] = {}
    token = _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.reset(token)


class SettingsReader:
    """Reads the settings of an algorithm and gathers what is wrong with them.

    Each reading names one setting, what it may be and its default; there is no other place that
    knows these. What is wrong is replaced by the default, so that reading can go on.
    :meth:`check` comes last: it also knows then which settings nobody reads.

    Args:
        experiment: whose settings; of a name that is given twice, the last counts.
        field: which of its algorithms it is.

    Attributes:
        given: the settings that are given, by name.
        known: the settings that were read so far, by name.
    """

    def __init__(
        self, experiment: Experiment, field: Literal["algorithm", "earlyStopping"] = "algorithm"
    ) -> None:
        spec = experiment.spec
        algorithm = spec.algorithm if field == "algorithm" else spec.early_stopping
        algorithm = algorithm or AlgorithmSpec()
        self._experiment, self._algorithm = experiment, algorithm.algorithm_name
        self._path = f"spec.{field}"
        settings = algorithm.algorithm_settings
        self._places = {one.name: place for place, one in enumerate(settings)}
        self.given: Mapping[str, str] = {one.name: one.value for one in settings}
        self.known: dict[str, Setting] = {}
        self._problems: list[FieldError] = []

    def integer(
        self,
        name: str,
        default: D,
        accept: Callable[[int], bool] = ANY,
        message: str = "",
        unset: str = "",
    ) -> int | D:
        """A whole number that ``accept`` agrees to; see :meth:`read`."""
        values = Values(int, _numbers("a whole number", accept), accept)
        return self.read(name, default, values, message, unset)

    def number(
        self,
        name: str,
        default: D,
        accept: Callable[[float], bool] = ANY,
        message: str = "",
        unset: str = "",
    ) -> float | D:
        """A number that ``accept`` agrees to, such as a span; see :meth:`read`."""
        values = Values(float, _numbers("a number", accept), accept)
        return self.read(name, default, values, message, unset)

    def choice(self, name: str, default: str, choices: Collection[str], message: str = "") -> str:
        """One of some words; see :meth:`read`."""
        words = list(choices)
        told = f"{', '.join(words[:-1])} or {words[-1]}"
        values = Values(str, told, words.__contains__, tuple(words))
        return self.read(name, default, values, message)

    def read(
        self, name: str, default: D, values: Values[T], message: str = "", unset: str = ""
    ) -> T | D:
        """The value of a setting, or the default when it is not given or wrong.

        Args:
            name: of the setting.
            default: what it is when it is not given.
            values: what it may be.
            message: the problem with a value that is not accepted, in place of one made of
                ``values``; ``{value}`` stands for what was found.
            unset: what it means that it is not given, where the default does not say it.
        """
        setting = Setting(name, values.words, unset or _shown(default), values.choices)
        self.known[name] = setting
        heard = _HEARD.get()
        if heard is not None:
            heard[name] = setting
        text = self.given.get(name)
        if text is None:
            return default
        try:
            value = values.parse(text)
        except ValueError as error:
            self.refuse(self._unparsed(name, text, error, values.words), name)
            return default
        if values.accept(value):
            return value
        wrong = message or f"{name} should be {values.words}, not {{value}}"
        self.refuse(wrong.replace("{value}", text), name)
        return default

    def seed(self, message: str = _STATE, unset: str = "") -> int | None:
        """The setting ``random_state``; see :meth:`read`."""
        meaning = unset or "a seed that only this experiment has"
        return self.integer("random_state", None, at_least(0), message, meaning)

    def space(self) -> SearchSpace | None:
        """The experiment's search space; ``None`` when it is wrong, which is a problem too."""
        try:
            return SearchSpace.of(self._experiment)
        except SettingsError as error:
            self.note(*error.problems)
            return None

    def note(self, *problems: FieldError) -> None:
        """Take over what something else has found to be wrong."""
        self._problems += problems

    def refuse(self, problem: str, name: str = "") -> None:
        """Note a problem that the caller has found.

        Args:
            problem: what is wrong, and what would be right.
            name: of the setting that is wrong; none for the algorithm as a whole.
        """
        place = self._places.get(name)
        if place is None:
            self.note(FieldError(self._path, "Invalid value", problem))
            return
        path = f"{self._path}.algorithmSettings[{place}].value"
        found = printed(self.given[name])
        self.note(FieldError(path, "Invalid value", problem, found))

    def check(self) -> None:
        """Return if all is well.

        Raises:
            SettingsError: a value is wrong, or a setting is given that was never read; the known
                ones are then named.
        """
        unknown = [name for name in self.given if name not in self.known]
        for number, name in enumerate(unknown, start=1):
            problem = f"{self._unknown(name)}{suggest(name, self.known)}"
            if number == len(unknown):
                known = ", ".join(map(str, self.known.values()))
                problem = f"{problem}; known: {known or 'none'}"
            path = f"{self._path}.algorithmSettings[{self._places[name]}].name"
            error = FieldError(path, "Invalid value", problem, printed(name))
            self._problems.insert(number - 1, error)
        self.check_values()

    def check_values(self) -> None:
        """As :meth:`check`, for a reader that is interested in some settings only."""
        if self._problems:
            raise SettingsError(*self._problems)

    def _unknown(self, name: str) -> str:
        return f"unknown setting {name} for algorithm {self._algorithm}"

    def _unparsed(self, name: str, text: str, error: ValueError, words: str) -> str:
        return f"failed to validate {name}({text}): {error}, write {words}"


def _numbers(kind: str, accept: Callable[..., bool]) -> str:
    """The kind, and which of them where the rule can say it."""
    return f"{kind} {accept}".rstrip() if isinstance(accept, Span) else kind


def _shown(default: object) -> str:
    """The default as documents have it: no thirds of many digits, and nothing is ``none``."""
    if default is None or default == "":
        return "none"
    if not isinstance(default, float):
        return str(default)
    text = f"{default:g}"
    return text if float(text) == default else str(Fraction(default).limit_denominator(1000))
