from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from metrics_server import MetricsServer, well

from katib.collectors import prometheus
from katib.collectors.addresses import AddressBook
from katib.collectors.prometheus import PrometheusCollector, PrometheusReading
from katib.ports.collector import Address, CollectorSource
from katib.ports.observation_log import MetricEntry
from katib.testing.clocks import FakeClock

LONGEST = 60.0


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "EVERY_SECONDS", 0.01)


@pytest.fixture
def served() -> Iterator[MetricsServer]:
    with MetricsServer(well("loss 1\n")) as server:
        yield server


def source(*ports: int, metrics: Sequence[str] = ("loss",)) -> CollectorSource:
    addresses = [Address("127.0.0.1", port) for port in ports]
    return CollectorSource(
        metrics, (), "", wildcards=("val_*",), addresses=lambda: addresses, clock=FakeClock()
    )


def read_until(collector: PrometheusCollector, count: int) -> list[tuple[str, str]]:
    """Reads until so many entries have come."""
    found: list[MetricEntry] = []

    def is_enough() -> bool:
        found.extend(collector.read(False)[0])
        return len(found) >= count

    until(is_enough)
    assert all(entry.time == FakeClock().now() for entry in found)
    return [(entry.name, entry.value) for entry in found]


def until(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def end(collector: PrometheusCollector) -> list[MetricEntry]:
    found: list[MetricEntry] = []
    for _ in range(100):
        entries, is_over = collector.read(True)
        found += entries
        if is_over:
            return found
    raise AssertionError("the collector does not come to an end")


def refused() -> int:
    """A port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_values_come_when_they_change(served: MetricsServer) -> None:
    collector = PrometheusCollector(source(served.port))
    assert read_until(collector, 1) == [("loss", "1.0")]
    asked = len(served.requests)
    until(lambda: len(served.requests) > asked + 2)
    assert collector.read(False) == ([], True)
    served.answer = well("loss 2\nval_x 3\n")
    assert read_until(collector, 2) == [("loss", "2.0"), ("val_x", "3.0")]
    served.answer = well("loss 1\nval_x 3\n")
    assert read_until(collector, 1) == [("loss", "1.0")]
    assert end(collector) == []


def test_a_program_may_come_late_and_at_any_of_its_addresses() -> None:
    port = refused()
    collector = PrometheusCollector(source(refused(), port))
    assert collector.read(False) == ([], True)
    until(lambda: collector.state.problem == "" and not collector.state.is_served)
    with MetricsServer(well("loss 5\n"), port):
        assert read_until(collector, 1) == [("loss", "5.0")]
    end(collector)


def test_what_was_seen_counts_when_the_program_is_gone(served: MetricsServer) -> None:
    collector = PrometheusCollector(source(served.port))
    found = [*collector.read(False)[0]]
    until(lambda: collector.state.is_served)
    assert [entry.value for entry in (*found, *end(collector))] == ["1.0"]
    assert collector.read(True) == ([], True)
    until(lambda: "metrics" not in {thread.name for thread in threading.enumerate()})


def test_an_answer_that_does_not_come_holds_nobody_up(served: MetricsServer) -> None:
    served.answer = lambda _: served.wait_closed()
    collector = PrometheusCollector(source(served.port))
    collector.read(False)
    until(lambda: bool(served.requests))
    assert collector.read(False) == ([], True)
    assert end(collector) == []


def test_a_collector_that_never_looked_ends(served: MetricsServer) -> None:
    assert PrometheusCollector(source(served.port)).read(True) == ([], True)
    assert served.requests == []


def test_a_collector_that_nobody_holds_stops_asking(served: MetricsServer) -> None:
    collector = PrometheusCollector(source(served.port))
    collector.read(False)
    until(lambda: bool(served.requests))
    del collector
    gc.collect()
    until(lambda: "metrics" not in {thread.name for thread in threading.enumerate()})


def test_an_answer_in_another_format_is_a_problem_until_there_is_a_good_one(
    served: MetricsServer,
) -> None:
    served.answer = well("<html>")
    collector = PrometheusCollector(source(served.port))
    collector.read(False)
    until(lambda: bool(collector.state.problem))
    assert "it is not in Prometheus' text format" in collector.state.problem
    served.answer = well("loss 1\n")
    until(lambda: not collector.state.problem)
    end(collector)


# What the user is told


class Told:
    """A reading of a program that was asked some times, and has ended."""

    def __init__(self, *metrics: str, stated: int = 0, others: AddressBook | None = None) -> None:
        self.port = refused()
        book = others or AddressBook()
        endpoint = book.open("a", self.port, {"port": stated or refused()}, is_new=True)
        wanted = CollectorSource(metrics, (), "", addresses=endpoint.addresses)
        self.collector = PrometheusCollector(wanted)
        self.reading = PrometheusReading(self.collector, wanted, served=endpoint)

    def after(self, text: str, head: str = "HTTP/1.0 200 OK") -> PrometheusReading:
        with MetricsServer(well(text, head), self.port):
            self.collector.state.look()
        return self.reading


def test_a_program_that_nobody_could_ask_is_told_where_it_should_have_been() -> None:
    told = Told("loss")
    told.collector.state.look()
    message = told.reading.miss("loss")
    assert f"ended well before anybody answered at http://127.0.0.1:{told.port}/metrics" in message
    assert "Let it serve its metrics at the port in the variable KATIB_METRICS_PORT" in message
    assert f"{told.port} for this trial, and stay for a second" in message
    assert told.reading.trouble(is_failed=True) == ""


def test_a_metric_that_was_not_served_is_told_with_what_was() -> None:
    reading = Told("loss").after("accuracy 1\nsteps 2\n")
    assert reading.miss("loss") == (
        'The program ended well, but served no "loss"; it served accuracy, steps'
    )
    assert Told("loss").after("").miss("loss").endswith("it served nothing")
    assert reading.trouble(is_failed=False) == ""


def test_a_metric_that_could_be_several_is_told_with_these() -> None:
    reading = Told("loss").after('loss{a="1"} 1\nloss{a="2"} 2\n')
    assert reading.miss("loss") == (
        'The program ended well, but "loss" could be each of loss{a="1"}, loss{a="2"}: name one of '
        "them, or its labels"
    )


def test_an_answer_that_cannot_be_read_is_told_at_once() -> None:
    told = Told("loss")
    reading = told.after("", "HTTP/1.0 301 Moved\r\nLocation: /x")
    problem = f"http://127.0.0.1:{told.port}/metrics: the answer is a redirect to '/x', which is"
    assert reading.trouble(is_failed=False).startswith(f"The metrics cannot be read at {problem}")
    assert problem in reading.miss("loss")


def test_a_program_that_ends_while_it_is_asked_hides_nothing() -> None:
    told = Told("loss")
    told.after("", "HTTP/1.0 403 Forbidden")
    with MetricsServer(lambda connection: None, told.port):
        told.collector.state.look()
    assert "the answer is 403 Forbidden" in told.reading.miss("loss")
    good = Told("loss")
    good.after("loss 1\n")
    with MetricsServer(lambda connection: None, good.port):
        good.collector.state.look()
    assert good.reading.trouble(is_failed=False) == ""


def test_a_program_that_only_breaks_off_is_told_so() -> None:
    told = Told("loss")
    with MetricsServer(lambda connection: None, told.port):
        told.collector.state.look()
    assert "the connection was closed without an answer" in told.reading.miss("loss")


def test_a_port_that_another_trial_has_is_told_when_the_program_fails() -> None:
    book, stated = AddressBook(), refused()
    first = book.open("first", refused(), {"port": stated}, is_new=True)
    first.addresses()
    told = Told("loss", stated=stated, others=book)
    told.collector.state.look()
    assert told.reading.trouble(is_failed=False) == ""
    assert f"No metrics were read: trial first has port {stated}. Let it serve" in (
        told.reading.trouble(is_failed=True)
    )
    assert f"(trial first has port {stated})" in told.reading.miss("loss")


def test_no_metric_is_read_from_another_programs_port(tmp_path: Path) -> None:
    with MetricsServer(well("loss 1\n")) as stranger:
        told = Told("loss", stated=stranger.port)
        told.collector.state.look()
        assert stranger.requests == []
        assert f"another program listens on port {stranger.port}" in told.reading.miss("loss")
