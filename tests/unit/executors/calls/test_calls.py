"""What functions give, print and report."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import Calling, Heard

from katib.api.kinds import FUNCTION_CALLS
from katib.api.values import Key
from katib.executors.calls.reconciler import UNUSED_SECONDS


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[Calling]:
    calling = Calling(tmp_path)
    yield calling
    calling.close()


ONE = Key("default", "one")


def square(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    return {"loss": float(arguments["x"]) ** 2}


def test_what_a_function_returns_is_reported(calling: Calling) -> None:
    ended = calling.call(square, arguments={"x": "1.5"})
    assert (ended["type"], ended["reason"]) == ("Complete", "FunctionReturned")
    assert calling.heard[ONE].values == [("loss", "2.25")]
    status = calling.store.get(FUNCTION_CALLS, ONE).status
    assert status["startTime"] <= status["completionTime"]


def test_a_silent_function_leaves_no_file(calling: Calling) -> None:
    calling.call(square, arguments={"x": "1"})
    assert not (calling.trials / "default").exists()


def pid(arguments: dict[str, str], trial: Any) -> dict[str, int]:
    return {"pid": os.getpid()}


def test_one_worker_makes_one_call_after_the_other(calling: Calling) -> None:
    function = calling.ship(pid)
    for name in ("one", "two", "three"):
        calling.wait(calling.begin(name, function))
    pids = {heard.values[0][1] for heard in calling.heard.values()}
    assert len(pids) == 1
    assert pids != {str(os.getpid())}


def meet(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    own, other = (Path(arguments[name]) for name in ("own", "other"))
    own.touch()
    until = time.monotonic() + 60
    while not other.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return {"met": float(other.exists())}


def test_calls_are_made_at_once(calling: Calling) -> None:
    function = calling.ship(meet)
    places = [str(calling.folder / name) for name in ("left", "right")]
    keys = [
        calling.begin(name, function, arguments={"own": own, "other": other})
        for name, own, other in zip(("one", "two"), places, reversed(places), strict=True)
    ]
    calling.wait(*keys)
    assert [calling.heard[key].values for key in keys] == [[("met", "1.0")]] * 2


def look_around(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    print(os.environ["KATIB_TRIAL_NAME"], os.environ["KATIB_NAMESPACE"], os.getcwd(), trial)
    print(sys.executable, "marked" in sys.path)
    return {"loss": 1}


def test_a_function_works_where_it_was_made(calling: Calling) -> None:
    function = calling.ship(look_around, path=[*sys.path, "marked"])
    calling.wait(calling.begin("one", function))
    assert calling.log(ONE).splitlines() == [
        f"one default {calling.folder} TrialHandle(default/one)",
        f"{sys.executable} True",
    ]


def print_all_ways(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    print("python", arguments["x"])
    print("error", file=sys.stderr)
    os.write(1, b"descriptor\n")
    subprocess.run(["echo", "process"], check=True)
    return {"loss": 1}


def test_what_is_printed_is_the_log_of_its_trial(calling: Calling) -> None:
    function = calling.ship(print_all_ways)
    for name in ("one", "two"):
        calling.wait(calling.begin(name, function, arguments={"x": name}))
        lines = calling.log(Key("default", name)).splitlines()
        assert lines == [f"python {name}", "error", "descriptor", "process"]


def print_and_wait(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    print("halfway")
    until = time.monotonic() + 60
    while not Path(arguments["go"]).exists() and time.monotonic() < until:
        time.sleep(0.01)
    return {"loss": 1}


def test_a_log_is_seen_while_the_function_runs(calling: Calling) -> None:
    go = calling.folder / "go"
    key = calling.begin("one", calling.ship(print_and_wait), arguments={"go": str(go)})
    calling.drive(lambda: calling.log(key) == "halfway\n")
    calling.drive(lambda: "startTime" in calling.store.get(FUNCTION_CALLS, key).status)
    assert not calling.conditions(key)
    go.touch()
    assert calling.wait(key)["type"] == "Complete"


def report_steps(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    import katib

    trial.report(loss=3, timestamp=10)
    trial.report({"loss": float("nan")}, timestamp=11)
    katib.report_metrics({"loss": 1.5}, timestamp=12)
    return {"loss": float("inf"), "steps": 3}


def test_reports_come_in_their_order(calling: Calling) -> None:
    calling.call(report_steps)
    heard = calling.heard[ONE]
    assert heard.values == [
        ("loss", "3"),
        ("loss", "nan"),
        ("loss", "1.5"),
        ("loss", "inf"),
        ("steps", "3"),
    ]
    assert [entry.time.timestamp() for entry in heard.entries[:3]] == [10, 11, 12]


def test_a_report_that_is_refused_is_tried_again(calling: Calling) -> None:
    calling.heard[ONE] = heard = Heard(ONE)
    heard.refusals = 1
    assert calling.call(square, arguments={"x": "2"})["type"] == "Complete"
    assert heard.values == [("loss", "4.0")]


def climb(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    try:
        for step in range(100):
            trial.report(loss=step)
    except Exception:
        print("swallowed")
    finally:
        print("tidied up")
    return {"loss": 100}


def test_a_function_is_stopped_by_its_report(calling: Calling) -> None:
    calling.heard[ONE] = heard = Heard(ONE, worst=2)
    ended = calling.call(climb)
    assert (ended["type"], ended["reason"]) == ("Complete", "EarlyStopped")
    assert heard.stopped == ended["message"] == "a loss is above 2"
    assert [value for _, value in heard.values] == ["0", "1", "2", "3"]
    assert calling.log(ONE) == "tidied up\n"


def look_at_stop(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    steps = 0
    while not trial.should_stop:
        steps += 1
        trial.report(loss=steps, raises=False)
    return {"steps": steps}


def test_a_function_may_look_whether_it_is_to_stop(calling: Calling) -> None:
    calling.heard[ONE] = heard = Heard(ONE, worst=2)
    assert calling.call(look_at_stop)["reason"] == "EarlyStopped"
    assert heard.values[-1] == ("steps", "3")


def fork_and_report(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    child = os.fork()
    if child == 0:
        try:
            trial.report(loss=5)
        except RuntimeError as error:
            print(error)
        # It comes back to where no forked process belongs.
        return {"loss": 6}
    os.waitpid(child, 0)
    return {"loss": 7}


def test_a_forked_process_neither_reports_nor_returns(calling: Calling) -> None:
    assert calling.call(fork_and_report)["type"] == "Complete"
    assert calling.heard[ONE].values == [("loss", "7")]
    assert "that it forked" in calling.log(ONE)


def test_a_suspended_call_is_not_made_and_one_that_runs_is_ended(calling: Calling) -> None:
    go = calling.folder / "go"
    function = calling.ship(print_and_wait)
    key = calling.begin("one", function, arguments={"go": str(go)})
    calling.drive(lambda: calling.log(key) == "halfway\n")
    calling.suspend(key)
    calling.drive(lambda: calling.reconciler.is_idle)
    later = calling.begin("two", function, arguments={"go": str(go)}, suspend=True)
    calling.reconciler.reconcile(later)
    assert calling.reconciler.is_idle
    assert not calling.conditions(key)


def test_a_call_that_is_deleted_is_ended(calling: Calling) -> None:
    go = calling.folder / "go"
    key = calling.begin("one", calling.ship(print_and_wait), arguments={"go": str(go)})
    calling.drive(lambda: calling.log(key) == "halfway\n")
    calling.store.delete(FUNCTION_CALLS, key)
    calling.drive(lambda: calling.reconciler.is_idle and calling.reconciler.is_settled)


def test_calls_of_others_wait(calling: Calling) -> None:
    key = calling.begin("one", calling.ship(square), arguments={"x": "2"}, suspend=True)
    calling.reconciler.reconcile(key)
    assert calling.reconciler.is_idle


def test_an_interrupted_call_is_handed_back(calling: Calling) -> None:
    go = calling.folder / "go"
    function = calling.ship(print_and_wait)
    key = calling.begin("one", function, arguments={"go": str(go)})
    done = calling.begin("two", calling.ship(square), arguments={"x": "2"})
    calling.wait(done)
    calling.drive(lambda: calling.log(key) == "halfway\n")
    assert [call.key for call in calling.reconciler.interrupt()] == [key]


def test_functions_that_nothing_refers_to_are_removed_when_they_are_old(tmp_path: Path) -> None:
    calling = Calling(tmp_path)
    try:
        old, new, used = (calling.ship(square, name=name) for name in ("old", "new", "used"))
        calling.begin("one", used, arguments={"x": "2"}, suspend=True)
        long_ago = time.time() - UNUSED_SECONDS - 60
        for name in (old, used):
            os.utime(calling.functions / name, (long_ago, long_ago))
        # As when an experiment is deleted.
        calling.reconciler.reconcile(Key("", ""))
        assert {one.name for one in calling.functions.iterdir()} == {new, used}
    finally:
        calling.close()


@pytest.mark.parametrize("size", [10, 1 << 20])
def test_arguments_may_be_long(calling: Calling, size: int) -> None:
    ended = calling.call(measure, arguments={"x": "a" * size})
    assert ended["type"] == "Complete"
    assert calling.heard[ONE].values == [("length", str(size))]


def measure(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    return {"length": len(arguments["x"])}
