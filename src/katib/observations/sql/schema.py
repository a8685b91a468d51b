"""The one table of observation logs, and what is asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import attrgetter

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    Text,
    bindparam,
    select,
)
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT

from katib.api.values import Key
from katib.errors import EntryRefusedError
from katib.ports.observation_log import NO_TIME, MetricEntry

#: The revision of this schema, the last in ``migrations``.
HEAD = "0002"

#: The namespace of entries that were reported by the bare name of their trial.
UNKNOWN_NAMESPACE = ""

#: The longest name of a trial or a metric, in characters: Katib's columns hold no more.
LONGEST_NAME = 255
#: The longest value, in characters; however it is written, it fits into a packet of MySQL's.
LONGEST_VALUE = 1 << 20

_by_time = attrgetter("time")

METADATA = MetaData()

# The columns that Katib's own database manager writes have its names and types, or wider ones; the
# others have defaults, so that it can go on writing.
LOGS = Table(
    "observation_logs",
    METADATA,
    Column("trial_name", String(LONGEST_NAME), nullable=False),
    Column(
        "id",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("time", DateTime().with_variant(DATETIME(fsp=6), "mysql")),
    Column("metric_name", String(LONGEST_NAME), nullable=False),
    Column("value", Text().with_variant(LONGTEXT, "mysql"), nullable=False),
    Column("namespace", String(LONGEST_NAME), nullable=False, server_default=UNKNOWN_NAMESPACE),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",
)
# Not the time as well: MySQL's indexes hold 3,072 bytes, which three names nearly fill.
OF_TRIAL = Index(
    "observation_logs_of_trial", LOGS.c.trial_name, LOGS.c.namespace, LOGS.c.metric_name
)

#: Where Alembic keeps the revision.
VERSIONS = Table("alembic_version", METADATA, Column("version_num", String(32), primary_key=True))

# Built once: SQLAlchemy finds the compiled text of a statement by the statement's own cache key.
REVISION = select(VERSIONS.c.version_num)
INSERT = LOGS.insert()
_BY_NAME = LOGS.c.trial_name == bindparam("of_trial")
# Nobody knows whose the entries without a namespace are: every trial of the name has them.
_BY_KEY = _BY_NAME & LOGS.c.namespace.in_([bindparam("of_namespace"), UNKNOWN_NAMESPACE])
_BY_METRIC = LOGS.c.metric_name == bindparam("of_metric")
_ENTRIES = select(LOGS.c.time, LOGS.c.metric_name, LOGS.c.value).order_by(LOGS.c.time, LOGS.c.id)
_READ, _READ_BY_NAME = _ENTRIES.where(_BY_KEY), _ENTRIES.where(_BY_NAME)
_READ_METRIC, _READ_METRIC_BY_NAME = _READ.where(_BY_METRIC), _READ_BY_NAME.where(_BY_METRIC)
DELETE = LOGS.delete().where(_BY_KEY)

Parameters = dict[str, str]
#: What becomes a row.
Values = dict[str, str | datetime]


def naming(trial: Key) -> Parameters:
    """The parameters of a statement about a trial."""
    return {"of_namespace": trial.namespace, "of_trial": trial.name}


def reading(trial: Key, metric: str | None) -> tuple[Select[datetime | None, str, str], Parameters]:
    """The statement that reads a trial, or all trials of a bare name, and its parameters."""
    parameters = naming(trial)
    is_bare = trial.namespace == UNKNOWN_NAMESPACE
    if is_bare:
        del parameters["of_namespace"]
    if metric is None:
        return _READ_BY_NAME if is_bare else _READ, parameters
    parameters["of_metric"] = metric
    return _READ_METRIC_BY_NAME if is_bare else _READ_METRIC, parameters


def entries_of(
    rows: Sequence[Row[datetime | None, str, str]], metric: str | None
) -> list[MetricEntry]:
    """The entries of rows that were read, by time."""
    entries = [
        MetricEntry(NO_TIME if time is None else time.replace(tzinfo=UTC), name, value)
        for time, name, value in rows
        # Where comparing ignores spaces at the end, the database has given too many.
        if metric is None or name == metric
    ]
    # Databases do not agree where rows without a time belong.
    entries.sort(key=_by_time)
    return entries


def storable(trial: Key, entries: Sequence[MetricEntry]) -> Sequence[MetricEntry]:
    """The entries as any of the databases can hold them.

    Raises:
        EntryRefusedError: a name or a value is longer than one can.
    """
    _check_length("the namespace", trial.namespace, LONGEST_NAME)
    _check_length("the name of the trial", trial.name, LONGEST_NAME)
    for entry in entries:
        _check_length("the name of a metric", entry.name, LONGEST_NAME)
        _check_length(f'a value of metric "{entry.name}"', entry.value, LONGEST_VALUE)
    return [MetricEntry(entry.time, _legal(entry.name), _legal(entry.value)) for entry in entries]


def values_of(trial: Key, entries: Sequence[MetricEntry]) -> list[Values]:
    """What becomes rows."""
    return [
        {
            "namespace": trial.namespace,
            "trial_name": trial.name,
            "time": entry.time.astimezone(UTC).replace(tzinfo=None),
            "metric_name": entry.name,
            "value": entry.value,
        }
        for entry in entries
    ]


def _check_length(what: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise EntryRefusedError(
            f"{what}, {text[:40]}…, has {len(text)} characters; at most {longest} are kept"
        )


def _legal(text: str) -> str:
    # PostgreSQL has no NUL in a text, and a lone surrogate has no UTF-8: left in, either would keep
    # all that is written together from being written.
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}") if "\0" in text else text
