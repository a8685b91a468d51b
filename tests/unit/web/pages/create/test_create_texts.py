"""What is typed becomes a value where it is one, and stays what it is where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from katib.web.pages.create.texts import (
    FLAG,
    LINES,
    LIST,
    NUMBER,
    PAIRS,
    TEXT,
    WHOLE,
    WHOLES,
    Spelling,
)


@pytest.mark.parametrize(
    ("spelling", "text", "value"),
    [
        (TEXT, "a b", "a b"),
        (TEXT, "", None),
        (WHOLE, "12", 12),
        (WHOLE, "-3", -3),
        (WHOLE, "many", "many"),
        (WHOLE, "1.5", "1.5"),
        (WHOLE, "", None),
        (NUMBER, "0.99", 0.99),
        (NUMBER, "7", 7),
        (NUMBER, "nan", "nan"),
        (NUMBER, "abc", "abc"),
        (LIST, "sgd, adam", ["sgd", "adam"]),
        (LIST, '"a, b", c', ["a, b", "c"]),
        (LIST, " , ", None),
        (WHOLES, "32, 32, 3", [32, 32, 3]),
        (WHOLES, "32, x", [32, "x"]),
        (LINES, "a, b\n\nc", ["a, b", "c"]),
        (PAIRS, "a=b\nc=d=e\n=f", {"a": "b", "c": "d=e"}),
        (FLAG, False, None),
        (FLAG, True, True),
    ],
)
def test_what_is_typed_is_read(spelling: Spelling, text: Any, value: Any) -> None:
    assert spelling.parse(text) == value


@pytest.mark.parametrize(
    ("spelling", "value"),
    [
        (TEXT, "a: b"),
        (TEXT, None),
        (WHOLE, 12),
        (WHOLE, "many"),
        (NUMBER, 0.1),
        (NUMBER, 1e-05),
        (LIST, ["sgd", "adam"]),
        (LIST, ["a, b", 'with "quotes"', "c"]),
        (WHOLES, [32, 32, 3]),
        (LINES, [r"([\w|-]+)\s*=\s*([+-]?\d+)"]),
        (PAIRS, {"a": "b", "c": "d=e"}),
        (FLAG, True),
    ],
)
def test_what_is_shown_reads_as_what_it_was(spelling: Spelling, value: Any) -> None:
    assert spelling.parse(spelling.show(value)) == value
