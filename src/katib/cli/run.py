"""``katib run``: experiments from their documents to their optimum, on this machine."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katib.cli.options import (
    ConfigOption,
    HomeOption,
    ImageOption,
    PythonOption,
    find_interpreter,
    open_config,
    open_home,
)
from katib.cli.results import EXIT_CODES, ExitCode
from katib.errors import KatibError, StoreUnavailableError

if TYPE_CHECKING:
    from katib.api.experiment import Experiment
    from katib.api.values import Key, Kind, Manifest
    from katib.apps.embedded import EmbeddedEngine
    from katib.configuration import KatibConfig

    #: An experiment, and the stored one that it changes, if there is one.
    Submission = tuple[Experiment, Experiment | None]

#: How often the view is drawn anew, in seconds.
DRAW_EVERY = 0.2


def run(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML or JSON; - is stdin.")],
    home: HomeOption = None,
    image: ImageOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete an experiment of the same name first.")
    ] = False,
    config: ConfigOption = None,
    metrics_address: Annotated[
        str | None,
        typer.Option(
            "--metrics-address",
            metavar="HOST:PORT",
            help="Serve Prometheus metrics under /metrics while the experiments run.",
        ),
    ] = None,
    python: PythonOption = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines instead of a live view, also in a terminal.")
    ] = False,
) -> None:
    """.

    The same command goes on with an experiment that was interrupted: Ctrl-C once ends the running
    trials cleanly, and they are run again; twice stops at once. In a home that is served by
    katib up, the server runs the experiments, and Ctrl-C leaves them running.

    Examples:

      katib run experiment.yaml
      katib run experiment.yaml --image docker.io/me/train=./train
    """
    from katib.apps.server_record import find_server
    from katib.cli.files import read_manifests

    documents = list(read_manifests(files))
    place = open_home(home)
    record = find_server(place)
    if record is not None:
        from katib.cli.attach import Attached, attach, refuse_options

        of_engine = {"--image": image, "--metrics-address": metrics_address, "--python": python}
        refuse_options(record, config, of_engine)
        raise typer.Exit(attach(Attached(place, record), documents, replace, plain))
    from katib.apps.embedded import EmbeddedEngine, Options

    options = Options(
        images=find_images(image or []),
        config=open_config(place, config),
        python=find_interpreter(python),
    )
    with closing(EmbeddedEngine(place, options)) as engine:
        if metrics_address is not None:
            engine.serve_metrics(metrics_address)
        keys = _submit(engine, documents, replace)
        code = _follow(engine, keys, plain or not sys.stdout.isatty())
    raise typer.Exit(code)


run.__doc__ = f"{run.__doc__}\n    {EXIT_CODES}\n"


def find_in(manifests: Sequence[Manifest], otherwise: Any = None) -> Callable[..., Any]:
    """A ``find`` over documents, and then over a store."""
    from katib.api.codec import from_manifest

    def find(kind: Kind[Any], key: Key) -> Any:
        for manifest in manifests:
            metadata: dict[str, Any] = manifest.get("metadata") or {}
            place = (metadata.get("namespace") or "default", metadata.get("name"))
            if manifest.get("kind") == kind.name and place == tuple(key):
                return from_manifest(kind, manifest)
        return None if otherwise is None else otherwise(kind, key)

    return find


def find_images(pairs: Sequence[str]) -> dict[str, Path]:
    images = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        place = Path(path).expanduser().absolute()
        if not equals or not name or not place.exists():
            why = f"{place} does not exist" if equals and name else "must be NAME=PATH"
            raise typer.BadParameter(f"--image {pair}: {why}")
        images[name] = place
    return images


def admit_all(
    documents: Sequence[tuple[Path, Manifest]],
    find: Callable[..., Any],
    config: KatibConfig,
    replace: bool,
    check_algorithm: Callable[[Experiment], None] | None = None,
) -> list[Submission]:
    """Every experiment of the documents, and the stored one that it changes; refused as one.

    Args:
        documents: with their files, which are named to the user.
        find: ``ResourceReader.find`` of the home's store.
        config: how the home is configured.
        replace: as if none were stored.
        check_algorithm: as for :func:`katib.apps.door.admit_here`.
    """
    from katib.admission import unknown_fields
    from katib.api.experiment import EXPERIMENTS
    from katib.api.values import Key
    from katib.apps.door import admission_context, admit_here
    from katib.errors import AdmissionError

    context = admission_context(find_in([manifest for _, manifest in documents], find), config)
    admitted: list[Submission] = []
    refused: list[str] = []
    for path, manifest in documents:
        if manifest.get("kind") in ("ConfigMap", "Secret"):
            continue
        for warning in unknown_fields(manifest):
            typer.echo(f"{path}: warning: {warning}", err=True)
        metadata: dict[str, Any] = manifest.get("metadata") or {}
        key = Key(str(metadata.get("namespace") or "default"), str(metadata.get("name")))
        old = None if replace else find(EXPERIMENTS, key)
        try:
            admitted.append((admit_here(manifest, context, old, config, check_algorithm), old))
        except AdmissionError as error:
            refused.append(f"{path}: {error}{_advice(old)}")
    if refused:
        typer.echo("\n".join(refused), err=True)
        raise typer.Exit(ExitCode.REFUSED)
    return admitted


def _submit(
    engine: EmbeddedEngine, documents: Sequence[tuple[Path, Manifest]], replace: bool
) -> list[Key]:
    """Admit every document, then create them all; or refuse, and create nothing."""
    find, config = engine.store.find, engine.options.config
    admitted = admit_all(documents, find, config, replace, engine.check_algorithm)
    _keep_sources(engine, [manifest for _, manifest in documents])
    return [_create(engine, experiment, old, replace) for experiment, old in admitted]


def _advice(old: Experiment | None) -> str:
    if old is None:
        return ""
    return (
        f'\n  An experiment "{old.metadata.name}" exists already; give this one another name, or '
        "start it afresh with --replace."
    )


def _keep_sources(engine: EmbeddedEngine, manifests: Sequence[Manifest]) -> None:
    from msgspec.structs import replace as with_fields

    from katib.api.codec import from_manifest
    from katib.api.kinds import CONFIG_MAPS, SECRETS

    for manifest in manifests:
        kind = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}.get(str(manifest.get("kind")))
        if kind is None:
            continue
        resource = from_manifest(kind, manifest)
        namespace = resource.metadata.namespace or "default"
        metadata = with_fields(resource.metadata, namespace=namespace, resource_version="")
        resource = with_fields(resource, metadata=metadata)
        if engine.store.find(kind, resource.key) is None:
            engine.store.create(kind, resource)
        else:
            engine.store.update(kind, resource)


def _create(
    engine: EmbeddedEngine, experiment: Experiment, old: Experiment | None, replace: bool
) -> Key:
    from msgspec.structs import replace as with_fields

    from katib.api.experiment import EXPERIMENTS
    from katib.cli.delete import delete_with

    key = experiment.key
    if replace and engine.store.find(EXPERIMENTS, key) is not None:
        engine.start(only=())
        delete_with(engine, EXPERIMENTS, key)
    if old is None:
        key = engine.store.create(EXPERIMENTS, experiment).key
    else:
        metadata = with_fields(old.metadata, labels=experiment.metadata.labels)
        engine.store.update(EXPERIMENTS, with_fields(experiment, metadata=metadata))
    engine.flush()
    return key


def _follow(engine: EmbeddedEngine, keys: Sequence[Key], is_plain: bool) -> int:
    from katib.cli.view import View

    interrupts: list[int] = []

    def interrupted(number: int, _: object) -> None:
        interrupts.append(number)
        if len(interrupts) > 1:
            engine.kill()

    old = {one: signal.signal(one, interrupted) for one in (signal.SIGINT, signal.SIGTERM)}
    view = View(engine.store, engine.observations, engine.home, keys, is_plain)
    try:
        with view:
            engine.start(only=keys)
            while not view.is_over and not interrupts:
                _wait(engine, view)
                view.draw()
            # What ended since the last look is told too.
            view.draw()
            # Nobody would end these programs after us; they have their grace periods.
            while not engine.is_settled and not interrupts:
                time.sleep(0.02)
            if interrupts:
                view.say("Ending the running trials; press Ctrl-C again to stop them at once.")
                engine.interrupt()
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
    if interrupts:
        view.say("Interrupted. The same command goes on with what is left.")
        return ExitCode.INTERRUPTED
    view.conclude()
    return ExitCode.OPTIMUM_FOUND if view.is_successful else ExitCode.FAILED


def _wait(engine: EmbeddedEngine, view: Any) -> None:
    """Until it is time to draw, or everything is over."""
    until = time.monotonic() + DRAW_EVERY
    while time.monotonic() < until and not view.is_over:
        if engine.failed.wait(0.02):
            raise _failure(engine)


def _failure(engine: EmbeddedEngine) -> BaseException:
    failure = engine.failure
    if isinstance(failure, StoreUnavailableError):
        return failure
    return failure or KatibError("the engine stopped without saying why")
