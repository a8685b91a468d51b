"""Early stopping algorithms, one file each.

Every module holds one :class:`katib.search.stopping.rule.StoppingAlgorithm`: it looks at the
reports of trials that have ended and says by which rules those that start next are stopped. It may
know the settings and observation logs that it is handed, and nothing of its siblings. Whether a
running trial meets its rules is for ``collectors`` to see. The table below is the only place that
names them all; other packages add theirs through entry points of the group ``katib.stopping``.
"""

from __future__ import annotations

from katib.registry import Registry
from katib.search.stopping.rule import StoppingAlgorithm

STOPPING_RULES: Registry[StoppingAlgorithm] = Registry(
    "early stopping algorithm",
    "katib.stopping",
    {
        "medianstop": "katib.search.stopping.median:MedianStop",
        "patience": "katib.search.stopping.patience:Patience",
        "percentile": "katib.search.stopping.percentile:PercentileStop",
        "running-median": "katib.search.stopping.running_median:RunningMedianStop",
        "successive-halving": "katib.search.stopping.successive_halving:SuccessiveHalvingStop",
        "threshold": "katib.search.stopping.threshold:Threshold",
        "wilcoxon": "katib.search.stopping.wilcoxon:WilcoxonStop",
    },
)
