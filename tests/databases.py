"""Real databases for tests: a PostgreSQL and a MariaDB of their own, started where they are used.

A test module says ``pytest_plugins = ("databases",)`` and asks for ``postgres`` or ``mariadb``, the
servers that all tests of a process share, and for a database in one with ``create()``. A test that
kills its server makes one of its own: ``with Postgres() as server``.

PYTEST_DONT_REWRITE, since test modules import this before they name it as a plugin.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self
from uuid import uuid4

import psutil
import pytest
from sqlalchemy import URL, create_engine, text
from sqlalchemy.exc import OperationalError

USER, PASSWORD, HOST = "katib", "s3cret/with@signs", "127.0.0.1"

#: Servers refuse to run as root, or write as it; this is ``nobody`` wherever there is one.
NOBODY = 65534

#: How long a server may take to start or to end, in seconds; the machine may be busy.
LONGEST = 120.0


class DatabaseServer(ABC):
    """A server on a free port of the loopback, with files of its own, that may be killed.

    Args:
        is_durable: whether a commit waits for the disk. A server that does not survives its own
            death as well, and is quicker.

    Skips the test where the server's programs are not installed.
    """

    #: What SQLAlchemy calls the database and its driver.
    driver: ClassVar[str]
    #: The table as Kubeflow's Katib makes it.
    katibs_table: ClassVar[str]
    #: Katib's variables: the kind, and what those of the place begin with.
    name: ClassVar[str]
    prefix: ClassVar[str]

    def __init__(self, is_durable: bool = False) -> None:
        self.is_durable = is_durable
        self._programs = {name: _find(name) for name in self._needed()}
        self.port = _free_port()
        # Not in the folder of the tests, which others may not enter.
        self.folder = Path(tempfile.mkdtemp(prefix=f"katib-{self.name}-"))
        self.data, self.log = self.folder / "data", self.folder / "log"
        if _is_root():
            os.chown(self.folder, NOBODY, NOBODY)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._install()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start, and wait until clients are served."""
        with self.log.open("ab") as log:
            line = [*_as_nobody(), *self._line()]
            self._process = subprocess.Popen(line, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + LONGEST
        while not self._answers():
            assert self._process.poll() is None, self.log.read_text(errors="replace")
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")
            time.sleep(0.05)

    def kill(self) -> None:
        """End all of it with ``kill -9``; :meth:`start` brings it back."""
        if self._process is None:
            return
        try:
            # Those that serve a client each are in no group of their parent.
            whole = psutil.Process(self._process.pid)
            family = [whole, *whole.children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        for one in family:
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, LONGEST)
        self._process.wait(LONGEST)
        self._process = None

    def create(self) -> str:
        """Make an empty database; its URL, as SQLAlchemy has it, with the password."""
        database = f"test_{uuid4().hex[:12]}"
        engine = create_engine(self._url(self._first()), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {database}"))
        engine.dispose()
        return self._url(database).render_as_string(hide_password=False)

    def create_katibs(self, *rows: tuple[str, str, str, str]) -> str:
        """Make a database as Kubeflow's Katib leaves it; its URL.

        Args:
            rows: trial, time, metric and value of each.
        """
        url = self.create()
        execute(url, self.katibs_table)
        for row in rows:
            insert_as_katib(url, *row)
        return url

    def variables(self, url: str) -> Mapping[str, str]:
        """The variables by which Katib's database manager is told of a database here."""
        return {
            "DB_NAME": self.name,
            "DB_USER": USER,
            "DB_PASSWORD": PASSWORD,
            f"KATIB_{self.prefix}_DB_HOST": HOST,
            f"KATIB_{self.prefix}_DB_PORT": str(self.port),
            f"KATIB_{self.prefix}_DB_DATABASE": url.rpartition("/")[2],
        }

    def _url(self, database: str) -> URL:
        return URL.create(self.driver, USER, PASSWORD, HOST, self.port, database)

    def _run(self, *line: str) -> None:
        ended = subprocess.run(
            [*_as_nobody(), *line], capture_output=True, text=True, timeout=LONGEST, cwd=self.folder
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def _answers(self) -> bool:
        engine = create_engine(self._url(self._first()))
        try:
            engine.connect().close()
        except OperationalError:
            return False
        finally:
            engine.dispose()
        return True

    @abstractmethod
    def _needed(self) -> Sequence[str]:
        """The programs."""

    @abstractmethod
    def _install(self) -> None:
        """Make the files of a new server."""

    @abstractmethod
    def _line(self) -> Sequence[str]:
        """The command of the server."""

    @abstractmethod
    def _first(self) -> str:
        """The database that a new server has."""


class Postgres(DatabaseServer):
    """A PostgreSQL."""

    driver, name, prefix = "postgresql+psycopg", "postgres", "POSTGRESQL"
    katibs_table = """CREATE TABLE IF NOT EXISTS observation_logs
        (trial_name VARCHAR(255) NOT NULL,
        id serial PRIMARY KEY,
        time TIMESTAMP(6),
        metric_name VARCHAR(255) NOT NULL,
        value TEXT NOT NULL)"""

    def _needed(self) -> Sequence[str]:
        return ("initdb", "postgres")

    def _install(self) -> None:
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        options = ["--username", USER, "--pwfile", str(secret), "--auth", "scram-sha-256"]
        place = ["--pgdata", str(self.data), "--encoding", "UTF8", "--locale", "C", "--no-sync"]
        self._run(self._programs["initdb"], *options, *place)

    def _line(self) -> Sequence[str]:
        wishes = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if self.is_durable else "off",
        }
        options = [word for name, value in wishes.items() for word in ("-c", f"{name}={value}")]
        return [self._programs["postgres"], "-D", str(self.data), *options]

    def _first(self) -> str:
        return "postgres"


class MariaDB(DatabaseServer):
    """A MariaDB."""

    driver, name, prefix = "mysql+pymysql", "mysql", "MYSQL"
    katibs_table = """CREATE TABLE IF NOT EXISTS observation_logs
        (trial_name VARCHAR(255) NOT NULL,
        id INT AUTO_INCREMENT PRIMARY KEY,
        time DATETIME(6),
        metric_name VARCHAR(255) NOT NULL,
        value TEXT NOT NULL)"""

    def _needed(self) -> Sequence[str]:
        return ("mariadb-install-db", "my_print_defaults", "mariadbd")

    def _install(self) -> None:
        plain = "--auth-root-authentication-method=normal"
        where = [f"--datadir={self.data}", "--innodb-log-file-size=16M"]
        program = self._programs["mariadb-install-db"]
        self._run(program, "--no-defaults", plain, *where, "--skip-test-db", "--skip-name-resolve")
        user = f"'{USER}'@'{HOST}'"
        (self.folder / "user.sql").write_text(
            f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {user};\n"
        )

    def _line(self) -> Sequence[str]:
        return [
            self._programs["mariadbd"],
            "--no-defaults",
            f"--datadir={self.data}",
            f"--init-file={self.folder / 'user.sql'}",
            f"--bind-address={HOST}",
            f"--port={self.port}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--skip-name-resolve",
            "--innodb-log-file-size=16M",
            "--innodb-buffer-pool-size=64M",
            f"--innodb-flush-log-at-trx-commit={int(self.is_durable)}",
        ]

    def _first(self) -> str:
        return "mysql"


@pytest.fixture(scope="session")
def postgres() -> Iterator[DatabaseServer]:
    """The PostgreSQL that the tests of this process share; each asks it for a database."""
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[DatabaseServer]:
    """The MariaDB that the tests of this process share; each asks it for a database."""
    with MariaDB() as server:
        yield server


def execute(url: str, statement: str, **parameters: str) -> Sequence[Sequence[object]]:
    """Execute a statement in a database of any kind; the rows that it gives."""
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement), parameters)
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def insert_as_katib(url: str, trial: str, time: str, metric: str, value: str) -> None:
    """What the database manager of Kubeflow's Katib executes for a report."""
    columns = "(trial_name, time, metric_name, value)"
    statement = f"INSERT INTO observation_logs {columns} VALUES (:trial, :time, :metric, :value)"
    execute(url, statement, trial=trial, time=time, metric=metric, value=value)


def _find(program: str) -> str:
    """The path of a program that may lie where only root's PATH leads, or in Debian's folders."""
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = [os.environ.get("PATH", ""), "/usr/sbin", *map(str, newest)]
    found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"{program} is not installed: scripts/databases.sh says how")
    return found


def _is_root() -> bool:
    return os.geteuid() == 0


def _as_nobody() -> list[str]:
    """What starts a program that ends with us, without our rights."""
    rights = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if _is_root() else []
    return ["setpriv", "--pdeathsig=KILL", *rights]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port
