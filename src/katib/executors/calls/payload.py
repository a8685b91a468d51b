"""The file that holds a function: a line of JSON, then what it is unpickled from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from katib.errors import KatibError


class PayloadError(KatibError):
    """A function's file cannot be used; the text says why."""


class Header(msgspec.Struct, frozen=True):
    """What must be known before the function is unpickled.

    Attributes:
        python: the interpreter that made it, and is to call it.
        directory: where it works.
        path: where modules are looked for.
        name: of the function, for people.
    """

    python: str
    directory: str
    path: tuple[str, ...]
    name: str = "function"


@dataclass(frozen=True, slots=True)
class Payload:
    """A function's file that may be loaded.

    Attributes:
        file: where it is.
        header: its first line.
    """

    file: Path
    header: Header


def read_payload(file: Path) -> Payload:
    """The payload of that file, which must be ours and what its name says.

    Raises:
        PayloadError: it is gone, of somebody else, or not what it was.
    """
    try:
        with file.open("rb") as opened:
            owner = os.fstat(opened.fileno()).st_uid
            data = opened.read()
    except OSError as error:
        raise PayloadError(
            f"the function's file {file} cannot be read: {error.strerror or error}; tune the "
            "function again, which writes it anew"
        ) from error
    if owner != os.getuid():
        raise PayloadError(
            f"the function's file {file} belongs to user {owner}; only functions of user "
            f"{os.getuid()}, who runs the engine, are called"
        )
    found = hashlib.sha256(data).hexdigest()
    if found != file.name:
        raise PayloadError(
            f"the function's file {file} is not what it was: its SHA-256 is {found}; delete it and "
            "tune the function again"
        )
    try:
        header = msgspec.json.decode(data.partition(b"\n")[0], type=Header)
    except msgspec.DecodeError as error:
        raise PayloadError(
            f"the function's file {file} does not begin with a line of JSON that says python, "
            f"directory and path: {error}"
        ) from error
    return Payload(file, header)


def remove_unused(folder: Path, texts: Iterable[bytes], before: float) -> None:
    """Remove the functions that nothing refers to.

    Args:
        folder: of all functions.
        texts: of everything that may refer to one; read when there is something to remove.
        before: only those whose file was written, or touched, before this time in seconds since
            1970: who has just written one has not referred to it yet.
    """
    try:
        old = [one for one in folder.iterdir() if one.stat().st_mtime < before]
    except OSError:
        return
    if not old:
        return
    unused = {one.name.encode(): one for one in old}
    for text in texts:
        for name in [name for name in unused if name in text]:
            del unused[name]
    for file in unused.values():
        file.unlink(missing_ok=True)
