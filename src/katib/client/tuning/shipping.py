"""Turns a function into bytes from which another process gets the same function."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import sys
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cloudpickle

from katib.client.tuning.culprit import Culprit, find_culprit, find_largest
from katib.client.tuning.modules import own_modules_by_value
from katib.errors import KatibError, StoreUnavailableError

#: How large a function may be with all that it brings along, in bytes.
LARGEST = 256 << 20

_NOTHING: Mapping[str, object] = {}

#: What the library writes in the place of every file.
_NO_FILE = "<dynamic-code>"


class UnshippableError(KatibError, ValueError):
    """A function cannot be sent to another process; the text names what keeps it from that."""


class OpenFileError(pickle.PicklingError):
    """An open file would arrive as a copy that is read once."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """A function on its way.

    Attributes:
        header: what must be known before it is unpickled, as JSON.
        pickled: what it is unpickled from.
    """

    header: Mapping[str, object]
    pickled: bytes

    @property
    def content(self) -> bytes:
        """The file that holds the function."""
        return json.dumps(self.header, sort_keys=True).encode() + b"\n" + self.pickled

    @property
    def digest(self) -> str:
        """The file's name: the SHA-256 of its content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, home: Path) -> str:
        """Put the file where the engine of a home looks for it; its name.

        Raises:
            StoreUnavailableError: the disk refuses.
        """
        name, folder = self.digest, home / "functions"
        place = folder / name
        fresh = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.touch(mode=0o600)
            fresh.write_bytes(self.content)
            # One that is there already is as good, and is now as young as this.
            fresh.replace(place)
        except OSError as error:
            raise StoreUnavailableError(place, error.strerror or str(error)) from error
        return name


def ship(
    function: object, wrapped: object, name: str, parameters: Mapping[str, object] = _NOTHING
) -> Shipment:
    """Pack a function, and see that it can be unpacked.

    Args:
        function: what the user gave; errors speak of it.
        wrapped: what is to be called, which holds that function.
        name: of the function, for people.
        parameters: what the user gave beside it, which is held, too.

    Raises:
        UnshippableError: it cannot be sent; the text says what keeps it from that.
    """
    with own_modules_by_value():
        try:
            pickled = dump(wrapped)
        except Exception as error:
            culprit = find_culprit(function, dump) or find_culprit(parameters, dump, "parameters")
            _refuse(name, culprit, error)
        if len(pickled) > LARGEST:
            _refuse_size(name, function, len(pickled))
    try:
        pickle.loads(pickled)
    except Exception as error:
        raise UnshippableError(
            f"{name} can be packed for its worker processes, but not unpacked there: "
            f"{type(error).__name__}: {error}. Something that it uses cannot be made again from "
            "its pickle; make it inside the function instead"
        ) from error
    return Shipment(make_header(name), pickled)


def make_header(name: str) -> Mapping[str, object]:
    """What a worker must know before it unpickles a function."""
    here = os.getcwd()
    path = [os.path.abspath(entry or here) for entry in sys.path]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {
        "python": sys.executable,
        "version": version,
        "directory": here,
        "path": path,
        "name": name,
    }


def dump(value: object) -> bytes:
    """The value by value: what the user's own modules hold goes along.

    Raises:
        Exception: whatever pickling it raises.
    """
    stream = io.BytesIO()
    _Pickler(stream, protocol=pickle.DEFAULT_PROTOCOL).dump(value)
    return stream.getvalue()


def _refuse_file(file: Any) -> NoReturn:
    raise OpenFileError(f"cannot pickle the open file {getattr(file, 'name', file)!r}")


def _reduce_text_file(file: io.TextIOWrapper) -> tuple[Any, ...]:
    # Every process has these.
    for name in ("stdin", "stdout", "stderr"):
        if file is getattr(sys, name) or file is getattr(sys, f"__{name}__"):
            return getattr, (sys, name)
    _refuse_file(file)


def _reduce_code(code: types.CodeType) -> tuple[Any, ...]:
    """As the library does, but tracebacks name the file that the user knows, if it is one."""
    make, arguments = cloudpickle.Pickler.dispatch_table[types.CodeType](code)
    if not os.path.isfile(code.co_filename):
        return make, arguments
    # A text of its own each time: how a pickle looks must not depend on which texts are shared.
    return make, tuple("".join(code.co_filename) if one == _NO_FILE else one for one in arguments)


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # the library has no types
    """Refuses what would arrive as something else."""

    dispatch_table = cloudpickle.Pickler.dispatch_table.new_child(
        {io.TextIOWrapper: _reduce_text_file, types.CodeType: _reduce_code}
    )


def _refuse(name: str, culprit: Culprit | None, error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        why = "something that it uses is nested too deeply to be pickled"
    elif culprit is None:
        why = f"{type(error).__name__}: {error}"
    else:
        why = f"{culprit.place} is {culprit.what}. {culprit.advice}"
    raise UnshippableError(f"{name} cannot be sent to worker processes: {why}") from error


def _refuse_size(name: str, function: object, size: int) -> NoReturn:
    place, share = find_largest(function, dump)
    raise UnshippableError(
        f"{name} takes {_mebibytes(size)} with all that it uses, and at most "
        f"{_mebibytes(LARGEST)} are sent to each worker process; the largest part is {place}, of "
        f"{_mebibytes(share)}. Write it to a file, and read that inside the function"
    )


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"
