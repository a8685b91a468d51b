"""What programs call to bring objects in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

from katib.api import names, told
from katib.api.values import Manifest
from katib.client.backend import Backend
from katib.client.exchange.archive import Archive
from katib.client.exchange.bringing import Bringing, check_archive
from katib.client.exchange.csv_in import Wanted, read_csv
from katib.client.exchange.errors import ExportError, ImportRefusedError
from katib.client.exchange.optuna_in import read_optuna
from katib.client.exchange.results import Report, Results, read_time
from katib.client.exchange.text import word_csv, word_json
from katib.client.finding import find_backend
from katib.client.study import documents
from katib.client.study.desk import Desk
from katib.client.study.documents import Searched, StudySpec
from katib.client.study.study import Study

#: What trials are exported as.
FORMATS = ("csv", "json", "parquet", "optuna")

#: How long the observation log of one trial may take, in seconds.
PATIENCE = 60.0


def export(results: Results, format: str, file: Path | str | None = None) -> str:
    """Write an experiment and its trials.

    Args:
        results: what is written.
        format: one of :data:`FORMATS`.
        file: where. ``csv`` and ``json`` need none; ``optuna`` takes a URL of SQLAlchemy, too.

    Returns:
        The text, when no file is named; empty else.

    Raises:
        ExportError: there is no such format, or it needs a file.
        MissingExtraError: a library is needed that is not installed.
    """
    words: Mapping[str, Callable[[Results], str]] = {"csv": word_csv, "json": word_json}
    if format not in FORMATS:
        raise ExportError(f"format: found {format!r}; one of {', '.join(FORMATS)} is expected")
    if format in words:
        text = words[format](results)
        if file is None:
            return text
        _write(Path(file), text)
    elif file is None:
        raise ExportError(f"{format} is no text: name a file for it")
    elif format == "parquet":
        from katib.client.exchange.parquet import write_parquet

        write_parquet(results, Path(file))
    else:
        from katib.client.exchange.optuna_out import write_optuna

        write_optuna(results, str(file))
    return ""


def export_experiment(  # noqa: PLR0913  # callers name what they give
    name: str,
    format: str = "csv",
    file: Path | str | None = None,
    *,
    namespace: str | None = None,
    home: Path | str | None = None,
    backend: Backend | None = None,
) -> str:
    """Export an experiment and its trials.

    Args:
        name: of the experiment.
        format: ``csv``, ``json``, ``parquet`` or ``optuna``.
        file: where it is written; ``csv`` and ``json`` are returned when it is left out.
        namespace: of the experiment; the engine's default.
        home: the folder of an engine on this machine.
        backend: the engine, when it is not to be found as :class:`katib.KatibClient` finds it.

    Raises:
        StudyRefusedError: there is no such experiment.
        ExportError: there is no such format, or it needs a file.
        MissingExtraError: a library is needed that is not installed.
    """
    backend = backend or find_backend(home=home)
    return export(read_results(backend, namespace or backend.namespace, name), format, file)


def read_results(backend: Backend, namespace: str, name: str) -> Results:
    """An experiment, to be exported.

    Raises:
        StudyRefusedError: there is none of that name.
    """
    desk = Desk(backend, namespace, name)
    return Results(desk.read(), desk.list_trials(), partial(_read_reports, backend, namespace))


def log_to_mlflow(
    name: str,
    tracking_uri: str | None = None,
    *,
    mlflow_experiment: str | None = None,
    namespace: str | None = None,
    backend: Backend | None = None,
) -> str:
    """Log an experiment to MLflow: a run for it, and one below it for each trial that has ended.

    Args:
        name: of the experiment.
        tracking_uri: of MLflow; its own setting when it is left out.
        mlflow_experiment: of MLflow, in which the runs are; ``katib`` when it is left out.
        namespace: of the experiment; the engine's default.
        backend: the engine, when it is not to be found as :class:`katib.KatibClient` finds it.

    Returns:
        The id of the experiment's run. Called again, it logs what is new below the same run.

    Raises:
        StudyRefusedError: there is no such experiment.
        MissingExtraError: MLflow is not installed.
    """
    from katib.client.exchange.mlflow import log_experiment

    backend = backend or find_backend()
    results = read_results(backend, namespace or backend.namespace, name)
    return log_experiment(results, tracking_uri, mlflow_experiment)


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported, and what it is read for.

    Attributes:
        place: a CSV file; else a storage of Optuna: a URL of SQLAlchemy, a file of SQLite, or a
            journal.
        like: an Experiment whose parameters and objective it has, and by whose template the search
            goes on, if it has one; ``None`` to find them from the source.
        study: of Optuna; may be left out when there is one alone.
        metrics: columns of a CSV file that are metrics beside the objective.
    """

    place: Path | str
    like: Searched | None = None
    study: str = ""
    metrics: Sequence[str] = ()

    @property
    def is_csv(self) -> bool:
        """Whether it is a CSV file."""
        return str(self.place).lower().endswith(".csv")


def _tell_nobody(made: int, ended: int) -> None:
    return None


def import_trials(  # noqa: PLR0913  # callers name what they give
    place: Path | str,
    *,
    name: str,
    like: Searched | None = None,
    study: str = "",
    metrics: Sequence[str] = (),
    namespace: str | None = None,
    backend: Backend | None = None,
    **spec: Unpack[StudySpec],
) -> Study | None:
    """Make an experiment of trials that ended elsewhere, from which a search can go on.

    Its algorithm sees them, and they count in its budget.

    Args:
        place: a CSV file with a column for each parameter and metric; else a storage of Optuna.
        name: of the experiment that is to be.
        like: an Experiment, as plain data or as the path of a YAML file, whose parameters and
            objective the trials have, and by whose template the search goes on, if it has one.
        study: of Optuna; may be left out when there is one alone.
        metrics: columns of a CSV file that are metrics beside the objective.
        namespace: where it is to live; the engine's default.
        backend: the engine, when it is not to be found as :class:`katib.KatibClient` finds it.
        spec: as of :class:`katib.Study`, without ``like``.

    Returns:
        The study, to go on by asking and telling; ``None`` when the experiment goes on by itself.

    Raises:
        ImportRefusedError: something is not legal; nothing was imported.
        MissingExtraError: Optuna is needed and not installed.
    """
    source = Source(place, like, study, metrics)
    backend = backend or find_backend()
    archive = read_archive(source, spec)
    bringing = prepare(source, archive, spec, Target(backend, name, namespace))
    bringing.run(_tell_nobody)
    if not bringing.is_studied:
        return None
    return Study(name=name, namespace=bringing.document["metadata"]["namespace"], backend=backend)


def read_archive(source: Source, spec: StudySpec) -> Archive:
    """All that is imported, which is legal as far as is seen here.

    Raises:
        ImportRefusedError: with all that is wrong.
    """
    given = None if source.like is None else documents.find_document(source.like)
    if source.like is not None and (given is None or spec):
        problem = "like: an Experiment is expected, which says all that there is to say"
        raise ImportRefusedError(str(source.place), [problem])
    known: Manifest = {} if given is None else given.get("spec") or {}
    objective = known.get("objective") or documents.word_objective(spec)
    parameters: Sequence[Manifest] = known.get("parameters") or ()
    if source.is_csv:
        wanted = Wanted(objective, parameters, source.metrics)
        archive = read_csv(Path(source.place).expanduser(), wanted)
    else:
        metric = objective["objectiveMetricName"]
        archive = read_optuna(str(source.place), source.study, metric)
        if given is not None:
            archive = Archive(archive.source, archive.trials, parameters, objective, archive.notes)
    check_archive(archive)
    return archive


@dataclass(frozen=True, slots=True)
class Target:
    """Where it is imported to.

    Attributes:
        backend: the engine.
        name: of the experiment that is to be.
        namespace: where it is to live; the engine's default when it is left out.
    """

    backend: Backend
    name: str
    namespace: str | None = None


def prepare(source: Source, archive: Archive, spec: StudySpec, target: Target) -> Bringing:
    """The import, ready to be run."""
    like = source.like
    said: Manifest = {"parameters": list(archive.parameters), "objective": archive.objective}
    given = {} if like is None else dict(documents.find_document(like) or {})
    if like is None:
        more = documents.word_spec({}, spec)
        said = {**more, **said}
    else:
        said = {**(given.get("spec") or {})}
    template = said.get("trialTemplate") or {}
    is_studied = not template or told.is_told(template.get("trialSpec") or {})
    is_document = like is not None
    complete = documents.complete(said, is_document=is_document) if is_studied else said
    namespace = target.namespace or target.backend.namespace
    document = documents.document_of(given, complete, target.name, namespace)
    return Bringing(target.backend, document, archive, is_studied)


def _write(file: Path, text: str) -> None:
    try:
        file.expanduser().write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{file}: {error.strerror or error}") from error


def _read_reports(backend: Backend, namespace: str, trial: str) -> Sequence[Report]:
    from katib.client.observation_log import read_entries

    entries = read_entries(backend, namespace, trial, None, PATIENCE)
    return [
        Report(read_time(one.time_stamp), one.metric.name, one.metric.value)
        for one in entries
        if one.metric.value != names.UNAVAILABLE
    ]
