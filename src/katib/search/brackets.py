"""Hyperband's order: bracket after bracket, each from rung to rung."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import islice, repeat

from katib.api.experiment import Experiment
from katib.search.configurations import Batch
from katib.search.halving import HalvingPlan, HalvingSearch, Seat
from katib.search.resource import ResourceSettings
from katib.search.rung_model import ModelPlan
from katib.search.rungs import Place
from katib.search.settings import SettingsReader
from katib.search.span import at_least


@dataclass(frozen=True, slots=True)
class BracketPlan(HalvingPlan):
    """How the search is carried out.

    Attributes:
        iterations: how often all brackets are gone through.
        is_sync: the next bracket waits for this one.
    """

    iterations: int = 1
    is_sync: bool = True

    @classmethod
    def read(
        cls,
        algorithm: str,
        experiment: Experiment,
        reader: SettingsReader,
        model: ModelPlan | None = None,
    ) -> BracketPlan:
        """Read the settings, and leave what is wrong with them to ``reader.check()``."""
        resource = ResourceSettings.read(experiment, reader)
        iterations = reader.integer(
            "iterations",
            1,
            at_least(1),
            "iterations should be great or equal than one",
        )
        sync = reader.choice(
            "sync", "true", ("true", "false"), "sync should be true or false, not {value}"
        )
        return cls(algorithm, resource, model, iterations, sync == "true")


class BracketSearch(HalvingSearch):
    """Runs the brackets one after another, each rung by rung, and ends with the last.

    The best 1/eta of a rung go on when the whole rung has ended; a failed trial is the worst of its
    rung and is never promoted, so that a rung gets smaller when there are fewer good ones than it
    has room for. While results are missing, the next bracket begins, or, if it is to wait, fewer
    are given than asked for.

    Args:
        experiment: what is searched.
        seed: where all randomness comes from.
        plan: how.
    """

    def __init__(self, experiment: Experiment, seed: int, plan: BracketPlan) -> None:
        super().__init__(experiment, seed, plan)
        self._plan = plan

    def _seats(self, first: int, batch: Batch) -> Iterator[Seat | None]:
        """The rungs in order, as far as it is known who is on them."""
        is_waiting = False
        for iteration in range(self._plan.iterations):
            for bracket in self.schedule.brackets():
                is_blocked = yield from self._bracket(iteration, bracket)
                is_waiting = is_waiting or is_blocked
                if is_blocked and self._plan.is_sync:
                    yield None
        if is_waiting:
            yield None

    def _bracket(self, iteration: int, bracket: int) -> Generator[Seat, None, bool]:
        """The seats of a bracket that are free; whether there will be more."""
        before: Place | None = None
        for rung in self.schedule.rungs(bracket):
            place = Place(bracket, rung.number, iteration)
            members = self.book.members(place)
            size = rung.size
            if before is not None:
                size = min(size, self.book.members(before).good)
            room = max(size - len(members), 0)
            yield from islice(self._free(place, before, size), room)
            if len(members.ended) < size and rung.number < bracket:
                return True
            before = place
        return False

    def _free(self, place: Place, before: Place | None, size: int) -> Iterator[Seat]:
        if before is None:
            return repeat(Seat(place))
        return (Seat(place, parent) for parent in self.book.promotable(before, size))
