"""Which metrics of a trial are kept: those that are named, and so many that wildcards match."""

from __future__ import annotations

from katib.api.experiment import ObjectiveSpec
from katib.api.wildcards import MOST_MATCHES, matches_any


class WantedNames:
    """Tells wanted names from others, and bounds what wildcards match.

    Args:
        objective: names the metrics.
    """

    def __init__(self, objective: ObjectiveSpec) -> None:
        self._exact, self._wildcards = frozenset(objective.exact_names), objective.wildcards
        self._matched: set[str] = set()
        self._surplus = ""
        self._is_told = False

    def take(self, name: str) -> bool:
        """Whether entries of this name are kept."""
        if name in self._exact or name in self._matched:
            return True
        if not matches_any(self._wildcards, name):
            return False
        if len(self._matched) >= MOST_MATCHES:
            self._surplus = self._surplus or name
            return False
        self._matched.add(name)
        return True

    def tell_surplus(self) -> str:
        """That some names are too many, for the user; once, and empty otherwise."""
        if self._is_told or not self._surplus:
            return ""
        self._is_told = True
        return (
            f"The wildcards {', '.join(self._wildcards)} of spec.objective.additionalMetricNames "
            f'match more than {MOST_MATCHES} names; "{self._surplus}" and others are left out. '
            "Let the wildcards match less"
        )
