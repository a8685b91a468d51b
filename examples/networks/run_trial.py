"""A trial of architecture search by gradients: the whole search is in here.

It stands for the image ``darts-cnn-cifar10``. One half of the pictures trains the weights, the
other the architecture. The last lines are ``Best-Top1=`` and ``Best-Genotype=``: the accuracy of
the best epoch, and what the architecture was then. With the setting ``suggestion_trial_dir`` it
keeps what it has in that folder after each epoch, and goes on from there when it is started again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from architect import Parameters, WeightStep, first_order, second_order
from genotype import Genotype
from image_data import Pictures, add_images_option, load
from supernet import Plan, Supernet
from texts import best_device, read_json
from torch import nn
from torch.func import functional_call
from torch.nn import functional

CHECKPOINT = "search.pt"


@dataclass(frozen=True)
class Settings:
    """The settings of the search, as Katib names them, and three of our own.

    Attributes:
        unrolled: the second-order approximation, which takes three times as long.
        seed: of everything that is drawn.
        suggestion_trial_dir: where the search is kept; empty for nowhere.
    """

    num_epochs: int
    w_lr: float
    w_lr_min: float
    w_momentum: float
    w_weight_decay: float
    w_grad_clip: float
    alpha_lr: float
    alpha_weight_decay: float
    batch_size: int
    init_channels: int
    print_step: int
    num_nodes: int
    stem_multiplier: int
    unrolled: bool = False
    seed: int = 0
    suggestion_trial_dir: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Settings:
        """Read them: numbers or texts; what is not known here is said and passed over."""
        readers: Mapping[str, Callable[[Any], Any]] = {
            "int": int,
            "float": float,
            "str": str,
            "bool": _truth,
        }
        read: dict[str, Any] = {}
        for name, value in given.items():
            kind = cls.__annotations__.get(name)
            if kind is None:
                if name != "num_workers":
                    print(f"The setting {name} is not known here and has no effect")
                continue
            try:
                read[name] = readers[kind](value)
            except (TypeError, ValueError) as error:
                raise SystemExit(f"algorithm-settings: {name} is {value!r}: {error}") from error
        try:
            return cls(**read)
        except TypeError as error:
            raise SystemExit(f"algorithm-settings: {error}") from error


def _truth(value: object) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError("it has to be true or false")
    return str(value).lower() == "true"


class Search:
    """A search on its way, epoch by epoch.

    Attributes:
        epoch: how many there were.
        top1: the best accuracy so far; -1 before the first epoch.
        genotype: what was found then.
    """

    def __init__(self, plan: Plan, settings: Settings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.network = settings, Supernet(plan).to(device)
        self.chance = torch.Generator().manual_seed(settings.seed)
        self.epoch, self.top1, self.genotype = 0, -1.0, self.network.genotype
        named = dict(self.network.named_parameters())
        names = self.network.alpha_names
        self._alphas = {name: one for name, one in named.items() if name in names}
        self._weights = {name: one for name, one in named.items() if name not in names}
        self._by_alpha = torch.optim.Adam(
            self._alphas.values(),
            settings.alpha_lr,
            betas=(0.5, 0.999),
            weight_decay=settings.alpha_weight_decay,
        )
        self._by_weight = torch.optim.SGD(
            self._weights.values(),
            settings.w_lr,
            settings.w_momentum,
            weight_decay=settings.w_weight_decay,
        )
        self._rates = torch.optim.lr_scheduler.CosineAnnealingLR(
            self._by_weight, settings.num_epochs, settings.w_lr_min
        )

    def run_epoch(self, training: Pictures, validation: Pictures) -> float:
        """One epoch over both halves; the accuracy in validation after it."""
        size = self.settings.batch_size
        batches = zip(
            training.batches(size, self.chance), validation.batches(size, self.chance), strict=False
        )
        for number, (one, other) in enumerate(batches):
            self._step_alphas(one, other)
            loss = self._step_weights(one)
            if number % self.settings.print_step == 0:
                print(f"Epoch {self.epoch}, step {number}: loss {loss:.4f}", flush=True)
        self._rates.step()
        self.epoch += 1
        accuracy = self._accuracy(validation)
        if accuracy > self.top1:
            self.top1, self.genotype = accuracy, self.network.genotype
        return accuracy

    def save(self, folder: Path) -> None:
        """Keep all that the next epoch depends on."""
        kept = {name: one.state_dict() for name, one in self._parts.items()}
        kept |= {"epoch": self.epoch, "top1": self.top1, "genotype": tuple(self.genotype)}
        kept["chance"] = self.chance.get_state()
        # Renamed when it is whole: one that is killed meanwhile leaves the one before.
        partial_file = folder / f".{CHECKPOINT}"
        torch.save(kept, partial_file)
        partial_file.replace(folder / CHECKPOINT)

    def restore(self, folder: Path) -> None:
        """Go on from what is kept, if anything is."""
        file = folder / CHECKPOINT
        if not file.exists():
            return
        try:
            # What this program has written itself; the ranges of a genotype are no tensors.
            kept = torch.load(file, weights_only=False)
            for name, one in self._parts.items():
                one.load_state_dict(kept[name])
        except Exception as error:
            raise SystemExit(
                f"{file} holds no search of this network ({error}); delete it to begin anew"
            ) from error
        self.epoch, self.top1 = kept["epoch"], kept["top1"]
        self.genotype = Genotype(*kept["genotype"])
        self.chance.set_state(kept["chance"])
        print(f"It goes on after epoch {self.epoch}")

    @property
    def _parts(self) -> Mapping[str, Any]:
        return {
            "network": self.network,
            "by_alpha": self._by_alpha,
            "by_weight": self._by_weight,
            "rates": self._rates,
        }

    def _step_alphas(self, training: Pictures, validation: Pictures) -> None:
        loss = partial(self._loss, validation)
        if self.settings.unrolled:
            gradients = second_order(
                self._alphas, self._weights, partial(self._loss, training), loss, self._ahead()
            )
        else:
            gradients = first_order(self._alphas, self._weights, loss)
        for name, alpha in self._alphas.items():
            alpha.grad = gradients[name]
        self._by_alpha.step()

    def _ahead(self) -> WeightStep:
        settings, state = self.settings, self._by_weight.state
        velocity = {
            name: state[one]["momentum_buffer"]
            for name, one in self._weights.items()
            if state[one].get("momentum_buffer") is not None
        }
        rate = self._rates.get_last_lr()[0]
        return WeightStep(rate, settings.w_momentum, settings.w_weight_decay, velocity)

    def _step_weights(self, training: Pictures) -> float:
        loss = functional.cross_entropy(self.network(training.images), training.labels)
        self.network.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights.values(), self.settings.w_grad_clip)
        self._by_weight.step()
        return float(loss.detach())

    def _loss(self, pictures: Pictures, parameters: Parameters) -> torch.Tensor:
        answers = functional_call(self.network, dict(parameters), (pictures.images,))
        return functional.cross_entropy(answers, pictures.labels)

    def _accuracy(self, pictures: Pictures) -> float:
        right = 0
        for begin in range(0, len(pictures), 256):
            part = pictures.part(begin, begin + 256)
            with torch.no_grad():
                answers = self.network(part.images)
            right += int((answers.argmax(dim=1) == part.labels).sum())
        return right / len(pictures)


def search(settings: Settings, plan: Plan, pictures: Pictures) -> tuple[float, Genotype]:
    """The accuracy and the architecture of the best epoch."""
    device = best_device()
    half = len(pictures) // 2
    training, validation = (
        part.on(device) for part in (pictures.part(0, half), pictures.part(half, len(pictures)))
    )
    found = Search(plan, settings, device)
    folder = Path(settings.suggestion_trial_dir) if settings.suggestion_trial_dir else None
    if folder is not None:
        found.restore(folder)
    while found.epoch < settings.num_epochs:
        accuracy = found.run_epoch(training, validation)
        now = found.network.genotype
        print(f"Epoch {found.epoch}: top 1 = {accuracy:.4f}, genotype = {now}", flush=True)
        if folder is not None:
            found.save(folder)
    return found.top1, found.genotype


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algorithm-settings", required=True, help="numbers of the search")
    parser.add_argument("--search-space", required=True, help="the operations' names")
    parser.add_argument("--num-layers", required=True)
    parser.add_argument("--input-sizes", default="[32, 32, 3]", help="height, width, channels")
    parser.add_argument("--classes", type=int, default=10)
    add_images_option(parser)
    return parser.parse_args()


def main() -> None:
    flags = parse_flags()
    settings = Settings.of(read_json("algorithm-settings", flags.algorithm_settings))
    operations: Sequence[str] = read_json("search-space", flags.search_space)
    sizes = read_json("input-sizes", flags.input_sizes)
    plan = Plan(
        operations=operations,
        layers=int(flags.num_layers.strip('"')),
        nodes=settings.num_nodes,
        channels=settings.init_channels,
        stem=settings.stem_multiplier,
        sizes=sizes,
        classes=flags.classes,
    )
    pictures, _ = load(sizes, flags.classes, flags.images)
    top1, genotype = search(settings, plan, pictures)
    print(f"Best-Top1={top1:.4f}")
    print(f"Best-Genotype={genotype.text}", flush=True)


if __name__ == "__main__":
    main()
