"""A Go template's text → its tree."""

from __future__ import annotations

import re
from collections.abc import Sequence

from katib.conversion.functions import FUNCTIONS
from katib.conversion.syntax import (
    Action,
    Branch,
    Command,
    Constant,
    Node,
    Operand,
    Path,
    Pipeline,
    Source,
    Text,
    Word,
)
from katib.conversion.tokens import Sort, Token, tokenize
from katib.errors import ManifestError, suggest

_BRANCHES = ("if", "with", "range")
_CONSTANTS = {"true": True, "false": False}
_KEYWORDS = ("define", "template", "block", "break", "continue", "nil")

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_ESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def parse(source: Source) -> tuple[Node, ...]:
    """The tree of a template.

    Raises:
        ManifestError: the text is no template, or uses a construct that is not known here; the
            message names it, with its line and column.
    """
    return _Parser(source, tokenize(source)).run()


class _Parser:
    """Goes through the tokens once; every method leaves off behind what it has read."""

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self._source, self._tokens, self._position = source, tokens, 0
        # In the order of their declaration; a branch forgets its own at its end.
        self._declared = ["$"]

    def run(self) -> tuple[Node, ...]:
        nodes, ending = self._nodes()
        if ending.sort is not Sort.END:
            raise self._refusal(ending, f"{{{{{ending.text}}}}} without if, with or range before")
        return nodes

    def _nodes(self) -> tuple[tuple[Node, ...], Token]:
        """Everything up to an ``end`` or ``else``, or to the end of the text."""
        nodes: list[Node] = []
        while (token := self._next()).sort is not Sort.END:
            if token.sort is Sort.TEXT:
                nodes.append(Text(token.offset, token.text))
                continue
            word = self._peek()
            if word.sort is Sort.WORD and word.text in ("end", "else"):
                return tuple(nodes), self._next()
            if word.sort is Sort.WORD and word.text in _BRANCHES:
                nodes.append(self._branch(self._next()))
                continue
            nodes.append(Action(token.offset, self._pipeline(token, 1)))
            self._expect_close()
        return tuple(nodes), token

    def _branch(self, word: Token) -> Branch:
        count = len(self._declared)
        branch = self._open_branch(word)
        del self._declared[count:]
        return branch

    def _open_branch(self, word: Token) -> Branch:
        pipeline = self._pipeline(word, 2 if word.text == "range" else 1)
        self._expect_close()
        body, ending = self._nodes()
        otherwise: tuple[Node, ...] = ()
        if ending.text == "else" and self._is_word("if") and word.text == "if":
            # Both share the one {{end}}, which the inner one reads.
            return Branch(word.offset, word.text, pipeline, body, (self._branch(self._next()),))
        if ending.text == "else":
            self._expect_close()
            otherwise, ending = self._nodes()
        if ending.sort is Sort.END:
            raise self._refusal(word, f"this {word.text} is not closed, write {{{{end}}}}")
        if ending.text != "end":
            raise self._refusal(ending, f"this is the second {{{{else}}}} of one {word.text}")
        self._expect_close()
        return Branch(word.offset, word.text, pipeline, body, otherwise)

    def _pipeline(self, start: Token, most_variables: int) -> Pipeline:
        variables, is_new = self._variables(most_variables)
        commands = [self._command(start)]
        while self._is_symbol("|"):
            commands.append(self._command(self._next()))
        return Pipeline(start.offset, tuple(commands), variables, is_new)

    def _variables(self, most: int) -> tuple[tuple[str, ...], bool]:
        """What stands before ``:=`` or ``=``, if that comes at all."""
        begin, names = self._position, []
        while self._peek().sort is Sort.VARIABLE:
            names.append(self._next())
            sign = self._next()
            if sign.text in (":=", "=") and sign.sort is Sort.SYMBOL and len(names) <= most:
                return self._assign(names, sign.text == ":=")
            if sign.text != "," or sign.sort is not Sort.SYMBOL:
                break
        self._position = begin
        return (), True

    def _assign(self, names: Sequence[Token], is_new: bool) -> tuple[tuple[str, ...], bool]:
        if is_new:
            self._declared += [name.text for name in names]
        for name in names:
            self._check_declared(name)
        return tuple(name.text for name in names), is_new

    def _check_declared(self, token: Token) -> None:
        if token.sort is Sort.VARIABLE and token.text not in self._declared:
            near = suggest(token.text, self._declared)
            raise self._refusal(token, f"there is no variable {token.text} here{near}")

    def _command(self, start: Token) -> Command:
        operands: list[Operand] = []
        while not self._is_over():
            token = self._next()
            if operands and token.is_attached:
                raise self._refusal(token, f"a space is missing before {token.text}")
            operands.append(self._operand(token))
        if not operands:
            raise self._refusal(start, "there is no value in this action")
        first = operands[0]
        if len(operands) > 1 and not isinstance(first, Word):
            raise self._source.refusal(
                first.offset, "only a function takes arguments, and this is a value"
            )
        return Command(first.offset, tuple(operands))

    def _is_over(self) -> bool:
        token = self._peek()
        return token.sort is Sort.CLOSE or (token.sort is Sort.SYMBOL and token.text in "|)")

    def _operand(self, token: Token) -> Operand:
        match token.sort:
            case Sort.STRING:
                return Constant(token.offset, self._string(token))
            case Sort.NUMBER:
                return Constant(token.offset, self._number(token))
            case Sort.WORD if token.text in _CONSTANTS:
                return Constant(token.offset, _CONSTANTS[token.text])
            case Sort.WORD:
                return self._function(token)
            case Sort.DOT | Sort.VARIABLE:
                self._check_declared(token)
                return Path(token.offset, token.text, self._fields())
            case Sort.FIELD:
                return Path(token.offset, ".", (token.text[1:], *self._fields()))
            case Sort.SYMBOL if token.text == "(":
                return self._parentheses(token)
        raise self._refusal(token, f"{token.text} is not expected here")

    def _fields(self) -> tuple[str, ...]:
        names = []
        while self._peek().sort is Sort.FIELD and self._peek().is_attached:
            names.append(self._next().text[1:])
        return tuple(names)

    def _parentheses(self, start: Token) -> Path:
        inner = self._pipeline(start, 0)
        if not self._is_symbol(")"):
            raise self._refusal(start, "this parenthesis is not closed, write )")
        self._next()
        return Path(start.offset, inner, self._fields())

    def _function(self, token: Token) -> Word:
        if token.text in _KEYWORDS:
            raise self._refusal(token, f"{{{{{token.text}}}}} cannot be converted")
        if token.text not in FUNCTIONS:
            raise self._refusal(
                token,
                f"the function {token.text} is not known here{suggest(token.text, FUNCTIONS)}; "
                f"known: {', '.join(sorted(FUNCTIONS))}",
            )
        return Word(token.offset, token.text)

    def _string(self, token: Token) -> str:
        inside = token.text[1:-1]
        if token.text.startswith("`"):
            return inside.replace("\r", "")

        def unescape(found: re.Match[str]) -> str:
            code = found[1]
            if code[0] in "xuU" and len(code) > 1:
                return chr(int(code[1:], 16))
            if len(code) == 3:
                return chr(int(code, 8))
            if code in ('"', "\\"):
                return code
            if code not in _ESCAPED:
                raise self._refusal(token, f"Go knows no escape \\{code} in a string")
            return _ESCAPED[code]

        return _ESCAPE.sub(unescape, inside)

    def _number(self, token: Token) -> int:
        digits = token.text.lstrip("+-")
        if len(digits) > 1 and digits.startswith("0"):
            raise self._refusal(token, f"{token.text} is octal in Go; write it without the zero")
        return int(token.text)

    def _peek(self) -> Token:
        return self._tokens[self._position]

    def _next(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _is_word(self, text: str) -> bool:
        return self._peek().sort is Sort.WORD and self._peek().text == text

    def _is_symbol(self, text: str) -> bool:
        return self._peek().sort is Sort.SYMBOL and self._peek().text == text

    def _expect_close(self) -> None:
        token = self._next()
        if token.sort is not Sort.CLOSE:
            raise self._refusal(token, f"{token.text} is not expected here, write }}}}")

    def _refusal(self, token: Token, problem: str) -> ManifestError:
        return self._source.refusal(token.offset, problem)
