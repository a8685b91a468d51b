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
    return Case(sentence, changes, errors)


def _file(path: str = "/m", kind: str = "File", format: str = "TEXT") -> dict[str, str]:
    return {"path": path, "kind": kind, "format": format}


def _custom(sentence: str, place: dict[str, str], *errors: tuple[str, str, str]) -> Case:
    case = _case(sentence, "Custom", {"fileSystemPath": place}, *errors)
    changes = {**case.changes, f"{PATH}.collector.customCollector": {"name": "mine"}}
    return Case(case.sentence, changes, errors)


def _filter(sentence: str, text: str, *problems: str) -> Case:
    source = {"filter": {"metricsFormat": [text]}, "fileSystemPath": _file()}
    errors = [(f"{FILTER}.metricsFormat", INVALID, problem) for problem in problems]
    return _case(sentence, "File", source, *errors)


ROWS = [
    _case("`StdOut` needs no source", "StdOut", {}),
    _case("filters of `Push` are not looked at", "Push", {"filter": {"metricsFormat": ["["]}}),
    _case("`Push` needs no source", "Push", {}),
    _case(
        "`File` with an absolute path, kind and format is accepted",
        "File",
        {"fileSystemPath": _file()},
    ),
    _case("`File` without a source is refused at path and format", "File", {}, NO_PATH, NO_FORMAT),
    _case(
        "`File` without a path is refused at the path",
        "File",
        {"fileSystemPath": _file(path="")},
        NO_PATH,
    ),
    _case(
        "`File` with the kind `Directory` is refused at the path",
        "File",
        {"fileSystemPath": _file(kind="Directory")},
        NO_PATH,
    ),
    _case(
        "`File` with a relative path is refused at the path",
        "File",
        {"fileSystemPath": _file("a/b")},
        NO_PATH,
    ),
    _case(
        "`File` with a relative path and no kind is refused once",
        "File",
        {"fileSystemPath": _file("a/b", "")},
        NO_PATH,
    ),
    _case(
        "`File` with the format `invalid` is refused at the format",
        "File",
        {"fileSystemPath": _file(format="invalid")},
        NO_FORMAT,
    ),
    _case(
        "`File` with the format JSON and no filter is accepted",
        "File",
        {"fileSystemPath": _file(format="JSON")},
    ),
    _case(
        "`File` with the format JSON and an empty filter is refused at the filter",
        "File",
        {"fileSystemPath": _file(format="JSON"), "filter": {}},
        (FILTER, INVALID, "filter must be nil when format of metrics file is json"),
    ),
    _case(
        "`TensorFlowEvent` with an absolute directory is accepted",
        "TensorFlowEvent",
        {"fileSystemPath": _file("/d", "Directory", "")},
    ),
    _case(
        "`TensorFlowEvent` without a source is refused at the source",
        "TensorFlowEvent",
        {},
        NO_DIRECTORY,
    ),
    _case(
        "`TensorFlowEvent` with a relative path is refused at the source",
        "TensorFlowEvent",
        {"fileSystemPath": _file("d", "Directory", "")},
        NO_DIRECTORY,
    ),
    _case(
        "`TensorFlowEvent` without a path is refused at the source",
        "TensorFlowEvent",
        {"fileSystemPath": _file("", "Directory", "")},
        NO_DIRECTORY,
    ),
    _case(
        "`TensorFlowEvent` with the kind `File` is refused at the source",
        "TensorFlowEvent",
        {"fileSystemPath": _file("/d", "File", "")},
        NO_DIRECTORY,
    ),
    _case(
        "`TensorFlowEvent` with the format JSON is refused at the format",
        "TensorFlowEvent",
        {"fileSystemPath": _file("/d", "Directory", "JSON")},
        (f"{FILE}.format", INVALID, "must be empty"),
    ),
    _case(
        "`PrometheusMetric` with port and path is accepted",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "/m"}},
    ),
    _case(
        "the port of `PrometheusMetric` may be a string of digits",
        "PrometheusMetric",
        {"httpGet": {"port": "80", "path": "/m"}},
    ),
    _case(
        "`PrometheusMetric` without a source is refused at port and path",
        "PrometheusMetric",
        {},
        BAD_PORT,
        BAD_PATH,
    ),
    _case(
        "`PrometheusMetric` with the port `Port` and an empty path is refused at both",
        "PrometheusMetric",
        {"httpGet": {"port": "Port", "path": ""}},
        BAD_PORT,
        BAD_PATH,
    ),
    _case(
        "`PrometheusMetric` with the port -1 is refused",
        "PrometheusMetric",
        {"httpGet": {"port": -1, "path": "/m"}},
        BAD_PORT,
    ),
    _case(
        "`PrometheusMetric` with the port 0 as a string is refused",
        "PrometheusMetric",
        {"httpGet": {"port": "0", "path": "/m"}},
        BAD_PORT,
    ),
    _case(
        "`PrometheusMetric` with a boolean as port is refused",
        "PrometheusMetric",
        {"httpGet": {"port": True, "path": "/m"}},
        BAD_PORT,
    ),
    _case(
        "`PrometheusMetric` with a port beyond 65535 is refused",
        "PrometheusMetric",
        {"httpGet": {"port": 65536, "path": "/m"}},
        BAD_PORT,
    ),
    _case(
        "`PrometheusMetric` with a port of thousands of digits is refused",
        "PrometheusMetric",
        {"httpGet": {"port": "9" * 5000, "path": "/m"}},
        BAD_PORT,
    ),
    _case(
        "`PrometheusMetric` with a blank or a line break in its path is refused",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "/m HTTP/1.1\r\nHost: x"}},
        BAD_PATH,
    ),
    _case(
        "`PrometheusMetric` with host, scheme and headers is accepted",
        "PrometheusMetric",
        {
            "httpGet": {
                "port": 443,
                "path": "/m",
                "host": "metrics.example.org",
                "scheme": "HTTPS",
                "httpHeaders": [{"name": "Authorization", "value": "Bearer x"}],
            }
        },
    ),
    _case(
        "`PrometheusMetric` with a host that is a URL is refused",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "/m", "host": "http://x/"}},
        (f"{GET}.host", INVALID, "must be a name or an address, or be left out"),
    ),
    _case(
        "`PrometheusMetric` with another scheme than HTTP and HTTPS is refused",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "/m", "scheme": "https"}},
        (f"{GET}.scheme", INVALID, "must be HTTP or HTTPS, or be left out"),
    ),
    _case(
        "`PrometheusMetric` with headers that are none is refused at each",
        "PrometheusMetric",
        {
            "httpGet": {
                "port": 80,
                "path": "/m",
                "httpHeaders": [{"name": "a b", "value": "x\ny"}, 7],
            }
        },
        (f"{GET}.httpHeaders[0].name", INVALID, "must be the name of a header"),
        (f"{GET}.httpHeaders[0].value", INVALID, "must be a text of one line, in ASCII"),
        (f"{GET}.httpHeaders[1].name", INVALID, "must be the name of a header"),
    ),
    _case(
        "`PrometheusMetric` with headers that are a map is refused",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "/m", "httpHeaders": {"a": "b"}}},
        (f"{GET}.httpHeaders", INVALID, "must be a list of maps of name and value"),
    ),
    _case(
        "`PrometheusMetric` with the path `not/valid/path` is refused at the path",
        "PrometheusMetric",
        {"httpGet": {"port": 80, "path": "not/valid/path"}},
        BAD_PATH,
    ),
    _case(
        "`Custom` without a container is refused at `customCollector`",
        "Custom",
        {},
        (
            f"{PATH}.collector.customCollector",
            REQUIRED,
            "metrics collector kind: Custom is required",
        ),
    ),
    _custom("`Custom` with an absolute file is accepted", _file()),
    _custom("`Custom` with an absolute directory is accepted", _file(kind="Directory")),
    _custom("`Custom` with a relative path is refused at `fileSystemPath`", _file("m"), BAD_SOURCE),
    _custom(
        "`Custom` with a path of another kind is refused at `fileSystemPath`",
        _file(kind="Invalid"),
        BAD_SOURCE,
    ),
    _case(
        "the collector kind `invalid-kind` is refused at `collector.kind`",
        "invalid-kind",
        {},
        (
            f"{PATH}.collector.kind",
            INVALID,
            "invalid metrics collector kind: invalid-kind",
        ),
    ),
    _filter(
        "a filter with two groups, one within the second, is accepted",
        r"([\w|-]+)\s*=\s*((-?\d+)(\.\d+)?)",
    ),
    _filter("the filter `[` is refused at `filter.metricsFormat`", "[", "invalid filter: "),
    _filter("a filter with one group is refused at `filter.metricsFormat`", "(a)", TWO),
    _filter("a filter whose second group is escaped is refused", r"(a) \(b\)", TWO),
    _filter("a filter without groups is refused", "loss", TWO),
    _filter("a filter with a class of POSIX is accepted", "([[:alpha:]]+)=(.*)"),
    _filter(
        "a filter with a look ahead, which RE2 does not know, is refused",
        "(?=loss)(.*)=(.*)",
        "invalid filter: invalid perl operator: (?=",
    ),
    _filter(
        "a filter with a reference back is refused",
        r"(.*)=(.*)\1",
        r"invalid filter: invalid escape sequence: \1",
    ),
    _case(
        "filters of `StdOut` are checked, though Katib does not",
        "StdOut",
        {"filter": {"metricsFormat": ["["]}},
        (f"{FILTER}.metricsFormat", INVALID, "invalid filter: "),
    ),
    _case(
        "filters of `Custom` are checked",
        "Custom",
        {"filter": {"metricsFormat": ["(a)"]}},
        (f"{PATH}.collector.customCollector", REQUIRED, "Custom is required"),
        (f"{FILTER}.metricsFormat", INVALID, TWO),
    ),
    _case(
        "every filter of the list is checked",
        "StdOut",
        {"filter": {"metricsFormat": ["(a)=(b)", "[", "(c)"]}},
        (f"{FILTER}.metricsFormat", INVALID, "invalid filter: "),
        (f"{FILTER}.metricsFormat", INVALID, TWO),
    ),
]


@pytest.mark.parametrize("case", ROWS, ids=str)
def test_collector_rules(case: Case) -> None:
    experiment = from_manifest(EXPERIMENTS, edited(case.changes))
    check(check_collector(experiment.spec, a_context()), case.errors)


@pytest.mark.rule("a collector kind that does not work in this home is refused at `collector.kind`")
def test_a_kind_that_does_not_work_in_this_home() -> None:
    manifest = edited({f"{PATH}.collector.kind": "File"})
    (error,) = list_errors(manifest, context=a_context(collector_kinds=("StdOut",)))
    assert (error.path, error.problem) == (f"{PATH}.collector.kind", INVALID)
    assert error.detail == (
        "GetMetricsCollectorConfigData failed: metrics collector kind: File cannot be used here; "
        "use StdOut"
    )


@pytest.mark.rule("a collector with an empty kind is refused at `collector.kind`")
def test_an_empty_kind_is_no_kind() -> None:
    errors = list_errors(edited({f"{PATH}.collector": {}}))
    check(errors, [(f"{PATH}.collector.kind", INVALID, "invalid metrics collector kind: ")])
