"""The tokens of a Go template: text, and what stands between ``{{`` and ``}}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from katib.conversion.syntax import Source

_SPACE = " \t\r\n"
_OPEN, _CLOSE = "{{", "}}"
_COMMENT, _COMMENT_END = "/*", "*/"
# One of Go's spaces and the minus; only the two together trim.
_MARKER = 2

_TOKEN = re.compile(
    r"""
    (?P<STRING>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
    |(?P<NUMBER>[-+]?[0-9]+(?![\w.]))
    |(?P<VARIABLE>\$\w*)
    |(?P<FIELD>\.[^\W\d]\w*)
    |(?P<DOT>\.(?![\w.]))
    |(?P<WORD>[^\W\d]\w*)
    |(?P<SYMBOL>:=|[()|,=])
    """,
    re.VERBOSE,
)


class Sort(Enum):
    """What a token is."""

    TEXT = auto()
    OPEN = auto()
    CLOSE = auto()
    STRING = auto()
    NUMBER = auto()
    VARIABLE = auto()
    FIELD = auto()
    DOT = auto()
    WORD = auto()
    SYMBOL = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the template.

    Attributes:
        sort: what it is.
        text: as it is written; trimmed, if it is text.
        offset: where it begins.
        is_attached: whether no space stands before it.
    """

    sort: Sort
    text: str
    offset: int
    is_attached: bool = False


def tokenize(source: Source) -> list[Token]:
    """All tokens, with one of the sort ``END`` at last. Comments are gone, texts are trimmed.

    Raises:
        ManifestError: an action or a comment does not end, or holds what is no token.
    """
    return _Lexer(source).run()


class _Lexer:
    """One walk over the text, in the order and with the rules of Go's own."""

    def __init__(self, source: Source) -> None:
        self._source, self._text = source, source.text
        self._tokens: list[Token] = []
        self._position = 0

    def run(self) -> list[Token]:
        while (start := self._text.find(_OPEN, self._position)) >= 0:
            inside = start + len(_OPEN)
            is_trimmed = _is_left_marker(self._text, inside)
            chunk = self._text[self._position : start]
            self._add_text(chunk.rstrip(_SPACE) if is_trimmed else chunk)
            inside += _MARKER if is_trimmed else 0
            if self._text.startswith(_COMMENT, inside):
                self._skip_comment(start, inside)
            else:
                self._tokens.append(Token(Sort.OPEN, _OPEN, start))
                self._read_action(start, inside)
        self._add_text(self._text[self._position :])
        self._tokens.append(Token(Sort.END, "", len(self._text)))
        return self._tokens

    def _add_text(self, chunk: str) -> None:
        if chunk:
            self._tokens.append(Token(Sort.TEXT, chunk, self._position))

    def _skip_comment(self, start: int, inside: int) -> None:
        end = self._text.find(_COMMENT_END, inside + len(_COMMENT))
        if end < 0:
            raise self._source.refusal(start, "this comment has no end, write */}}")
        if not self._close(end + len(_COMMENT_END)):
            raise self._source.refusal(start, "a comment fills its braces: write {{/* … */}}")

    def _read_action(self, start: int, position: int) -> None:
        was_space = True
        while not self._close(position):
            if position >= len(self._text):
                raise self._source.refusal(start, "these braces are not closed, write }}")
            if self._text[position] in _SPACE:
                position, was_space = position + 1, True
                continue
            found = _TOKEN.match(self._text, position)
            if found is None or found.lastgroup is None:
                piece = self._text[position : position + 12].split()[0]
                raise self._source.refusal(position, f"cannot read {piece!r} in an action")
            sort = Sort[found.lastgroup]
            self._tokens.append(Token(sort, found[0], position, not was_space))
            position, was_space = found.end(), False
        # The closing braces are a token of their own, where the action ended.
        self._tokens.append(Token(Sort.CLOSE, _CLOSE, position, not was_space))

    def _close(self, position: int) -> bool:
        """Whether an action ends here; then the text behind it is next."""
        is_trimmed = _is_right_marker(self._text, position)
        end = position + (_MARKER if is_trimmed else 0)
        if not self._text.startswith(_CLOSE, end):
            return False
        end += len(_CLOSE)
        if is_trimmed:
            end = len(self._text) - len(self._text[end:].lstrip(_SPACE))
        self._position = end
        return True


def _is_left_marker(text: str, position: int) -> bool:
    return text[position : position + 1] == "-" and _is_space(text, position + 1)


def _is_right_marker(text: str, position: int) -> bool:
    return _is_space(text, position) and text[position + 1 : position + 2] == "-"


def _is_space(text: str, position: int) -> bool:
    return position < len(text) and text[position] in _SPACE
