"""The trial, as a function sees it that the engine calls: it reports, and may be stopped early."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from katib.client.reporting import report
from katib.client.routes import Route, set_here

#: Reports values of one time, in seconds since 1970; the answer says why the trial is to stop, or
#: is empty.
Ask = Callable[[Mapping[str, str], float], str]


class EarlyStopped(BaseException):  # the name that users write
    """The trial's early stopping rules are met: the function is to end.

    It is no ``Exception``, so that one that is expected elsewhere does not swallow it. A function
    lets it pass; what it reported so far counts.

    Attributes:
        reason: which rule, and what met it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CallRoute(Route):
    """To the engine that called the function, which judges each report before it answers.

    Args:
        ask: sends a report.

    Attributes:
        stop_reason: why the trial is to stop; empty while it may go on.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask, self.stop_reason = ask, ""

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        """See :class:`Route`.

        Raises:
            EarlyStopped: the trial is to stop.
        """
        self.judge(values, time)
        if self.stop_reason:
            raise EarlyStopped(self.stop_reason)

    def judge(self, values: Mapping[str, str], time: datetime) -> None:
        """The same, but say in :attr:`stop_reason` alone that the trial is to stop."""
        self.stop_reason = self._ask(values, time.timestamp()) or self.stop_reason


class TrialHandle:
    """The trial for which a function was called.

    Args:
        namespace: of the trial.
        name: of the trial.
        route: the way that reports go.

    Attributes:
        namespace: of the trial.
        name: of the trial.
    """

    def __init__(self, namespace: str, name: str, route: CallRoute) -> None:
        self.namespace, self.name, self._route = namespace, name, route

    def __repr__(self) -> str:
        return f"TrialHandle({self.namespace}/{self.name})"

    def report(
        self,
        metrics: Mapping[str, object] | None = None,
        /,
        *,
        timestamp: datetime | float | str | None = None,
        raises: bool = True,
        **values: object,
    ) -> None:
        """Report values of metrics while the function goes on: ``trial.report(loss=0.25)``.

        Args:
            metrics: names and values, where names are no words of Python.
            timestamp: when they were measured, when that was not now; as for
                :func:`katib.report_metrics`.
            raises: whether to raise :class:`EarlyStopped`; without, look at :attr:`should_stop`.
            values: names and values.

        Raises:
            EarlyStopped: the early stopping rules are met.
            katib.client.routes.UnreportableError: a ``ValueError``: something is no number.
        """
        route: Route = self._route if raises else _Quiet(self._route)
        report({**(metrics or {}), **values}, route, datetime.now(UTC), timestamp)

    @property
    def should_stop(self) -> bool:
        """Whether the early stopping rules are met by what was reported."""
        return bool(self._route.stop_reason)


class _Quiet(Route):
    """Reports, and raises nothing."""

    def __init__(self, route: CallRoute) -> None:
        self._route = route

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        self._route.judge(values, time)


@contextmanager
def called(namespace: str, name: str, ask: Ask) -> Iterator[TrialHandle]:
    """The handle for a function, and the way of :func:`katib.report_metrics`, while it runs."""
    route = CallRoute(ask)
    set_here(route)
    try:
        yield TrialHandle(namespace, name, route)
    finally:
        set_here(None)


def read_values(found: object) -> dict[str, str]:
    """The texts of what a function returned: a number for each metric.

    Raises:
        ValueError: it is something else; the text says what.
    """
    if not isinstance(found, Mapping):
        raise ValueError(f"the function returned {_shown(found)}; numbers by metric are expected")
    values: dict[str, str] = {}
    for name, value in found.items():
        number = _number(value)
        if not isinstance(name, str) or not name or number is None:
            raise ValueError(
                f"the function returned {_shown(value)} for metric {name!r}; a number is expected, "
                "such as 0.25 or nan"
            )
        values[name] = repr(number)
    return values


def _number(value: object) -> float | int | None:
    if isinstance(value, bool | str | bytes):
        return None
    if type(value) is float or type(value) is int:
        return value
    try:
        number = float(value)  # type: ignore[arg-type]  # what it is turns out here
    except (TypeError, ValueError, OverflowError):
        return None
    return int(number) if isinstance(value, int) and math.isfinite(number) else number


def _shown(value: object) -> str:
    text = repr(value)
    text = text if len(text) <= 80 else f"{text[:79]}…"
    return f"{text}, which is of type {type(value).__name__}"
