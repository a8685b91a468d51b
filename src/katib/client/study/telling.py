"""Wording what is told of trials, and reading what they were given. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from katib.api import names
from katib.api.numbers import parse_number
from katib.api.values import Manifest
from katib.client.reporting import report

#: What a trial's parameter is for its program.
Value = float | int | str | bool | None

#: What is measured: the objective alone, or several metrics by name.
Measured = object | Mapping[str, object]


def word_report(
    value: Measured, metric: str, now: datetime, timestamp: datetime | float | str | None = None
) -> str:
    """A report as a told run holds it.

    Args:
        value: the objective's value, or values by metric.
        metric: the objective metric.
        now: the time of a report that says none; aware.
        timestamp: when it was measured.

    Raises:
        UnreportableError: something is no number or no time; all of it is told.
    """
    route = _Line()
    metrics = value if isinstance(value, Mapping) else {metric: value}
    report(metrics, route, now, timestamp)
    return route.text


class _Line:
    """A way of reports that leads into a text."""

    text = ""

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """Keep them."""
        stamp = time.isoformat().replace("+00:00", "Z")
        self.text = json.dumps({"timestamp": stamp, **values})


def read_parameters(
    experiment: Manifest, trial: Manifest, choices: Mapping[str, Mapping[str, Value]]
) -> dict[str, Value]:
    """The parameters of a trial, as a program wants them.

    Args:
        experiment: whose; its types say what is a number.
        trial: plain JSON data, too.
        choices: by parameter, what the texts of a list stand for.
    """
    specs = {one["name"]: one for one in experiment["spec"].get("parameters") or ()}
    return {
        pair["name"]: _typed(pair["value"], specs.get(pair["name"], {}), choices)
        for pair in trial["spec"].get("parameterAssignments") or ()
    }


def _typed(text: str, spec: Manifest, choices: Mapping[str, Mapping[str, Value]]) -> Value:
    known = choices.get(spec.get("name", ""), {})
    if text in known:
        return known[text]
    type = spec.get("parameterType")
    if type == names.DISCRETE and not _are_numbers(spec["feasibleSpace"].get("list") or ()):
        return text
    if type not in (names.DOUBLE, names.INT, names.DISCRETE):
        return text
    try:
        return float(text) if type == names.DOUBLE else int(text)
    except ValueError:
        return text if parse_number(text) is None else float(text)


def _are_numbers(texts: Sequence[str]) -> bool:
    return all(parse_number(text) is not None for text in texts)
