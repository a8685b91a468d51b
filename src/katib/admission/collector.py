"""The rules of how metrics are read."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET

from katib.admission.context import AdmissionContext
from katib.admission.defaulting import calls_function
from katib.admission.problems import Problems, invalid, required
from katib.api import names
from katib.api.codec import from_raw
from katib.api.experiment import (
    CollectorSpec,
    ExperimentSpec,
    FileSystemPath,
    MetricsCollectorSpec,
    SourceSpec,
)
from katib.api.filters import compile_filter
from katib.configuration.lookups import KINDS_WITHOUT_ENTRY
from katib.errors import ConfigurationError

_PATH = "spec.metricsCollectorSpec"
_KIND = f"{_PATH}.collector.kind"
_FILE = f"{_PATH}.source.fileSystemPath"
_FILTER = f"{_PATH}.source.filter"
_ENDPOINT = f"{_PATH}.source.httpGet"
_URL_PATH = re.compile(r"/[!-~]*")
_HOST = re.compile(r"[\w.:-]*", re.ASCII)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^`|~\w-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t -~]*")
_TWO_GROUPS = re.compile(r".*\(.*\).*\(.*\).*")


def check_collector(spec: ExperimentSpec, context: AdmissionContext) -> Problems:
    """The collector must be one that works in this home, and know where to read."""
    given = spec.metrics_collector_spec or MetricsCollectorSpec()
    collector, source = given.collector or CollectorSpec(), given.source or SourceSpec()
    kind = collector.kind
    if spec.trial_template is not None and calls_function(spec.trial_template) and kind != "Push":
        yield invalid(
            _KIND, kind, "a FunctionCall gives its metrics itself: leave it out, or let it be Push"
        )
        return
    if kind not in names.COLLECTOR_KINDS:
        yield invalid(
            _KIND,
            kind,
            f"invalid metrics collector kind: {kind}; there are {', '.join(names.COLLECTOR_KINDS)}",
        )
        return
    yield from _check_usable(kind, context)
    yield from _check_kind(collector, source)
    if kind != "Push":
        yield from _check_filters(source)


def _check_usable(kind: str, context: AdmissionContext) -> Problems:
    try:
        context.check_collector(kind)
    except ConfigurationError as error:
        failed = "" if kind in KINDS_WITHOUT_ENTRY else "GetMetricsCollectorConfigData failed: "
        yield invalid(_KIND, kind, f"{failed}{error}")


def _check_kind(collector: CollectorSpec, source: SourceSpec) -> Problems:
    place = source.file_system_path or FileSystemPath()
    if collector.kind == "File":
        yield from _check_file(place, source)
    elif collector.kind == "TensorFlowEvent":
        yield from _check_events(place)
    elif collector.kind == "PrometheusMetric":
        yield from _check_endpoint(source)
    elif collector.kind == "Custom":
        yield from _check_custom(collector, source)


def _check_file(place: FileSystemPath, source: SourceSpec) -> Problems:
    if place.kind != "File" or not _is_absolute(place):
        yield required(
            f"{_FILE}.path",
            "file path where metrics file exists is required: an absolute path, with kind File",
        )
    if place.format not in ("TEXT", "JSON"):
        yield required(
            f"{_FILE}.format",
            "format of metrics file is required for metrics collector: TEXT or JSON",
        )
    if place.format == "JSON" and source.filter is not None:
        yield invalid(_FILTER, None, "filter must be nil when format of metrics file is json")


def _check_events(place: FileSystemPath) -> Problems:
    if place.kind != "Directory" or not _is_absolute(place):
        yield required(
            f"{_PATH}.source",
            "directory path where tensorflow event files exist is required by "
            ".spec.metricsCollectorSpec.source.fileSystemPath.path: an absolute path, with kind "
            "Directory",
        )
    if place.format:
        yield invalid(f"{_FILE}.format", place.format, "must be empty")


def _check_endpoint(source: SourceSpec) -> Problems:
    endpoint: dict[str, Any] = {} if source.http_get is UNSET else from_raw(source.http_get)
    port, path = endpoint.get("port"), endpoint.get("path") or ""
    if not _is_port(port):
        yield invalid(
            f"{_ENDPOINT}.port",
            port,
            "must be a positive integer value for metrics collector kind: PrometheusMetric",
        )
    if not isinstance(path, str) or not _URL_PATH.fullmatch(path):
        yield invalid(
            f"{_ENDPOINT}.path",
            path,
            "path is invalid for metrics collector kind: PrometheusMetric, it starts with / and "
            "holds neither blanks nor other characters than those of ASCII",
        )
    host, scheme = endpoint.get("host") or "", endpoint.get("scheme") or "HTTP"
    if not isinstance(host, str) or not _HOST.fullmatch(host):
        yield invalid(f"{_ENDPOINT}.host", host, "must be a name or an address, or be left out")
    if scheme not in ("HTTP", "HTTPS"):
        yield invalid(f"{_ENDPOINT}.scheme", scheme, "must be HTTP or HTTPS, or be left out")
    yield from _check_headers(endpoint.get("httpHeaders") or [])


def _check_headers(headers: object) -> Problems:
    path = f"{_ENDPOINT}.httpHeaders"
    if not isinstance(headers, list):
        yield invalid(path, headers, "must be a list of maps of name and value")
        return
    for index, header in enumerate(headers):
        found = header if isinstance(header, dict) else {}
        name, value = found.get("name"), found.get("value", "")
        if not (isinstance(name, str) and _HEADER_NAME.fullmatch(name)):
            yield invalid(f"{path}[{index}].name", name, "must be the name of a header")
        if not (isinstance(value, str) and _HEADER_VALUE.fullmatch(value)):
            yield invalid(f"{path}[{index}].value", value, "must be a text of one line, in ASCII")


def _check_custom(collector: CollectorSpec, source: SourceSpec) -> Problems:
    if collector.custom_collector is UNSET:
        yield required(
            f"{_PATH}.collector.customCollector", "metrics collector kind: Custom is required"
        )
    place = source.file_system_path
    if place is not None and (place.kind not in ("File", "Directory") or not _is_absolute(place)):
        yield invalid(
            _FILE,
            None,
            ".spec.metricsCollectorSpec.source is invalid: fileSystemPath needs an absolute path, "
            "and kind File or Directory",
        )


def _check_filters(source: SourceSpec) -> Problems:
    path = f"{_FILTER}.metricsFormat"
    for text in source.filter.metrics_format if source.filter else ():
        try:
            groups = compile_filter(text).groups
        except ValueError as error:
            yield invalid(path, text, f"invalid filter: {error}")
            continue
        if groups < 2 or not _TWO_GROUPS.search(text):
            yield invalid(
                path,
                text,
                "two top subexpressions are required: one for the metric's name, one for its value",
            )


def _is_absolute(place: FileSystemPath) -> bool:
    return place.path.startswith("/")


def _is_port(port: object) -> bool:
    if isinstance(port, str):
        return bool(re.fullmatch(r"[0-9]{1,5}", port)) and _is_port(int(port))
    return isinstance(port, int) and not isinstance(port, bool) and 0 < port < 1 << 16
