"""Who descends from whom in a population that was trained with population based training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from katib.api import codec, names
from katib.api.experiment import EXPERIMENTS
from katib.api.trial import TRIALS
from katib.api.values import Manifest
from katib.search.lineage import Life, Lineage

__all__ = ["Descent", "Life", "descent_of"]


@dataclass(frozen=True, slots=True)
class Descent:
    """A population.

    Attributes:
        metric: the objective's name.
        lives: its trials, by generation.
        ancestry: from the first ancestor to the best trial; empty before there is one.
    """

    metric: str
    lives: Sequence[Life]
    ancestry: Sequence[Life]


def descent_of(experiment: Manifest, trials: Sequence[Manifest]) -> Descent:
    """The population of an experiment, as the API gives it and its trials.

    Raises:
        SettingsError: the experiment has no search space.
        msgspec.ValidationError: one of them has another shape than its kind.
    """
    found = codec.from_manifest(EXPERIMENTS, {**experiment, "status": {}})
    lineage = Lineage.of(found, [codec.from_manifest(TRIALS, one) for one in trials])
    objective = found.spec.objective
    is_maximised = objective is not None and objective.type == names.MAXIMIZE
    valued = {one.trial: one.value for one in lineage.lives.values() if one.value is not None}
    optimal = (experiment.get("status") or {}).get("currentOptimalTrial") or {}
    best = optimal.get("bestTrialName")
    if best not in valued:
        # Of several that are as good, the experiment has named one; before it has, any is.
        best = (max if is_maximised else min)(valued, key=lambda one: valued[one], default=None)
    return Descent(
        metric="" if objective is None else objective.objective_metric_name,
        lives=tuple(lineage.lives.values()),
        ancestry=() if best is None else tuple(lineage.descent(best)),
    )
