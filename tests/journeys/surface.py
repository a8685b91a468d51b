"""What a program sees of an SDK: run with its package's name, this tells it as JSON.

It is run by two interpreters, of which one knows nothing of Katib's tests.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

#: Name, kind and default of each parameter.
Parameters = list[tuple[str, str, str]]


def parameters_of(called: Callable[..., Any]) -> Parameters:
    """What is given in a call, not what is said of its types."""
    if getattr(called, "__init__", None) is Exception.__init__:
        # Python knows no signature of what it has built in.
        return []
    return [
        (one.name, one.kind.name, "" if one.default is one.empty else repr(one.default))
        for one in inspect.signature(called).parameters.values()
        if one.name != "self"
    ]


def facts_of(found: Any) -> dict[str, Any]:
    """What there is to compare of a public name."""
    if hasattr(found, "attribute_map"):
        said = ("attribute_map", "openapi_types")
        return {"call": parameters_of(found), **{one: getattr(found, one) for one in said}}
    if inspect.isclass(found):
        bases = [one.__name__ for one in found.__mro__[1:-1]]
        is_error = issubclass(found, Exception)
        return {"call": parameters_of(found), **({"bases": bases} if is_error else {})}
    if inspect.isfunction(found):
        return {"call": parameters_of(found)}
    return {} if inspect.ismodule(found) else {"value": repr(found)}


def surface_of(katib: ModuleType) -> dict[str, Any]:
    """Name → its facts; methods and functions of parts behind a dot."""
    names = [name for name in dir(katib) if not name.startswith("_")]
    # What is imported from the future is there by chance.
    told = {name: facts_of(getattr(katib, name)) for name in names if name != "absolute_import"}
    parts = {"KatibClient": katib.KatibClient, "search": katib.search}
    for name, part in parts.items():
        for inner, found in inspect.getmembers(part):
            if inspect.isfunction(found) and not inner.startswith("_"):
                told[f"{name}.{inner}"] = facts_of(found)
    return told


if __name__ == "__main__":
    print(json.dumps(surface_of(importlib.import_module(sys.argv[1]))))
