"""``katib get``: tables of resources, or one as YAML or JSON."""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katib.cli.completion import complete_words
from katib.cli.options import HomeOption, NamespaceOption, open_home, open_reader

if TYPE_CHECKING:
    from katib.api.values import Kind, Resource
    from katib.stores.sqlite import SqliteReader


class Output(StrEnum):
    """How resources are printed."""

    TABLE = "table"
    WIDE = "wide"
    YAML = "yaml"
    JSON = "json"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class _Look:
    """How resources are printed: in which form, as one or as several, and with what around."""

    output: Output
    is_single: bool
    has_namespace: bool
    has_header: bool = True


def get(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND [NAME]",
            help="experiments, suggestions, trials …",
            autocompletion=complete_words,
        ),
    ],
    output: Annotated[Output, typer.Option("--output", "-o", help="How to print.")] = Output.TABLE,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Print changes as they come.")
    ] = False,
    experiment: Annotated[
        str | None, typer.Option("--experiment", "-e", help="Only trials of this experiment.")
    ] = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Of every namespace.")
    ] = False,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
) -> None:
    """.

    Examples:

      katib get experiments
      katib get trials -e random -o wide
      katib get experiment random -o yaml
    """
    from katib.api import names
    from katib.cli.kinds import find_kind, split_name
    from katib.ports.resource_store import Selector

    kind_word, name = split_name(words)
    kind = find_kind(kind_word)
    if name and all_namespaces:
        raise typer.BadParameter(
            f"{name} has a namespace: name it with -n NAMESPACE, and leave --all-namespaces out"
        )
    if not watch:
        # A process that ends when all is printed need not look for cycles among 10,000 trials.
        gc.disable()
    labels = {names.LABEL_EXPERIMENT: experiment} if experiment else None
    where = Selector(None if all_namespaces else namespace, labels)
    reader = open_reader(open_home(home))
    look = _Look(output, bool(name), all_namespaces)
    _print(kind, _read(reader, kind, name, where), look)
    if watch:
        _watch(reader, kind, name, where, replace(look, is_single=True, has_header=False))


def _read(reader: SqliteReader, kind: Kind[Any], name: str | None, where: Any) -> list[Any]:
    from katib.api.values import Key

    if name is None:
        return list(reader.list(kind, where))
    return [reader.get(kind, Key(where.namespace or "default", name))]


def _watch(
    reader: SqliteReader, kind: Kind[Any], name: str | None, where: Any, look: _Look
) -> None:
    known = {one.metadata.uid: one.metadata.resource_version for one in reader.list(kind, where)}
    generation = reader.generation()
    try:
        while True:
            time.sleep(0.2)
            if reader.generation() == generation:
                continue
            generation = reader.generation()
            for one in reader.list(kind, where):
                is_new = known.get(one.metadata.uid) != one.metadata.resource_version
                known[one.metadata.uid] = one.metadata.resource_version
                if is_new and name in (None, one.metadata.name):
                    _print(kind, [one], look)
    except KeyboardInterrupt:
        return


def _print(kind: Kind[Any], found: Sequence[Any], look: _Look) -> None:
    from katib.api.codec import dump_yaml, to_manifest

    output, is_wide = look.output, look.output is Output.WIDE
    if output is Output.NAME:
        group = kind.api_version.split("/")[0] if "/" in kind.api_version else ""
        prefix = f"{kind.name.lower()}.{group}" if group else kind.name.lower()
        for one in found:
            typer.echo(f"{prefix}/{one.metadata.name}")
    elif output in (Output.YAML, Output.JSON):
        manifests = [to_manifest(one) for one in found]
        many = {"apiVersion": "v1", "kind": "List", "items": manifests}
        document: Any = manifests[0] if look.is_single else many
        typer.echo(dump_yaml(document) if output is Output.YAML else _json(document), nl=False)
    elif not found:
        typer.echo(f"No {kind.plural} found.", err=True)
    else:
        now = datetime.now(UTC)
        rows = [_row(one, is_wide, now) for one in found]
        columns = _columns(kind, is_wide)
        if look.has_namespace:
            rows = [[one.metadata.namespace, *row] for one, row in zip(found, rows, strict=True)]
            columns = ["NAMESPACE", *columns]
        _table(columns if look.has_header else None, rows)


def _json(document: Any) -> str:
    import json

    return json.dumps(document, indent=4, ensure_ascii=False) + "\n"


def _columns(kind: Kind[Any], is_wide: bool) -> list[str]:
    if kind.name in ("Job", "Pod", "TrainJob", "FunctionCall"):
        return ["NAME", "STATUS", "AGE"]
    middle = ["REQUESTED", "ASSIGNED"] if kind.name == "Suggestion" else []
    wide = {
        "Experiment": ["TRIALS", "SUCCEEDED", "FAILED", "BEST-TRIAL", "OBJECTIVE", "ASSIGNMENTS"],
        "Trial": ["OBJECTIVE", "ASSIGNMENTS", "REASON"],
        "Suggestion": ["ALGORITHM"],
    }
    return ["NAME", "TYPE", "STATUS", *middle, "AGE", *(wide[kind.name] if is_wide else [])]


def _row(resource: Resource, is_wide: bool, now: datetime) -> list[str]:
    from katib.api.experiment import Experiment
    from katib.api.suggestion import Suggestion
    from katib.api.trial import Trial
    from katib.cli.numbers import age

    head, tail = [resource.metadata.name], [age(resource.metadata.creation_timestamp, now)]
    if isinstance(resource, (Experiment, Suggestion, Trial)):
        last = resource.status.conditions[-1] if resource.status.conditions else None
        head += [last.type, last.status] if last else ["", ""]
        if isinstance(resource, Suggestion):
            head += [str(resource.spec.requests or ""), str(resource.status.suggestion_count or "")]
        return [*head, *tail, *(_wide(resource) if is_wide else [])]
    body: Any = resource
    return [*head, _state(body), *tail]


def _state(resource: Any) -> str:
    conditions = resource.status.get("conditions") or ()
    return str(
        resource.status.get("phase") or (conditions[-1]["type"] if conditions else "Running")
    )


def _wide(resource: Any) -> list[str]:
    from katib.api.experiment import Experiment
    from katib.api.suggestion import Suggestion
    from katib.cli.numbers import words
    from katib.cli.objective import show_objective

    status = resource.status
    if isinstance(resource, Suggestion):
        algorithm = resource.spec.algorithm
        return ["" if algorithm is None else algorithm.algorithm_name]
    if isinstance(resource, Experiment):
        best = status.current_optimal_trial
        objective = show_objective(resource.spec.objective, best.observation)
        counts = [status.trials, status.trials_succeeded, status.trials_failed]
        numbers = [str(count) for count in counts]
        return [*numbers, best.best_trial_name, objective, words(best.parameter_assignments)]
    reason = status.conditions[-1].reason if status.conditions else ""
    objective = show_objective(resource.spec.objective, status.observation)
    return [objective, words(resource.spec.parameter_assignments), reason]


def _table(header: list[str] | None, rows: list[list[str]]) -> None:
    lines = [header, *rows] if header else rows
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    padded = (
        "   ".join([cell.ljust(width) for cell, width in zip(line, widths, strict=True)]).rstrip()
        for line in lines
    )
    typer.echo("\n".join(padded))
