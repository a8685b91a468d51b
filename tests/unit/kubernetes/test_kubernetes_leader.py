from __future__ import annotations

from datetime import UTC, datetime

import pytest

from katib.kubernetes.leader import Candidate, LeaseSpec, may_take, taken

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ONE = Candidate("default", "operator", "one")


def lease(holder: str | None, transitions: int = 0) -> LeaseSpec:
    return LeaseSpec(
        holder_identity=holder,
        lease_duration_seconds=15,
        acquire_time="then",
        renew_time="then",
        lease_transitions=transitions,
    )


@pytest.mark.parametrize(
    ("spec", "waited", "expected"),
    [
        pytest.param(lease("one"), 0.0, True, id="it is one's own"),
        pytest.param(lease(""), 0.0, True, id="it was given back"),
        pytest.param(lease(None), 0.0, True, id="nobody ever had it"),
        pytest.param(lease("two"), 15.0, False, id="another holds it"),
        pytest.param(lease("two"), 15.1, True, id="another has it no more"),
    ],
)
def test_who_may_take_the_lease(spec: LeaseSpec, waited: float, expected: bool) -> None:
    assert may_take(spec, "one", waited) is expected


def test_a_new_leader_is_counted_and_an_old_one_is_not() -> None:
    time = "2026-01-02T03:04:05.000000Z"
    first = taken(None, ONE, NOW)
    assert first == LeaseSpec(
        holder_identity="one",
        lease_duration_seconds=15,
        acquire_time=time,
        renew_time=time,
        lease_transitions=0,
    )
    after_another = taken(lease("two", 3), ONE, NOW)
    assert (after_another.holder_identity, after_another.lease_transitions) == ("one", 4)
    renewed = taken(lease("one", 3), ONE, NOW)
    assert (renewed.acquire_time, renewed.renew_time) == ("then", time)
    assert renewed.lease_transitions == 3


def test_leaders_stop_before_others_begin() -> None:
    assert ONE.retry_seconds < ONE.renew_seconds < ONE.lease_seconds <= 15
