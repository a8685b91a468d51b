"""Values as people type them, there and back.

What cannot be read as what it should be stays the text that it is: admission then says what is
wrong with it, at its place.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a kind of value is spelt.

    Attributes:
        show: the text of a value; of ``None`` too.
        parse: the value of a text; ``None`` for what is left out.
    """

    show: Callable[[Any], Any]
    parse: Callable[[Any], Any]


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _parse_text(text: Any) -> Any:
    return str(text) if text not in (None, "") else None


def _parse_whole(text: Any) -> Any:
    stripped = str(text or "").strip()
    return int(stripped) if _WHOLE.fullmatch(stripped) else stripped or None


def _parse_number(text: Any) -> Any:
    stripped = str(text or "").strip()
    whole = _parse_whole(stripped)
    if not isinstance(whole, str):
        return whole
    try:
        found = float(stripped)
    except ValueError:
        return stripped
    # JSON has no other numbers.
    return found if found - found == 0 else stripped


def _show_list(value: Any) -> str:
    if not isinstance(value, list):
        return _show(value)
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([_show(one) for one in value])
    return text.getvalue().replace(",", ", ") if '"' not in text.getvalue() else text.getvalue()


def _parse_list(text: Any) -> Any:
    lines = str(text or "").splitlines()
    found = [
        one.strip()
        for row in csv.reader(lines, skipinitialspace=True)
        for one in row
        if one.strip()
    ]
    return found or None


def _parse_wholes(text: Any) -> Any:
    found = _parse_list(text)
    return None if found is None else [_parse_whole(one) for one in found]


def _show_lines(value: Any) -> str:
    return "\n".join(_show(one) for one in value) if isinstance(value, list) else _show(value)


def _parse_lines(text: Any) -> Any:
    return [line.strip() for line in str(text or "").splitlines() if line.strip()] or None


def _show_pairs(value: Any) -> str:
    if not isinstance(value, dict):
        return _show(value)
    return "\n".join(f"{name}={_show(one)}" for name, one in value.items())


def _parse_pairs(text: Any) -> Any:
    found: dict[str, str] = {}
    for line in str(text or "").splitlines():
        name, _, value = line.partition("=")
        if name.strip():
            found[name.strip()] = value.strip()
    return found or None


def _parse_flag(value: Any) -> Any:
    return True if value else None


#: A text; none when it is empty.
TEXT = Spelling(_show, _parse_text)
#: A whole number.
WHOLE = Spelling(_show, _parse_whole)
#: A number.
NUMBER = Spelling(_show, _parse_number)
#: Texts with commas between them; one with a comma in it stands in double quotes.
LIST = Spelling(_show_list, _parse_list)
#: Whole numbers with commas between them.
WHOLES = Spelling(_show_list, _parse_wholes)
#: Texts, one a line.
LINES = Spelling(_show_lines, _parse_lines)
#: A map of texts, with a line ``name=value`` for each.
PAIRS = Spelling(_show_pairs, _parse_pairs)
#: Yes, or nothing.
FLAG = Spelling(bool, _parse_flag)
#: One of some words; nothing chosen is nothing.
CHOICE = Spelling(lambda value: _show(value) or None, lambda value: value or None)
