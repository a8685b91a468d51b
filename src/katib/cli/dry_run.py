"""What ``katib metrics --dry-run`` shows: the metrics that would be collected from a log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from katib.api.experiment import Experiment
    from katib.ports.collector import CollectorSource
    from katib.ports.observation_log import MetricEntry

#: How much of a log's end is searched for what nearly was a metric.
TAIL_BYTES = 1 << 20


def admit_one(file: Path) -> Experiment:
    """The only experiment of a file, with its defaults.

    Raises:
        AdmissionError: it is not legal.
        ManifestError: the file cannot be read, or does not hold one experiment.
    """
    from katib.apps.door import admission_context, admit_here
    from katib.cli.files import read_manifests
    from katib.cli.run import find_in
    from katib.errors import ManifestError

    manifests = [manifest for _, manifest in read_manifests([file])]
    found = [one for one in manifests if one.get("kind") not in ("ConfigMap", "Secret")]
    if len(found) != 1:
        raise ManifestError(str(file), f"holds {len(found)} experiments; it should hold one")
    return admit_here(found[0], admission_context(find_in(manifests)))


def source_of(experiment: Experiment, log: Path) -> tuple[str, CollectorSource]:
    """The kind of an experiment's collector, and what it is told when it reads a log."""
    from katib.api.experiment import (
        CollectorSpec,
        FileSystemPath,
        FilterSpec,
        MetricsCollectorSpec,
        ObjectiveSpec,
        SourceSpec,
    )
    from katib.ports.collector import CollectorSource

    spec = experiment.spec.metrics_collector_spec or MetricsCollectorSpec()
    kind = (spec.collector or CollectorSpec()).kind
    source = spec.source or SourceSpec()
    filters = (source.filter or FilterSpec()).metrics_format
    is_json = kind == "File" and (source.file_system_path or FileSystemPath()).format == "JSON"
    objective = experiment.spec.objective or ObjectiveSpec()
    metrics, wildcards = objective.exact_names, objective.wildcards
    return kind, CollectorSource(metrics, filters, log, "JSON" if is_json else "TEXT", wildcards)


def collect(kind: str, source: CollectorSource) -> Iterator[MetricEntry]:
    """All entries of a log whose program has ended."""
    from katib.collectors import COLLECTORS

    collector, is_caught_up = COLLECTORS.load(kind)(source), False
    while not is_caught_up:
        entries, is_caught_up = collector.read(True)
        yield from entries


def summarise(metric: str, entries: Sequence[MetricEntry], source: CollectorSource) -> str:
    """What was found of one metric, or what nearly was."""
    from katib.api.experiment import ObjectiveSpec
    from katib.api.values import NameValue
    from katib.collectors.near_miss import near_misses
    from katib.controllers.trial.observation import observe

    objective = ObjectiveSpec(metric_strategies=(NameValue(name=metric, value="latest"),))
    observation = observe(objective, sorted(entries, key=lambda entry: entry.time))
    if observation is not None:
        (found,) = observation.metrics
        count = f"{len(entries)} value{'s' if len(entries) > 1 else ''}"
        return f"{metric}: {count}, min {found.min}, max {found.max}, latest {found.latest}"
    is_default = source.format == "TEXT" and not source.filters
    near = near_misses(_tail(Path(source.log)), [metric], is_default)
    nearly = "; these lines were nearly that:" if near else ""
    return "\n    ".join([f"{metric}: nothing{nearly}", *near])


def show(file: Path, log: Path, metric: str | None) -> bool:
    """Print the entries, and on the standard error what became of each metric.

    Args:
        file: of the experiment.
        log: what a program printed or wrote.
        metric: the only one to show.

    Returns:
        Whether the objective metric was found, or the only one that is shown.

    Raises:
        typer.BadParameter: the log is not there, or the metric is not one of the experiment.
    """
    kind, source = source_of(admit_one(file), log)
    if kind == "Push":
        raise typer.BadParameter("the collector Push reads no log: programs report to it")
    if not log.exists():
        raise typer.BadParameter(f"--from {log}: there is no such file")
    if metric is not None and not _is_asked(metric, source):
        known = ", ".join((*source.metrics, *source.wildcards))
        raise typer.BadParameter(f"--metric {metric}: the experiment asks for {known}")
    shown = [metric] if metric else list(dict.fromkeys(source.metrics))
    entries: dict[str, list[MetricEntry]] = {name: [] for name in shown}
    for entry in collect(kind, source):
        if metric is None or entry.name == metric:
            entries.setdefault(entry.name, []).append(entry)
            print_entry(entry)
    for name in entries:
        typer.echo(summarise(name, entries[name], source), err=True)
    return bool(entries[shown[0]])


def print_entry(entry: MetricEntry) -> None:
    """One line: time, metric and value."""
    from katib.api.codec import format_time
    from katib.ports.observation_log import NO_TIME

    when = "-" if entry.time == NO_TIME else format_time(entry.time)
    typer.echo(f"{when}\t{entry.name}\t{entry.value}")


def _is_asked(metric: str, source: CollectorSource) -> bool:
    from katib.api.wildcards import matches_any

    return metric in source.metrics or matches_any(source.wildcards, metric)


def _tail(log: Path) -> str:
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - TAIL_BYTES))
        return file.read().decode(errors="replace")
