from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import make_url

from katib.configuration.databases import read_database_url, skips_initialization
from katib.errors import ConfigurationError

CASES: dict[str, tuple[dict[str, str], str, tuple[object, ...]]] = {
    "MySQL, all by default": (
        {"DB_NAME": "mysql"},
        "mysql",
        ("root", None, "katib-mysql", 3306, "katib", {}),
    ),
    "PostgreSQL, all by default": (
        {"DB_NAME": "postgres"},
        "postgresql",
        ("katib", None, "katib-postgres", 5432, "katib", {"sslmode": "disable"}),
    ),
    "MySQL, all set": (
        {
            "DB_NAME": "mysql",
            "DB_USER": "me@here",
            "DB_PASSWORD": "p/w:d@%41?#",
            "KATIB_MYSQL_DB_HOST": "127.0.0.1",
            "KATIB_MYSQL_DB_PORT": "1",
            "KATIB_MYSQL_DB_DATABASE": "logs",
            "KATIB_POSTGRESQL_DB_HOST": "not this one",
        },
        "mysql",
        ("me@here", "p/w:d@%41?#", "127.0.0.1", 1, "logs", {}),
    ),
    "PostgreSQL, all set": (
        {
            "DB_NAME": "postgres",
            "DB_USER": "me",
            "DB_PASSWORD": "secret",
            "KATIB_POSTGRESQL_DB_HOST": "::1",
            "KATIB_POSTGRESQL_DB_PORT": "5433",
            "KATIB_POSTGRESQL_DB_DATABASE": "logs",
            "KATIB_POSTGRESQL_SSL_MODE": "require",
        },
        "postgresql",
        ("me", "secret", "::1", 5433, "logs", {"sslmode": "require"}),
    ),
    "what is empty counts as set": (
        {"DB_NAME": "postgres", "KATIB_POSTGRESQL_DB_PORT": "", "KATIB_POSTGRESQL_SSL_MODE": ""},
        "postgresql",
        ("katib", None, "katib-postgres", None, "katib", {}),
    ),
    "an empty host is the driver's own": (
        {"DB_NAME": "postgres", "KATIB_POSTGRESQL_DB_HOST": "", "DB_USER": ""},
        "postgresql",
        (None, None, None, 5432, "katib", {"sslmode": "disable"}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_variables_name_a_database(case: str) -> None:
    variables, driver, expected = CASES[case]
    url = make_url(read_database_url(variables))
    found = (url.username, url.password, url.host, url.port, url.database)
    assert url.drivername == driver
    # SQLAlchemy has both for what is empty.
    assert [one or None for one in found] == list(expected[:5])
    assert dict(url.query) == expected[5]


REFUSED: dict[str, tuple[Mapping[str, str], str]] = {
    "nothing is set": ({}, "DB_NAME env is not set"),
    "an empty name": ({"DB_NAME": ""}, "DB_NAME env is not set"),
    "another database": ({"DB_NAME": "oracle"}, 'DB_NAME is "oracle": .*mysql or postgres'),
    "no port": ({"DB_NAME": "mysql", "KATIB_MYSQL_DB_PORT": "x"}, 'KATIB_MYSQL_DB_PORT is "x"'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_variables_that_name_none_are_refused(case: str) -> None:
    variables, message = REFUSED[case]
    with pytest.raises(ConfigurationError, match=message):
        read_database_url(variables)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, False),
        ({"SKIP_DB_INITIALIZATION": "false"}, False),
        ({"SKIP_DB_INITIALIZATION": "true"}, True),
        ({"SKIP_DB_INITIALIZATION": "False"}, True),
        ({"SKIP_DB_INITIALIZATION": ""}, True),
    ],
)
def test_only_false_initialises(variables: Mapping[str, str], expected: bool) -> None:
    assert skips_initialization(variables) is expected
