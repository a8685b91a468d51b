from __future__ import annotations

import functools
import io
import os
import pickle
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from katib.client.tuning import shipping
from katib.client.tuning.modules import is_own
from katib.client.tuning.shipping import Shipment, UnshippableError, ship

LOCK = threading.Lock()
THREAD = threading.Thread()


def send(function: Callable[..., Any]) -> Shipment:
    return ship(function, function, "objective")


def arrive(shipment: Shipment, call: str) -> str:
    """What an expression with the function ``f`` gives in another process, far away from here."""
    program = (
        "import sys, pickle; sys.stdin.buffer.readline()\n"
        f"f = pickle.load(sys.stdin.buffer); print({call})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=shipment.content,
        capture_output=True,
        cwd="/",
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    assert not done.returncode, done.stderr.decode()
    return done.stdout.decode().strip()


class Model:
    def __init__(self) -> None:
        self.scale = 2.0

    def loss(self, x: float) -> float:
        return self.scale * x


def double(function: Callable[..., float]) -> Callable[..., float]:
    @functools.wraps(function)
    def around(x: float) -> float:
        return 2 * function(x)

    return around


@double
def decorated(x: float) -> float:
    return x + 1


def closure() -> Callable[[float], float]:
    offset = {"by": 10.0}
    return lambda x: x + offset["by"]


SHIPPED: dict[str, Callable[..., Any]] = {
    "13.0": closure(),
    "6.0": Model().loss,
    "8.0": decorated,
    "9.0": functools.partial(lambda y, x: x * y, 3.0),
}


@pytest.mark.parametrize("expected", SHIPPED)
def test_functions_arrive_where_nothing_of_theirs_is(expected: str) -> None:
    assert arrive(send(SHIPPED[expected]), "f(3.0)") == expected


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A package of the user's own, whose modules import each other."""
    folder = tmp_path / "own_models"
    folder.mkdir()
    (folder / "__init__.py").write_text("from own_models.deep import loss\n")
    (folder / "deep.py").write_text(
        textwrap.dedent(
            """
            from own_models import constants
            class Scale:
                def by(self, x): return x * constants.FACTOR
            def loss(x): return Scale().by(x)
            """
        )
    )
    (folder / "constants.py").write_text("FACTOR = 7.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import own_models  # type: ignore[import-not-found]  # just made

    yield own_models
    for name in [name for name in sys.modules if name.startswith("own_models")]:
        del sys.modules[name]


def test_the_users_own_modules_go_along(package: Any) -> None:
    before = cloudpickle.list_registry_pickle_by_value()
    assert arrive(send(package.loss), "f(3.0)") == "21.0"
    assert arrive(send(lambda x: package.loss(x) + 1), "f(3.0)") == "22.0"
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_what_is_the_users_own(package: Any) -> None:
    import numpy as np

    import katib

    assert is_own(package)
    assert is_own(sys.modules[__name__])
    assert not any(is_own(module) for module in (os, np, pytest, katib, sys))
    made = type(sys)("made_by_a_program")
    assert is_own(made)


def test_standard_streams_are_the_other_processes_own() -> None:
    assert arrive(send(lambda x: sys.stderr.write("") + x), "f(3)") == "3"


def a_file() -> Callable[..., Any]:
    log = Path(os.devnull).open()
    return lambda x: log.read()


def a_generator() -> Callable[..., Any]:
    batches = (number for number in range(3))
    return lambda x: next(batches)


def a_socket() -> Callable[..., Any]:
    connection = socket.socket()
    return functools.partial(lambda peer, x: peer, connection)


def deep() -> Callable[..., Any]:
    model = Model()
    model.parts = {"rows": [1, threading.RLock()]}  # type: ignore[attr-defined]  # anything goes
    return model.loss


def through_another(x: float) -> float:
    with LOCK:
        return x


def a_thread(x: float, other: Any = THREAD) -> Any:
    return other


UNSHIPPABLE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "an open file": (
        a_file(),
        'its closure variable "log" is an open file',
        "Open it inside the function",
    ),
    "a generator": (a_generator(), 'its closure variable "batches" is a generator', "turn it into"),
    "a socket": (a_socket(), "its arguments[0] is a socket", "Connect inside the function"),
    "deep in an object": (deep(), "its self.parts['rows'][1] is a lock", "Make it inside"),
    "of a function that is called": (
        lambda x: through_another(x),
        'its global variable "through_another", whose global variable "LOCK" is a lock',
        "worker processes could not share it",
    ),
    "a default": (a_thread, 'its default value of "other" is a thread', "Start it inside"),
}


@pytest.mark.parametrize("case", UNSHIPPABLE)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_cannot_be_sent_is_named_with_a_way_out(case: str) -> None:
    function, named, advice = UNSHIPPABLE[case]
    with pytest.raises(UnshippableError) as caught:
        send(function)
    assert str(caught.value).startswith("objective cannot be sent to worker processes: ")
    assert named in str(caught.value)
    assert advice in str(caught.value)


def test_a_constant_is_named_as_the_users_parameter() -> None:
    constants = {"rate": 1, "guard": threading.Lock()}

    def wrapped() -> object:
        return constants

    with pytest.raises(UnshippableError, match=r"parameters\['guard'\] is a lock"):
        ship(len, wrapped, "objective", constants)


def test_tracebacks_name_the_users_file() -> None:
    assert arrive(send(decorated), "f.__code__.co_filename") == __file__
    made: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("def made(x): return x", "<cell 3>", "exec"), made)
    assert "<dynamic-code>" in arrive(send(made["made"]), "f.__code__.co_filename")


def test_the_same_function_is_the_same_file() -> None:
    assert send(closure()).digest == send(closure()).digest


class Stubborn:
    def __reduce__(self) -> Any:
        return int, ("no number",)


def test_what_arrives_broken_is_refused() -> None:
    stubborn = Stubborn()
    with pytest.raises(UnshippableError, match=r"can be packed .* but not unpacked .*no number"):
        send(lambda x: stubborn)


def test_what_is_too_large_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "LARGEST", 1 << 20)
    table = {"rows": [os.urandom(3 << 20)], "few": 1}
    with pytest.raises(UnshippableError) as caught:
        send(lambda x: table)
    assert "takes 3.0 MiB" in str(caught.value)
    assert "the largest part is its closure variable \"table\"['rows'][0]" in str(caught.value)


def test_a_shipment_is_a_file_of_the_home_that_only_its_owner_reads(tmp_path: Path) -> None:
    shipment = send(decorated)
    name = shipment.write(tmp_path)
    file = tmp_path / "functions" / name
    assert file.read_bytes() == shipment.content
    assert file.stat().st_mode & 0o777 == 0o600
    stream = io.BytesIO(file.read_bytes())
    header = stream.readline()
    assert b'"directory"' in header
    assert pickle.load(stream)(3.0) == 8.0
    assert shipment.write(tmp_path) == name
    assert [one.name for one in (tmp_path / "functions").iterdir()] == [name]
