from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from katib.api.experiment import EXPERIMENTS
from katib.api.values import Key, ObjectMeta, Strings, owner_reference

CHANGES: dict[str, Any] = {
    "set": lambda one: one.__setitem__("b", "2"),
    "delete": lambda one: one.__delitem__("a"),
    "update": lambda one: one.update(b="2"),
    "merge": lambda one: one.__ior__({"b": "2"}),
    "setdefault": lambda one: one.setdefault("b", "2"),
    "pop": lambda one: one.pop("a"),
    "popitem": lambda one: one.popitem(),
    "clear": lambda one: one.clear(),
}


@pytest.mark.parametrize("case", CHANGES)
def test_strings_are_frozen(case: str) -> None:
    strings = Strings(a="1")
    with pytest.raises(TypeError, match="build a new one"):
        CHANGES[case](strings)
    assert strings == {"a": "1"}


def test_strings_can_be_copied() -> None:
    strings = Strings(a="1")
    for again in (copy.deepcopy(strings), pickle.loads(pickle.dumps(strings))):
        assert again == strings
        assert type(again) is Strings


def test_resources_are_frozen() -> None:
    experiment: Any = EXPERIMENTS.type()
    with pytest.raises(AttributeError, match="immutable"):
        experiment.spec = None


def test_a_key_reads_as_a_path() -> None:
    assert str(Key("default", "random")) == "default/random"


def test_the_controller_is_the_owner_that_says_so() -> None:
    owner = EXPERIMENTS.type(metadata=ObjectMeta(name="random", uid="u"))
    reference = owner_reference(owner)
    assert (reference.kind, reference.name, reference.uid) == ("Experiment", "random", "u")
    assert (reference.controller, reference.block_owner_deletion) == (True, True)
    assert ObjectMeta(owner_references=(reference,)).controller == reference
    assert ObjectMeta().controller is None
    assert ObjectMeta(labels=Strings(a="1")).label("a") == "1"
    assert ObjectMeta().label("a") is None
