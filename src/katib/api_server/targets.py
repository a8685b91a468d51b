"""What a request is about: the resource type, the namespace, the name; and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from katib.api.kinds import PODS
from katib.api.values import Key
from katib.api_server.resources import ResourceType, find_resource_type
from katib.api_server.statuses import StatusError, bad_request, no_stream, no_such_resource

#: Below a namespace's own name, these are parts of it and no resources in it.
_OF_NAMESPACES = frozenset(("status", "finalize"))

#: Of ``kubectl exec``, ``cp``, ``attach`` and ``port-forward``: nothing of it is served.
_STREAMS = frozenset(("exec", "attach", "portforward"))


@dataclass(frozen=True, slots=True)
class Target:
    """What a path names.

    Attributes:
        type: of what type.
        namespace: ``None`` for all namespaces and for what belongs to none.
        name: ``None`` for all of them.
        subresource: ``status``, ``log``, ``observationlog`` or nothing.
    """

    type: ResourceType
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""

    @property
    def key(self) -> Key:
        """The namespace and name of one object."""
        return Key(self.namespace or "", self.name or "")


def parse_path(path: str) -> Target:
    """The target of a path below ``/api`` or ``/apis``.

    Raises:
        StatusError: 404, there is nothing of that kind; 501, it is a stream into a pod.
    """
    parts = path.strip("/").split("/")
    head = 2 if parts[0] == "api" else 3
    if len(parts) <= head or any(part in ("", ".", "..") for part in parts):
        raise no_such_resource()
    group, version = ("", parts[1]) if head == 2 else (parts[1], parts[2])
    rest = parts[head:]
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
        namespace, rest = rest[1], rest[2:]
    type = find_resource_type(group, version, rest[0])
    if type is not None and type.kind is PODS and len(rest) == 3 and rest[2] in _STREAMS:
        raise no_stream(rest[1], rest[2])
    if type is None or not _is_well_placed(type, namespace, rest):
        raise no_such_resource()
    name = rest[1] if len(rest) > 1 else None
    return Target(type, namespace, name, rest[2] if len(rest) > 2 else "")


def _is_well_placed(type: ResourceType, namespace: str | None, rest: list[str]) -> bool:
    if len(rest) > 3 or (len(rest) == 3 and not _has_part(type, rest[2])):
        return False
    if not type.is_namespaced:
        return namespace is None
    return namespace is not None or len(rest) == 1


def _has_part(type: ResourceType, part: str) -> bool:
    return part in type.subresources or (part == "status" and type.has_status)


class Query:
    """The options of a request, as Kubernetes reads them.

    Args:
        parameters: of the request's address; of several of one name the last.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._parameters = parameters

    def text(self, name: str) -> str:
        """A text, empty when it is not given."""
        return self._parameters.get(name, "")

    def flag(self, name: str) -> bool:
        """Whether something is asked for; anything but ``false`` and ``0`` asks."""
        found = self._parameters.get(name)
        return found is not None and found.lower() not in ("false", "0")

    def number(self, name: str) -> int | None:
        """A number that is not negative and has at most 18 digits, or ``None``.

        Raises:
            StatusError: 400, it is something else.
        """
        found = self._parameters.get(name)
        if not found:
            return None
        if not (found.isascii() and found.isdigit() and len(found) <= _MOST_DIGITS):
            raise _no_number(name, found)
        return int(found)

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is to be written.

        Raises:
            StatusError: 400, the value is not ``All``.
        """
        return check_dry_runs([self.text("dryRun")])

    @property
    def include_object(self) -> str:
        """What of an object comes with its row in a table.

        Raises:
            StatusError: 400, it is not known.
        """
        found = self.text("includeObject") or "Metadata"
        if found not in _INCLUDED:
            raise bad_request(
                f'includeObject: Unsupported value: "{found}": supported values: '
                '"Metadata", "None", "Object"'
            )
        return found


#: All numbers of so many digits fit into 64 bits, as those of Kubernetes do; longer ones could be
#: too much for a clock, or for Python to read.
_MOST_DIGITS = 18

_INCLUDED = ("Metadata", "None", "Object")


def check_dry_runs(values: Sequence[str]) -> bool:
    """Whether these values of ``dryRun`` ask for one; 400 when one is not ``All``."""
    for value in values:
        if value not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
    return "All" in values


def _no_number(name: str, found: str) -> StatusError:
    problem = f"must be a whole number of at most {_MOST_DIGITS} digits that is not negative"
    return bad_request(f'{name}: Invalid value: "{found[:64]}": {problem}')
