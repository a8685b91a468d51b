"""Names of metrics with wildcards: ``*`` for any characters, ``?`` for one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

#: How many names the wildcards of one trial may match; more are passed over, and that is told.
MOST_MATCHES = 100

#: How long a name may be that a wildcard matches.
LONGEST_MATCH = 255


def is_wildcard(name: str) -> bool:
    """Whether a name may stand for others; brackets mean themselves."""
    return "*" in name or "?" in name


def matches(pattern: str, name: str) -> bool:
    """Whether a wildcard stands for a name, in a time that is linear in the name.

    A name with stars of its own is matched by itself too.
    """
    if not name or len(name) > LONGEST_MATCH:
        return False
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def matches_any(patterns: Iterable[str], name: str) -> bool:
    """Whether one of several wildcards stands for a name."""
    return any(matches(pattern, name) for pattern in patterns)


def literal_of(pattern: str) -> str:
    """The longest text that every name has which a wildcard stands for; may be empty."""
    return max(re.split(r"[*?]+", pattern), key=len)
