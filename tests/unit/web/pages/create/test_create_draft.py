"""A draft is one document with two faces."""

from __future__ import annotations

import pytest

from katib.api.codec import load_yaml
from katib.errors import ManifestError
from katib.web.pages.create.draft import Draft, parse
from katib.web.pages.create.places import At

NAME = At(("metadata", "name"))


def test_what_is_written_stands_in_the_text() -> None:
    draft = Draft({"kind": "Experiment", "metadata": {"name": "a"}})
    draft.put(NAME, "b")
    assert list(load_yaml(draft.text, "it")) == [draft.document]
    assert draft.document["metadata"]["name"] == "b"


def test_what_is_typed_stands_in_the_document() -> None:
    draft = Draft({"kind": "Experiment"})
    draft.take("kind: Experiment  # a comment\nunknown: [1, 2]\n")
    assert draft.document == {"kind": "Experiment", "unknown": [1, 2]}
    assert "# a comment" in draft.text
    draft.put(NAME, "b")
    assert draft.document == {
        "kind": "Experiment",
        "unknown": [1, 2],
        "metadata": {"name": "b"},
    }


def test_what_is_no_document_leaves_the_document_as_it_was() -> None:
    draft = Draft({"kind": "Experiment"})
    draft.take("kind: [")
    assert draft.document == {"kind": "Experiment"}
    assert draft.text == "kind: ["
    assert "line 2, column 1" in draft.problem or "line 1" in draft.problem
    draft.take("kind: Experiment")
    assert draft.problem == ""


def test_listeners_hear_of_changes_and_of_nothing_else() -> None:
    draft, heard = Draft({"metadata": {"name": "a"}}), list[int]()
    draft.listen(lambda: heard.append(draft.version))
    draft.put(NAME, "a")
    draft.take(draft.text)
    assert (heard, draft.is_touched) == ([], False)
    draft.put(NAME, "b")
    draft.take("kind: [")
    assert (heard, draft.is_touched) == ([1, 2], True)


@pytest.mark.parametrize("text", ["", "a: 1\n---\nb: 2\n"])
def test_one_document_is_expected(text: str) -> None:
    with pytest.raises(ManifestError, match="one is expected, with kind: Experiment"):
        parse(text)


def test_keys_keep_their_order() -> None:
    draft = Draft({"kind": "Experiment", "apiVersion": "v", "spec": {"b": 1, "a": 2}})
    assert draft.text == "kind: Experiment\napiVersion: v\nspec:\n  b: 1\n  a: 2\n"
