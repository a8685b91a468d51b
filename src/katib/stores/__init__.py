"""Where resources live and are watched: ``memory`` and ``sqlite``.

``versioned`` holds the rules of :class:`katib.ports.resource_store.ResourceStore` once, over the
dictionaries of ``table``; an implementation adds where the bytes go. ``events`` keeps Kubernetes
events beside them, ``assignments`` the growing lists of suggestions, and ``reading`` opens a file
that an engine may be writing. Nothing here knows what a kind means: rules about experiments and
trials belong to ``controllers``.
"""

from katib.ports.resource_store import ResourceStore
from katib.registry import Registry

STORES: Registry[ResourceStore] = Registry(
    "resource store",
    "katib.stores",
    {
        "kubernetes": "katib.stores.kubernetes:KubernetesStore",
        "memory": "katib.stores.memory:MemoryStore",
        "sqlite": "katib.stores.sqlite:SqliteStore",
    },
)
