from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from katib.client.notebook import show_link


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a notebook has shown."""
    shown: list[str] = []
    shell, display = ModuleType("IPython"), ModuleType("IPython.display")
    shell.__dict__["get_ipython"] = SimpleNamespace
    display.__dict__.update(display=shown.append, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return shown


def test_a_notebook_shows_where_the_experiment_is(shown: list[str]) -> None:
    show_link("team", "one")
    [text] = shown
    assert text.startswith("Katib Experiment one link <a ")
    assert 'href="/_/katib/#/katib/hp_monitor/team/one"' in text


def test_nothing_is_shown_outside_of_notebooks(
    shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    show_link("team", "one")
    monkeypatch.delitem(sys.modules, "IPython")
    show_link("team", "one")
    assert shown == []
