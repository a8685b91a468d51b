"""Search algorithms, one file each.

Every module holds one :class:`katib.search.algorithm.Algorithm`. It may know the search space and
the settings, and nothing of its siblings: what two algorithms share belongs to ``search`` itself.
The table below is the only place that names them all; other packages add theirs through entry
points of the group ``katib.algorithms``.
"""

from __future__ import annotations

from katib.registry import Registry
from katib.search.algorithm import Algorithm

ALGORITHMS: Registry[Algorithm] = Registry(
    "algorithm",
    "katib.algorithms",
    {
        "asha": "katib.search.algorithms.asha:Asha",
        "bayesianoptimization": (
            "katib.search.algorithms.bayesian_optimization:BayesianOptimization"
        ),
        "bohb": "katib.search.algorithms.bohb:Bohb",
        "cmaes": "katib.search.algorithms.cmaes:CmaEs",
        "darts": "katib.search.algorithms.darts:Darts",
        "enas": "katib.search.algorithms.enas:Enas",
        "grid": "katib.search.algorithms.grid:GridSearch",
        "hyperband": "katib.search.algorithms.hyperband:Hyperband",
        "multivariate-tpe": "katib.search.algorithms.multivariate_tpe:MultivariateTpe",
        "pbt": "katib.search.algorithms.pbt:PopulationBasedTraining",
        "random": "katib.search.algorithms.random:RandomSearch",
        "regularized-evolution": (
            "katib.search.algorithms.regularized_evolution:RegularizedEvolution"
        ),
        "smac": "katib.search.algorithms.smac:Smac",
        "sobol": "katib.search.algorithms.sobol:SobolSearch",
        "tpe": "katib.search.algorithms.tpe:Tpe",
    },
)

#: Those that answer at once whatever their settings, and need little memory, so that they are
#: asked in the engine's own process. All others, those of other packages too, get a worker process
#: each: of ours ``asha``, which may have a model, and ``sobol``, whose library is large.
LIGHT = frozenset({"darts", "grid", "hyperband", "pbt", "random", "regularized-evolution"})

#: Those whose assignments stand each by itself, so that others can take their place when they
#: crash. A schedule would be lost: its trials belong together.
REPLACEABLE = frozenset({"bayesianoptimization", "cmaes", "multivariate-tpe", "smac", "tpe"})


def is_light(name: str) -> bool:
    """Whether the algorithm is asked in the engine's own process; so is a name that nobody has."""
    return name in LIGHT or name not in ALGORITHMS
