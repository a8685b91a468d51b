"""The rule of conditions: an expression that cannot be read would never be met.

Only what no reader of GJSON understands is refused; whether an expression means what was intended,
the run alone can show.
"""

from __future__ import annotations

import re

from katib.admission.problems import Problems, invalid

#: Where a query begins, or an array or object of selections.
_OPENING = re.compile(r"(?<![^.|])(?<!\\[.|])(?:#\(|[\[{])")
_TOKEN = re.compile(r'\\.|"(?:\\.|[^"\\])*"|.', re.DOTALL)
_EXAMPLE = 'status.conditions.#(type=="Complete")#|#(status=="True")#'


def check_condition(path: str, expression: str) -> Problems:
    """A success or failure condition must be a GJSON path."""
    problem = _find_problem(expression)
    if problem:
        yield invalid(path, expression, f"invalid GJSON path: {problem}, as in {_EXAMPLE}")


def _find_problem(expression: str) -> str:
    at = 0
    while opening := _OPENING.search(expression, at):
        at = _find_end(expression, opening.end())
        if at < 0:
            return f"{opening.group()} at character {opening.start() + 1} is never closed"
    return ""


def _find_end(expression: str, start: int) -> int:
    """The place behind the bracket that closes one before ``start``; -1 when there is none."""
    depth = 0
    for token in _TOKEN.finditer(expression, start):
        char = token.group()
        if char == '"':
            # A quotation mark that begins no quotation: it has no end.
            return -1
        if char in (")", "]", "}"):
            if depth == 0:
                return token.end()
            depth -= 1
        elif char in ("(", "[", "{"):
            depth += 1
    return -1
