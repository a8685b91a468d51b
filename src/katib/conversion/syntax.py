"""A Go template's text, and the tree it is parsed into. Offsets count characters of the text."""

from __future__ import annotations

from dataclasses import dataclass

from katib.errors import ManifestError


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text and what errors call it.

    Attributes:
        name: as ``the template``.
        text: all of it.
    """

    name: str
    text: str

    def line(self, offset: int) -> int:
        """The line of a place, counted from 1."""
        return self.text.count("\n", 0, offset) + 1

    def refusal(self, offset: int, problem: str) -> ManifestError:
        """The error that names a place and what is wrong there; the caller raises it."""
        column = offset - self.text.rfind("\n", 0, offset)
        return ManifestError(self.name, problem, self.line(offset), column)


@dataclass(frozen=True, slots=True)
class Text:
    """What is printed as it is."""

    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, an integer or a truth value."""

    offset: int
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Word:
    """The name of a function."""

    offset: int
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Fields of something: ``.A.B``, ``$x.A``, ``(…).A``.

    Attributes:
        root: ``.``, a variable with its ``$``, or a pipeline in parentheses.
        fields: the names, in order.
    """

    offset: int
    root: str | Pipeline
    fields: tuple[str, ...]


Operand = Constant | Word | Path


@dataclass(frozen=True, slots=True)
class Command:
    """An operand, or a function and its arguments."""

    offset: int
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each the last argument of the next.

    Attributes:
        variables: what the value is kept in; two are the index and the item of a range.
        is_new: whether the variables are declared here (``:=``) or set anew (``=``).
    """

    offset: int
    commands: tuple[Command, ...]
    variables: tuple[str, ...] = ()
    is_new: bool = True


@dataclass(frozen=True, slots=True)
class Action:
    """A pipeline whose value is printed, unless it is kept in a variable."""

    offset: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """``if``, ``with`` or ``range``, with what happens otherwise."""

    offset: int
    word: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


Node = Text | Action | Branch
