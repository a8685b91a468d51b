"""Made-up tuning tasks to tune on."""

from __future__ import annotations

import numpy as np

from bench.search.space import Config, double, integer, words
from bench.search.surface import Surface, made
from bench.search.task import Task


def words_only(seed: int) -> Task:
    """Words and few numbers, every one by itself."""
    space = [
        *(words(f"w{number}", *"abcde"[: 2 + number % 4]) for number in range(6)),
        double("rate", 1e-5, 1e1, is_log=True),
        integer("size", 1, 300, is_log=True),
    ]

    def shape(surface: Surface, config: Config) -> float:
        total = sum(surface.cost(config, f"w{number}") / (1 + number) for number in range(6))
        rate, size = surface.away(config, "rate"), surface.away(config, "size")
        return float(total + 2 * (rate + 0.5 * size) ** 2 + 0.5 * size**2)

    return made(space, seed, shape)


def schedule(seed: int) -> Task:
    """A learning rate schedule, numbers of all kinds with a valley and a cliff."""
    space = [
        double("peak", 1e-5, 1e-1, is_log=True),
        double("floor", 1e-8, 1e-3, is_log=True),
        integer("warmup", 0, 2000, step=100),
        integer("steps", 100, 20000, is_log=True),
        double("beta", 0.5, 0.999),
        words("shape", "cosine", "linear", "constant", "step"),
        double("unused", -1.0, 1.0),
    ]

    def shape(surface: Surface, config: Config) -> float:
        peak, steps = surface.away(config, "peak"), surface.away(config, "steps")
        total = 1.5 * (peak + 0.7 * steps) ** 2 + 0.4 * steps**2
        total += 1.0 if peak > 0.25 else 0.0
        total += 0.3 * abs(surface.away(config, "warmup")) + 0.2 * surface.away(config, "beta") ** 2
        if surface.rank(config, "shape") < 2:
            total += 0.3 * surface.away(config, "floor") ** 2
        return float(total + 0.5 * surface.cost(config, "shape"))

    return made(space, seed, shape)


def optimizer(seed: int) -> Task:
    """A word says which numbers count, and shifts the best place of another."""
    space = [
        words("optimizer", "sgd", "adam", "rmsprop", "lamb"),
        double("rate", 1e-6, 1.0, is_log=True),
        double("momentum", 0.0, 0.99),
        double("beta", 0.8, 0.9999),
        double("decay", 1e-7, 1e-1, is_log=True),
        integer("batch", 16, 512, step=16),
        integer("units", 8, 1024, is_log=True),
        words("is_nesterov", "no", "yes"),
        words("schedule", "none", "cosine", "plateau"),
    ]

    def shape(surface: Surface, config: Config) -> float:
        rank = surface.rank(config, "optimizer")
        batch = surface.away(config, "batch")
        rate = surface.away(config, "rate", 0.12 * rank) - 0.3 * batch
        total = 2 * (1 - np.exp(-8 * rate**2)) + 0.3 * batch**2
        total += 0.4 * surface.cost(config, "optimizer")
        if rank % 2 == 0:
            total += 0.8 * surface.away(config, "momentum") ** 2
            total += 0.15 * surface.cost(config, "is_nesterov")
        else:
            total += 0.6 * surface.away(config, "beta") ** 2
        total += 0.5 * abs(surface.away(config, "decay")) ** 1.5
        total += 0.7 * surface.away(config, "units") ** 2
        return float(total + 0.1 * surface.cost(config, "schedule"))

    return made(space, seed, shape)


def augmentation(seed: int) -> Task:
    """Many parameters of a few values, of which some matter little and some not at all."""
    space = [
        *(integer(f"level{number}", 0, 10) for number in range(4)),
        *(words(f"is_on{number}", "no", "yes") for number in range(4)),
        double("strength", 0.0, 1.0, step=0.05),
        double("mix", 0.01, 10.0, is_log=True),
        integer("crop", 8, 64, step=4),
        words("policy", "a", "b", "c", "d", "e", "f"),
        double("unused", 0.0, 1.0),
    ]

    def shape(surface: Surface, config: Config) -> float:
        total = 0.0
        for number in range(4):
            level = surface.away(config, f"level{number}")
            is_on = surface.is_best(config, f"is_on{number}")
            total += (level**2 if is_on else 0.1 + 0.3 * level**2) / (1 + number)
        strength, crop = surface.away(config, "strength"), surface.away(config, "crop")
        total += 1.2 * (strength - 0.6 * crop) ** 2 + 0.4 * crop**2
        total += 0.5 * (1 - np.exp(-10 * surface.away(config, "mix") ** 2))
        return float(total + 0.5 * surface.cost(config, "policy"))

    return made(space, seed, shape)


def database(seed: int) -> Task:
    """Sizes over many powers, with knees: too little of one thing makes another useless."""
    space = [
        integer("pages", 64, 65536, is_log=True),
        integer("workers", 1, 64),
        double("spread", 0.1, 4.0, is_log=True),
        integer("wait", 0, 5000, step=50),
        double("fill", 0.1, 0.95, step=0.05),
        words("log", "sync", "async", "batched"),
        words("join", "hash", "merge", "loop"),
        double("cost", 1e-3, 1e3, is_log=True),
    ]

    def shape(surface: Surface, config: Config) -> float:
        pages, workers = surface.away(config, "pages"), surface.away(config, "workers")
        total = max(1.5 * abs(pages - 0.5 * workers), 2.5 * workers**2) + 0.3 * workers**2
        total += np.log1p(6 * surface.away(config, "spread") ** 2)
        total += 0.4 * abs(surface.away(config, "wait")) * (1 + surface.rank(config, "log"))
        total += 0.5 * surface.away(config, "fill") ** 2
        total += surface.away(config, "cost", 0.15 * surface.rank(config, "join")) ** 2
        words_cost = surface.cost(config, "log") + surface.cost(config, "join")
        return float(total + 0.35 * words_cost)

    return made(space, seed, shape)
