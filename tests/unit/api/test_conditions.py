from __future__ import annotations

from datetime import UTC, datetime, timedelta

from katib.api import conditions
from katib.api.values import Condition

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(hours=1)


def a_condition(
    type: str, status: str = "True", reason: str = "Why", message: str = ""
) -> Condition:
    return Condition(type=type, status=status, reason=reason, message=message)


OLD = conditions.put(
    conditions.put((), a_condition("Created"), THEN), a_condition("Running", message="first"), THEN
)


def test_a_new_condition_is_appended_with_its_time() -> None:
    found = conditions.put(OLD, a_condition("Succeeded", message="done"), NOW)
    assert found[:2] == OLD
    assert found[2] == Condition(
        type="Succeeded",
        status="True",
        reason="Why",
        message="done",
        last_update_time=NOW,
        last_transition_time=NOW,
    )
    assert conditions.newest(found) is found[2]


def test_the_same_again_changes_nothing_not_even_the_message() -> None:
    assert conditions.put(OLD, a_condition("Running", message="second"), NOW) is OLD


def test_another_reason_keeps_the_time_of_the_transition_and_comes_last() -> None:
    found = conditions.put(OLD, a_condition("Created", reason="Because"), NOW)
    assert [one.type for one in found] == ["Running", "Created"]
    assert (found[-1].last_update_time, found[-1].last_transition_time) == (NOW, THEN)


def test_another_status_is_a_transition() -> None:
    found = conditions.put(OLD, a_condition("Running", "False"), NOW)
    assert (found[-1].status, found[-1].last_transition_time) == ("False", NOW)
    assert len(found) == 2


def test_turning_off_keeps_reason_and_message() -> None:
    found = conditions.turn_off(OLD, "Running", NOW)
    off = conditions.find(found, "Running")
    assert off is not None
    assert (off.status, off.reason, off.message) == ("False", "Why", "first")
    assert off.last_transition_time == NOW
    assert conditions.turn_off(found, "Running", NOW + timedelta(hours=1)) is found


def test_what_is_absent_cannot_be_turned_off() -> None:
    assert conditions.turn_off(OLD, "Succeeded", NOW) is OLD


def test_only_true_conditions_are_had() -> None:
    found = conditions.turn_off(OLD, "Running", NOW)
    table = {"Created": True, "Running": False, "Succeeded": False}
    assert {type: conditions.has(found, type) for type in table} == table
    assert conditions.find(found, "Succeeded") is None


def test_conditions_can_be_removed() -> None:
    assert [one.type for one in conditions.remove(OLD, "Created")] == ["Running"]
    assert conditions.remove(OLD, "Succeeded") == OLD


def test_nothing_is_newest_of_nothing() -> None:
    assert conditions.newest(()) is None
