from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from katib import errors
from katib.errors import (
    AdmissionError,
    AlreadyExistsError,
    ConflictError,
    ExpiredError,
    FieldError,
    HomeLockedError,
    KatibError,
    ManifestError,
    NotFoundError,
    StoreUnavailableError,
    UnknownNameError,
    suggest,
)

LIMIT = FieldError("spec.maxTrialCount", "Invalid value", "must be greater than 0", "-1")
NAME = FieldError("metadata.name", "Required value", "name or generateName is required")

MESSAGES: dict[str, tuple[KatibError, str]] = {
    "one field": (
        AdmissionError('Experiment "random"', [LIMIT]),
        'Experiment "random" is refused, 1 error:\n'
        "  spec.maxTrialCount: Invalid value: -1: must be greater than 0",
    ),
    "several fields": (
        AdmissionError("The manifest", [LIMIT, NAME]),
        "The manifest is refused, 2 errors:\n"
        "  spec.maxTrialCount: Invalid value: -1: must be greater than 0\n"
        "  metadata.name: Required value: name or generateName is required",
    ),
    "a place in a text": (ManifestError("a.yaml", "bad", 3, 7), "a.yaml, line 3, column 7: bad"),
    "a text as a whole": (ManifestError("a.yaml", "bad"), "a.yaml: bad"),
    "nothing of that name": (
        NotFoundError("Trial", "default", "randon-1", [("a", "random-1"), ("a", "grid-1")]),
        'Trial "randon-1" not found in namespace "default", did you mean "random-1"?',
    ),
    "nothing like it": (
        NotFoundError("Trial", "default", "x", [("default", "random-1")]),
        'Trial "x" not found in namespace "default"',
    ),
    "a name of other namespaces": (
        NotFoundError("Trial", "default", "x", [("b", "x"), ("a", "x"), ("default", "y")]),
        'Trial "x" not found in namespace "default"; it is in namespace a and in b: -n a',
    ),
    "a taken name": (
        AlreadyExistsError("Experiment", "default", "random"),
        'Experiment "random" already exists in namespace "default"',
    ),
    "written in between": (
        ConflictError("Trial", "a", "4", "7"),
        'Trial "a" has changed: it was read at version 4 and is now at 7; read it again and repeat '
        "the change",
    ),
    "no versions": (
        ConflictError("Trial", "a", "", ""),
        'Trial "a" has changed: it was read at version (none) and is now at (none); read it again '
        "and repeat the change",
    ),
    "too old a watch": (
        ExpiredError(4, 9),
        "events after version 4 are gone; the oldest kept is 9",
    ),
    "a full disk": (
        StoreUnavailableError("katib.db", "database or disk is full"),
        "cannot use katib.db: database or disk is full. Nothing that was saved is lost; free the "
        "disk or mend the path, then start the same command again",
    ),
    "another engine": (
        HomeLockedError(Path("home"), "process 12 (katib up)"),
        "home is in use by process 12 (katib up). Wait for it, stop it (its experiments can be "
        "resumed), or give this command a home of its own with --home DIR or KATIB_HOME",
    ),
    "an unknown name": (
        UnknownNameError("algorithm", "tpi", ["tpe", "random"]),
        'unknown algorithm "tpi", did you mean "tpe"?; known: random, tpe',
    ),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_a_message_says_what_was_found_and_what_would_be_right(case: str) -> None:
    error, message = MESSAGES[case]
    assert str(error) == message


def test_every_error_is_ours_and_in_the_tree_above() -> None:
    found = inspect.getmembers(
        errors, lambda one: inspect.isclass(one) and issubclass(one, Exception)
    )
    for name, one in found:
        assert issubclass(one, KatibError), name
        assert name in (errors.__doc__ or ""), name


def test_lookups_can_be_caught_as_such() -> None:
    for error in (NotFoundError("Trial", "default", "a"), UnknownNameError("thing", "a", [])):
        assert isinstance(error, LookupError)


def test_facts_can_be_read_from_errors() -> None:
    assert AdmissionError("x", [LIMIT, NAME]).errors == (LIMIT, NAME)
    manifest = ManifestError("a.yaml", "bad", 3, 7)
    assert (manifest.line, manifest.column) == (3, 7)
    missing = NotFoundError("Trial", "default", "a")
    assert (missing.kind, missing.namespace, missing.name) == ("Trial", "default", "a")


def test_only_a_near_name_is_suggested() -> None:
    assert suggest("rndom", ["random", "grid"]) == ', did you mean "random"?'
    assert suggest("bayes", ["random", "grid"]) == ""
    assert suggest("x", []) == ""
