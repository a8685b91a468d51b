from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, Raw, UnsetType

from katib.api import codec
from katib.api.experiment import EXPERIMENTS
from katib.api.kinds import JOBS, KINDS, kind_of
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, TrialStatus
from katib.api.values import Kind, Manifest, Resource, Strings, Unstructured
from katib.errors import ManifestError

OURS: tuple[Kind[Any], ...] = (EXPERIMENTS, SUGGESTIONS, TRIALS)

#: Texts that YAML takes for something else when they are not quoted.
TRICKY = (
    *("", "yes", "No", "on", "null", "~", "1", "1.0", "1e-3", "1E5", ".5", "0x10", "010", "1_000"),
    *(
        "12:30:00",
        "2026-01-01",
        "nan",
        ".inf",
        "=",
        "<<",
        "- a",
        "a: b",
        "#c",
        "{}",
        "[",
        "*a",
        "&a",
    ),
    *(
        "!x",
        "|",
        ">",
        "'",
        '"',
        "\\",
        " a ",
        "a\nb\n",
        "\t",
        "ü\N{SNOWMAN}\N{ROCKET}",
        "%",
        "@",
        "`",
    ),
)

SCALARS: dict[Any, Any] = {
    str: "1e-3",
    int: 3,
    float: 0.1,
    bool: True,
    datetime: datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    Raw: codec.to_raw({"kind": "Job"}),
    Strings: Strings({"a/b": "yes"}),
    Any: {"any": ["thing"]},
}


def filled(type: Any) -> Any:
    """A value of a type with nothing left at its default."""
    if type in SCALARS:
        return SCALARS[type]
    if get_origin(type) in (Union, types.UnionType):
        return filled(next(one for one in get_args(type) if one not in (UnsetType, types.NoneType)))
    if get_origin(type) is tuple:
        one = filled(get_args(type)[0])
        return (one, one)
    hints = get_type_hints(type)
    fixed = {"api_version", "kind"} if issubclass(type, Resource) else set()
    made = {name: filled(hints[name]) for name in type.__struct_fields__ if name not in fixed}
    value = type(**made)
    empty = type(
        **{name: made[name] for name in made if name in ("api_version", "kind", "uid", "name")}
    )
    for name in made:
        if name not in ("api_version", "kind", "uid", "name"):
            assert getattr(value, name) != getattr(empty, name), (
                f"{type.__name__}.{name} is not set"
            )
    return value


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_every_field_survives_json(kind: Kind[Any]) -> None:
    resource = filled(kind.type)
    data = codec.encode(resource)
    again = codec.decode(kind, data)
    assert again == resource
    assert codec.encode(again) == data


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_every_field_survives_yaml(kind: Kind[Any]) -> None:
    resource = filled(kind.type)
    text = codec.dump_yaml(codec.to_manifest(resource))
    (manifest,) = codec.load_yaml(text, "x")
    assert codec.from_manifest(kind, manifest) == resource


EMPTY: dict[str, tuple[Manifest, Manifest]] = {
    "Experiment": ({}, {"currentOptimalTrial": {"observation": {}}}),
    "Suggestion": ({}, {}),
    "Trial": ({"metricsCollector": {}}, {}),
}


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.name)
def test_empty_fields_are_absent_but_for_what_katib_always_writes(kind: Kind[Any]) -> None:
    spec, status = EMPTY[kind.name]
    head = {"apiVersion": "kubeflow.org/v1beta1", "kind": kind.name, "metadata": {}}
    assert codec.to_manifest(kind.type()) == {**head, "spec": spec, "status": status}


def test_fields_are_in_camel_case() -> None:
    manifest = codec.to_manifest(filled(EXPERIMENTS.type))
    assert manifest["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is True
    assert manifest["spec"]["trialTemplate"]["primaryPodLabels"] == {"a/b": "yes"}
    assert manifest["spec"]["nasConfig"]["graphConfig"]["inputSizes"] == [3, 3]
    assert (
        manifest["status"]["currentOptimalTrial"]["observation"]["metrics"][0]["latest"] == "1e-3"
    )
    assert manifest["status"]["trialMetricsUnavailable"] == 3


def test_no_time_and_an_empty_time_differ() -> None:
    for time in (None, UNSET, datetime(2026, 1, 1, tzinfo=UTC)):
        status = TrialStatus(completion_time=time)
        assert codec.typed(TrialStatus, msgspec.json.encode(status)) == status


def test_a_goal_of_zero_is_a_goal() -> None:
    for goal in (0, 0.0, None, -1.5):
        objective = EXPERIMENTS.type().spec
        made: Manifest = {"spec": {"objective": {"type": "minimize", "goal": goal}}}
        found = codec.from_manifest(EXPERIMENTS, made).spec.objective
        assert found is not None
        assert found.goal == goal
        assert objective.objective is None


def test_a_run_stays_as_it_was_written() -> None:
    text = b'{"spec":{"trialTemplate":{"trialSpec":{"z":1,"a":1.10,"b":[null,"\\u00e9"]}}}}'
    template = codec.decode(EXPERIMENTS, text).spec.trial_template
    assert template is not None
    assert isinstance(template.trial_spec, Raw)
    assert bytes(template.trial_spec) == b'{"z":1,"a":1.10,"b":[null,"\\u00e9"]}'
    assert codec.from_raw(template.trial_spec)["b"] == [None, "é"]


def test_a_kind_that_is_not_ours_keeps_all_it_has() -> None:
    manifest: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "labels": {"x": "y"}},
        "spec": {"any": [1, 1.5, None, True, {"deep": "er"}]},
        "status": {"active": 1},
        "other": "thing",
    }
    job = codec.from_manifest(JOBS, manifest)
    assert isinstance(job, Unstructured)
    assert (job.metadata.label("x"), job.status) == ("y", {"active": 1})
    assert codec.to_manifest(job) == manifest
    assert codec.with_metadata(JOBS, job.metadata, codec.encode(job)) == job
    assert codec.with_status(job, {"failed": 1}).body["status"] == {"failed": 1}
    assert job.status == {"active": 1}


@pytest.mark.parametrize("labels", [{"a": 1}, {"a": None}, ["a"], "a"])
def test_labels_are_texts(labels: Any) -> None:
    kinds: tuple[Kind[Any], ...] = (JOBS, EXPERIMENTS)
    for kind in kinds:
        manifest = {
            "apiVersion": kind.api_version,
            "kind": kind.name,
            "metadata": {"labels": labels},
        }
        with pytest.raises(msgspec.ValidationError):
            codec.from_manifest(kind, manifest)


@pytest.mark.parametrize("text", TRICKY)
def test_a_text_stays_a_text_in_yaml(text: str) -> None:
    manifest: Manifest = {"values": [text], "nested": {"value": text}, text or "empty": 1}
    (again,) = codec.load_yaml(codec.dump_yaml(manifest), "x")
    assert again == manifest


def test_yaml_has_sorted_keys_and_no_anchors() -> None:
    shared = {"c": [1, 2]}
    text = codec.dump_yaml({"b": shared, "a": shared})
    assert [line[0] for line in text.splitlines() if not line.startswith((" ", "-"))] == ["a", "b"]
    assert "\n  - 1" in text or "\n  c:\n" in text


def load(text: str | bytes) -> list[Manifest]:
    return list(codec.load_yaml(text, "file.yaml"))


LOADED: dict[str, tuple[str | bytes, list[Manifest]]] = {
    "several documents": ("a: 1\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "empty ones are left out": ("---\n---\na: 1\n---\n# nothing\n", [{"a": 1}]),
    "nothing at all": ("", []),
    "json": ('{"a": [1, null, true]}', [{"a": [1, None, True]}]),
    "bytes": ("a: ü".encode(), [{"a": "ü"}]),
    "a date is a text": ("a: 2026-01-02\n", [{"a": "2026-01-02"}]),
    "a time is a text, in utc": ("a: 2026-01-02T03:04:05+02:00", [{"a": "2026-01-02T01:04:05Z"}]),
    "a time without a zone": ("a: 2026-01-02 03:04:05", [{"a": "2026-01-02T03:04:05Z"}]),
    "keys are texts": ("1: a\n2.5: b\n2026-01-02: d", [{"1": "a", "2.5": "b", "2026-01-02": "d"}]),
    "anchors": ("a: &x {b: 1}\nc: *x", [{"a": {"b": 1}, "c": {"b": 1}}]),
}


@pytest.mark.parametrize("case", LOADED)
def test_yaml_is_read_as_json_data(case: str) -> None:
    text, expected = LOADED[case]
    assert load(text) == expected


REFUSED: dict[str, tuple[str | bytes, str]] = {
    "a wrong indent": ("a: 1\n  b: 2\n", r"^file\.yaml, line 2, column 4: mapping values"),
    "an open bracket": ("a: [1, 2\nb: 3\n", r"^file\.yaml, line 2, column 2: "),
    "a tab": ("a:\n\t- 1\n", r"^file\.yaml, line 2, column 1: .*cannot start any token"),
    "an unknown tag": ("a: !python/object:os.system x", r"line 1, column 4: could not determine"),
    "a key that stands twice": (
        "spec:\n  a: 1\n  b: 2\n  a: 3\n",
        'line 4, column 3: the key "a" is there twice; the first is at line 2, column 3$',
    ),
    "a list": ("- a\n", "document 1 is a list, not a resource; a resource has apiVersion"),
    "a text": ("a: 1\n---\nhello\n", "document 2 is a str, not a resource"),
    "bytes that are no text": (b"a: \xff\xfe\n", "this is not YAML"),
    "a character that YAML refuses": ("a: \x00", "this is not YAML"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_manifest_is_refused_with_its_place(case: str) -> None:
    text, words = REFUSED[case]
    with pytest.raises(ManifestError, match=words):
        load(text)


def test_a_key_may_be_written_over_one_that_is_merged() -> None:
    text = "x: &x {c: 1, e: 5}\na: {b: &b {<<: *x, c: 2}}\nd: {<<: *b, c: 3}\n"
    assert load(text) == [
        {"x": {"c": 1, "e": 5}, "a": {"b": {"c": 2, "e": 5}}, "d": {"c": 3, "e": 5}}
    ]


def test_documents_before_a_bad_one_are_given() -> None:
    documents: Iterator[Manifest] = codec.load_yaml("a: 1\n---\n]", "x")
    assert next(documents) == {"a": 1}
    with pytest.raises(ManifestError):
        next(documents)


TIMES = {
    "2026-01-02T03:04:05Z": "2026-01-02T03:04:05Z",
    "2026-01-02T03:04:05+02:00": "2026-01-02T01:04:05Z",
    "2026-01-02T03:04:05.250000Z": "2026-01-02T03:04:05.250000Z",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_written_in_utc(text: str) -> None:
    assert codec.format_time(codec.parse_time(text)) == TIMES[text]


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "yesterday", ""])
def test_a_time_needs_a_zone(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        codec.parse_time(text)


def test_kinds_are_found_by_what_documents_say() -> None:
    for kind in KINDS:
        assert kind_of(kind.api_version, kind.name) is kind
    other = kind_of("kubeflow.org/v1", "PyTorchJob")
    assert (other.plural, other.type) == ("pytorchjobs", Unstructured)
    assert kind_of("example.com/v1", "Job") is not JOBS


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1E5", 100000.0), (".5", 0.5), ("12:30", "12:30"), ("1_000", "1_000")],
)
def test_numbers_are_read_as_kubernetes_reads_them(text: str, value: object) -> None:
    assert next(codec.load_yaml(f"value: {text}", "file"))["value"] == value


#: Types that share a part are read for the first time by several threads at once.
RACE = """
import sys, threading
import msgspec
from katib.api.codec import typed

sys.setswitchinterval(1e-6)
fields = [(f"a{n}", dict[str, list[int] | None]) for n in range(30)]
text = msgspec.json.encode({name: {"k": [1]} for name, _ in fields})
for number in range(100):
    part = msgspec.defstruct(f"Part{number}", fields)
    whole = msgspec.defstruct(f"Whole{number}", [("part", part)])
    begin = threading.Barrier(4)

    def read(type, data):
        begin.wait()
        typed(type, data)

    given = [(part, text), (whole, b'{"part":' + text + b"}")] * 2
    threads = [threading.Thread(target=read, args=one) for one in given]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_several_threads_read_new_types_at_once() -> None:
    ended = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
