"""ASHA: asynchronous successive halving, in which nobody waits for a rung to be complete.

L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht and A. Talwalkar,
"A System for Massively Parallel Hyperparameter Tuning", MLSys 2020, algorithm 2: the form that
promotes, in which a trial with more of the resource is a new trial.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import count as count_from
from random import Random

from katib.api.experiment import Experiment
from katib.search.configurations import Batch
from katib.search.halving import HalvingPlan, HalvingSearch, Seat
from katib.search.history import PastTrial
from katib.search.resource import ResourceSettings
from katib.search.rung_model import ModelPlan
from katib.search.rungs import Place
from katib.search.settings import SettingsReader, Values
from katib.search.span import between

_MODELS = {"random": None, "tpe": ModelPlan()}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user has set.

    Attributes:
        resource: what is sieved by.
        brackets: on how many rungs configurations begin.
        model: how new ones are found; ``None`` for at random.
    """

    resource: ResourceSettings
    brackets: int
    model: ModelPlan | None

    @classmethod
    def of(cls, experiment: Experiment) -> Settings:
        """Read them.

        Raises:
            SettingsError: they are wrong; the message names everything that is.
        """
        reader = SettingsReader(experiment)
        resource = ResourceSettings.read(experiment, reader)
        most = resource.schedule.most_rungs + 1
        numbers = Values(int, "a whole number from 1 to the number of rungs", between(1, most))
        brackets = reader.read(
            "brackets",
            1,
            numbers,
            f"brackets should be from 1 to {most}, the number of rungs",
        )
        sampler = reader.choice(
            "sampler", "random", _MODELS, "sampler should be random or tpe, not {value}"
        )
        reader.check()
        return cls(resource, brackets, _MODELS[sampler])


class Asha(HalvingSearch):
    """Promotes a configuration as soon as it is among the best of its rung so far.

    Whenever a trial is wanted, the highest rung is looked for that has a configuration among its
    best 1/eta which was not promoted yet; if none has, there is a new configuration for the lowest.
    Failed trials count as results, the worst, and are never promoted. When the space has no new
    configuration, the best that are left are promoted, until all have reached the highest rung.

    With several brackets, new configurations begin on the lowest rung, the second lowest, and so
    on, in the numbers that Hyperband gives to these brackets; each is compared within its bracket.
    """

    def __init__(self, experiment: Experiment, seed: int) -> None:
        settings = Settings.of(experiment)
        super().__init__(experiment, seed, HalvingPlan("asha", settings.resource, settings.model))
        self._seed = seed
        most = self.schedule.most_rungs
        self._brackets = range(most, most - settings.brackets, -1)
        sizes = [self.schedule.size(bracket) for bracket in self._brackets]
        self._shares = [float(Fraction(size, sum(sizes))) for size in sizes]

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept a resource that is one of the parameters, one that has numbers."""
        Settings.of(experiment)

    def _seats(self, first: int, batch: Batch) -> Iterator[Seat | None]:
        """A seat for every trial that is wanted, while there are configurations."""
        promoted: set[str] = set()
        is_climbing = False
        for index in count_from(first):
            seat = self._promotion(promoted, is_any=False)
            if seat is None and not batch.is_used_up:
                seat = Seat(Place(self._bracket(index), 0))
            seat = seat or self._promotion(promoted, is_any=True)
            if seat is None:
                break
            if seat.parent is not None:
                promoted.add(seat.parent.name)
            is_climbing = is_climbing or not _is_top(seat.place)
            yield seat
        if is_climbing or any(
            self.book.members(place).pending and not _is_top(place) for place in self.book.places()
        ):
            yield None

    def _promotion(self, promoted: set[str], is_any: bool) -> Seat | None:
        """The best configuration of the highest rung, of its best 1/eta or ``is_any`` of it."""
        for level in range(1, self.schedule.most_rungs + 1):
            for bracket in self._brackets:
                if bracket >= level:
                    place = Place(bracket, bracket - level)
                    parent = self._promotable(place, promoted, is_any)
                    if parent is not None:
                        return Seat(Place(bracket, place.rung + 1), parent)
        return None

    def _promotable(self, place: Place, promoted: set[str], is_any: bool) -> PastTrial | None:
        ended = len(self.book.members(place).ended)
        most = ended if is_any else int(ended / self.schedule.eta)
        waiting = self.book.promotable(place, most)
        return next((trial for trial in waiting if trial.name not in promoted), None)

    def _bracket(self, index: int) -> int:
        random = Random(f"{self._seed}:{index}:bracket")
        return random.choices(self._brackets, self._shares)[0]


def _is_top(place: Place) -> bool:
    return place.bracket == place.rung
