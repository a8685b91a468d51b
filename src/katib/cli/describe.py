"""``katib describe``: a resource in full, with its events, as ``kubectl describe`` lays it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from katib.cli.completion import complete_words
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader

_UPPER = {"Api": "API", "Url": "URL", "Uid": "UID", "Guid": "GUID"}
_HEAD = ("name", "namespace", "labels", "annotations", "managedFields")


def describe(
    words: Annotated[
        list[str],
        typer.Argument(metavar="KIND NAME", help="As: trial NAME.", autocompletion=complete_words),
    ],
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    Example:

      katib describe experiment random
    """
    from katib.api.codec import to_manifest
    from katib.api.values import Key
    from katib.cli.kinds import find_kind, split_name
    from katib.stores.events import list_events

    kind_word, name = split_name(words)
    if name is None:
        raise typer.BadParameter("a name is missing: katib describe KIND NAME")
    place = open_home(home)
    resource = open_reader(place).get(find_kind(kind_word), Key(namespace, name))
    for line in lines_of(to_manifest(resource)):
        typer.echo(line)
    events = [event.body for event in list_events(place.resources, resource)]
    for line in event_lines(events, datetime.now(UTC)):
        typer.echo(line)


def lines_of(manifest: Mapping[str, Any]) -> Iterator[str]:
    """The description of a resource: head, then the whole of it with sorted, spelt-out keys."""
    metadata = dict(manifest.get("metadata") or {})
    yield f"{'Name:':<14}{metadata.get('name', '')}"
    yield f"{'Namespace:':<14}{metadata.get('namespace', '')}"
    for part in ("labels", "annotations"):
        entries = [f"{key}={value}" for key, value in sorted((metadata.get(part) or {}).items())]
        for number, entry in enumerate(entries or ["<none>"]):
            yield f"{part.capitalize() + ':' if number == 0 else '':<14}{entry}"
    rest = {key: value for key, value in metadata.items() if key not in _HEAD}
    yield from _body({**manifest, "metadata": rest}, 0)


def spell(key: str) -> str:
    """A key in words: ``maxTrialCount`` → ``Max Trial Count``."""
    if not re.fullmatch(r"[A-Za-z-]+", key):
        return key
    parts = re.findall(r"[A-Z]+(?=[A-Z][a-z]|$)|[A-Z]?[a-z-]+|[A-Z]+", key)
    capital = (part[:1].upper() + part[1:] for part in parts)
    return " ".join(_UPPER.get(part, part) for part in capital)


def event_lines(events: Sequence[Mapping[str, Any]], now: datetime) -> Iterator[str]:
    """The table of events at the end of a description."""
    from katib.api.codec import parse_time
    from katib.cli.numbers import age

    if not events:
        yield "Events:       <none>"
        return
    yield "Events:"
    rows = [("Type", "Reason", "Age", "From", "Message")]
    for event in events:
        when = age(parse_time(event["lastTimestamp"]), now)
        if event.get("count", 1) > 1:
            when = f"{when} (x{event['count']})"
        source = str(event["source"]["component"])
        rows.append((event["type"], event["reason"], when, source, event["message"]))
    widths = [max(len(row[index]) for row in rows) for index in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True)]
        yield "  " + "  ".join([*cells, row[4]])


def _body(value: Mapping[str, Any], indent: int) -> Iterator[str]:
    scalars = [key for key, item in value.items() if not isinstance(item, (dict, list))]
    width = max((len(spell(key)) for key in scalars), default=0) + 2
    for key in sorted(value):
        item, head = value[key], " " * indent + spell(key) + ":"
        if isinstance(item, dict):
            yield head
            yield from _body(item, indent + 2)
        elif isinstance(item, list):
            yield head
            yield from _items(item, indent + 2)
        else:
            yield f"{head:<{indent + width + 1}}{_scalar(item)}"


def _items(items: list[Any], indent: int) -> Iterator[str]:
    for item in items:
        if isinstance(item, dict):
            yield from _body(item, indent)
        elif isinstance(item, list):
            yield from _items(item, indent + 2)
        else:
            yield " " * indent + _scalar(item)


def _scalar(value: Any) -> str:
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
