"""Searches that run many configurations with little of a resource, and the best again with more.

What Hyperband, BOHB and ASHA have in common. Who is on which rung is read from the trials' labels,
so that nothing but the history decides what comes next.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count as count_from

from katib.api.experiment import Experiment
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.ports.suggester import SuggestionReply
from katib.search.configurations import Adviser, Batch, Chance, Configurations
from katib.search.history import History, PastTrial
from katib.search.resource import ResourceSettings, ResourceSpace
from katib.search.rung_model import ModelPlan, RungModel
from katib.search.rungs import Place, RungBook, RungLabels
from katib.search.space import SearchSpace


@dataclass(frozen=True, slots=True)
class Seat:
    """What comes next: a configuration for a rung.

    Attributes:
        place: the rung.
        parent: the trial whose configuration it is; ``None`` for a new one.
    """

    place: Place
    parent: PastTrial | None = None


@dataclass(frozen=True, slots=True)
class HalvingPlan:
    """How the search is carried out.

    Attributes:
        algorithm: the name under which labels are written.
        resource: which it is, and how it grows.
        model: how new configurations are found; ``None`` for at random.
    """

    algorithm: str
    resource: ResourceSettings
    model: ModelPlan | None = None


class HalvingSearch:
    """Gives seats their configurations, in the order that a subclass knows.

    An assignment's labels say where its trial belongs. Those that were asked for before and are no
    trials yet are the first seats, which are passed over.

    Args:
        experiment: what is searched.
        seed: where all randomness comes from.
        plan: how.
    """

    def __init__(self, experiment: Experiment, seed: int, plan: HalvingPlan) -> None:
        space = SearchSpace.of(experiment)
        self._resource = ResourceSpace(space, plan.resource.name)
        self._labels = RungLabels(plan.algorithm, plan.resource.has_checkpoints)
        self._history = History(experiment, space)
        self.schedule = plan.resource.schedule
        self.book = RungBook(self._labels)
        adviser: Adviser = Chance()
        if plan.model is not None:
            adviser = RungModel(self.book, self._resource, plan.model)
        self._configurations = Configurations(self._resource.configurations, seed, adviser)

    def tell(self, trials: Sequence[Trial]) -> None:
        """Every trial belongs to the rung that its labels name."""
        for trial in self._history.tell(trials):
            self.book.tell(trial)
            self._configurations.note(self._resource.without_resource(trial.assignments))

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """The next seats, up to the first that has to wait."""
        first = min(index, self.book.next_index)
        batch = self._configurations.batch()
        given: list[TrialAssignment] = []
        for number, seat in zip(count_from(first), self._seats(first, batch), strict=False):
            if seat is None or number == index + count:
                return SuggestionReply(given[index - first :])
            given.append(self._assignment(number, seat, batch))
        return SuggestionReply(given[index - first :], is_exhausted=True)

    @abstractmethod
    def _seats(self, first: int, batch: Batch) -> Iterator[Seat | None]:
        """What comes next, of all that have not been told; ``None`` where results are waited for.

        Args:
            first: the index of the first seat's assignment.
            batch: what the new configurations of the seats so far were drawn from.
        """
        ...

    def _assignment(self, index: int, seat: Seat, batch: Batch) -> TrialAssignment:
        place, parent = seat.place, seat.parent
        if parent is None:
            configuration = batch.draw(index) or batch.repeat(index)
        else:
            configuration = self._resource.without_resource(parent.assignments)
        amount = self.schedule.resource(place.bracket - place.rung)
        return TrialAssignment(
            parameter_assignments=self._resource.with_resource(configuration, amount),
            labels=self._labels.write(place, index, "" if parent is None else parent.name),
        )
