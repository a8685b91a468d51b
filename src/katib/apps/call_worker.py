"""The worker process that calls a function: what the engine starts beside itself.

It speaks with the engine over two pipes of its own, and ends with it.
"""

from __future__ import annotations

import faulthandler
import io
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from katib.api import names
from katib.client.handle import EarlyStopped, TrialHandle, called, read_values
from katib.executors.calls.serving import (
    Ask,
    Connection,
    Function,
    Inside,
    NoMetricsError,
    serve,
)

# The interpreter may be any that has Katib, and finds it where the function's modules are.
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    f"from {__name__} import work; work(sys.argv[2:])"
)


def call_command(
    python: str, path: tuple[str, ...], file: str, pipes: tuple[int, int]
) -> tuple[str, ...]:
    """What starts a worker.

    Args:
        python: the interpreter.
        path: where modules are looked for.
        file: that holds the function.
        pipes: which it inherits: what the engine says, and what it says itself.
    """
    # Not the folder in which it works, before its path is known.
    return (python, "-P", "-c", _BOOT, json.dumps(path), file, *map(str, pipes))


def work(words: list[str]) -> None:
    """Be a worker until the engine ends.

    Args:
        words: the file and the pipes, as :func:`call_command` writes them.
    """
    file, inward, outward = words[0], int(words[1]), int(words[2])
    for pipe in (inward, outward):
        os.set_inheritable(pipe, False)
    # What programs find that a function starts: not our words.
    sys.argv = ["katib-function"]
    # The last words of one that is ended by a fault say where it was.
    faulthandler.enable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What is printed is seen at once, though it goes into a file.
        sys.stdout.reconfigure(line_buffering=True)
    connection = Connection(os.fdopen(inward, "rb"), os.fdopen(outward, "wb"))
    inside = Inside(_open, _read_values, EarlyStopped)
    serve(lambda: _load(file), connection, inside)


def _load(file: str) -> Function:
    with open(file, "rb") as opened:
        opened.readline()
        function: Any = pickle.load(opened)
    if not callable(function):
        raise TypeError(f"{file} holds {function!r}, which cannot be called")
    loaded: Callable[..., object] = function
    return loaded


@contextmanager
def _open(namespace: str, trial: str, ask: Ask) -> Iterator[TrialHandle]:
    os.environ[names.ENV_TRIAL_NAME], os.environ[names.ENV_NAMESPACE] = trial, namespace
    try:
        with called(namespace, trial, ask) as handle:
            yield handle
    finally:
        os.environ.pop(names.ENV_TRIAL_NAME, None)
        os.environ.pop(names.ENV_NAMESPACE, None)


def _read_values(found: object) -> dict[str, str]:
    try:
        return read_values(found)
    except ValueError as error:
        raise NoMetricsError(str(error)) from None
