"""Quantities as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from katib.configuration.quantities import parse_quantity

LEGAL = {
    "0": "0",
    "-1": "-1",
    "+2": "2",
    ".5": "0.5",
    "5.": "5",
    "100m": "0.1",
    "3u": "0.000003",
    "3n": "0.000000003",
    "1k": "1000",
    "1.5Gi": str(1.5 * 2**30),
    "2Ki": "2048",
    "1Ei": str(2**60),
    "1M": "1000000",
    "1E": "1e18",
    "1e3": "1000",
    "1E-2": "0.01",
}


@pytest.mark.parametrize(("text", "number"), LEGAL.items(), ids=LEGAL.keys())
def test_a_quantity_has_a_number(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    ["", " ", "m", "1 Gi", "1gi", "1K", "--1", "1.2.3", "inf", "nan", "1e", "1Gi\n", "1e9999"],
)
def test_a_text_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity"):
        parse_quantity(text)
