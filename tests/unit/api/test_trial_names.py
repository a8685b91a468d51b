from __future__ import annotations

import re

import pytest

from katib.api.trial_names import trial_name


@pytest.mark.parametrize(
    ("uid", "count"), [("", 2_000), ("uid", 2_000), ("0a3b7c1e-8f2d", 100_000)]
)
def test_names_do_not_repeat(uid: str, count: int) -> None:
    assert len({trial_name("e", uid, index) for index in range(count)}) == count


def test_a_name_is_the_experiments_and_eight_characters() -> None:
    for index in range(1_000):
        assert re.fullmatch(
            r"my-exp-[bcdfghjklmnpqrstvwxz2456789]{8}", trial_name("my-exp", "u", index)
        )


def test_a_name_is_the_same_after_a_restart() -> None:
    names = [trial_name("random", "b7f0b5a2", index) for index in range(3)]
    assert names == ["random-9dgmzr6f", "random-tlxfdrtc", "random-gsh8pqk9"]


def test_another_experiment_has_other_names() -> None:
    one = {trial_name("e", "uid-one", index) for index in range(1_000)}
    two = {trial_name("e", "uid-two", index) for index in range(1_000)}
    assert not one & two
