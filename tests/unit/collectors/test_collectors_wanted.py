from __future__ import annotations

from katib.api.experiment import ObjectiveSpec
from katib.api.wildcards import MOST_MATCHES
from katib.collectors.wanted import WantedNames

OBJECTIVE = ObjectiveSpec(
    objective_metric_name="loss", additional_metric_names=("time", "val_*", "t?")
)


def test_names_and_what_wildcards_match_are_wanted() -> None:
    wanted = WantedNames(OBJECTIVE)
    asked = ("loss", "time", "val_a", "t1", "val", "t12", "losses")
    assert [wanted.take(name) for name in asked] == [True, True, True, True, False, False, False]
    assert wanted.tell_surplus() == ""


def test_only_so_many_names_are_taken_and_that_is_told_once() -> None:
    wanted = WantedNames(OBJECTIVE)
    taken = [name for name in (f"val_{n}" for n in range(100_000)) if wanted.take(name)]
    assert taken == [f"val_{number}" for number in range(MOST_MATCHES)]
    told = wanted.tell_surplus()
    assert f'match more than {MOST_MATCHES} names; "val_{MOST_MATCHES}" and others' in told
    assert wanted.tell_surplus() == ""
    assert wanted.take("val_0")
    assert wanted.take("time")
    assert not wanted.take("val_x")
    assert wanted.tell_surplus() == ""
