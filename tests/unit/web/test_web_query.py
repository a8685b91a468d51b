"""What a page's address says of what is looked at."""

from __future__ import annotations

import pytest
from nicegui import ui
from starlette.requests import Request

from katib.web.query import Query


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was told."""
    told: list[str] = []
    monkeypatch.setattr(ui.navigate.history, "replace", told.append)
    return told


def a_query(text: str) -> Query:
    request = Request({"type": "http", "query_string": text.encode(), "headers": []})
    return Query("/katib/experiment/default/one", request)


def test_values_are_found_by_name() -> None:
    query = a_query("tab=plots&plots=history,contour&plots=curves&empty=")
    assert query.find("tab") == "plots"
    assert query.list("plots") == ["history", "contour", "curves"]
    assert (query.find("none"), query.list("empty")) == ("", [])


def test_what_is_put_stands_in_the_address_and_what_is_empty_does_not(replaced: list[str]) -> None:
    query = a_query("tab=plots&x=lr")
    query.put(filter="lr<0.01 a&b", x="", plots=["history", "slices"])
    query.put(tab="plots")
    assert replaced == [
        "/katib/experiment/default/one?tab=plots&filter=lr%3C0.01+a%26b&plots=history%2Cslices"
    ], "nothing is told that is told already"
    again = a_query(replaced[0].partition("?")[2])
    assert again.find("filter") == "lr<0.01 a&b"
    assert again.list("plots") == ["history", "slices"]


def test_an_address_without_a_query_ends_without_a_mark(replaced: list[str]) -> None:
    a_query("tab=plots").put(tab="")
    assert replaced == ["/katib/experiment/default/one"]


def test_a_token_is_never_told_again(replaced: list[str]) -> None:
    query = a_query("token=secret&tab=plots")
    query.put(tab="trials")
    assert replaced == ["/katib/experiment/default/one?tab=trials"]
