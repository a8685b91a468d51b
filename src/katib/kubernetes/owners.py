"""Whose a resource is: up the chain of its owners, to the trial. Pure but for what it is handed."""

from __future__ import annotations

from collections.abc import Callable

from katib.api.trial import TRIALS
from katib.api.values import Key, ObjectMeta, OwnerReference

#: How far up the chain a trial is looked for: a pod of a TrainJob has it at the fourth place.
MOST_OWNERS = 8

#: Reads the metadata of an owner in a namespace; ``None`` when there is none, or it is another one
#: of the same name.
FetchOwner = Callable[[OwnerReference, str], ObjectMeta | None]


def find_trial(metadata: ObjectMeta, namespace: str, fetch: FetchOwner) -> Key | None:
    """The trial that a resource belongs to; ``None`` when it belongs to none.

    All owners are looked at, the controlling one like the others, the first trial wins.

    Args:
        metadata: of the resource.
        namespace: of the resource, and so of all its owners.
        fetch: reads an owner.
    """
    seen: set[str] = set()
    level = [metadata]
    for _ in range(MOST_OWNERS):
        owners = [owner for one in level for owner in one.owner_references]
        for owner in owners:
            if (owner.api_version, owner.kind) == TRIALS.address:
                return Key(namespace, owner.name)
        fresh = [owner for owner in owners if owner.uid not in seen]
        seen.update(owner.uid for owner in fresh)
        level = [found for owner in fresh if (found := fetch(owner, namespace)) is not None]
    return None
