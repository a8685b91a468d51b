"""Observation logs as messages and back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from katib.api.codec import format_time, parse_time
from katib.ports.observation_log import MetricEntry
from katib.rpc.generated import api_pb2 as pb


def write_log(entries: Iterable[MetricEntry]) -> pb.ObservationLog:
    """The message of entries, in order; times are UTC, and no fraction ends with a zero."""
    return pb.ObservationLog(
        metric_logs=[
            pb.MetricLog(
                time_stamp=_write_time(entry.time),
                metric=pb.Metric(name=entry.name, value=entry.value),
            )
            for entry in entries
        ]
    )


def _write_time(time: datetime) -> str:
    text = format_time(time)
    return f"{text.removesuffix('Z').rstrip('0')}Z" if "." in text else text


def read_log(message: pb.ObservationLog) -> list[MetricEntry]:
    """The entries of a message, in order. Those without a time stamp are left out.

    Raises:
        ValueError: a time stamp is not RFC 3339 with a zone, or an entry has no metric.
    """
    return [_read_entry(one) for one in message.metric_logs if one.time_stamp]


def _read_entry(message: pb.MetricLog) -> MetricEntry:
    if not message.HasField("metric"):
        raise ValueError(f"the entry of {message.time_stamp} has no metric; name one and its value")
    try:
        time = parse_time(message.time_stamp)
    except ValueError as error:
        raise ValueError(
            f"Error parsing start time {message.time_stamp!r}: {error}; a time such as "
            "2026-01-31T12:00:00.5Z is expected"
        ) from error
    return MetricEntry(time.astimezone(UTC), message.metric.name, message.metric.value)
