"""A trial that somebody asked for and carries out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from katib.api import names, told
from katib.api.values import Manifest
from katib.client.study.desk import LONGEST_REPEAT, Desk, pauses
from katib.client.study.errors import TellError
from katib.client.study.telling import Measured, Value, word_report

#: The first that is true of a trial is how it ended.
_ENDS = (
    names.KILLED,
    names.FAILED,
    names.SUCCEEDED,
    names.EARLY_STOPPED,
    names.METRICS_UNAVAILABLE,
)


class AskedTrial:
    """A trial to be carried out, and then told of by :meth:`katib.Study.tell`.

    Args:
        desk: of its experiment.
        name: of the trial.
        parameters: what it was given.
        metric: the objective metric.
        now: tells the time; aware.

    Attributes:
        name: by which it may be told of, too, by whatever program.
        parameters: the values to try: a ``double`` as a float, an ``int`` as an int, one of a list
            as it was given.
    """

    def __init__(
        self,
        desk: Desk,
        name: str,
        parameters: Mapping[str, Value],
        metric: str,
        now: Callable[[], datetime],
    ) -> None:
        self.name, self.parameters = name, parameters
        self._desk, self._metric, self._now = desk, metric, now
        self._reports: int | None = None

    def __repr__(self) -> str:
        return f"AskedTrial({self.name!r}, {dict(self.parameters)!r})"

    def report(self, value: Measured, *, timestamp: datetime | float | str | None = None) -> None:
        """Tell what was measured before the end, of which early stopping rules judge.

        Args:
            value: the objective's value, or a mapping of metrics and values.
            timestamp: when it was measured, when that was not now.

        Raises:
            TellError: the trial has ended; not when it was stopped early, see :attr:`should_stop`.
            UnreportableError: something is no number.
        """
        if not self._tell(word_report(value, self._metric, self._now(), timestamp), {}):
            self._expect_stop()

    @property
    def should_stop(self) -> bool:
        """Whether the trial has ended, by a rule or otherwise: nothing that is told counts now.

        Rules are judged by the engine within moments of a report.
        """
        trial = self._desk.find_trial(self.name)
        return trial is None or bool(end_of(trial))

    def finish(
        self, value: Measured | None, end: Mapping[str, str], timestamp: datetime | None = None
    ) -> str:
        """Tell the end, and return when the engine knows it; how the trial ended.

        Args:
            value: what was measured last; ``None`` when it was reported before, or nothing was.
            end: ``state``, and ``reason`` and ``message`` where they say more.
            timestamp: when the value was measured.

        Raises:
            TellError: the trial has ended already, or nothing was ever measured.
            UnreportableError: something is no number.
        """
        text = ""
        if value is not None:
            text = word_report(value, self._metric, self._now(), timestamp)
        elif end[told.STATE] == told.COMPLETE and not self._count():
            raise TellError(
                f"trial {self.name}: tell the value of {self._metric}, or that it failed"
            )
        if not self._tell(text, end):
            return self._expect_stop()
        return self._wait_for_end()

    def _tell(self, text: str, end: Mapping[str, str]) -> bool:
        changes: list[Manifest] = []
        number = self._count()
        if text:
            path = f"/data/{told.report_key(number)}"
            changes.append({"op": "add", "path": path, "value": text})
        changes += [{"op": "add", "path": f"/data/{key}", "value": one} for key, one in end.items()]
        for pause in pauses():
            if self._desk.tell(self.name, changes):
                self._reports = number + bool(text)
                return True
            trial = self._desk.find_trial(self.name)
            if trial is None or end_of(trial) or pause >= 0.2:
                return False
            # A trial is there a moment before its run.
            time.sleep(pause)
        return False

    def _count(self) -> int:
        """How many reports there are."""
        if self._reports is None:
            run = self._desk.find_run(self.name)
            self._reports = 0 if run is None else len(told.reports_of(run.get("data") or {}))
        return self._reports

    def _expect_stop(self) -> str:
        """Why nothing could be told: that the trial was stopped early is no mistake."""
        trial = self._desk.find_trial(self.name)
        if trial is None:
            raise TellError(
                f'experiment "{self._desk.name}" has no trial {self.name}; one that was asked for '
                "is expected, and may have been deleted"
            )
        end = end_of(trial)
        if end == names.EARLY_STOPPED:
            return end
        if not end:
            raise TellError(
                f"trial {self.name} cannot be told of now: it is {_waiting(trial)}; see: katib "
                f"explain {self._desk.name}"
            )
        raise TellError(f"trial {self.name} has ended already: it is {end}, and can be told once")

    def _wait_for_end(self) -> str:
        until = time.monotonic() + LONGEST_REPEAT
        for pause in pauses():
            trial = self._desk.find_trial(self.name)
            end = names.KILLED if trial is None else end_of(trial)
            if end:
                return end
            if time.monotonic() > until:
                # It is written down, and counts as soon as an engine looks.
                return ""
            time.sleep(pause)
        return ""


def end_of(trial: Manifest) -> str:
    """How a trial ended, as ``Succeeded``; empty while it has not."""
    found = (trial.get("status") or {}).get("conditions") or ()
    true = {one.get("type") for one in found if one.get("status") == "True"}
    return next((end for end in _ENDS if end in true), "")


def _waiting(trial: Manifest) -> str:
    found = (trial.get("status") or {}).get("conditions") or ()
    said = [str(one.get("message")) for one in found if one.get("type") == names.PROGRESSING]
    return said[0] if said else "not begun yet"
