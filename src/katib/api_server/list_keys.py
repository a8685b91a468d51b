"""Which lists of which kinds are merged item by item, and what names an item.

The schemas of custom resources say nothing about lists, so theirs are replaced as a whole; only
their metadata is known. The built-in kinds share the names of their fields closely enough that one
table of names serves them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

#: The names of the fields that lead to a value; items of lists leave no trace.
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListRule:
    """How the items of a list are told apart.

    Attributes:
        keys: the fields that name an item; none when the items are scalars and name themselves.
            A strategic merge patch looks at the first only.
        defaults: what an absent key stands for.
    """

    keys: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


_PROTOCOL = MappingProxyType({"protocol": "TCP"})
_NAMED = ListRule(("name",))
_METADATA = {
    ("metadata", "finalizers"): ListRule(),
    ("metadata", "ownerReferences"): ListRule(("uid",)),
}
_SERVICE_PORTS = ListRule(("port", "protocol"), _PROTOCOL)
_BUILT_IN = {
    "conditions": ListRule(("type",)),
    "containers": _NAMED,
    "env": _NAMED,
    "ephemeralContainers": _NAMED,
    "hostAliases": ListRule(("ip",)),
    "imagePullSecrets": _NAMED,
    "initContainers": _NAMED,
    "podIPs": ListRule(("ip",)),
    "ports": ListRule(("containerPort", "protocol"), _PROTOCOL),
    "resourceClaims": _NAMED,
    "schedulingGates": _NAMED,
    "secrets": _NAMED,
    "topologySpreadConstraints": ListRule(("topologyKey", "whenUnsatisfiable")),
    "volumeDevices": ListRule(("devicePath",)),
    "volumeMounts": ListRule(("mountPath",)),
    "volumes": _NAMED,
}


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one API group.

    Attributes:
        group: the group, empty for the core kinds.
    """

    group: str

    @property
    def are_custom(self) -> bool:
        """Whether the group's kinds are custom resources."""
        return "." in self.group and not self.group.endswith(".k8s.io")

    def rule(self, place: Place) -> ListRule | None:
        """How the list at a place is merged; ``None`` when it is replaced as a whole."""
        if place in _METADATA:
            return _METADATA[place]
        if self.are_custom or not place:
            return None
        if place == ("spec", "ports"):
            return _SERVICE_PORTS
        return _BUILT_IN.get(place[-1])
