"""Reading and writing fields of a document: plain JSON data, of whatever shape.

Nothing here fails on a document that is wrong: what is not there, or cannot be reached since a text
stands where a map should be, reads as ``None``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

from katib.api.values import Manifest

#: The way to a field: names of maps, places of lists.
Path = tuple[str | int, ...]

_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def parse_path(text: str) -> Path:
    """The way that ``spec.parameters[1].name`` stands for."""
    return tuple(
        int(found[1]) if found[1] is not None else found[2] for found in _STEP.finditer(text)
    )


def format_path(path: Path) -> str:
    """The text of a way, as admission has it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def read(document: Any, path: Path) -> Any:
    """What stands there; ``None`` for nothing."""
    found = document
    for step in path:
        if isinstance(step, int):
            is_there = isinstance(found, list) and step < len(found)
        else:
            is_there = isinstance(found, dict) and step in found
        if not is_there:
            return None
        found = found[step]
    return found


def read_list(document: Any, path: Path) -> Sequence[Any]:
    """The list that stands there; an empty one where there is none."""
    found = read(document, path)
    return found if isinstance(found, list) else ()


def read_map(document: Any, path: Path) -> Mapping[str, Any]:
    """The map that stands there; an empty one where there is none."""
    found = read(document, path)
    return found if isinstance(found, dict) else {}


def write(document: Manifest, path: Path, value: Any) -> Manifest:
    """The document with another value there; ``None`` removes it.

    Maps and lists on the way are made, and removed again when nothing is left in them. A place of a
    list that is just behind its end adds to it. The given document stays as it is.
    """
    if not path:
        return dict(value or {})
    changed = copy.copy(document)
    _write(changed, path, copy.deepcopy(value))
    return changed


def _write(parent: Any, path: Path, value: Any) -> None:
    step, rest = path[0], path[1:]
    if rest:
        below = _container(read(parent, (step,)), rest[0])
        _write(below, rest, value)
        # A list keeps its places; a map is not left over empty for what was taken from it.
        value = below if below or isinstance(step, int) else None
    if value is None:
        _remove(parent, step)
    elif isinstance(step, int) and step >= len(parent):
        parent.append(value)
    else:
        parent[step] = value


def _container(found: Any, step: str | int) -> Any:
    """A copy of the list or the map, or a new one where something else stands."""
    wanted = list if isinstance(step, int) else dict
    return copy.copy(found) if isinstance(found, wanted) else wanted()


def _remove(parent: Any, step: str | int) -> None:
    if isinstance(step, int):
        del parent[step : step + 1]
    else:
        parent.pop(step, None)
