"""One pod's metrics: read while it runs, reported, and missed at its end."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from katib.api import names
from katib.api.experiment import ObjectiveSpec
from katib.api.numbers import is_non_finite, parse_number
from katib.collectors.near_miss import near_misses
from katib.collectors.stopping import RuleWatch
from katib.collectors.wanted import WantedNames
from katib.ports.collector import Collector, CollectorSource
from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.ports.sidecar import METRICS_FILE_VARIABLE

#: How much of a log is searched for what was nearly a metric.
TAIL_BYTES = 64 * 1024


class Bare:
    """Beside a pod whose metrics are not read.

    Args:
        environment: variables for the pod.
        stop_reason: why the pod is not even to start; empty when it is.
    """

    note = ""

    def __init__(self, environment: Mapping[str, str], stop_reason: str = "") -> None:
        self.environment, self.stop_reason = environment, stop_reason

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        return True

    def note_stop(self, reason: str) -> None:
        """Nothing: whoever read the metrics has said it."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Where the metrics of one trial go.

    Attributes:
        keep: takes entries, or raises and takes none.
        warn: tells the user, with a reason and a message, what was wrong.
        stop: the trial was stopped early, for a reason.
    """

    keep: Callable[[Sequence[MetricEntry]], None]
    warn: Callable[[str, str], None]
    stop: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, and what the user calls it.

    Attributes:
        collector: reads it.
        source: what the collector was told.
        path: the file as the experiment names it; empty for what is printed.
        by: who prints or writes.
    """

    collector: Collector
    source: CollectorSource
    path: str = ""
    by: str = "program"

    def trouble(self, is_failed: bool) -> str:
        """What keeps metrics from being read, for the user; empty when nothing does.

        Args:
            is_failed: the program has ended badly.
        """
        return ""

    def miss(self, metric: str) -> str:
        """Why a metric was not found, in a sentence or two, with what was nearly it."""
        absence = self._absence() if self.path else ""
        if absence:
            return absence
        tail = self._tail()
        where = f"wrote no line into {self.path}" if self.path else "printed no line"
        head = f"The {self.by} ended well but {where} {self._wanted(metric)}. "
        is_default = self.source.format == "TEXT" and not self.source.filters
        near = near_misses(tail, [metric], is_default)
        if near:
            return head + "These lines were nearly that: " + " | ".join(near)
        last = [line for line in tail.splitlines() if line.strip()][-3:]
        if last:
            return f"{head}{'Its end' if self.path else 'Its last output'}: {' | '.join(last)}"
        return head + ("It is empty" if self.path else "It printed nothing")

    def _absence(self) -> str:
        """Why there are no lines to look at; empty when there are."""
        place = self.source.log
        if not os.path.exists(place):
            return (
                f"The {self.by} ended well but did not write {self.path}. For this trial that is "
                f"{place}, which the variable {METRICS_FILE_VARIABLE} holds"
            )
        if not os.path.isfile(place):
            return f"The {self.by} ended well but no metric was found in {self.path} ({place})"
        return "" if os.access(place, os.R_OK) else f"{self.path} ({place}) may not be read"

    def _wanted(self, metric: str) -> str:
        if self.source.format == "JSON":
            return f'that is a JSON object with a text or a number for "{metric}"'
        filters = " or ".join(self.source.filters)
        return f"that the filter {filters} takes" if filters else f'with "{metric}=<number>"'

    def _tail(self) -> str:
        try:
            with open(self.source.log, "rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - TAIL_BYTES))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


class Following:
    """Beside a pod whose metrics are read.

    Args:
        reading: what is read.
        objective: the metrics that are wanted.
        reports: where they go.
        environment: variables for the pod.
        watch: the rules by which the pod is ended early.
    """

    def __init__(
        self,
        reading: Reading,
        objective: ObjectiveSpec,
        reports: Reports,
        environment: Mapping[str, str],
        watch: RuleWatch,
    ) -> None:
        self.environment = environment
        self.note = ""
        self._reading, self._objective, self._reports = reading, objective, reports
        self._watch = watch
        self._names = WantedNames(objective)
        # Metrics that nobody wants to keep, but for the rules.
        self._has_unwanted = not watch.metrics.issubset(objective.exact_names)
        self._held: Sequence[MetricEntry] = ()
        self._has_number = self._is_troubled = False
        # What the objective metric was otherwise: nan, infinities, texts.
        self._others: Counter[str] = Counter()

    @property
    def stop_reason(self) -> str:
        return self._watch.verdict

    def note_stop(self, reason: str) -> None:
        self._reports.stop(reason)

    def recall(self, entries: Sequence[MetricEntry]) -> None:
        """Take in what an earlier engine has reported of the same pod."""
        self._look([entry for entry in entries if self._names.take(entry.name)])

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        self._keep()
        entries, is_caught_up = self._reading.collector.read(is_ended)
        self._watch.note(entries)
        if self._has_unwanted or self._objective.wildcards:
            entries = [entry for entry in entries if self._names.take(entry.name)]
            if surplus := self._names.tell_surplus():
                self._reports.warn("TooManyMetrics", surplus)
        self._held = entries
        self._keep()
        self._tell_trouble(is_failed)
        if is_ended and is_caught_up and not is_failed:
            self._conclude()
        return is_caught_up

    def _keep(self) -> None:
        """Report what was read; when that is refused, it is the first thing to be reported later.

        So the log waits in its file, and what is read of it stays little.
        """
        if self._held:
            self._reports.keep(self._held)
            self._look(self._held)
            self._held = ()

    def _tell_trouble(self, is_failed: bool) -> None:
        trouble = "" if self._is_troubled else self._reading.trouble(is_failed)
        if trouble:
            self._is_troubled = True
            self._reports.warn("MetricsNotRead", trouble)

    def _look(self, entries: Sequence[MetricEntry]) -> None:
        if self._has_number:
            return
        for entry in entries:
            if entry.name == self._objective.objective_metric_name:
                number = parse_number(entry.value)
                if number is not None and math.isfinite(number):
                    self._has_number = True
                    return
                self._others[_word(entry.value)] += 1

    def _conclude(self) -> None:
        metric = self._objective.objective_metric_name
        if not (self._has_number or self._others):
            self._reports.keep([MetricEntry(NO_TIME, metric, names.UNAVAILABLE)])
            self.note = self._reading.miss(metric)
            self._reports.warn("MetricNotFound", self.note)
        elif not self._has_number:
            told = ", ".join(f"{count}x {word}" for word, count in self._others.items())
            self.note = (
                f'No value of metric "{metric}" was a finite number, but {told}: the trial cannot '
                "be compared"
            )
            self._reports.warn("MetricNotANumber", self.note)


def _word(value: str) -> str:
    """What a value is that is no finite number."""
    number = parse_number(value)
    if number is not None:
        return str(number)
    return "a number too large" if is_non_finite(value) else "a text"
