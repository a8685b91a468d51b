"""Conditions: the paths, and what they say about a run."""

from __future__ import annotations

from typing import Any

import pytest

from katib.controllers.trial.gjson import MISSING, Match, MatchError, compile_path, find_match
from katib.errors import KatibError

D1 = {
    "status": {
        "conditions": [
            {"type": "Failed", "status": "False", "reason": "NotYet"},
            {"type": "Complete", "status": "True", "reason": "Done", "message": "All good"},
        ],
        "succeeded": 1,
    }
}
D2: dict[str, Any] = {"status": {}}
D3: dict[str, Any] = {"status": {"conditions": []}}
D4 = {"status": {"conditions": [{"type": "Complete", "status": True}]}}
D5 = {"status": {"phase": "Succeeded"}}
DOCUMENTS = (D1, D2, D3, D4, D5)

#: Which of the five documents each condition matches; E: it matches, and cannot say why.
VECTORS = {
    'status.conditions.#(type=="Complete")#|#(status=="True")#': "1----",
    'status.conditions.#(type=="Failed")#|#(status=="True")#': "-----",
    'status.conditions.#(type=="Complete")': "1--4-",
    "status.conditions.#(type==Complete)#|#(status==True)#": "1----",
    'status.conditions.#(type=="Complete")#.#(status=="True")#': "-----",
    "status.[@this].#(succeeded==1)": "1----",
    'status.[@this].#(phase=="Succeeded")#': "----5",
    'status.[@this].#(phase=="Failed")#': "-----",
    "status.succeeded": "-----",
    "status.phase": "-----",
    "status": "12345",
    "status.conditions.#.type": "E--E-",
    'status.conditions.#(type=="Complete")#|#(status=="False")#': "-----",
    "": "-----",
}


@pytest.mark.parametrize("expression", VECTORS)
def test_a_condition_matches_these_documents(expression: str) -> None:
    found = ""
    for number, document in enumerate(DOCUMENTS, start=1):
        try:
            found += str(number) if find_match(expression, document) else "-"
        except MatchError:
            found += "E"
    assert found == VECTORS[expression]


EMPTY_RESULTS = {
    "no condition of the type is True": (
        'status.conditions.#(type=="Failed")#|#(status=="True")#',
        D1,
    ),
    "there is no condition at all": ('status.conditions.#(type=="Complete")#', D3),
    "True is a boolean and not a text": (
        'status.conditions.#(type=="Complete")#|#(status=="True")#',
        D4,
    ),
    "after a dot the second query looks into each element": (
        'status.conditions.#(type=="Complete")#.#(status=="True")#',
        D1,
    ),
}


@pytest.mark.parametrize("case", EMPTY_RESULTS)
def test_a_query_for_all_yields_an_empty_array_when(case: str) -> None:
    expression, document = EMPTY_RESULTS[case]
    assert compile_path(expression)(document) == []


ANN = {"name": "Ann", "age": 40, "is_near": True, "nets": ["a", "b"], "note": None}
BOB = {"name": "Bob", "age": 30.5, "is_near": False, "nets": ["c"]}
CID = {"name": "Cid", "age": 50, "is_near": True}
FIELD: dict[str, Any] = {
    "name": {"first": "Ada", "last": "King"},
    "dotted.key": 1,
    "a*b": 2,
    "axb": 3,
    "null": None,
    "tags": ["x", "y", "z"],
    "matrix": [[1, 2], [3]],
    "friends": [ANN, BOB, CID],
    "odd": ["a|b", "c)d", 'e"f', 7, True, None],
    "": "nameless",
}
RESULTS: dict[str, tuple[str, Any]] = {
    "a member of a member": ("name.first", "Ada"),
    "a pipe between members is a dot": ("name|first", "Ada"),
    "no such member": ("name.middle", MISSING),
    "a member of a text": ("name.first.x", MISSING),
    "null is something": ("null", None),
    "a member of null": ("null.x", MISSING),
    "digits index an array": ("tags.1", "y"),
    "an index past the end": ("tags.3", MISSING),
    "a name cannot index an array": ("tags.x", MISSING),
    "a negative index is a name": ("tags.-1", MISSING),
    "an index, twice": ("matrix.0.1", 2),
    "an escaped dot is part of the key": (r"dotted\.key", 1),
    "an escaped wildcard is a character": (r"a\*b", 2),
    "a star is any characters": ("dot*", 1),
    "a question mark is one character": ("ax?", 3),
    "the first key that fits wins": ("a?b", 2),
    "a wildcard goes on until the rest is there": ("*.last", "King"),
    "a wildcard with a pipe stays with the first key": ("*|zip", MISSING),
    "a wildcard does not index": ("tags.*", MISSING),
    "the number of elements": ("tags.#", 3),
    "the number of elements, piped on": ("tags.#|x", MISSING),
    "an object has no number of elements": ("name.#", MISSING),
    "one member of each element": ("friends.#.name", ["Ann", "Bob", "Cid"]),
    "elements without the member are left out": ("friends.#.nets", [["a", "b"], ["c"]]),
    "a number in each": ("friends.#.nets.#", [2, 1]),
    "each of each": ("matrix.#.0", [1, 3]),
    "a pipe behind each is for the whole": ("friends.#.name|1", "Bob"),
    "the first that matches": ("friends.#(age>30.5).name", "Ann"),
    "the first that matches, whole": ('friends.#(name=="Bob")', BOB),
    "none matches": ('friends.#(name=="Dan")', MISSING),
    "none matches, and a member of it": ('friends.#(name=="Dan").name', MISSING),
    "all that match": ("friends.#(age>=40)#", [ANN, CID]),
    "none of all matches": ("friends.#(age>99)#", []),
    "a member of each match": ("friends.#(age>=40)#.name", ["Ann", "Cid"]),
    "an element of the matches": ("friends.#(age>=40)#|1.name", "Cid"),
    "a member of each match, then the whole": ("friends.#(age>=40)#.name|0", "Ann"),
    "a query in the matches": ('friends.#(age>=40)#|#(name=="Cid").age', 50),
    "a query inside a query": ('friends.#(nets.#(=="c")).name', "Bob"),
    "a query needs an array": ('name.#(first=="Ada")', MISSING),
    "a single equals sign is enough": ("friends.#(name=Ann).age", 40),
    "blanks round the sign mean nothing": ('friends.#( name == "Ann" ).age', 40),
    "unequal": ('friends.#(name!="Ann")#.name', ["Bob", "Cid"]),
    "less, of numbers": ("friends.#(age<40)#.name", ["Bob"]),
    "at most, of numbers": ("friends.#(age<=40)#.name", ["Ann", "Bob"]),
    "more, of texts": ('friends.#(name>"Ann")#.name', ["Bob", "Cid"]),
    "less, of texts": ("friends.#(name<Bob)#.name", ["Ann"]),
    "a quoted number compares with a number": ('friends.#(age=="40").name', "Ann"),
    "a word is 0 for a number": ("friends.#(age>many)#.name", ["Ann", "Bob", "Cid"]),
    "a boolean compares with true": ("friends.#(is_near==true)#.name", ["Ann", "Cid"]),
    "a boolean compares with quoted false": ('friends.#(is_near=="false")#.name', ["Bob"]),
    "false is less than true": ("friends.#(is_near<true)#.name", ["Bob"]),
    "a boolean is no text": ("friends.#(is_near==True)#.name", []),
    "a boolean differs from any other word": (
        "friends.#(is_near!=yes)#.name",
        ["Ann", "Bob", "Cid"],
    ),
    "a text fits a pattern": ('friends.#(name%"?n*").name', "Ann"),
    "a text does not fit": ('friends.#(name!%"?n*")#.name', ["Bob", "Cid"]),
    "a number fits no pattern": ('friends.#(age%"*")#', []),
    "a number avoids no pattern": ('friends.#(age!%"x")#', []),
    "the key is there": ("friends.#(nets)#.name", ["Ann", "Bob"]),
    "a null member is there": ("friends.#(note)#.name", ["Ann"]),
    "a null member is unequal to nothing": ('friends.#(note!="x")#', []),
    "a missing member is unequal to nothing": ('friends.#(zip!="x")#', []),
    "an array is unequal to nothing": ('friends.#(nets!="x")#', []),
    "elements themselves": ('tags.#(>="y")#', ["y", "z"]),
    "a pipe inside quotes": ('odd.#(=="a|b")', "a|b"),
    "a bracket inside quotes": ('odd.#(=="c)d")', "c)d"),
    "a quote inside quotes": (r'odd.#(=="e\"f")', 'e"f'),
    "null and booleans are unequal to no number": ("odd.#(==7)#", [7]),
    "this": ("@this|name.first", "Ada"),
    "this, on the way": ("name.@this.first", "Ada"),
    "an array around the value": ("name.[@this]", [{"first": "Ada", "last": "King"}]),
    "an array of results": ("[name.first,tags.0,zip]", ["Ada", "x"]),
    "an array of results, piped on": ("[name.first,tags.0]|1", "x"),
    "an array of nothing": ("[zip]", []),
    "an array with a query inside": ('[friends.#(name=="Bob").age,tags.#]', [30.5, 3]),
    "an object of results": ("{name.first,tags.#}", {"first": "Ada", "_": 3}),
    "an object of named results": ('{"n":name.first,m:tags.0}', {"n": "Ada", "m": "x"}),
    "an object of nothing": ("zip.{a,b}", {}),
    "an object of nothing, with a pipe": ("zip|{a,b}", {}),
    "an array around nothing": ("zip.[@this]", []),
}


@pytest.mark.parametrize("case", RESULTS)
def test_a_path_yields(case: str) -> None:
    expression, result = RESULTS[case]
    found = compile_path(expression)(FIELD)
    assert found == result
    assert type(found) is type(result)


MALFORMED = [
    "",
    ".",
    "name.",
    ".name",
    "name..first",
    "name|",
    "friends.#(name==",
    'friends.#(name=="Ann)',
    "friends.#(name!Ann)",
    "friends.#(name==Ann)x",
    "friends.#.",
    "[name",
    "{name.first}x",
    "[name.]",
    "name\\",
    "a." * 5000,
    "[" * 5000,
    "friends." + "#(" * 5000,
]


@pytest.mark.parametrize("expression", MALFORMED, ids=lambda text: text[:24])
@pytest.mark.parametrize("document", [FIELD, [], "text", None, 1], ids=lambda it: type(it).__name__)
def test_a_malformed_path_yields_nothing_and_never_raises(expression: str, document: Any) -> None:
    assert compile_path(expression)(document) is MISSING


def test_the_longest_path_is_evaluated() -> None:
    document: Any = "end"
    for _ in range(100):
        document = {"a": document}
    assert compile_path(".".join(["a"] * 100))(document) == "end"


SAID: dict[str, tuple[Any, Match | None]] = {
    "an object says both": ({"reason": "R", "message": "M"}, Match("R", "M")),
    "the first element speaks for all": ([{"reason": "R"}, {"reason": "S"}], Match("R", "")),
    "case does not matter": ({"Reason": "R", "MESSAGE": "M"}, Match("R", "M")),
    "null is silence": ({"reason": None, "message": "M"}, Match("", "M")),
    "an object without either": ({"succeeded": 1}, Match("", "")),
    "an empty object": ({}, Match("", "")),
    "a null element": ([None], Match("", "")),
    "an empty array": ([], None),
    "a text": ("Succeeded", None),
    "an empty text": ("", None),
    "a number": (1, None),
    "a boolean": (True, None),
    "null": (None, None),
}


@pytest.mark.parametrize("case", SAID)
def test_what_a_match_says(case: str) -> None:
    value, match = SAID[case]
    assert find_match("value", {"value": value}) == match


def test_a_missing_path_is_no_match() -> None:
    assert find_match("value", {}) is None


UNDECODABLE: dict[str, tuple[Any, str]] = {
    "a reason that is no text": ({"reason": 5}, "an object whose reason is 5"),
    "a message that is no text": ([{"Message": ["m"]}], 'an object whose Message is ["m"]'),
    "an array of texts": (["Complete", "Failed"], 'an array that begins with "Complete"'),
    "an array of arrays": ([[{"reason": "R"}]], 'an array that begins with [{"reason":"R"}]'),
    "a long text": (["x" * 99], 'an array that begins with "' + "x" * 59 + "…"),
}


@pytest.mark.parametrize("case", UNDECODABLE)
def test_a_match_that_cannot_be_read(case: str) -> None:
    value, found = UNDECODABLE[case]
    with pytest.raises(MatchError) as caught:
        find_match("value", {"value": value})
    assert isinstance(caught.value, KatibError)
    assert str(caught.value).startswith(f"condition value yields {found}; it should select objects")


def test_the_document_is_left_alone() -> None:
    before = repr(FIELD)
    for expression, _ in RESULTS.values():
        compile_path(expression)(FIELD)
    assert repr(FIELD) == before


def test_a_path_is_compiled_once() -> None:
    assert compile_path("status.phase") is compile_path("status.phase")
