"""Which trials are on which rung, as their labels say, and how well they did there."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from katib.api import names
from katib.api.values import Strings
from katib.search.history import Outcome, PastTrial


@dataclass(frozen=True, slots=True)
class Place:
    """A rung of a bracket.

    Attributes:
        bracket: which, as the algorithm numbers them.
        rung: from 0 on, with growing resource.
        iteration: how often all brackets were gone through before.
    """

    bracket: int
    rung: int
    iteration: int = 0


@dataclass(frozen=True, slots=True)
class RungLabels:
    """The labels by which an algorithm finds its own trials again.

    Attributes:
        algorithm: whose labels.
        has_checkpoints: the parent is also named to those who hand on its checkpoint.
    """

    algorithm: str
    has_checkpoints: bool = False

    def write(self, place: Place, index: int, parent: str = "") -> Strings:
        """Those of an assignment.

        Args:
            place: the rung that it is for.
            index: how many assignments there were before it.
            parent: the trial that has run the same configuration with less; empty for none.
        """
        numbers = {"bracket": place.bracket, "rung": place.rung, "iteration": place.iteration}
        labels = {self._name(word): str(number) for word, number in numbers.items()}
        labels[self._name("index")] = str(index)
        if parent:
            labels[self._name("parent")] = parent
            if self.has_checkpoints:
                labels[names.LABEL_PARENT] = parent
        return Strings(labels)

    def place(self, trial: PastTrial) -> Place | None:
        """The rung of a trial; ``None`` if it has none."""
        bracket, rung = self._number(trial, "bracket"), self._number(trial, "rung")
        if bracket < 0 or rung < 0:
            return None
        return Place(bracket, rung, max(self._number(trial, "iteration"), 0))

    def index(self, trial: PastTrial) -> int:
        """How many assignments there were before that of the trial; -1 if nobody knows."""
        return self._number(trial, "index")

    def parent(self, trial: PastTrial) -> str:
        """The trial that ran the same configuration with less; empty for none."""
        return trial.labels.get(self._name("parent"), "")

    def _number(self, trial: PastTrial, word: str) -> int:
        text = trial.labels.get(self._name(word), "")
        return int(text) if text.isdecimal() else -1

    def _name(self, word: str) -> str:
        return f"{self.algorithm}.suggestion/{word}"


#: A trial that has ended, as it is sorted: by what it has come to, loss and name.
Entry = tuple[int, float, str]


class Members:
    """The trials of one rung.

    Attributes:
        pending: the names of those that have not ended.
        ended: the other ones, best first, the failed ones last.
        waiting: those that ended, did not fail and were not promoted, best first.
    """

    def __init__(self) -> None:
        self.pending: set[str] = set()
        self.ended: list[Entry] = []
        self.waiting: list[Entry] = []

    def __len__(self) -> int:
        return len(self.pending) + len(self.ended)

    @property
    def good(self) -> int:
        """How many have ended and did not fail."""
        return bisect_left(self.ended, (Outcome.FAILED.value, 0.0, ""))

    def put(self, trial: PastTrial, is_promoted: bool) -> None:
        """Take in a trial that is not here."""
        if trial.outcome is Outcome.PENDING:
            self.pending.add(trial.name)
            return
        insort(self.ended, _entry(trial))
        if trial.outcome is not Outcome.FAILED and not is_promoted:
            insort(self.waiting, _entry(trial))

    def promote(self, trial: PastTrial) -> None:
        """The trial waits no longer, if it did."""
        _remove(self.waiting, _entry(trial))

    def drop(self, trial: PastTrial) -> None:
        """Forget a trial that is here, just as it was when it was put."""
        self.pending.discard(trial.name)
        _remove(self.ended, _entry(trial))
        _remove(self.waiting, _entry(trial))


def _entry(trial: PastTrial) -> Entry:
    return (*trial.rank, trial.name)


def _remove(entries: list[Entry], entry: Entry) -> None:
    place = bisect_left(entries, entry)
    if entries[place : place + 1] == [entry]:
        del entries[place]


class RungBook:
    """All trials told, by rung. Whatever the order they came in, the book is the same.

    Args:
        labels: how the algorithm finds its trials again.
    """

    def __init__(self, labels: RungLabels) -> None:
        self._labels = labels
        self._trials: dict[str, PastTrial] = {}
        self._places: dict[str, Place] = {}
        self._rungs: dict[Place, Members] = {}
        self._parents: set[str] = set()
        self.next_index = 0  # one more than that of any trial
        self.version = 0  # changes with whatever is told

    def tell(self, trial: PastTrial) -> None:
        """Take in a trial that is new or has changed; one of no rung is left out."""
        place = self._labels.place(trial)
        if place is None:
            return
        self.version += 1
        if trial.name in self._trials:
            self.members(self._places[trial.name]).drop(self._trials[trial.name])
        self._trials[trial.name], self._places[trial.name] = trial, place
        self._rungs.setdefault(place, Members()).put(trial, trial.name in self._parents)
        self._promote(self._labels.parent(trial))
        self.next_index = max(self.next_index, self._labels.index(trial) + 1)

    def places(self) -> Iterable[Place]:
        """Every rung that has trials."""
        return self._rungs.keys()

    def members(self, place: Place) -> Members:
        """The trials of a rung, pending or ended."""
        return self._rungs.get(place, _NOBODY)

    def trials(self) -> Iterator[tuple[Place, PastTrial]]:
        """All of them, by name, with their rungs."""
        for name in sorted(self._trials):
            yield self._places[name], self._trials[name]

    def promotable(self, place: Place, most: int) -> Iterator[PastTrial]:
        """Those of the best ``most`` trials of a rung that were not promoted, best first."""
        members = self.members(place)
        for entry in members.waiting:
            if bisect_left(members.ended, entry) >= most:
                return
            yield self._trials[entry[-1]]

    def _promote(self, name: str) -> None:
        self._parents.add(name)
        if name in self._trials:
            self.members(self._places[name]).promote(self._trials[name])


_NOBODY = Members()
