from __future__ import annotations

import pytest

from katib.kubernetes.pace import Bucket, Pace
from katib.testing.clocks import FakeClock


def test_a_burst_does_not_wait_and_what_follows_does() -> None:
    clock = FakeClock()
    bucket = Bucket(Pace(per_second=10.0, burst=3), clock.monotonic)
    waits = [bucket.take() for _ in range(6)]
    assert waits == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2, 0.3])


def test_rest_fills_it_but_not_above_its_brim() -> None:
    clock = FakeClock()
    bucket = Bucket(Pace(per_second=10.0, burst=3), clock.monotonic)
    for _ in range(5):
        bucket.take()
    clock.advance(0.3)
    assert [bucket.take() for _ in range(2)] == pytest.approx([0.0, 0.1])
    clock.advance(60.0)
    assert [bucket.take() for _ in range(4)] == pytest.approx([0.0, 0.0, 0.0, 0.1])
