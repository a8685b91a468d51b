"""Reports the metrics of the trial in which a program runs, by whichever way the trial has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from katib.api import names
from katib.client.routes import (
    DropRoute,
    GrpcRoute,
    HttpRoute,
    Pace,
    Route,
    Sender,
    UnreportableError,
    find_here,
)

#: The key of the time in a report, and so no metric's name.
TIMESTAMP = "timestamp"


def report(
    metrics: Mapping[str, object],
    route: Route,
    now: datetime,
    timestamp: datetime | float | str | None = None,
) -> None:
    """Report values of metrics, all of one time.

    Args:
        metrics: names and values; numbers of any kind, or their texts.
        route: the way they go.
        now: the time of a report that says none; aware.
        timestamp: when the values were measured.

    Raises:
        UnreportableError: something is no number or no time; all of it is told.
        ReportError: the report did not arrive.
    """
    problems: list[str] = []
    values = {name: _text(name, value, problems) for name, value in metrics.items()}
    time = _time(now if timestamp is None else timestamp, problems)
    if not metrics:
        problems.append('there is nothing to report; a metric such as {"loss": 0.25} is expected')
    if problems:
        raise UnreportableError("; ".join(problems))
    route.send(values, time)


def find_route(variables: Mapping[str, str], address: str | None, pace: Pace) -> Route:
    """The way that the reports of this program go.

    Args:
        variables: the program's environment.
        address: of a database manager, when the program insists on one.
        pace: how long is tried.

    Raises:
        UnreportableError: the program runs in no trial that pushes.
    """
    trial = variables.get(names.ENV_TRIAL_NAME, "")
    token = variables.get(names.ENV_METRICS_TOKEN, "")
    sender = Sender(trial, variables.get(names.ENV_NAMESPACE, ""), token)
    if not address and (here := find_here()) is not None:
        return here
    if address and trial:
        return GrpcRoute(address, sender, pace)
    if url := variables.get(names.ENV_METRICS_URL):
        return HttpRoute(url, token, pace)
    if drop := variables.get(names.ENV_METRICS_DROP):
        return DropRoute(drop)
    if trial and (found := _db_manager(variables)):
        return GrpcRoute(found, sender, pace)
    raise UnreportableError(_homeless(trial))


def _db_manager(variables: Mapping[str, str]) -> str:
    """The address of a cluster's database manager; empty outside of clusters."""
    if names.ENV_DB_MANAGER_PORT not in variables and "KUBERNETES_SERVICE_HOST" not in variables:
        return ""
    host = variables.get(names.ENV_DB_MANAGER_HOST) or "katib-db-manager"
    others = variables.get("KATIB_CORE_NAMESPACE", "kubeflow")
    namespace = variables.get(names.ENV_DB_MANAGER_NAMESPACE, others)
    port = variables.get(names.ENV_DB_MANAGER_PORT) or "6789"
    return f"{host}.{namespace}:{port}" if namespace else f"{host}:{port}"


def _homeless(trial: str) -> str:
    if trial:
        return (
            f"trial {trial} does not push its metrics; set "
            "spec.metricsCollectorSpec.collector.kind of its experiment to Push"
        )
    return (
        "The Trial name is not passed to environment variables: "
        f"this program runs in no trial: neither {names.ENV_METRICS_URL} nor "
        f"{names.ENV_METRICS_DROP} nor {names.ENV_TRIAL_NAME} is set; let an experiment whose "
        "metrics collector is Push run it"
    )


def _text(name: object, value: object, problems: list[str]) -> str:
    """A value as it is reported; one that is none is noted."""
    if not isinstance(name, str) or name in ("", TIMESTAMP):
        problems.append(f"{name!r} is no name of a metric")
        return ""
    text = str(value).strip()
    try:
        float(text)
    except ValueError:
        # A tensor's text is none of a number, and yet it may be one.
        return _number_text(name, value, problems)
    return text


def _number_text(name: str, value: object, problems: list[str]) -> str:
    try:
        return repr(float(value))  # type: ignore[arg-type]  # what it is turns out here
    except (TypeError, ValueError):
        problems.append(
            f"Invalid value {value} for metrics value {name}: a number is expected, such as 0.25 "
            "or nan"
        )
        return ""


def _time(timestamp: datetime | float | str, problems: list[str]) -> datetime:
    try:
        if isinstance(timestamp, str):
            timestamp = datetime.fromisoformat(timestamp)
        if not isinstance(timestamp, datetime):
            return datetime.fromtimestamp(timestamp, UTC)
        if timestamp.tzinfo is not None:
            return timestamp.astimezone(UTC)
        problem = "it has no time zone"
    except (ValueError, OverflowError, OSError, TypeError) as error:
        problem = str(error)
    problems.append(
        f"{TIMESTAMP}: found {timestamp!r}, {problem}; an aware datetime is expected, a text such "
        "as 2026-01-31T12:00:00Z, or seconds since 1970"
    )
    return datetime.min
