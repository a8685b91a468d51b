"""A trial of architecture search by layers: trains the network that an architecture describes.

It stands for the image ``enas-cnn-cifar10``, and serves ``enas``, ``regularized-evolution`` and
``random`` alike. After each epoch it prints the accuracy and the loss in training and validation.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from image_data import Pictures, add_images_option, load, shifted
from layer_network import LayerNetwork
from texts import best_device, read_json
from torch import nn
from torch.nn import functional

#: How far pictures are moved in training, as a share of their height.
_SHIFT = 0.1

#: Small batches and a high rate, since there are few pictures and few epochs.
_BATCH, _RATE = 32, 1e-2


def train(
    network: nn.Module, pictures: Pictures, optimizer: torch.optim.Optimizer, chance: Any
) -> tuple[float, float]:
    """One epoch; the accuracy and the loss on the way."""
    network.train()
    right = loss_sum = 0.0
    most = round(pictures.images.shape[2] * _SHIFT)
    for batch in pictures.batches(_BATCH, chance):
        answers = network(shifted(batch.images, most, chance))
        loss = functional.cross_entropy(answers, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        right += float((answers.argmax(dim=1) == batch.labels).sum())
        loss_sum += float(loss.detach()) * len(batch)
    return right / len(pictures), loss_sum / len(pictures)


def validate(network: nn.Module, pictures: Pictures) -> tuple[float, float]:
    """The accuracy and the loss on pictures that it was not trained with."""
    network.eval()
    with torch.no_grad():
        answers = network(pictures.images)
        loss = functional.cross_entropy(answers, pictures.labels)
    return float((answers.argmax(dim=1) == pictures.labels).float().mean()), float(loss)


def run(
    architecture: Sequence[Sequence[int]],
    config: Mapping[str, Any],
    flags: argparse.Namespace,
) -> None:
    device = torch.device("cpu") if flags.num_gpus == 0 else best_device()
    torch.manual_seed(flags.seed)
    chance = torch.Generator().manual_seed(flags.seed)
    network = LayerNetwork(architecture, config).to(device)
    sizes, classes = config["input_sizes"], config["output_sizes"][-1]
    training, validation = (part.on(device) for part in load(sizes, classes, flags.images))
    optimizer = torch.optim.Adam(network.parameters(), lr=_RATE)
    for epoch in range(1, flags.num_epochs + 1):
        print(f"Epoch {epoch}")
        results = {
            "Training": train(network, training, optimizer, chance),
            "Validation": validate(network, validation),
        }
        for what, (accuracy, loss) in results.items():
            print(f"{what}-Accuracy={accuracy:.4f}")
            print(f"{what}-Loss={loss:.4f}", flush=True)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--architecture", required=True, help="operations and links, layer by layer"
    )
    parser.add_argument("--nn_config", required=True, help="what each operation's number means")
    parser.add_argument("--num_epochs", type=int, default=10)
    parser.add_argument("--num_gpus", type=int, default=1, help="0 for none though there is one")
    parser.add_argument("--seed", type=int, default=0)
    add_images_option(parser)
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    architecture = read_json("architecture", flags.architecture)
    run(architecture, read_json("nn_config", flags.nn_config), flags)


if __name__ == "__main__":
    main()
