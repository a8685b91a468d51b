"""Functions that go wrong in every way: a trial fails, and others go on."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from calling import Calling

from katib.api.values import Key

ONE, TWO = Key("default", "one"), Key("default", "two")


@pytest.fixture
def calling(tmp_path: Path) -> Iterator[Calling]:
    calling = Calling(tmp_path)
    yield calling
    calling.close()


Function = Callable[[dict[str, str], Any], Any]


def square(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    return {"loss": float(arguments["x"]) ** 2}


def divide(arguments: dict[str, str], trial: Any) -> float:
    return 1 / 0


def crash(arguments: dict[str, str], trial: Any) -> int:
    return ctypes.string_at(0)[0]


def leave(arguments: dict[str, str], trial: Any) -> None:
    os._exit(3)


def exit_well(arguments: dict[str, str], trial: Any) -> None:
    sys.exit(0)


def kill_itself(arguments: dict[str, str], trial: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def have_no_memory(arguments: dict[str, str], trial: Any) -> None:
    raise MemoryError("no room for the table")


def close_pipes(arguments: dict[str, str], trial: Any) -> None:
    os.closerange(3, 256)
    time.sleep(60)


def write_nonsense(arguments: dict[str, str], trial: Any) -> None:
    for descriptor in range(3, 32):
        try:
            os.write(descriptor, b"nonsense\n")
        except OSError:
            continue
    time.sleep(60)


def return_text(arguments: dict[str, str], trial: Any) -> dict[str, str]:
    return {"loss": "good"}


def return_nothing(arguments: dict[str, str], trial: Any) -> None:
    return None


def interrupt(arguments: dict[str, str], trial: Any) -> None:
    raise KeyboardInterrupt


def report_too_much(arguments: dict[str, str], trial: Any) -> None:
    trial.report(loss="1" * 2000)


def return_too_much(arguments: dict[str, str], trial: Any) -> dict[str, int]:
    return {"loss": 10**2000}


def report_text(arguments: dict[str, str], trial: Any) -> None:
    trial.report(loss="good")


@pytest.mark.parametrize(
    ("function", "reason", "message"),
    [
        (
            divide,
            "FunctionRaised",
            r"ZeroDivisionError: division by zero \(.*line \d+, in divide\)",
        ),
        (crash, "WorkerCrashed", r"ended by SIGSEGV; its last output:\n(.|\n)*crash"),
        (leave, "WorkerEnded", "ended with exit code 3 before the call did"),
        (exit_well, "SystemExit", r"called sys.exit\(0\) instead of returning"),
        (kill_itself, "WorkerCrashed", "ended by SIGKILL; was the machine out of memory?"),
        (have_no_memory, "FunctionRaised", "MemoryError: no room for the table"),
        (close_pipes, "WorkerEnded", "closed the pipes by which it speaks with the engine"),
        (write_nonsense, "WorkerNotUnderstood", "is no message: b'nonsense"),
        (return_text, "NoMetricsReturned", r"returned 'good', which is of type str for metric"),
        (return_nothing, "NoMetricsReturned", "returned None, which is of type NoneType; numbers"),
        (interrupt, "FunctionRaised", "KeyboardInterrupt"),
        (report_too_much, "ReportRefused", "a report is refused: it is too long"),
        (return_too_much, "ReportRefused", "a report is refused: it is too long"),
        (report_text, "FunctionRaised", "good .* loss: a number is expected"),
    ],
)
def test_a_failure_says_what_happened_and_others_go_on(
    calling: Calling, function: Function, reason: str, message: str
) -> None:
    ended = calling.call(function)
    assert (ended["type"], ended["reason"]) == ("Failed", reason)
    assert re.search(message, ended["message"])
    again = calling.begin("two", calling.ship(square), arguments={"x": "2"})
    assert calling.wait(again)["type"] == "Complete"


def test_a_new_worker_takes_over(calling: Calling) -> None:
    function = calling.ship(leave_if_asked)
    keys = [
        calling.begin(name, function, arguments={"leave": text})
        for name, text in (("one", "yes"), ("two", "no"), ("three", "no"))
    ]
    calling.wait(*keys)
    assert [calling.conditions(key)[-1]["type"] for key in keys] == [
        "Failed",
        "Complete",
        "Complete",
    ]


def leave_if_asked(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    if arguments["leave"] == "yes":
        os._exit(1)
    return {"loss": 1}


def test_a_traceback_is_in_the_log(calling: Calling) -> None:
    calling.call(divide)
    lines = calling.log(ONE).splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith("in divide")
    assert lines[-1] == "ZeroDivisionError: division by zero"


def run_for_ever(arguments: dict[str, str], trial: Any) -> None:
    while True:
        pass


def ignore_the_end(arguments: dict[str, str], trial: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(0.01)


def test_an_endless_loop_is_ended_by_the_time_limit(calling: Calling) -> None:
    ended = calling.call(run_for_ever, timeoutSeconds=0.2)
    assert (ended["type"], ended["reason"]) == ("Failed", "TimeoutExceeded")
    assert ended["message"] == "the call took longer than 0.2 s, its timeoutSeconds"


def test_one_that_does_not_heed_is_killed(
    calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("katib.executors.calls.seat.GRACE_SECONDS", 0.2)
    assert calling.call(ignore_the_end, timeoutSeconds=0.2)["reason"] == "TimeoutExceeded"


def tidy_up(arguments: dict[str, str], trial: Any) -> None:
    try:
        time.sleep(60)
    finally:
        print("tidied up")


def test_a_function_may_tidy_up_when_its_time_is_over(calling: Calling) -> None:
    calling.call(tidy_up, timeoutSeconds=0.2)
    assert calling.log(ONE) == "tidied up\n"


def take_memory(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    taken = []
    for _ in range(600):
        taken.append(b"x" * (1 << 20))
        time.sleep(0.01)
    return {"loss": len(taken)}


def take_memory_beside(arguments: dict[str, str], trial: Any) -> dict[str, float]:
    child = os.fork()
    if child == 0:
        take_memory(arguments, trial)
        os._exit(0)
    os.waitpid(child, 0)
    return {"loss": 1}


@pytest.mark.parametrize("function", [take_memory, take_memory_beside])
def test_too_much_memory_ends_the_call(calling: Calling, function: Function) -> None:
    ended = calling.call(function, memoryLimit="200Mi")
    assert (ended["type"], ended["reason"]) == ("Failed", "MemoryLimitExceeded")
    assert re.fullmatch(
        r"the call took \d+ MiB of memory; its memoryLimit is 200 MiB", ended["message"]
    )


def leave_a_process(arguments: dict[str, str], trial: Any) -> None:
    child = os.fork()
    if child == 0:
        with open(arguments["fifo"], "w") as file:
            file.write("alive\n")
            file.flush()
            time.sleep(60)
    os._exit(1)


def test_what_a_crashed_function_started_goes_with_it(calling: Calling) -> None:
    fifo = calling.folder / "fifo"
    os.mkfifo(fifo)
    key = calling.begin("one", calling.ship(leave_a_process), arguments={"fifo": str(fifo)})
    calling.wait(key)
    opened = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        calling.drive(lambda: is_deserted(opened))
    finally:
        os.close(opened)


def is_deserted(fifo: int) -> bool:
    """Whether nobody holds the other end any more."""
    try:
        return os.read(fifo, 100) == b""
    except BlockingIOError:
        return False


def test_a_function_that_cannot_be_loaded_says_why(calling: Calling) -> None:
    function = calling.ship_bytes(b"cno_such_module\nfunction\n.")
    ended = calling.wait(calling.begin("one", function))
    assert (ended["type"], ended["reason"]) == ("Failed", "FunctionNotLoaded")
    assert "ModuleNotFoundError: No module named 'no_such_module'" in ended["message"]


def test_a_python_that_is_gone_is_named(calling: Calling) -> None:
    function = calling.ship(square, python="/no/such/python")
    ended = calling.wait(calling.begin("one", function))
    assert ended["reason"] == "FunctionNotLoaded"
    assert "/no/such/python: No such file or directory" in ended["message"]


def test_a_python_without_katib_is_told_by_its_output(calling: Calling) -> None:
    function = calling.ship(square, path=[one for one in sys.path if "katib" in one][:0])
    ended = calling.wait(calling.begin("one", function))
    assert ended["reason"] == "FunctionNotLoaded"
    assert "its last output:" in ended["message"]


def test_a_file_that_was_changed_is_not_loaded(calling: Calling) -> None:
    function = calling.ship(square)
    with (calling.functions / function).open("ab") as file:
        file.write(b"more")
    ended = calling.wait(calling.begin("one", function, arguments={"x": "1"}))
    assert ended["reason"] == "FunctionNotLoaded"
    assert "is not what it was: its SHA-256 is" in ended["message"]


def test_a_file_that_is_gone_is_named(calling: Calling) -> None:
    ended = calling.wait(calling.begin("one", "0" * 64))
    assert re.search(r"functions/0{64} cannot be read: No such file", ended["message"])


def test_a_spec_that_is_not_legal_fails_at_once(calling: Calling) -> None:
    ended = calling.call(square, timeoutSeconds="soon")
    assert ended["reason"] == "SpecNotLegal"
    assert "timeoutSeconds" in ended["message"]


def own_engine(folder: Path) -> str:
    """A program that calls a function for ever, as an engine does, and says the worker's pid."""
    tests = Path(__file__).parent
    return (
        f"import sys; sys.path.insert(0, {str(tests)!r})\n"
        "from pathlib import Path\n"
        "from calling import Calling\n"
        "import test_call_failures\n"
        f"calling = Calling(Path({str(folder)!r}))\n"
        "function = calling.ship(test_call_failures.tell_pid)\n"
        "key = calling.begin('one', function)\n"
        "calling.drive(lambda: bool(calling.log(key)))\n"
        "print(calling.log(key), flush=True)\n"
        "calling.wait(key)\n"
    )


def tell_pid(arguments: dict[str, str], trial: Any) -> None:
    print(os.getpid())
    while True:
        pass


def test_a_worker_ends_when_its_engine_is_killed(tmp_path: Path) -> None:
    import subprocess

    import psutil

    program = own_engine(tmp_path)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        worker = psutil.Process(int(engine.stdout.readline()))
        engine.kill()
        engine.wait()
    worker.wait(timeout=60)
