"""What a metrics collector is told on its command line, in Katib's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.filters import compile_filter
from katib.api.suggestion import EarlyStoppingRule
from katib.errors import ConfigurationError

T = TypeVar("T")

TEXT, JSON = "TEXT", "JSON"

#: Katib's options, and what its collector of event files calls them besides.
_OPTIONS = {
    "t": "trial_name",
    "m": "metric_names",
    "o-type": "objective_type",
    "s-db": "db_manager_server_addr",
    "path": "metrics_file_dir",
    "f": "metric_filters",
    "format": "",
    "w": "wait_all_processes",
    "p": "poll_interval",
    "timeout": "timeout",
    "stop-rule": "",
    "s-earlystop": "",
    "marked": "",
    "anew": "",
    "http-get": "",
}
_NAMES = {**{one: one for one in _OPTIONS}, **{long: one for one, long in _OPTIONS.items() if long}}
_REPEATED = ("f", "stop-rule")
_REQUIRED = ("t", "m", "s-db", "path")

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|µs|ns)")


@dataclass(frozen=True, slots=True)
class CollectorOptions:
    """What is collected, from where and to where.

    Attributes:
        trial: its name.
        objective: what is wanted.
        db_manager: where it is reported, ``host:port``.
        path: what is read.
        format: how a file is read; empty for a folder of event files.
        filters: how a metric looks in a text.
        rules: by which the program is ended early.
        early_stopping: who is told of that, ``host:port``.
        is_waiting_for_all: whether every container is waited for.
        is_marked: whether the program leaves a marker for sure, so that nothing else is taken for
            it; not Katib's.
        is_anew: whether what other pods have reported before is replaced; not Katib's.
        endpoint: where metrics are served in Prometheus' format, as ``httpGet`` of an experiment
            says; not Katib's. The path is the folder of the marker then.
        poll_seconds: how often it is looked.
        timeout_seconds: how long programs may take in all; 0 for as long as they like.
    """

    trial: str
    objective: ObjectiveSpec
    db_manager: str
    path: str
    format: str = ""
    filters: Sequence[str] = ()
    rules: Sequence[EarlyStoppingRule] = ()
    early_stopping: str = ""
    is_waiting_for_all: bool = True
    is_marked: bool = False
    is_anew: bool = False
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    poll_seconds: float = 1.0
    timeout_seconds: float = 0.0


class _Reader:
    """Reads values, and notes all that is wrong.

    Args:
        given: option → its values.
        problems: takes what is wrong.
    """

    def __init__(self, given: Mapping[str, Sequence[str]], problems: list[str]) -> None:
        self._given, self._problems = given, problems

    def texts(self, option: str) -> Sequence[str]:
        return self._given.get(option, ())

    def text(self, option: str) -> str:
        return self._given.get(option, ("",))[-1]

    def one(self, option: str, read: Callable[[str], T], otherwise: T) -> T:
        """What the value means; what is taken without one."""
        found = self.several(option, read, self.texts(option)[-1:])
        return found[0] if found else otherwise

    def several(self, option: str, read: Callable[[str], T], texts: Iterable[str]) -> list[T]:
        """What each text means, as far as they are legal."""
        found = []
        for text in texts:
            try:
                found.append(read(text))
            except ValueError as error:
                self._problems.append(f'-{option} "{text}": {error}')
        return found


def read_options(words: Sequence[str]) -> CollectorOptions:
    """The options that the words of a command line say.

    As in Go, one dash or two begin an option, and its value follows or stands behind an equal sign.

    Raises:
        ConfigurationError: they are not legal; the message has all that is wrong.
    """
    problems: list[str] = []
    reader = _Reader(_group(words, problems), problems)
    problems += [f"-{option} is missing" for option in _REQUIRED if not reader.text(option)]
    if reader.texts("stop-rule") and not reader.text("s-earlystop"):
        problems.append("-s-earlystop is missing: -stop-rule needs it")
    for option in ("s-db", "s-earlystop"):
        reader.several(option, _read_address, filter(None, (reader.text(option),)))
    filters = [one for text in reader.texts("f") for one in split_filters(text)]
    reader.several("f", compile_filter, filters)
    options = CollectorOptions(
        trial=reader.text("t"),
        objective=_objective(reader.text("m"), reader.one("o-type", _read_type, "")),
        db_manager=reader.text("s-db"),
        path=reader.text("path"),
        format=reader.one("format", _read_format, ""),
        filters=filters,
        rules=reader.several("stop-rule", _read_rule, reader.texts("stop-rule")),
        early_stopping=reader.text("s-earlystop"),
        is_waiting_for_all=reader.one("w", _read_truth, True),
        is_marked=reader.one("marked", _read_truth, False),
        is_anew=reader.one("anew", _read_truth, False),
        endpoint=reader.one("http-get", _read_endpoint, {}),
        poll_seconds=reader.one("p", _read_pause, 1.0),
        timeout_seconds=reader.one("timeout", _read_duration, 0.0),
    )
    if problems:
        told = "".join(f"\n  {problem}" for problem in problems)
        raise ConfigurationError(f"the options of the metrics collector are not legal:{told}")
    return options


def _objective(text: str, type: str) -> ObjectiveSpec:
    metrics = [name for name in text.split(";") if name]
    return ObjectiveSpec(
        type=type,
        objective_metric_name="".join(metrics[:1]),
        additional_metric_names=tuple(metrics[1:]),
    )


def split_filters(text: str) -> Iterator[str]:
    """The filters that Katib joins by semicolons, which a filter may hold itself.

    What has no two groups by itself goes together with what follows.
    """
    parts = text.split(";")
    while parts:
        for count in range(1, len(parts) + 1):
            filter = ";".join(parts[:count])
            if _has_groups(filter):
                break
        else:
            count, filter = 1, parts[0]
        if filter:
            yield filter
        parts = parts[count:]


def _has_groups(filter: str) -> bool:
    try:
        return compile_filter(filter).groups >= 2
    except ValueError:
        return False


def _group(words: Sequence[str], problems: list[str]) -> Mapping[str, list[str]]:
    """Option → its values."""
    given: dict[str, list[str]] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, equal, value = word.lstrip("-").partition("=")
        option = _NAMES.get(name)
        if not word.startswith("-") or option is None:
            known = ", ".join(f"-{one}" for one in _OPTIONS)
            problems.append(f'"{word}" is no option; there are {known}')
            continue
        if not equal and option == "w" and (not left or left[0].startswith("-")):
            value = "true"
        elif not equal and not left:
            problems.append(f"-{option} has no value")
            continue
        elif not equal:
            value = left.pop(0)
        values = given.setdefault(option, [])
        if option not in _REPEATED:
            values.clear()
        values.append(value)
    return given


def _read_address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("an address such as katib-db-manager.kubeflow:6789 is expected")
    return text


def _read_type(text: str) -> str:
    if text not in ("", names.MINIMIZE, names.MAXIMIZE):
        raise ValueError(f"it must be {names.MINIMIZE} or {names.MAXIMIZE}")
    return text


def _read_format(text: str) -> str:
    if text not in ("", TEXT, JSON):
        raise ValueError(f"format must be set {TEXT} or {JSON}")
    return text


def _read_truth(text: str) -> bool:
    known = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
    if text.lower() not in known:
        raise ValueError("it must be true or false")
    return known[text.lower()]


def _read_endpoint(text: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise ValueError('a map in JSON is expected, such as {"port": 8080, "path": "/metrics"}')
    return found


def _read_duration(text: str) -> float:
    if text.isascii() and text.isdigit():
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a time such as 1s, 500ms or 1m30s is expected, or a number of seconds")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _read_pause(text: str) -> float:
    seconds = _read_duration(text)
    if seconds <= 0:
        raise ValueError("it must be more than 0")
    return seconds


def _read_rule(text: str) -> EarlyStoppingRule:
    parts = text.rsplit(";", 3)
    if len(parts) < 4 or not re.fullmatch(r"-?\d+", parts[3], re.ASCII):
        raise ValueError("metric;value;comparison;start step is expected, the last one a number")
    name, value, comparison, step = parts
    return EarlyStoppingRule(name=name, value=value, comparison=comparison, start_step=int(step))
