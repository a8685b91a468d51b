from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from katib.api.codec import with_status
from katib.api.trial import Trial, TrialStatus
from katib.api.values import Strings
from katib.kubernetes.patches import difference, for_version, status_part, wanted_part
from katib.testing.resources import a_job, metadata

DOCUMENTS = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda found: isinstance(found, dict))


def merge(target: Any, patch: Any) -> Any:
    """As RFC 7386 has it."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_makes_one_of_the_other(before: Any, after: Any) -> None:
    patch = difference(before, after)
    assert merge(before, patch) == after
    assert bool(patch) == (before != after)


def test_null_is_absent() -> None:
    assert difference({}, {"a": None}) == {}
    assert difference({"a": None}, {}) == {}
    assert difference({"a": {"b": 1}}, {"a": {"b": None}}) == {"a": {"b": None}}


def test_the_wanted_part_is_neither_status_nor_what_the_server_decides() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    meta = metadata(
        uid="u", resource_version="7", generation=2, creation_timestamp=now, labels=Strings(a="1")
    )
    trial = Trial(metadata=meta, status=TrialStatus(start_time=now))
    found = wanted_part(trial)
    assert found["metadata"] == {"name": "one", "namespace": "default", "labels": {"a": "1"}}
    assert "status" not in found
    job = wanted_part(a_job())
    assert job["spec"] == {"words": ["true"]}
    assert "status" not in job


def test_the_status_part_is_the_status() -> None:
    assert status_part(with_status(a_job(), {"failed": 1})) == {"status": {"failed": 1}}
    assert status_part(Trial(metadata=metadata())) == {}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    trial = Trial(metadata=metadata(), status=TrialStatus(start_time=now))
    assert status_part(trial) == {"status": {"startTime": "2026-01-01T00:00:00Z"}}
    assert status_part(replace(trial, metadata=metadata("other"))) == status_part(trial)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("", {"metadata": {"labels": {"a": "1"}}}),
        ("7", {"metadata": {"labels": {"a": "1"}, "resourceVersion": "7"}}),
    ],
)
def test_a_patch_may_insist_on_a_version(version: str, expected: dict[str, object]) -> None:
    patch = {"metadata": {"labels": {"a": "1"}}}
    assert msgspec.json.decode(for_version(patch, version)) == expected
    assert patch == {"metadata": {"labels": {"a": "1"}}}
