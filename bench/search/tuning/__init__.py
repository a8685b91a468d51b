"""Tasks to tune algorithms on."""

from __future__ import annotations

from bench.search.analytic import moving
from bench.search.tables import recorded
from bench.search.task import Maker, Suite, noisy
from bench.search.tuning import functions, mixed
from bench.search.tuning.grids import GRIDS


def _recorded(name: str, is_noisy: bool = False) -> Maker:
    return recorded(name, GRIDS[name], is_noisy)


TUNING = Suite(
    {
        "analytic/camel-2": moving(functions.CAMEL, 2),
        "analytic/hartmann-3": moving(functions.HARTMANN_3, 3),
        "analytic/dixon-price-5": moving(functions.DIXON_PRICE_5, 5),
        "analytic/styblinski-tang-7": moving(functions.STYBLINSKI_TANG, 7),
        "analytic/sphere-9": moving(functions.SPHERE, 9),
        "analytic/powers-15": moving(functions.POWERS, 15, is_turned=True),
        "analytic/goldstein-price-2": moving(functions.GOLDSTEIN_PRICE, 2),
        "analytic/shekel-4": moving(functions.SHEKEL, 4),
        "analytic/zakharov-6": moving(functions.ZAKHAROV, 6, is_turned=True),
        "analytic/powell-8": moving(functions.POWELL, 8),
        "mixed/words-8": mixed.words_only,
        "mixed/schedule-7": mixed.schedule,
        "mixed/optimizer-9": mixed.optimizer,
        "mixed/augmentation-13": mixed.augmentation,
        "mixed/database-8": mixed.database,
        "table/kernel-ridge-diabetes": _recorded("kernel-ridge-diabetes"),
        "table/tree-cancer": _recorded("tree-cancer"),
        "table/elastic-diabetes": _recorded("elastic-diabetes"),
        "noisy/griewank-6": noisy(moving(functions.GRIEWANK, 6, is_turned=True), 0.1),
        "noisy/alpine-4": noisy(moving(functions.ALPINE, 4), 0.15),
        "noisy/schedule-7": noisy(mixed.schedule, 0.1),
        "noisy/optimizer-9": noisy(mixed.optimizer, 0.08),
        "noisy/shekel-4": noisy(moving(functions.SHEKEL, 4), 0.05),
    }
)
