from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katib.ports.observation_log import NO_TIME, MetricEntry
from katib.rpc import light, logs
from katib.rpc.generated import api_pb2 as pb

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
TIMES = st.just(NO_TIME) | st.datetimes(timezones=st.just(UTC))
ENTRIES = st.lists(st.builds(MetricEntry, TIMES, TEXTS, TEXTS), max_size=5)


@given(TEXTS, ENTRIES)
def test_a_report_is_what_protobuf_reads(trial: str, entries: list[MetricEntry]) -> None:
    message = pb.ReportObservationLogRequest.FromString(light.write_report(trial, entries))
    assert message.trial_name == trial
    assert logs.read_log(message.observation_log) == entries


@given(ENTRIES)
def test_a_log_is_read_as_protobuf_wrote_it(entries: list[MetricEntry]) -> None:
    reply = pb.GetObservationLogReply(observation_log=logs.write_log(entries))
    assert light.read_log(reply.SerializeToString()) == entries


@given(TEXTS, TEXTS)
def test_other_requests_are_what_protobuf_reads(trial: str, metric: str) -> None:
    message = pb.GetObservationLogRequest.FromString(light.write_texts(trial, metric))
    assert (message.trial_name, message.metric_name) == (trial, metric)
    for kind in (pb.DeleteObservationLogRequest, pb.SetTrialStatusRequest):
        assert kind.FromString(light.write_texts(trial)).trial_name == trial


def test_a_long_text_has_a_long_length() -> None:
    entries = [MetricEntry(NO_TIME, "loss", "x" * size) for size in (127, 128, 20_000, 3_000_000)]
    reply = pb.GetObservationLogReply(observation_log=logs.write_log(entries))
    assert light.read_log(reply.SerializeToString()) == entries
    message = pb.ReportObservationLogRequest.FromString(light.write_report("a", entries))
    assert logs.read_log(message.observation_log) == entries


def test_a_time_of_another_zone_or_with_nanoseconds_is_read() -> None:
    texts = ["2026-01-01T12:00:00.123456789Z", "2026-01-01T14:00:00.123456+02:00"]
    entries = [pb.MetricLog(time_stamp=text, metric=pb.Metric(name="loss")) for text in texts]
    reply = pb.GetObservationLogReply(observation_log=pb.ObservationLog(metric_logs=entries))
    noon = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    found = light.read_log(reply.SerializeToString())
    assert found == [MetricEntry(noon, "loss", "")] * 2
    elsewhere = noon.astimezone(timezone(timedelta(hours=9)))
    assert light.write_report("", [MetricEntry(elsewhere, "", "")]) == light.write_report(
        "", [MetricEntry(noon, "", "")]
    )


def test_fields_of_newer_services_are_passed_over() -> None:
    entry = MetricEntry(NO_TIME, "loss", "1")
    reply = pb.GetObservationLogReply(observation_log=logs.write_log([entry])).SerializeToString()
    others = b"\x78\x80\x01" + b"\x79" + bytes(8) + b"\x7d" + bytes(4)
    assert light.read_log(others + reply + others) == [entry]


@given(st.binary())
def test_what_is_no_message_is_told(answer: bytes) -> None:
    try:
        light.read_log(answer)
    except ValueError:
        return
    # Whatever is a message by chance has no more in it than was given.
    assert len(light.read_log(answer)) <= len(answer)


@pytest.mark.parametrize("answer", [b"\x0a\x05a", b"\x0a", b"\x0b", b"\x0a\x02\x0a\x00"])
def test_an_answer_that_is_cut_or_odd_is_told(answer: bytes) -> None:
    with pytest.raises(ValueError, match=r"message|field|isoformat"):
        light.read_log(answer)
