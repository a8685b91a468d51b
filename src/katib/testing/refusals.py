"""What an algorithm refuses, in the words that Katib has for it."""

from __future__ import annotations

import re

from katib.errors import SettingsError

#: What follows Katib's words: what would be right.
_MORE = re.compile(r", did you mean .*|; known: .*|, write .*|, use .*")


def words_of(error: SettingsError) -> str:
    """The problems, each without what would be right."""
    return "; ".join(_MORE.sub("", problem.detail) for problem in error.problems)
