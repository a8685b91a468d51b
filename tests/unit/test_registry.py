from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from katib.errors import UnknownNameError
from katib.registry import Registry
from katib.stores import STORES
from katib.stores.memory import MemoryStore

TABLE = {"pair": "fractions:Fraction", "missing": "no_such_module:Thing"}


def a_registry(monkeypatch: pytest.MonkeyPatch, *plugins: EntryPoint) -> Registry[object]:
    monkeypatch.setattr(
        "importlib.metadata.entry_points",
        lambda group: [one for one in plugins if one.group == group],
    )
    return Registry("thing", "katib.things", TABLE)


def test_a_name_gives_its_implementation() -> None:
    assert STORES.load("memory") is MemoryStore


def test_nothing_is_imported_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_registry(monkeypatch)
    assert list(found) == ["missing", "pair"]
    assert "missing" in found
    assert "no_such_module" not in sys.modules
    with pytest.raises(ModuleNotFoundError):
        found.load("missing")


def test_an_unknown_name_lists_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError) as caught:
        a_registry(monkeypatch).load("pear")
    assert str(caught.value) == 'unknown thing "pear", did you mean "pair"?; known: missing, pair'


def test_other_packages_register_with_no_lesser_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = EntryPoint("decimal", "decimal:Decimal", "katib.things")
    others = EntryPoint("elsewhere", "decimal:Decimal", "katib.others")
    found = a_registry(monkeypatch, mine, others)
    assert list(found) == ["decimal", "missing", "pair"]
    assert "elsewhere" not in found
    assert found.load("decimal").__name__ == "Decimal"


def test_our_own_entries_cannot_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    found = a_registry(monkeypatch, EntryPoint("pair", "decimal:Decimal", "katib.things"))
    assert found.load("pair").__name__ == "Fraction"
    assert list(found) == ["missing", "pair"]
