"""Small resources, for tests of what keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from katib.api.suggestion import Suggestion, SuggestionSpec, SuggestionStatus
from katib.api.values import Key, ObjectMeta, OwnerReference, Resource, Unstructured

R = TypeVar("R", bound=Resource)

NAME = Key("default", "one")


def metadata(name: str = "one", **fields: Any) -> ObjectMeta:
    """Metadata in the namespace ``default``."""
    return ObjectMeta(**{"name": name, "namespace": "default", **fields})


def a_suggestion(name: str = "one", requests: int = 1, **fields: Any) -> Suggestion:
    """A resource of a kind that is ours."""
    return Suggestion(metadata=metadata(name, **fields), spec=SuggestionSpec(requests=requests))


def a_job(name: str = "one", words: Sequence[str] = ("true",), **fields: Any) -> Unstructured:
    """A resource of a kind that is not ours; its body can be changed in place."""
    body = {"spec": {"words": list(words)}, "status": {"active": 1}}
    return Unstructured(
        api_version="batch/v1", kind="Job", metadata=metadata(name, **fields), body=body
    )


def owned_by(*owners: Resource) -> tuple[OwnerReference, ...]:
    """The references of a resource that belongs to these."""
    return tuple(
        OwnerReference(
            api_version=owner.api_version,
            kind=owner.kind,
            name=owner.metadata.name,
            uid=owner.metadata.uid,
        )
        for owner in owners
    )


def version_of(resource: Resource) -> int:
    """The resource's version as a number."""
    return int(resource.metadata.resource_version)


def asked(resource: Suggestion, requests: int) -> Suggestion:
    """The same suggestion with another spec."""
    return replace(resource, spec=replace(resource.spec, requests=requests))


def given(resource: Suggestion, count: int) -> Suggestion:
    """The same suggestion with another status."""
    return replace(resource, status=SuggestionStatus(suggestion_count=count))


def a_config_map(name: str, owners: tuple[OwnerReference, ...]) -> Unstructured:
    """A resource without a status."""
    meta = metadata(name, owner_references=owners)
    return Unstructured(api_version="v1", kind="ConfigMap", metadata=meta, body={"data": {}})


def a_pod(name: str, owners: tuple[OwnerReference, ...]) -> Unstructured:
    """A resource of a third kind."""
    meta = metadata(name, owner_references=owners)
    return Unstructured(api_version="v1", kind="Pod", metadata=meta, body={"spec": {}})


def names_of(resources: Sequence[R]) -> list[str]:
    """Their names, in order."""
    return [resource.metadata.name for resource in resources]
