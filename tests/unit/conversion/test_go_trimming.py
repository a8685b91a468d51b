"""What ``{{-`` and ``-}}`` trim, and where they are no marks."""

from __future__ import annotations

import itertools

import pytest

from katib.conversion.syntax import Source
from katib.conversion.tokens import Sort, tokenize
from katib.errors import ManifestError


def texts_of(template: str) -> list[str]:
    """The texts of a template, with ``·`` for each action between them."""
    found = []
    for token in tokenize(Source("the template", template)):
        if token.sort is Sort.TEXT:
            found.append(token.text)
        elif token.sort is Sort.OPEN:
            found.append("·")
    return found


@pytest.mark.parametrize(
    ("template", "texts"),
    [
        ("a {{.X}} b", ["a ", "·", " b"]),
        ("a {{- .X}} b", ["a", "·", " b"]),
        ("a {{.X -}} b", ["a ", "·", "b"]),
        ("a {{- .X -}} b", ["a", "·", "b"]),
        ("{{23 -}} < {{- 45}}", ["·", "<", "·"]),
        ("a \t\r\n {{- .X -}} \n\t b", ["a", "·", "b"]),
        # Only these four are spaces; a no-break space and a vertical tab stay.
        ("a\u00a0 {{- .X -}} \u00a0b", ["a\u00a0", "·", "\u00a0b"]),
        ("a\v{{- .X -}}\vb", ["a\v", "·", "\vb"]),
        # A text of spaces only goes altogether.
        ("{{.X -}}  \n  {{- .Y}}", ["·", "·"]),
        ("  {{- .X -}}  ", ["·"]),
        # Without its space the minus belongs to the number.
        ("a {{-3}} b", ["a ", "·", " b"]),
        ("a {{- -3 -}} b", ["a", "·", "b"]),
        # Any of the four spaces makes the mark.
        ("a {{-\n.X\t-}} b", ["a", "·", "b"]),
        ("a {{.X   -}} b", ["a ", "·", "b"]),
        ("a {{/* c */}} b", ["a ", " b"]),
        ("a {{- /* c */}} b", ["a", " b"]),
        ("a {{/* c */ -}} b", ["a ", "b"]),
        ("a {{- /* {{.X}} -}} \n */ -}} b", ["a", "b"]),
        ('a {{"-}}" -}} b', ["a ", "·", "b"]),
        ("a {{`}}\n` }} b", ["a ", "·", " b"]),
    ],
)
def test_texts_are_trimmed_as_go_does(template: str, texts: list[str]) -> None:
    assert texts_of(template) == texts


SPACES = ("", " ", "\n", " \t\n")


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_a_mark_trims_its_own_side_and_no_other(left: bool, right: bool) -> None:
    for before, after in itertools.product(SPACES, repeat=2):
        action = f"{{{{{'- ' if left else ''}.X{' -' if right else ''}}}}}"
        kept = ["a" + ("" if left else before), "·", ("" if right else after) + "b"]
        assert texts_of(f"a{before}{action}{after}b") == kept


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("x\n  {{.X", "line 2, column 3: these braces are not closed"),
        ("{{.X -}", "line 1, column 6: cannot read '-}'"),
        ("{{/* c }}", "line 1, column 1: this comment has no end"),
        ("{{/* c */ }}", "line 1, column 1: a comment fills its braces"),
        ("{{ /* c */}}", "line 1, column 4: cannot read '/*'"),
        ('\n\n{{ "a }}', "line 3, column 4: cannot read '\"a'"),
        ("{{ .X ? }}", "line 1, column 7: cannot read '?'"),
    ],
)
def test_what_is_no_token_is_named_with_its_place(template: str, problem: str) -> None:
    with pytest.raises(ManifestError, match=r"^the template, line") as refused:
        texts_of(template)
    assert problem in str(refused.value)
