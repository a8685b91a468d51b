"""What a trial of an architecture search has found, as its own record says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from katib.api.trial import Trial
from katib.errors import KatibError
from katib.search.nas.architecture import Architecture, architecture_of, unquoted
from katib.search.nas.genotype import Genotype
from katib.search.nas.networks import ARCHITECTURE, NETWORK
from katib.search.nas.operations import Argument, Choice


class NoArchitectureError(KatibError):
    """A trial has no architecture that could be shown."""

    def __init__(self, trial: str, reason: str) -> None:
        super().__init__(f'trial "{trial}" has no architecture: {reason}')


@dataclass(frozen=True, slots=True)
class FoundLayers:
    """A chain of layers with skip connections.

    Attributes:
        architecture: its rows.
        operations: what their numbers stand for.
        inputs: height, width and channels of a picture.
        classes: how many answers there are.
    """

    architecture: Architecture
    operations: Mapping[int, Choice]
    inputs: Sequence[int]
    classes: int

    def sources(self, number: int) -> Sequence[int]:
        """The nodes that a layer takes, from 0 on; its predecessor's output, ``number``, first."""
        _, *bits = self.architecture[number]
        return [number, *(node for node, bit in enumerate(bits) if bit and node != number)]


@dataclass(frozen=True, slots=True)
class FoundCells:
    """A stack of cells.

    Attributes:
        genotype: what the cells are made of.
        layers: how many cells there are.
        channels: of a node in the first cell.
        stem: how many times as many the first convolution has.
    """

    genotype: Genotype
    layers: int
    channels: int
    stem: int


Found = FoundLayers | FoundCells


class _Described(msgspec.Struct, frozen=True):
    """One operation of ``nn_config``."""

    opt_type: str
    opt_params: dict[str, Argument]


class _Network(msgspec.Struct, frozen=True):
    """What is used of ``nn_config``."""

    input_sizes: tuple[int, ...]
    output_sizes: tuple[int, ...]
    embedding: dict[int, _Described]


class _Size(msgspec.Struct, frozen=True):
    """What is used of ``algorithm-settings``."""

    init_channels: int = 16
    stem_multiplier: int = 3


def find_network(trial: Trial) -> Found:
    """The architecture that a trial was given, or that it has reported as a metric.

    Raises:
        NoArchitectureError: neither; the message says what is missing.
    """
    values = {pair.name: pair.value for pair in trial.spec.parameter_assignments}
    name = trial.metadata.name
    try:
        if ARCHITECTURE in values:
            return _layers(values[ARCHITECTURE], values.get(NETWORK, ""))
        if "search-space" in values:
            return _cells(_genotype_of(trial), values)
    except (ValueError, msgspec.ValidationError) as error:
        raise NoArchitectureError(name, str(error)) from error
    raise NoArchitectureError(
        name,
        f"its parameters are {', '.join(values) or 'none'}; architecture and nn_config, or "
        "search-space and num-layers are those of an architecture search",
    )


def _layers(text: str, network: str) -> FoundLayers:
    described = msgspec.convert(unquoted(network), _Network, strict=False)
    count = len(unquoted(text))
    architecture = architecture_of(text, count, max(described.embedding, default=0) + 1)
    missing = {row[0] for row in architecture} - set(described.embedding)
    if missing:
        raise ValueError(f"nn_config does not say what operation {min(missing)} is")
    return FoundLayers(
        architecture,
        {
            number: Choice(one.opt_type, one.opt_params)
            for number, one in described.embedding.items()
        },
        described.input_sizes,
        described.output_sizes[-1],
    )


def _cells(genotype: Genotype, values: Mapping[str, str]) -> FoundCells:
    size = msgspec.convert(unquoted(values.get("algorithm-settings", "{}")), _Size, strict=False)
    layers = int(values.get("num-layers", "1"))
    return FoundCells(genotype, layers, size.init_channels, size.stem_multiplier)


def _genotype_of(trial: Trial) -> Genotype:
    """The latest metric that is a genotype."""
    observation = trial.status.observation
    for metric in () if observation is None else observation.metrics:
        if metric.latest.startswith("Genotype("):
            return Genotype.of(metric.latest)
    raise ValueError("it has not reported a genotype, which is what its search ends with")
