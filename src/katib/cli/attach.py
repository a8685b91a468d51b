"""``katib run`` in a home that is served: the server runs, this process follows."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from katib.cli.options import open_config, open_reader
from katib.cli.results import ExitCode
from katib.cli.run import DRAW_EVERY, admit_all
from katib.cli.view import View
from katib.errors import KatibError

if TYPE_CHECKING:
    from katib.api.values import Key, Kind, Manifest
    from katib.apps.home import Home
    from katib.apps.server_record import ServerRecord
    from katib.cli.run import Submission
    from katib.client.http import HttpBackend

#: How long everything that belongs to a deleted resource may take to go, in seconds.
LONGEST_DELETION = 60.0

#: How often it is looked at whether the server is still there, in seconds.
_LOOK_EVERY = 2.0

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"


class GoneError(KatibError):
    """A followed experiment was deleted."""

    def __init__(self, key: Key) -> None:
        super().__init__(
            f'experiment "{key.name}" in namespace "{key.namespace}" was deleted while it was '
            "followed; the same command creates it again"
        )


class Attached:
    """A home through its server.

    Args:
        home: whose server.
        record: where it is.
    """

    def __init__(self, home: Home, record: ServerRecord) -> None:
        from katib.apps.connection import connect

        self._home, self.record = home, record
        self._server: HttpBackend = connect(home, record)
        self._reader = open_reader(home)
        self._created: set[Key] = set()

    def submit(self, documents: Sequence[tuple[Path, Manifest]], replace: bool) -> list[Key]:
        """Admit every document, then hand them all to the server; or refuse, and create nothing.

        Raises:
            RefusedError: the server says why.
            AwayError: it does not answer.
        """
        config = open_config(self._home, Path(self.record.config) if self.record.config else None)
        submissions = admit_all(documents, self._reader.find, config, replace)
        for _, manifest in documents:
            if manifest.get("kind") in ("ConfigMap", "Secret"):
                self._keep_source(manifest)
        return [self._send(submission, replace) for submission in submissions]

    def delete(self, kind: Kind[Any], key: Key) -> None:
        """Delete a resource, and return when all it owned is gone.

        Raises:
            RefusedError: the server says why.
            AwayError: it does not answer.
            StillThereError: it takes too long.
        """
        from katib.api.trial import TRIALS
        from katib.cli.delete import StillThereError
        from katib.ports.resource_store import Selector

        uid = self._reader.get(kind, key).metadata.uid
        self._server.ask("DELETE", path_of(kind, key))
        deadline = time.monotonic() + LONGEST_DELETION
        while time.monotonic() < deadline:
            present = self._reader.find(kind, key)
            is_gone = present is None or present.metadata.uid != uid
            if is_gone and not self._reader.list(TRIALS, Selector(owner=uid)):
                return
            time.sleep(0.05)
        raise StillThereError(kind.name, key.name)

    def follow(self, keys: Sequence[Key], is_plain: bool) -> int:
        """Show the experiments until they end or the user has seen enough; the exit code."""
        from katib.apps.observations import follow_observations

        config = open_config(self._home, Path(self.record.config) if self.record.config else None)
        observations = follow_observations(self._home, config)
        interrupts: list[int] = []

        def interrupted(number: int, _: object) -> None:
            interrupts.append(number)

        old = {one: signal.signal(one, interrupted) for one in (signal.SIGINT, signal.SIGTERM)}
        view = View(self._reader, observations, self._home, keys, is_plain, self._created)
        try:
            with view:
                self._watch(view, keys, interrupts)
        finally:
            observations.close()
            for number, handler in old.items():
                signal.signal(number, handler)
        if interrupts:
            view.say(
                "Detached: the server goes on. The same command follows again; katib delete "
                "experiment NAME ends an experiment."
            )
            return ExitCode.INTERRUPTED
        view.conclude()
        return ExitCode.OPTIMUM_FOUND if view.is_successful else ExitCode.FAILED

    def _watch(self, view: View, keys: Sequence[Key], interrupts: list[int]) -> None:
        from katib.api.experiment import EXPERIMENTS

        looked_at, is_there = time.monotonic(), True
        while not view.is_over and not interrupts:
            time.sleep(DRAW_EVERY)
            view.draw()
            for key in keys:
                if self._reader.find(EXPERIMENTS, key) is None:
                    raise GoneError(key)
            if time.monotonic() - looked_at >= _LOOK_EVERY:
                looked_at, was_there = time.monotonic(), is_there
                is_there = self._is_held()
                if was_there and not is_there:
                    view.say(
                        "The server has ended; nothing is lost. What runs goes on, and is followed "
                        f"when the next one starts: katib up --home {self._home.path}"
                    )
                elif is_there and not was_there:
                    view.say("A server works here again.")
        view.draw()

    def _is_held(self) -> bool:
        from katib.apps.server_record import find_server

        return find_server(self._home) is not None

    def _keep_source(self, manifest: Manifest) -> None:
        from katib.api.kinds import CONFIG_MAPS, SECRETS

        kind = CONFIG_MAPS if manifest["kind"] == "ConfigMap" else SECRETS
        path = path_of(kind, _key(manifest))
        # Applied by force: the file is what the user wants, whoever wrote it before.
        self._server.ask("PATCH", f"{path}?fieldManager=katib-run&force=true", manifest, _APPLY)

    def _send(self, submission: Submission, replace: bool) -> Key:
        from katib.api.codec import to_manifest
        from katib.api.experiment import EXPERIMENTS
        from katib.api.values import Key
        from katib.client.backend import RefusedError

        experiment, old = submission
        key, manifest = experiment.key, to_manifest(experiment)
        if replace and self._reader.find(EXPERIMENTS, key) is not None:
            self.delete(EXPERIMENTS, key)
        if old is not None:
            labels = manifest["metadata"].get("labels") or {}
            changes = [
                {"op": "add", "path": "/spec", "value": manifest["spec"]},
                {"op": "add", "path": "/metadata/labels", "value": labels},
            ]
            try:
                self._server.ask("PATCH", path_of(EXPERIMENTS, key), changes, _JSON_PATCH)
                return key
            except RefusedError as error:
                # Between our look and the server's, it was deleted.
                if error.code != 404:
                    raise
        created = self._server.ask("POST", path_of(EXPERIMENTS, Key(key.namespace, "")), manifest)
        key = Key(key.namespace, created["metadata"]["name"])
        self._created.add(key)
        return key


def attach(
    attached: Attached, documents: Sequence[tuple[Path, Manifest]], replace: bool, is_plain: bool
) -> int:
    """Submit documents and follow them; the exit code."""
    directory = attached.record.directory
    typer.echo(
        f"The server at {attached.record.address} runs this; programs work in {directory} when "
        "their template names no folder. Ctrl-C leaves them running."
    )
    keys = attached.submit(documents, replace)
    return attached.follow(keys, is_plain or not sys.stdout.isatty())


def refuse_options(record: ServerRecord, config: Path | None, given: Mapping[str, object]) -> None:
    """Refuse what only the server's own start could have been told.

    Args:
        record: the server.
        config: the configuration that is asked for.
        given: options of the engine, and what they were given.

    Raises:
        BadParameter: one is given.
    """
    wrong = [name for name, value in given.items() if value]
    if config is not None and str(config.expanduser().absolute()) != record.config:
        wrong.append("--config")
    if wrong:
        raise typer.BadParameter(
            f"{', '.join(wrong)} has no effect in a home that is served by process {record.pid}: "
            "give it to katib up, or give this command a home of its own with --home DIR"
        )


def path_of(kind: Kind[Any], key: Key) -> str:
    """Where a resource is on the server; the collection when the key has no name."""
    from urllib.parse import quote

    root = "/apis" if "/" in kind.api_version else "/api"
    path = f"{root}/{kind.api_version}/namespaces/{quote(key.namespace)}/{kind.plural}"
    return f"{path}/{quote(key.name)}" if key.name else path


def _key(manifest: Manifest) -> Key:
    from katib.api.values import Key

    metadata: dict[str, Any] = manifest.get("metadata") or {}
    return Key(str(metadata.get("namespace") or "default"), str(metadata.get("name")))
