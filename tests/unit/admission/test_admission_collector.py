"""The rules of the metrics collector, on manifests without defaults and at the door."""

from __future__ import annotations

from typing import Any

import pytest
from admission_manifests import Case, a_context, check, edited, list_errors

from katib.admission.collector import check_collector
from katib.api.codec import from_manifest
from katib.api.experiment import EXPERIMENTS

INVALID, REQUIRED = "Invalid value", "Required value"
PATH = "spec.metricsCollectorSpec"
FILE = f"{PATH}.source.fileSystemPath"
GET = f"{PATH}.source.httpGet"
FILTER = f"{PATH}.source.filter"
TWO = "two top subexpressions are required"
NO_PATH = (f"{FILE}.path", REQUIRED, "file path where metrics file exists is required")
NO_FORMAT = (f"{FILE}.format", REQUIRED, "format of metrics file is required for metrics collector")
NO_DIRECTORY = (
    f"{PATH}.source",
    REQUIRED,
    "directory path where tensorflow event files exist is required by "
    ".spec.metricsCollectorSpec.source.fileSystemPath.path",
)
BAD_PORT = (
    f"{GET}.port",
    INVALID,
    "must be a positive integer value for metrics collector kind: PrometheusMetric",
)
BAD_PATH = (
    f"{GET}.path",
    INVALID,
    "path is invalid for metrics collector kind: PrometheusMetric",
)
BAD_SOURCE = (FILE, INVALID, ".spec.metricsCollectorSpec.source is invalid")


def _case(sentence: str, kind: str, source: dict[str, Any], *errors: tuple[str, str, str]) -> Case:
    changes = {f"{PATH}.collector.kind": kind, f"{PATH}.source": source}
    return Case(f"{kind}: {sentence}", changes, errors)


def _file(path: str = "/m", kind: str = "File", format: str = "TEXT") -> dict[str, str]:
    return {"path": path, "kind": kind, "format": format}


def _custom(sentence: str, place: dict[str, str], *errors: tuple[str, str, str]) -> Case:
    case = _case(sentence, "Custom", {"fileSystemPath": place}, *errors)
    changes = {**case.changes, f"{PATH}.collector.customCollector": {"name": "mine"}}
    return Case(case.sentence, changes, errors)


ROWS = [
    _case("nothing to check", "StdOut", {}),
    _case("nothing to check", "Push", {"filter": {"metricsFormat": ["["]}}),
    _case("all there", "File", {"fileSystemPath": _file()}),
    _case("no source", "File", {}, NO_PATH, NO_FORMAT),
    _case("no path", "File", {"fileSystemPath": _file(path="")}, NO_PATH),
    _case("another kind", "File", {"fileSystemPath": _file(kind="Directory")}, NO_PATH),
    _case("a relative path and no kind", "File", {"fileSystemPath": _file("a/b", "")}, NO_PATH),
    _case("format invalid", "File", {"fileSystemPath": _file(format="invalid")}, NO_FORMAT),
    _case("JSON without filter", "File", {"fileSystemPath": _file(format="JSON")}),
    _case(
        "JSON with an empty filter",
        "File",
        {"fileSystemPath": _file(format="JSON"), "filter": {}},
        (FILTER, INVALID, "filter must be nil when format of metrics file is json"),
    ),
    _case("all there", "TensorFlowEvent", {"fileSystemPath": _file("/d", "Directory", "")}),
    _case("no source", "TensorFlowEvent", {}, NO_DIRECTORY),
    _case(
        "a relative path",
        "TensorFlowEvent",
        {"fileSystemPath": _file("d", "Directory", "")},
        NO_DIRECTORY,
    ),
    _case(
        "kind File", "TensorFlowEvent", {"fileSystemPath": _file("/d", "File", "")}, NO_DIRECTORY
    ),
    _case(
        "format JSON",
        "TensorFlowEvent",
        {"fileSystemPath": _file("/d", "Directory", "JSON")},
        (f"{FILE}.format", INVALID, "must be empty"),
    ),
    _case("all there", "PrometheusMetric", {"httpGet": {"port": 80, "path": "/m"}}),
    _case("a port as text", "PrometheusMetric", {"httpGet": {"port": "80", "path": "/m"}}),
    _case("no source", "PrometheusMetric", {}, BAD_PORT, BAD_PATH),
    _case(
        'port "Port" and an empty path',
        "PrometheusMetric",
        {"httpGet": {"port": "Port", "path": ""}},
        BAD_PORT,
        BAD_PATH,
    ),
    _case("port -1", "PrometheusMetric", {"httpGet": {"port": -1, "path": "/m"}}, BAD_PORT),
    _case("port true", "PrometheusMetric", {"httpGet": {"port": True, "path": "/m"}}, BAD_PORT),
    _case(
        "path not/valid/path",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "not/valid/path"}},
        BAD_PATH,
    ),
    _case(
        "no container",
        "Custom",
        {},
        (
            f"{PATH}.collector.customCollector",
            REQUIRED,
            "metrics collector kind: Custom is required",
        ),
    ),
    _custom("a file", _file()),
    _custom("a directory", _file(kind="Directory")),
    _custom("a relative path", _file("m"), BAD_SOURCE),
    _custom("another kind", _file(kind="Invalid"), BAD_SOURCE),
    _case(
        "no such kind",
        "invalid-kind",
        {},
        (
            f"{PATH}.collector.kind",
            INVALID,
            "invalid metrics collector kind: invalid-kind; there are StdOut, File",
        ),
    ),
    _case(
        "a filter with two groups",
        "StdOut",
        {"filter": {"metricsFormat": [r"([\w|-]+)\s*=\s*((-?\d+)(\.\d+)?)"]}},
    ),
    *(
        _case(
            f"the filter {text}",
            kind,
            {"filter": {"metricsFormat": [text]}, **source},
            (f"{FILTER}.metricsFormat", INVALID, problem),
        )
        for kind, source in (("StdOut", {}), ("File", {"fileSystemPath": _file()}))
        for text, problem in (
            ("[", "invalid filter: "),
            ("(a)", TWO),
            (r"\(a\) \(b\)", TWO),
            ("([[:alpha:]]+)=(.*)", "invalid filter: write [a-z]"),
        )
    ),
]


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_collector_rules(case: Case) -> None:
    experiment = from_manifest(EXPERIMENTS, edited(case.changes))
    check(check_collector(experiment.spec.metrics_collector_spec, a_context()), case.errors)


@pytest.mark.parametrize(
    ("usable", "text"),
    [
        (("StdOut",), "metrics collector kind: File cannot be used here; use StdOut"),
        (("StdOut", "Push", "Custom"), "use Custom, Push or StdOut"),
    ],
)
def test_a_kind_that_does_not_work_in_this_home(usable: tuple[str, ...], text: str) -> None:
    manifest = edited({f"{PATH}.collector.kind": "File"})
    errors = list_errors(manifest, context=a_context(collector_kinds=usable))
    check(errors, [(f"{PATH}.collector.kind", INVALID, text)])


def test_an_empty_kind_is_no_kind() -> None:
    errors = list_errors(edited({f"{PATH}.collector": {}}))
    check(errors, [(f"{PATH}.collector.kind", INVALID, "invalid metrics collector kind: ;")])
