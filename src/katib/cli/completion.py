"""Tab completion of kinds and names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from katib.cli.options import open_home
from katib.errors import KatibError

KINDS = ("experiments", "suggestions", "trials", "jobs", "pods")


def complete_words(ctx: Any, incomplete: str) -> list[str]:
    """For ``KIND NAME``: the kinds, then the names of that kind."""
    given = ctx.params.get("words") or []
    if not given:
        return [kind for kind in KINDS if kind.startswith(incomplete)]
    return list(_names(ctx, given[0], incomplete))


def complete_experiments(ctx: Any, incomplete: str) -> list[str]:
    """Names of experiments."""
    return list(_names(ctx, "experiments", incomplete))


def complete_trials(ctx: Any, incomplete: str) -> list[str]:
    """Names of trials."""
    return list(_names(ctx, "trials", incomplete))


def _names(ctx: Any, kind: str, incomplete: str) -> Iterator[str]:
    from katib.cli.kinds import find_kind
    from katib.stores.sqlite import SqliteReader

    home = open_home(ctx.params.get("home"))
    if not home.resources.exists():
        return
    try:
        found = SqliteReader(home.resources).list(find_kind(kind))
    except KatibError:
        return  # nothing to offer; the command itself says what is wrong
    for resource in found:
        if resource.metadata.name.startswith(incomplete):
            yield resource.metadata.name
