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
VECTORS: dict[str, tuple[str, str]] = {
    "The usual success condition is met by `Complete` with the text `True` alone": (
        'status.conditions.#(type=="Complete")#|#(status=="True")#',
        "1----",
    ),
    "The usual failure condition is not met while `Failed` is `False`": (
        'status.conditions.#(type=="Failed")#|#(status=="True")#',
        "-----",
    ),
    "A condition on the type alone is met whatever the status": (
        'status.conditions.#(type=="Complete")',
        "1--4-",
    ),
    "Words without quotes in a condition mean the same": (
        "status.conditions.#(type==Complete)#|#(status==True)#",
        "1----",
    ),
    "A dot instead of the pipe between two queries is never met": (
        'status.conditions.#(type=="Complete")#.#(status=="True")#',
        "-----",
    ),
    "A query over `[@this]` asks for a number of the status": (
        "status.[@this].#(succeeded==1)",
        "1----",
    ),
    "A query over `[@this]` for the phase `Succeeded` is met by that phase": (
        'status.[@this].#(phase=="Succeeded")#',
        "----5",
    ),
    "A query over `[@this]` for the phase `Failed` is not met by another": (
        'status.[@this].#(phase=="Failed")#',
        "-----",
    ),
    "A number meets no condition": ("status.succeeded", "-----"),
    "A text meets no condition": ("status.phase", "-----"),
    "An object meets a condition, an empty one too": ("status", "12345"),
    "A list of texts meets a condition and cannot be decoded": (
        "status.conditions.#.type",
        "E--E-",
    ),
    "A query for `Complete` that is `False` is not met by one that is `True`": (
        'status.conditions.#(type=="Complete")#|#(status=="False")#',
        "-----",
    ),
    "An empty condition is never met": ("", "-----"),
}


@pytest.mark.parametrize("case", VECTORS)
def test_a_condition_matches_these_documents(case: str) -> None:
    expression, expected = VECTORS[case]
    found = ""
    for number, document in enumerate(DOCUMENTS, start=1):
        try:
            found += str(number) if find_match(expression, document) else "-"
        except MatchError:
            found += "E"
    assert found == expected


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
    "`a.b` is a member of a member": ("name.first", "Ada"),
    "a pipe between members is a dot": ("name|first", "Ada"),
    "no such member": ("name.middle", MISSING),
    "a member of a text": ("name.first.x", MISSING),
    "null is something": ("null", None),
    "a member of null": ("null.x", MISSING),
    "Digits index an array": ("tags.1", "y"),
    "an index past the end": ("tags.3", MISSING),
    "a name cannot index an array": ("tags.x", MISSING),
    "a negative index is a name": ("tags.-1", MISSING),
    "an index, twice": ("matrix.0.1", 2),
    "A backslash makes the next character part of the key": (r"dotted\.key", 1),
    "an escaped wildcard is a character": (r"a\*b", 2),
    "A star in a key stands for any characters": ("dot*", 1),
    "A question mark in a key stands for one character": ("ax?", 3),
    "the first key that fits wins": ("a?b", 2),
    "a wildcard goes on until the rest is there": ("*.last", "King"),
    "a wildcard with a pipe stays with the first key": ("*|zip", MISSING),
    "a wildcard does not index": ("tags.*", MISSING),
    "`#` at the end is the number of elements": ("tags.#", 3),
    "the number of elements, piped on": ("tags.#|x", MISSING),
    "an object has no number of elements": ("name.#", MISSING),
    "`#.x` collects `x` of each element": ("friends.#.name", ["Ann", "Bob", "Cid"]),
    "elements without the member are left out": ("friends.#.nets", [["a", "b"], ["c"]]),
    "a number in each": ("friends.#.nets.#", [2, 1]),
    "each of each": ("matrix.#.0", [1, 3]),
    "a pipe behind each is for the whole": ("friends.#.name|1", "Bob"),
    "the first that matches": ("friends.#(age>30.5).name", "Ann"),
    "`#(…)` is the first element that matches": ('friends.#(name=="Bob")', BOB),
    "`#(…)` that matches no element is missing": ('friends.#(name=="Dan")', MISSING),
    "none matches, and a member of it": ('friends.#(name=="Dan").name', MISSING),
    "`#(…)#` is an array of all elements that match": ("friends.#(age>=40)#", [ANN, CID]),
    "`#(…)#` that matches no element is an empty array": ("friends.#(age>99)#", []),
    "A dot behind a query for all applies what follows to each match": (
        "friends.#(age>=40)#.name",
        ["Ann", "Cid"],
    ),
    "A pipe behind a query for all applies what follows to the matches together": (
        "friends.#(age>=40)#|1.name",
        "Cid",
    ),
    "a member of each match, then the whole": ("friends.#(age>=40)#.name|0", "Ann"),
    "a query in the matches": ('friends.#(age>=40)#|#(name=="Cid").age', 50),
    "a query inside a query": ('friends.#(nets.#(=="c")).name', "Bob"),
    "a query needs an array": ('name.#(first=="Ada")', MISSING),
    "`=` means `==`": ("friends.#(name=Ann).age", 40),
    "blanks round the sign mean nothing": ('friends.#( name == "Ann" ).age', 40),
    "`!=` takes the elements with another value": ('friends.#(name!="Ann")#.name', ["Bob", "Cid"]),
    "`<` compares numbers": ("friends.#(age<40)#.name", ["Bob"]),
    "`<=` compares numbers": ("friends.#(age<=40)#.name", ["Ann", "Bob"]),
    "`>` compares texts": ('friends.#(name>"Ann")#.name', ["Bob", "Cid"]),
    "less, of texts": ("friends.#(name<Bob)#.name", ["Ann"]),
    "The element's type decides how it is compared, not the quotes": (
        'friends.#(age=="40").name',
        "Ann",
    ),
    "a word is 0 for a number": ("friends.#(age>many)#.name", ["Ann", "Bob", "Cid"]),
    "A boolean is compared with `true` and `false`": (
        "friends.#(is_near==true)#.name",
        ["Ann", "Cid"],
    ),
    "a boolean compares with quoted false": ('friends.#(is_near=="false")#.name', ["Bob"]),
    "false is less than true": ("friends.#(is_near<true)#.name", ["Bob"]),
    "a boolean is no text": ("friends.#(is_near==True)#.name", []),
    "a boolean differs from any other word": (
        "friends.#(is_near!=yes)#.name",
        ["Ann", "Bob", "Cid"],
    ),
    "`%` takes the texts that fit a pattern": ('friends.#(name%"?n*").name', "Ann"),
    "`!%` takes the texts that do not fit a pattern": (
        'friends.#(name!%"?n*")#.name',
        ["Bob", "Cid"],
    ),
    "a number fits no pattern": ('friends.#(age%"*")#', []),
    "a number avoids no pattern": ('friends.#(age!%"x")#', []),
    "A query without operator asks whether the key is there": (
        "friends.#(nets)#.name",
        ["Ann", "Bob"],
    ),
    "A null member is there": ("friends.#(note)#.name", ["Ann"]),
    "A null member matches nothing, not even `!=`": ('friends.#(note!="x")#', []),
    "A missing member matches nothing, not even `!=`": ('friends.#(zip!="x")#', []),
    "an array is unequal to nothing": ('friends.#(nets!="x")#', []),
    "elements themselves": ('tags.#(>="y")#', ["y", "z"]),
    "a pipe inside quotes": ('odd.#(=="a|b")', "a|b"),
    "a bracket inside quotes": ('odd.#(=="c)d")', "c)d"),
    "a quote inside quotes": (r'odd.#(=="e\"f")', 'e"f'),
    "null and booleans are unequal to no number": ("odd.#(==7)#", [7]),
    "this": ("@this|name.first", "Ada"),
    "this, on the way": ("name.@this.first", "Ada"),
    "`[@this]` is an array around the value": ("name.[@this]", [{"first": "Ada", "last": "King"}]),
    "`[a,b]` is an array of results": ("[name.first,tags.0,zip]", ["Ada", "x"]),
    "an array of results, piped on": ("[name.first,tags.0]|1", "x"),
    "an array of nothing": ("[zip]", []),
    "an array with a query inside": ('[friends.#(name=="Bob").age,tags.#]', [30.5, 3]),
    "`{a,b}` is an object of results": ("{name.first,tags.#}", {"first": "Ada", "_": 3}),
    "an object of named results": ('{"n":name.first,m:tags.0}', {"n": "Ada", "m": "x"}),
    "`{a,b}` exists even when no member does": ("zip.{a,b}", {}),
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


@pytest.mark.rule("A malformed path yields nothing and is no error")
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
    "A match takes reason and message from its object": (
        {"reason": "R", "message": "M"},
        Match("R", "M"),
    ),
    "Of several matches the first speaks for all": (
        [{"reason": "R"}, {"reason": "S"}],
        Match("R", ""),
    ),
    "The keys `reason` and `message` are read in upper and lower case": (
        {"Reason": "R", "MESSAGE": "M"},
        Match("R", "M"),
    ),
    "A reason that is null is silence": ({"reason": None, "message": "M"}, Match("", "M")),
    "An object without reason and message is a match that says nothing": (
        {"succeeded": 1},
        Match("", ""),
    ),
    "an empty object": ({}, Match("", "")),
    "a null element": ([None], Match("", "")),
    "An empty array meets no condition": ([], None),
    "a text": ("Succeeded", None),
    "an empty text": ("", None),
    "a number": (1, None),
    "A boolean meets no condition": (True, None),
    "Null meets no condition": (None, None),
}


@pytest.mark.parametrize("case", SAID)
def test_what_a_match_says(case: str) -> None:
    value, match = SAID[case]
    assert find_match("value", {"value": value}) == match


@pytest.mark.rule("A missing path meets no condition")
def test_a_missing_path_is_no_match() -> None:
    assert find_match("value", {}) is None


UNDECODABLE: dict[str, tuple[Any, str]] = {
    "A reason that is no text is an error": ({"reason": 5}, "an object whose reason is 5"),
    "A message that is no text is an error": (
        [{"Message": ["m"]}],
        'an object whose Message is ["m"]',
    ),
    "A match whose first element is a text is an error": (
        ["Complete", "Failed"],
        'an array that begins with "Complete"',
    ),
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
