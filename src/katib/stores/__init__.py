"""Where resources live and are watched: ``memory``, ``sqlite`` and ``kubernetes``.

``versioned`` holds the rules of :class:`katib.ports.resource_store.ResourceStore` once, over the
dictionaries of ``table`` and for the readers of ``cache``; an implementation adds where the bytes
go. In a cluster the rules are the API server's: there ``mirror`` is a copy of what it keeps, and
``selection`` says of what. ``events`` keeps Kubernetes events beside the resources of one machine,
``assignments`` the growing lists of suggestions, and ``reading`` opens a file that an engine may be
writing. Nothing here knows what a kind means: rules about experiments and trials belong to
``controllers``.
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
