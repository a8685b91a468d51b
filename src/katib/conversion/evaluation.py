"""A Go template's tree → the text it prints, and from which line of the template each part is."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field

from katib.conversion.functions import FUNCTIONS, Datum, Record, is_true, printed
from katib.conversion.marks import Marks
from katib.conversion.parser import parse
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
from katib.errors import suggest


@dataclass(slots=True)
class Printed:
    """What a template printed.

    Attributes:
        source: the template.
        text: all of it.
    """

    source: Source
    text: str = ""
    _starts: list[int] = field(default_factory=list)
    _origins: list[tuple[int, bool]] = field(default_factory=list)

    def add(self, text: str, offset: int, is_literal: bool) -> None:
        """Print; ``is_literal`` says that the text stands in the template as it is."""
        self._starts.append(len(self.text))
        self._origins.append((offset, is_literal))
        self.text += text

    def origin(self, position: int) -> int:
        """The offset in the template from which a place of the text is."""
        piece = bisect.bisect_right(self._starts, position) - 1
        if piece < 0:
            return 0
        offset, is_literal = self._origins[piece]
        return offset + (position - self._starts[piece] if is_literal else 0)

    def lines(self, start: int, end: int) -> list[int]:
        """The lines of the template whose actions printed something between two places."""
        touching = zip(self._starts, self._origins, strict=True)
        return [
            self.source.line(offset)
            for begin, (offset, is_literal) in touching
            if start <= begin < end and not is_literal
        ]


def evaluate(source: Source, root: Record, marks: Marks) -> Printed:
    """Print a template.

    Args:
        source: the template.
        root: what the outermost dot is.
        marks: stand for what is not known yet.

    Raises:
        ManifestError: the template cannot be parsed, names what is not there, or has a condition
            that cannot be decided yet; with line and column.
    """
    evaluation = _Evaluation(source, root, marks)
    try:
        evaluation.walk(parse(source), root)
    except RecursionError as error:
        raise source.refusal(0, "this template is nested too deeply") from error
    return evaluation.printed


class _Evaluation:
    """One walk through the tree. A variable lives until its branch ends."""

    def __init__(self, source: Source, root: Record, marks: Marks) -> None:
        self._source, self._marks = source, marks
        self._scopes: list[dict[str, Datum]] = [{"$": root}]
        self.printed = Printed(source)

    def walk(self, nodes: Sequence[Node], dot: Datum) -> None:
        for node in nodes:
            if isinstance(node, Text):
                self.printed.add(node.text, node.offset, is_literal=True)
            elif isinstance(node, Action):
                self._act(node, dot)
            elif node.word == "range":
                self._range(node, dot)
            else:
                self._choose(node, dot)

    def _act(self, action: Action, dot: Datum) -> None:
        value = self._keep(action.pipeline, dot)
        if not action.pipeline.variables:
            try:
                self.printed.add(printed(value), action.offset, is_literal=False)
            except ValueError as error:
                raise self._source.refusal(action.offset, str(error)) from error

    def _choose(self, branch: Branch, dot: Datum) -> None:
        self._scopes.append({})
        value = self._keep(branch.pipeline, dot)
        try:
            is_chosen = is_true(self._marks, value)
        except ValueError as error:
            raise self._source.refusal(branch.offset, str(error)) from error
        if is_chosen:
            self.walk(branch.body, value if branch.word == "with" else dot)
        else:
            self.walk(branch.otherwise, dot)
        self._scopes.pop()

    def _range(self, branch: Branch, dot: Datum) -> None:
        self._scopes.append({})
        items = self._value(branch.pipeline, dot)
        if not isinstance(items, tuple):
            raise self._source.refusal(branch.offset, "range takes a list: .HyperParameters")
        for index, item in enumerate(items):
            self._scopes.append({})
            kept = (index, item)[2 - len(branch.pipeline.variables) :]
            for name, value in zip(branch.pipeline.variables, kept, strict=True):
                self._set(branch.pipeline, name, value)
            self.walk(branch.body, item)
            self._scopes.pop()
        if not items:
            self.walk(branch.otherwise, dot)
        self._scopes.pop()

    def _keep(self, pipeline: Pipeline, dot: Datum) -> Datum:
        """The value, which also goes into the pipeline's variable if there is one."""
        value = self._value(pipeline, dot)
        for name in pipeline.variables:
            self._set(pipeline, name, value)
        return value

    def _set(self, pipeline: Pipeline, name: str, value: Datum) -> None:
        if pipeline.is_new:
            self._scopes[-1][name] = value
            return
        self._scope(pipeline.offset, name)[name] = value

    def _scope(self, offset: int, name: str) -> dict[str, Datum]:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope
        known = [known for scope in self._scopes for known in scope]
        raise self._source.refusal(
            offset, f"there is no variable {name} here{suggest(name, known)}"
        )

    def _value(self, pipeline: Pipeline, dot: Datum) -> Datum:
        first, *others = pipeline.commands
        value = self._call(first, dot, ())
        for command in others:
            if not isinstance(command.operands[0], Word):
                raise self._source.refusal(command.offset, "behind | comes a function")
            value = self._call(command, dot, (value,))
        return value

    def _call(self, command: Command, dot: Datum, last: tuple[Datum, ...]) -> Datum:
        first, *others = command.operands
        if not isinstance(first, Word):
            return self._operand(first, dot)
        arguments = [self._operand(other, dot) for other in others]
        return self._apply(first, [*arguments, *last])

    def _apply(self, word: Word, arguments: Sequence[Datum]) -> Datum:
        try:
            return FUNCTIONS[word.name](self._marks, arguments)
        except ValueError as error:
            raise self._source.refusal(word.offset, str(error)) from error

    def _operand(self, operand: Operand, dot: Datum) -> Datum:
        if isinstance(operand, Constant):
            return operand.value
        if isinstance(operand, Word):
            return self._apply(operand, ())
        return self._path(operand, dot)

    def _path(self, path: Path, dot: Datum) -> Datum:
        if isinstance(path.root, Pipeline):
            value = self._value(path.root, dot)
        elif path.root == ".":
            value = dot
        else:
            value = self._scope(path.offset, path.root)[path.root]
        for name in path.fields:
            value = self._field(path.offset, value, name)
        return value

    def _field(self, offset: int, value: Datum, name: str) -> Datum:
        if not isinstance(value, Record):
            what = "a list" if isinstance(value, tuple) else "no thing with fields"
            raise self._source.refusal(
                offset, f".{name} is asked of {what}; .Name and .Value are fields of a parameter"
            )
        if name not in value.fields:
            raise self._source.refusal(
                offset,
                f"{value.what} has no .{name}{suggest(name, value.fields)}; it has "
                f".{', .'.join(value.fields)}",
            )
        return value.fields[name]
