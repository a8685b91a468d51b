from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone

import numpy
import pytest

import katib
from katib.client.reporting import find_route, report
from katib.client.routes import DropRoute, GrpcRoute, HttpRoute, Pace, Route, UnreportableError

NOW = datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC)
PACE = Pace(1)


class FakeRoute:
    """Remembers what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Mapping[str, str], datetime]] = []

    def send(self, values: Mapping[str, str], time: datetime) -> None:
        self.sent.append((values, time))


class Tensor:
    """A number whose text is none of a number's."""

    def __float__(self) -> float:
        return 0.25

    def __str__(self) -> str:
        return "tensor(0.2500)"


VALUES: dict[str, tuple[object, str]] = {
    "a float": (0.1, "0.1"),
    "an integer": (3, "3"),
    "a large integer": (10**30, "1" + "0" * 30),
    "a text with its digits": ("0.10", "0.10"),
    "a text with blanks": (" 0.5\n", "0.5"),
    "no number": (float("nan"), "nan"),
    "a text of infinity": ("-inf", "-inf"),
    "a number of NumPy": (numpy.float32(0.1), "0.1"),
    "an integer of NumPy": (numpy.int64(7), "7"),
    "an array of one number": (numpy.array(0.5), "0.5"),
    "a tensor": (Tensor(), "0.25"),
    "a truth": (True, "1.0"),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_value_is_reported_as_its_text(case: str) -> None:
    value, expected = VALUES[case]
    route = FakeRoute()
    report({"loss": value, "accuracy": "1"}, route, NOW)
    assert route.sent == [({"loss": expected, "accuracy": "1"}, NOW)]


TIMES: dict[str, datetime | float | str] = {
    "a time": datetime(2026, 1, 31, 12, tzinfo=UTC),
    "a time of another zone": datetime(2026, 1, 31, 21, tzinfo=timezone(timedelta(hours=9))),
    "a text": "2026-01-31T12:00:00Z",
    "a text of another zone": "2026-01-31T21:00:00+09:00",
    "seconds": 1769860800,
    "seconds with a fraction": 1769860800.0,
}


@pytest.mark.parametrize("case", TIMES)
def test_when_it_was(case: str) -> None:
    route = FakeRoute()
    report({"loss": 1}, route, NOW, timestamp=TIMES[case])
    ((_, time),) = route.sent
    assert (time, time.tzinfo) == (datetime(2026, 1, 31, 12, tzinfo=UTC), UTC)


def test_all_that_is_wrong_is_told_and_nothing_sent() -> None:
    route = FakeRoute()
    metrics = {"loss": "low", "": 1, "timestamp": 2, "accuracy": None, "f1": [1, 2], "ok": 1}
    with pytest.raises(UnreportableError) as caught:
        report(metrics, route, NOW, timestamp=datetime(2026, 1, 1))
    told = str(caught.value)
    for part in (
        "Invalid value low for metrics value loss: a number is expected",
        "'' is no name of a metric",
        "'timestamp' is no name of a metric",
        "Invalid value None for metrics value accuracy: a number is",
        "Invalid value [1, 2] for metrics value f1: a number is",
        "it has no time zone; an aware datetime is expected",
    ):
        assert part in told
    assert "ok" not in told
    assert route.sent == []


def test_nothing_is_no_report() -> None:
    with pytest.raises(ValueError, match="there is nothing to report"):
        report({}, FakeRoute(), NOW)


@pytest.mark.parametrize("timestamp", ["yesterday", "2026-01-31T12:00:00", 1e300, float("nan")])
def test_no_time_is_told(timestamp: float | str) -> None:
    with pytest.raises(UnreportableError, match="timestamp: found"):
        report({"loss": 1}, FakeRoute(), NOW, timestamp=timestamp)


TRIAL = {"KATIB_TRIAL_NAME": "tune-x1"}
URL = {"KATIB_METRICS_URL": "http://127.0.0.1:1/trials/a/b/metrics", "KATIB_METRICS_TOKEN": "t"}
DROP = {"KATIB_METRICS_DROP": "/tmp/drop"}
CLUSTER = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
PORT = {"KATIB_DB_MANAGER_SERVICE_PORT": "7000"}
ROUTES: dict[str, tuple[dict[str, str], str | None, type[Route]]] = {
    "an address of HTTP counts first": ({**TRIAL, **URL, **DROP, **CLUSTER}, None, HttpRoute),
    "then a file": ({**TRIAL, **DROP, **CLUSTER}, None, DropRoute),
    "then a cluster's manager": ({**TRIAL, **CLUSTER}, None, GrpcRoute),
    "or one that is named by variables": ({**TRIAL, **PORT}, None, GrpcRoute),
    "an address that is insisted on": ({**TRIAL, **URL, **DROP}, "localhost:6789", GrpcRoute),
}


@pytest.mark.parametrize("case", ROUTES)
def test_which_way_reports_go(case: str) -> None:
    variables, address, expected = ROUTES[case]
    assert type(find_route(variables, address, PACE)) is expected


ADDRESSES: dict[str, tuple[dict[str, str], str]] = {
    "a cluster's own": (CLUSTER, "katib-db-manager.kubeflow:6789"),
    "of another installation": (
        {**CLUSTER, "KATIB_CORE_NAMESPACE": "ml"},
        "katib-db-manager.ml:6789",
    ),
    "of variables": (
        {
            "KATIB_DB_MANAGER_SERVICE_IP": "db",
            "KATIB_DB_MANAGER_SERVICE_NAMESPACE": "ml",
            "KATIB_DB_MANAGER_SERVICE_PORT": "7000",
        },
        "db.ml:7000",
    ),
    "without a namespace": (
        {"KATIB_DB_MANAGER_SERVICE_NAMESPACE": "", **PORT},
        "katib-db-manager:7000",
    ),
}


@pytest.mark.parametrize("case", ADDRESSES)
def test_where_the_database_manager_is(case: str) -> None:
    variables, expected = ADDRESSES[case]
    route = find_route({**TRIAL, **variables}, None, PACE)
    assert isinstance(route, GrpcRoute)
    assert route.address == expected


def test_outside_of_a_trial_there_is_nobody_to_report_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*TRIAL, *URL, *DROP, *CLUSTER, *PORT):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        ValueError,
        match=r"^The Trial name is not passed to .*: this program runs in no trial: ",
    ):
        katib.report_metrics({"loss": 1})


def test_a_trial_that_does_not_push_is_told_so() -> None:
    with pytest.raises(UnreportableError, match=r"trial tune-x1 does not push .* Push"):
        find_route(TRIAL, None, PACE)


def test_an_address_needs_a_trial() -> None:
    with pytest.raises(UnreportableError, match="runs in no trial"):
        find_route({}, "localhost:6789", PACE)


def test_who_imports_katib_loads_nothing_else() -> None:
    program = (
        "import sys, katib\n"
        "katib.report_metrics({'loss': 1})\n"
        "heavy = ('grpc', 'google.protobuf', 'sqlalchemy', 'numpy', 'msgspec', 'http.client')\n"
        "print([one for one in heavy if one in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"KATIB_METRICS_DROP": "/dev/null", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "[]\n"
