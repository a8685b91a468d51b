"""The tasks that are reported. Whoever tunes on one of them makes the report worthless."""

from __future__ import annotations

from bench.search.analytic import moving
from bench.search.reported import functions, mixed
from bench.search.reported.grids import GRIDS
from bench.search.tables import recorded
from bench.search.task import Maker, Suite, noisy


def _recorded(name: str, is_noisy: bool = False) -> Maker:
    return recorded(name, GRIDS[name], is_noisy)


REPORTED = Suite(
    {
        "analytic/branin-2": moving(functions.BRANIN, 2),
        "analytic/rosenbrock-4": moving(functions.ROSENBROCK, 4),
        "analytic/hartmann-6": moving(functions.HARTMANN_6, 6),
        "analytic/rastrigin-5": moving(functions.RASTRIGIN, 5),
        "analytic/ackley-10": moving(functions.ACKLEY, 10),
        "analytic/ellipsoid-20": moving(functions.ELLIPSOID, 20),
        "mixed/network-10": mixed.network,
        "mixed/boosting-12": mixed.boosting,
        "mixed/kernel-5": mixed.kernel,
        "mixed/pipeline-8": mixed.pipeline,
        "table/svm-digits": _recorded("svm-digits"),
        "table/boosting-cancer": _recorded("boosting-cancer"),
        "table/mlp-wine": _recorded("mlp-wine"),
        "table/forest-diabetes": _recorded("forest-diabetes"),
        "table/neighbours-digits": _recorded("neighbours-digits"),
        "noisy/levy-4": noisy(moving(functions.LEVY, 4), 0.05),
        "noisy/sum-squares-8": noisy(moving(functions.SUM_SQUARES, 8, is_turned=True), 0.1),
        "noisy/plant-9": noisy(mixed.plant, 0.1),
        "noisy/extra-trees-digits": _recorded("extra-trees-digits", is_noisy=True),
    }
)
