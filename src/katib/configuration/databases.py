"""The database of observation logs, as the variables of Katib's database manager name it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from katib.configuration.environment import read_variable
from katib.errors import ConfigurationError

#: ``DB_NAME`` → the beginning of the other variables, and the defaults of user, host and port.
_KINDS = {
    "mysql": ("KATIB_MYSQL_DB", "root", "katib-mysql", "3306"),
    "postgres": ("KATIB_POSTGRESQL_DB", "katib", "katib-postgres", "5432"),
}


def read_database_url(variables: Mapping[str, str]) -> str:
    """The URL of the database; a variable that is empty counts as set.

    Raises:
        ConfigurationError: they name none, or one of another kind.
    """
    name = variables.get("DB_NAME", "")
    if name not in _KINDS:
        found = f'DB_NAME is "{name}"' if name else "DB_NAME env is not set"
        raise ConfigurationError(
            f"{found}: name the database by its URL, as sqlite:////path/observations.db or "
            "postgresql://user@host/katib, or set DB_NAME to mysql or postgres, with DB_USER, "
            "DB_PASSWORD and the variables of its place"
        )
    prefix, user, host, port = _KINDS[name]

    def read(variable: str, fallback: str) -> str:
        return read_variable(variable, fallback, variables)

    port = read(f"{prefix}_PORT", port)
    if port and not (port.isascii() and port.isdigit()):
        raise ConfigurationError(
            f'{prefix}_PORT is "{port}"; a port is a number, as {_KINDS[name][3]}'
        )
    user, password = read("DB_USER", user), read("DB_PASSWORD", "")
    host, database = read(f"{prefix}_HOST", host), read(f"{prefix}_DATABASE", "katib")
    scheme, options = name, {}
    if name == "postgres":
        scheme, options = "postgresql", {"sslmode": read("KATIB_POSTGRESQL_SSL_MODE", "disable")}
    place = f"[{host}]" if ":" in host else quote(host, safe="")
    place += f":{port}" if port else ""
    query = f"?{urlencode(options)}" if any(options.values()) else ""
    who = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"{scheme}://{who}@{place}/{quote(database, safe='')}{query}"


def skips_initialization(variables: Mapping[str, str]) -> bool:
    """Whether the database is to be left as it is."""
    return read_variable("SKIP_DB_INITIALIZATION", "false", variables) != "false"
