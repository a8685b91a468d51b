from __future__ import annotations

from katib.observations.memory import MemoryObservationLog
from katib.testing.observation_log_contract import TRIAL, entry, values


def test_nothing_is_left_after_closing() -> None:
    log = MemoryObservationLog()
    log.report(TRIAL, [entry("1")])
    log.flush()
    assert values(log) == ["1"]
    log.close()
    assert values(log) == []
