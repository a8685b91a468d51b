"""What a program sees of an SDK: run with its package's name, this tells it as JSON.

It is run by two interpreters, of which one knows nothing of Katib's tests.
"""

import importlib
import inspect
import json
import sys


def parameters_of(called):
    """Name, kind and default of each parameter; not what is said of its type."""
    if called.__init__ is Exception.__init__:
        # Python knows no signature of what it has built in.
        return None
    return [
        [one.name, one.kind.name, None if one.default is one.empty else repr(one.default)]
        for one in inspect.signature(called).parameters.values()
        if one.name != "self"
    ]


def methods_of(found):
    members = inspect.getmembers(found, inspect.isfunction)
    return {name: parameters_of(one) for name, one in members if not name.startswith("_")}


def main(package):
    katib = importlib.import_module(package)
    names = [name for name in dir(katib) if not name.startswith("_")]
    told = {}
    for name in names:
        found = getattr(katib, name)
        if hasattr(found, "attribute_map"):
            told[name] = {
                "constructor": parameters_of(found),
                "attribute_map": found.attribute_map,
                "openapi_types": found.openapi_types,
            }
        elif inspect.isclass(found):
            bases = [one.__name__ for one in found.__mro__[1:-1]]
            is_client = name == "KatibClient"
            told[name] = {"constructor": parameters_of(found), "bases": bases}
            told[name].update(methods_of(found) if is_client else {})
        elif inspect.isfunction(found):
            told[name] = {"call": parameters_of(found)}
        elif inspect.ismodule(found):
            told[name] = {"module": True}
        else:
            told[name] = {"value": repr(found)}
    for name in ("double", "int", "categorical"):
        told[f"search.{name}"] = {"call": parameters_of(getattr(katib.search, name))}
    print(json.dumps(told))


main(sys.argv[1])
