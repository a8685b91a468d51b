"""How long an algorithm that gives nothing, or fails, is asked again."""

from __future__ import annotations

from dataclasses import dataclass

#: How many replies in a row must be empty, with no trial under way, to be the end of the search.
MOST_EMPTY = 3

#: How many failures in a row, over how many seconds, are too many.
MOST_FAILURES, FAILING_FOR = 10, 60.0


@dataclass(slots=True)
class Patience:
    """What is remembered of one experiment's algorithm between asks; a restart forgets it."""

    empty: int = 0
    failures: int = 0
    failing_since: float = 0.0

    def note_reply(self, given: int, is_idle: bool) -> bool:
        """The algorithm answered; whether that is the end of its search.

        Args:
            given: how many assignments it gave.
            is_idle: no trial is under way, so that it has nothing to wait for.
        """
        self.failures = 0
        self.empty = self.empty + 1 if given == 0 and is_idle else 0
        return self.empty >= MOST_EMPTY

    def note_failure(self, now: float) -> bool:
        """The algorithm failed; whether it has done so too often and for too long.

        Args:
            now: the monotonic time in seconds.
        """
        if not self.failures:
            self.failing_since = now
        self.failures += 1
        return self.failures >= MOST_FAILURES and now - self.failing_since >= FAILING_FOR
