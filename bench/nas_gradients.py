"""The part of ``bench.nas`` that needs PyTorch: does the genotype prefer the planted operation?

Prints, for each search, the share of the planted operation in the normal cell, seed by seed.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / place) for place in ("examples/networks", "tests/networks", "src")]

import torch  # noqa: E402
from genotype import Edge  # noqa: E402
from image_data import Pictures  # noqa: E402
from planted_pictures import PLAN, planted_pictures, planted_share  # noqa: E402
from run_trial import Search, Settings  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from katib.search.nas.cell_source import cell_source  # noqa: E402
from katib.search.nas.found import FoundCells  # noqa: E402
from katib.search.nas.genotype import Genotype  # noqa: E402

#: Of the search by gradients, and of each network of random search.
EPOCHS, PICTURES = 6, 1600
#: Learning rates of the weights and of the architecture.
RATE, ALPHA_RATE = 0.3, 0.04

#: A step of the mixed network trains four operations, twice: for this many networks of one each.
NETWORKS = 8


def by_gradients(seed: int, unrolled: bool = False) -> float:
    """The share of edges with the planted operation after a search."""
    settings = Settings(
        num_epochs=EPOCHS,
        w_lr=RATE,
        w_lr_min=0.001,
        w_momentum=0.9,
        w_weight_decay=3e-4,
        w_grad_clip=5.0,
        alpha_lr=ALPHA_RATE,
        alpha_weight_decay=1e-3,
        batch_size=32,
        init_channels=PLAN.channels,
        print_step=1000,
        num_nodes=PLAN.nodes,
        stem_multiplier=PLAN.stem,
        unrolled=unrolled,
        seed=seed,
    )
    pictures = planted_pictures(PICTURES, seed)
    half = PICTURES // 2
    search = Search(PLAN, settings, torch.device("cpu"))
    for _ in range(EPOCHS):
        search.run_epoch(pictures.part(0, half), pictures.part(half, PICTURES))
    return planted_share(search.network.genotype.normal[0])


def by_random(seed: int) -> float:
    """The same for the best of some random architectures, with as much training in all."""
    chance = random.Random(seed)
    pictures = planted_pictures(PICTURES, seed)
    half = PICTURES // 2
    best: tuple[float, list[Edge]] = (-1, [])
    for number in range(NETWORKS):
        normal, reduce = ([(chance.choice(PLAN.operations), edge) for edge in (0, 1)] for _ in "nr")
        torch.manual_seed(seed * NETWORKS + number)
        genotype = Genotype([normal], [2], [reduce], [2])
        found = FoundCells(genotype, PLAN.layers, PLAN.channels, PLAN.stem)
        space: dict[str, type[nn.Module]] = {}
        exec(compile(cell_source(found, "One of them."), "exported", "exec"), space)
        network = space["Network"](PLAN.sizes[2], PLAN.classes)
        _train(network, pictures.part(0, half), torch.Generator().manual_seed(number))
        right = network(pictures.images[half:]).argmax(dim=1) == pictures.labels[half:]
        best = max(best, (float(right.float().mean()), normal))
    return planted_share(best[1])


def _train(network: nn.Module, pictures: Pictures, chance: torch.Generator) -> None:
    optimizer = torch.optim.SGD(network.parameters(), RATE, 0.9, weight_decay=3e-4)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS, 0.001)
    for _ in range(EPOCHS):
        for batch in pictures.batches(32, chance):
            optimizer.zero_grad()
            functional.cross_entropy(network(batch.images), batch.labels).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
        rates.step()


def main() -> None:
    torch.set_num_threads(1)
    seeds = range(int(sys.argv[1]))
    with contextlib.redirect_stdout(sys.stderr):
        found = {
            "random": [by_random(seed) for seed in seeds],
            "darts": [by_gradients(seed) for seed in seeds],
            "darts, second order": [by_gradients(seed, unrolled=True) for seed in seeds],
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
