"""Made-up tuning tasks to tune on."""

from __future__ import annotations

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
