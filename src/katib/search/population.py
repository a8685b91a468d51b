"""A population that lives through generations of trials, read from what the trials' labels say."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from katib.search.history import Outcome, PastTrial, losses_of


@dataclass(frozen=True, slots=True)
class Member:
    """One line of trials, each of which goes on from an earlier one.

    Attributes:
        number: from 0 on.
        trials: generation → its trials; there are several when some of them failed.
    """

    number: int
    trials: Mapping[int, Sequence[PastTrial]]

    @property
    def generation(self) -> int:
        """Of the latest trials; -1 when there are none."""
        return max(self.trials, default=-1)

    @property
    def is_busy(self) -> bool:
        """Whether the result of a trial is still to come."""
        return any(
            trial.outcome is Outcome.PENDING for trials in self.trials.values() for trial in trials
        )

    @property
    def latest(self) -> PastTrial | None:
        """The trial of the latest generation that has a loss."""
        for generation in sorted(self.trials, reverse=True):
            good = [trial for trial in self.trials[generation] if not math.isnan(trial.loss)]
            if good:
                return min(good, key=lambda trial: (*trial.rank, trial.name))
        return None

    @property
    def failures(self) -> Sequence[PastTrial]:
        """The failed trials of the latest generation, by name, unless one of it has a loss."""
        newest = self.trials.get(self.generation, ())
        if any(not math.isnan(trial.loss) for trial in newest):
            return ()
        failed = [trial for trial in newest if trial.outcome is Outcome.FAILED]
        return sorted(failed, key=lambda trial: trial.name)


def members_of(places: Iterable[tuple[int, int, PastTrial]], size: int) -> Sequence[Member]:
    """The members of a population.

    Args:
        places: number of a member, generation, trial; what is not of this population is left out.
        size: how many members there are.
    """
    found: list[defaultdict[int, list[PastTrial]]] = [defaultdict(list) for _ in range(size)]
    for number, generation, trial in places:
        if 0 <= number < size:
            found[number][generation].append(trial)
    return [Member(number, trials) for number, trials in enumerate(found)]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who of a population does badly and who does well, by name.

    Truncation selection: Jaderberg et al., "Population Based Training of Neural Networks", 2017,
    section 4.1.

    Attributes:
        losers: those to be replaced.
        winners: those to replace them, best first; none of them is a loser.
        is_flat: there are several results, and all are equally good.
    """

    losers: frozenset[str]
    winners: Sequence[PastTrial]
    is_flat: bool = False

    @classmethod
    def of(cls, members: Sequence[Member], threshold: float) -> Ranking:
        """Compare the latest result of each member that has one.

        Args:
            members: of the population.
            threshold: the share of losers, and of winners, between 0 and 1.
        """
        latest = [trial for member in members if (trial := member.latest) is not None]
        if not latest:
            return cls(frozenset(), ())
        losses: Sequence[float] = losses_of(latest).tolist()
        losers, winners = truncated(losses, threshold)
        return cls(
            frozenset(latest[place].name for place in losers),
            [latest[place] for place in winners],
            is_flat=len(losses) > 1 and len(set(losses)) == 1,
        )


def truncated(losses: Sequence[float], threshold: float) -> tuple[Sequence[int], Sequence[int]]:
    """Which losses are among the worst, and which among the best: their places.

    As many as lie beyond the quantiles of the threshold. Of losses that are the same, the earlier
    count as better, so that there are losers where most are equally bad. One that is as good as
    the best is no loser.

    Args:
        losses: at least one, all finite.
        threshold: the share of each.
    """
    order = sorted(range(len(losses)), key=lambda place: losses[place])
    # Without the noise of binary fractions, which would be one loser more.
    share = round(threshold * (len(losses) - 1), 9)
    losing = order[len(losses) - math.ceil(share) :]
    losers = [place for place in losing if losses[place] > losses[order[0]]]
    winners = [place for place in order[: math.floor(share) + 1] if place not in losers]
    return losers, winners
