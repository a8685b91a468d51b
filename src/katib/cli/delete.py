"""``katib delete``: an experiment or a trial, and everything it owns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katib.cli.completion import complete_words
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader
from katib.errors import KatibError

if TYPE_CHECKING:
    from katib.api.values import Key, Kind
    from katib.apps.embedded import EmbeddedEngine

#: How long everything that belongs to a deleted resource may take to go, in seconds.
LONGEST = 60.0


class StillThereError(KatibError):
    """A resource did not go in time."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f'{kind} "{name}" is still going after {LONGEST:.0f} s; its programs may be ending. '
            "Run the same command again to go on"
        )


def delete(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND NAME",
            help="experiment NAME or trial NAME.",
            autocompletion=complete_words,
        ),
    ],
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    A trial that still runs is ended. A deleted trial of an experiment that goes on is run again
    with the same assignments.

    Example:

      katib delete experiment random
    """
    from katib.api.values import Key
    from katib.apps.server_record import find_server
    from katib.cli.kinds import find_kind, split_name

    kind_word, name = split_name(words)
    if name is None:
        raise typer.BadParameter("a name is missing: katib delete KIND NAME")
    kind, key = find_kind(kind_word), Key(namespace, name)
    place = open_home(home)
    # Looked up first without the engine: a wrong name must not wait for anything.
    open_reader(place).get(kind, key)
    record = find_server(place)
    if record is not None:
        from katib.cli.attach import Attached

        Attached(place, record).delete(kind, key)
    else:
        from katib.apps.embedded import EmbeddedEngine

        engine = EmbeddedEngine(place)
        try:
            engine.start(only=())
            delete_with(engine, kind, key)
        finally:
            engine.close()
    typer.echo(f'{kind.name.lower()} "{name}" deleted')


def delete_with(engine: EmbeddedEngine, kind: Kind[Any], key: Key) -> None:
    """Delete a resource with a running engine, and return when all it owned is gone."""
    from katib.api.trial import TRIALS
    from katib.ports.resource_store import Selector

    uid = engine.store.get(kind, key).metadata.uid
    engine.store.delete(kind, key)
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        present = engine.store.find(kind, key)
        is_gone = present is None or present.metadata.uid != uid
        if is_gone and engine.is_idle and not engine.store.list(TRIALS, Selector(owner=uid)):
            # The last files of the trials go after the trials.
            time.sleep(0.05)
            return
        if engine.failed.wait(0.02) and engine.failure is not None:
            raise engine.failure
    raise StillThereError(kind.name, key.name)
