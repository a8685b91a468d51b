"""Which modules are the user's own: they go with a function, since no other process has them."""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

import cloudpickle

#: Registering is for the whole process.
_LOCK = threading.RLock()


@contextmanager
def own_modules_by_value() -> Iterator[None]:
    """While this lasts, what is from the user's own modules is pickled by value."""
    with _LOCK:
        known: set[str] = cloudpickle.list_registry_pickle_by_value()
        registered = [module for name, module in _list_own() if name not in known]
        for module in registered:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in registered:
                cloudpickle.unregister_pickle_by_value(module)


def is_own(module: ModuleType) -> bool:
    """Whether a module is the user's: neither Python's, nor installed, nor Katib itself."""
    top = module.__name__.partition(".")[0]
    if top in sys.stdlib_module_names or top in ("__main__", "__mp_main__", "katib"):
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        # A folder without __init__.py says nothing by itself; what a program has made, does.
        return getattr(module, "__path__", None) is None and module.__spec__ is None
    if file.endswith(tuple(EXTENSION_SUFFIXES)):
        return False
    return not any(folder in Path(file).absolute().parents for folder in _installed())


def _list_own() -> Iterator[tuple[str, ModuleType]]:
    for name, module in list(sys.modules.items()):
        # Some packages keep other things there; and a module may stand there by another name.
        if type(module) is ModuleType and module.__name__ == name and is_own(module):
            yield name, module


@cache
def _installed() -> tuple[Path, ...]:
    """The folders of what is installed, as they are named and as they are."""
    import site

    paths = sysconfig.get_paths()
    named = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    named |= {*site.getsitepackages(), site.getusersitepackages()}
    # Debian's are beside these.
    named |= {entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))}
    folders = {Path(name).absolute() for name in named}
    return tuple(folders | {folder.resolve() for folder in folders})
