"""Who takes part: our algorithms and the libraries of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """One algorithm of one library.

    Attributes:
        environment: the name of the virtual environment that has the library, as of its file in
            ``requirements/``; ``katib`` is this project's own.
        driver: the module in ``drivers/``.
        option: which algorithm of the library.
        families: the rankings it appears in.
        is_slow: takes about a second for each suggestion.
    """

    environment: str
    driver: str
    option: str
    families: tuple[str, ...]
    is_slow: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is Katib's."""
        return self.driver == "katib"


#: The family of each of our algorithms that has peers; ``random`` takes part in every family.
FAMILIES: Mapping[str, str] = {
    "tpe": "katib-tpe",
    "multivariate-tpe": "katib-multivariate-tpe",
    "cmaes": "katib-cmaes",
    "gaussian process": "katib-bayesianoptimization",
    "forest": "katib-smac",
}

CONTENDERS: Mapping[str, Contender] = {
    "random": Contender("katib", "chance", "", tuple(FAMILIES)),
    "katib-random": Contender("katib", "katib", "random", ()),
    "katib-sobol": Contender("katib", "katib", "sobol", ()),
    "katib-grid": Contender("katib", "katib", "grid", ()),
    "katib-tpe": Contender("katib", "katib", "tpe", ("tpe",)),
    "katib-multivariate-tpe": Contender(
        "katib", "katib", "multivariate-tpe", ("multivariate-tpe",)
    ),
    "katib-cmaes": Contender("katib", "katib", "cmaes", ("cmaes",)),
    "katib-bayesianoptimization": Contender(
        "katib", "katib", "bayesianoptimization", ("gaussian process",)
    ),
    "katib-smac": Contender("katib", "katib", "smac", ("forest",)),
    "optuna-tpe": Contender("optuna", "optuna", "tpe", ("tpe",)),
    "optuna-multivariate-tpe": Contender(
        "optuna", "optuna", "multivariate-tpe", ("multivariate-tpe",)
    ),
    "optuna-cmaes": Contender("optuna", "optuna", "cmaes", ("cmaes",)),
    "optuna-gp": Contender("optuna", "optuna", "gp", ("gaussian process",), True),
    "hyperopt-tpe": Contender("hyperopt", "hyperopt", "tpe", ("tpe",)),
    "skopt-gp": Contender("skopt", "skopt", "GP", ("gaussian process",), True),
    "smac3-forest": Contender("smac", "smac", "forest", ("forest",), True),
    "hebo": Contender("hebo", "hebo", "", ("gaussian process",), True),
}
