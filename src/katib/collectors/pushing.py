"""One pod of a trial that pushes: its drop is read, its rules are heeded, its silence is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from katib.api import names
from katib.collectors.following import Reports
from katib.collectors.inbox import Pushed


class Pushing:
    """Beside a pod whose program pushes its metrics.

    Args:
        pushed: what the pod's trial has pushed, by whatever way and from whichever pod.
        follow: keeps what is new in the drop, once more when nothing will be written there any
            more, and judges what was pushed; whether that was all.
        reports: whom to tell.
        environment: variables for the pod.
    """

    def __init__(
        self,
        pushed: Pushed,
        follow: Callable[[bool], bool],
        reports: Reports,
        environment: Mapping[str, str],
    ) -> None:
        self.environment, self.note = environment, ""
        self._pushed, self._follow, self._reports = pushed, follow, reports

    @property
    def stop_reason(self) -> str:
        return self._pushed.watch.verdict

    def note_stop(self, reason: str) -> None:
        self._reports.stop(reason)

    def advance(self, is_ended: bool, is_failed: bool = False) -> bool:
        is_caught_up = self._follow(is_ended)
        if is_ended and is_caught_up and not is_failed:
            self._conclude()
        return is_caught_up

    def _conclude(self) -> None:
        metric = self._pushed.metric
        if not self._pushed.has_objective:
            self.note = _miss(metric, list(self._pushed.names))
            self._reports.warn("MetricNotFound", self.note)
        elif not self._pushed.has_number:
            self.note = (
                f'No value of metric "{metric}" was a finite number: the trial cannot be compared'
            )
            self._reports.warn("MetricNotANumber", self.note)


def _miss(metric: str, others: list[str]) -> str:
    """That a metric was never pushed, and the ways to do so."""
    found = f", but {', '.join(others)}" if others else ""
    url, token, drop = (
        f'"${name}"'
        for name in (names.ENV_METRICS_URL, names.ENV_METRICS_TOKEN, names.ENV_METRICS_DROP)
    )
    bearer = f'"Authorization: Bearer {token[1:]}'
    return (
        f'The program ended well and did not push "{metric}"{found}. It can, before it ends, by '
        f"curl -H {bearer} -d {metric}=0.5 {url}; or by "
        f"echo {metric}=0.5 >> {drop}; or, in Python, by "
        f'katib.report_metrics({{"{metric}": 0.5}})'
    )
