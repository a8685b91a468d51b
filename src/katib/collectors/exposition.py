"""Metrics in Prometheus' text format, such as ``loss{phase="val"} 0.27``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from katib.api.wildcards import matches_any
from katib.collectors.times import time_of_seconds
from katib.ports.observation_log import NO_TIME, MetricEntry

#: The ends of names that only the library makes: no wildcard takes them.
_MADE_UP = ("_created", "_bucket")

#: How many series of one name are told, and how many of all.
_MOST_SERIES, _MOST_NAMES = 5, 20

_SELECTOR = re.compile(r"([a-zA-Z_:][\w:]*)\s*(?:\{(.*)\})?", re.ASCII | re.DOTALL)
_LABEL = re.compile(r"\s*([a-zA-Z_]\w*)\s*=\s*\"((?:[^\"\\\n]|\\.)*)\"\s*(?:,|$)", re.ASCII)
_ESCAPES = {"\\": "\\\\", "\n": "\\n", '"': '\\"'}


class ExpositionError(ValueError):
    """A text is not in Prometheus' format."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a program served at one moment.

    Attributes:
        entries: of the metrics that are wanted.
        names: of what it served, series by series, the first of them.
        doubts: metrics that several series could be, and which these are.
    """

    entries: Sequence[MetricEntry] = ()
    names: Sequence[str] = ()
    doubts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def read_snapshot(
    text: str, metrics: Sequence[str], wildcards: Sequence[str], now: datetime
) -> Snapshot:
    """The metrics in what a program serves.

    A metric is a series: its name, or its name with labels as ``loss{phase="val"}``. Without labels
    of its own a name means the series without labels or, if there is none, the only one of that
    name. With some, it means the one that has just these or, if there is none, the only one that
    has these too. Wildcards are matched with the series' name and all its labels, in the order of
    their names.

    Args:
        text: what was served.
        metrics: the names that are wanted.
        wildcards: patterns of more of them.
        now: the time of what comes without one.

    Raises:
        ExpositionError: the text is in another format.
    """
    samples = _samples(text)
    series = {name_of(sample): sample for sample in samples}
    entries: list[MetricEntry] = []
    doubts: dict[str, Sequence[str]] = {}
    taken: set[str] = set()
    for metric in metrics:
        found = _select(metric, series)
        if len(found) == 1:
            entries.append(_entry(metric, series[found[0]], now))
            taken.add(found[0])
        elif found:
            doubts[metric] = found[:_MOST_SERIES]
    for name, sample in series.items():
        is_free = name not in taken and not sample.name.endswith(_MADE_UP)
        if is_free and wildcards and matches_any(wildcards, name):
            entries.append(_entry(name, sample, now))
    return Snapshot(entries, tuple(islice(series, _MOST_NAMES)), doubts)


def name_of(sample: Sample) -> str:
    """A series' name with its labels, in the order of their names."""
    if not sample.labels:
        return str(sample.name)
    labels = ",".join(f'{name}="{_escaped(sample.labels[name])}"' for name in sorted(sample.labels))
    return f"{sample.name}{{{labels}}}"


def _samples(text: str) -> Sequence[Sample]:
    try:
        families = list(text_string_to_metric_families(text))
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        # The parser is not made for what is no exposition.
        raise ExpositionError(f"it is not in Prometheus' text format ({error!r})") from error
    return [sample for family in families for sample in family.samples]


def _select(metric: str, series: Mapping[str, Sample]) -> Sequence[str]:
    selector = _SELECTOR.fullmatch(metric)
    if selector is None:
        return [metric] if metric in series else []
    name, labels = selector[1], _labels(selector[2] or "")
    found = [
        one
        for one, sample in series.items()
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    exact = [one for one in found if len(series[one].labels) == len(labels)]
    return exact or found


def _labels(text: str) -> dict[str, str]:
    return {name: re.sub(r"\\(.)", _unescaped, value) for name, value in _LABEL.findall(text)}


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def _escaped(value: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in value)


def _entry(name: str, sample: Sample, now: datetime) -> MetricEntry:
    time = NO_TIME
    if sample.timestamp is not None:
        time = time_of_seconds(repr(float(sample.timestamp)))
    text = name.encode("utf-8", "replace").decode()
    return MetricEntry(now if time == NO_TIME else time, text, repr(float(sample.value)))
