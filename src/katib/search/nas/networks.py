"""The architectures of an experiment: drawn, changed a little, told to trials and read back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from random import Random

from katib.api.experiment import Experiment, GraphConfig, NasConfig
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.search.nas.architecture import Architecture, architecture_of, network_text, text_of
from katib.search.nas.operations import choices_of, config_of, found, problems_of

ARCHITECTURE = "architecture"
NETWORK = "nn_config"

#: The text of an architecture has three characters for each possible skip connection, and one word
#: of a command line may have 128 KiB.
MOST_LAYERS = 250

#: How often an architecture that was tried before is made anew, until it is given again.
_MOST_DRAWS = 100


class Networks:
    """Chains of layers with skip connections, as ``spec.nasConfig`` describes them.

    Args:
        experiment: whose; its ``nasConfig`` is whole.

    Attributes:
        choices: what a layer may be; the number of an operation is its place.
        layers: how many each architecture has.
        size: how many architectures there are.
    """

    def __init__(self, experiment: Experiment) -> None:
        config = config_of(experiment)
        self._graph, self.choices = config.graph_config, choices_of(config)
        self.layers = layers = self._graph.num_layers or 0
        self.size: int = len(self.choices) ** layers * 2 ** (layers * (layers - 1) // 2)

    def draw(self, random: Random) -> Architecture:
        """Any of them, all with the same chance."""
        return tuple(
            (random.randrange(len(self.choices)), *(random.getrandbits(1) for _ in range(number)))
            for number in range(self.layers)
        )

    def mutate(self, architecture: Architecture, random: Random) -> Architecture:
        """One with another operation in one layer, or with one skip connection more or fewer.

        Both are as likely where both are possible. The same comes back where it is the only one.
        """
        rows = [list(row) for row in architecture]
        changes_operation = self.layers == 1 or random.getrandbits(1) == 0
        if len(self.choices) > 1 and changes_operation:
            row = random.choice(rows)
            row[0] = (row[0] + random.randrange(1, len(self.choices))) % len(self.choices)
        elif self.layers > 1:
            bits = [(row, place) for row in rows for place in range(1, len(row))]
            row, place = random.choice(bits)
            row[place] = 1 - row[place]
        return tuple(map(tuple, rows))

    def make_new(
        self, seen: Collection[Architecture], make: Callable[[int], Architecture]
    ) -> Architecture:
        """One that was not seen before, as long as that is likely.

        Args:
            seen: those that were.
            make: makes one; it is told how often it was asked before.
        """
        attempts = _MOST_DRAWS if len(seen) < self.size else 1
        for attempt in range(attempts):
            architecture = make(attempt)
            if architecture not in seen:
                break
        return architecture

    def find_architecture(self, trial: Trial) -> Architecture | None:
        """That of a trial; ``None`` when it has none of this search space."""
        values = {pair.name: pair.value for pair in trial.spec.parameter_assignments}
        try:
            return architecture_of(values.get(ARCHITECTURE, ""), self.layers, len(self.choices))
        except ValueError:
            return None

    def assignment(self, architecture: Architecture) -> TrialAssignment:
        """What a trial is told of one."""
        network = network_text(architecture, self._graph, self.choices)
        return TrialAssignment(
            parameter_assignments=(
                NameValue(name=ARCHITECTURE, value=text_of(architecture)),
                NameValue(name=NETWORK, value=network),
            )
        )


def problems_of_networks(config: NasConfig) -> Iterator[str]:
    """Everything that is wrong with a search space of whole networks."""
    yield from _problems_of_graph(config.graph_config)
    yield from problems_of(config)


def _problems_of_graph(graph: GraphConfig) -> Iterator[str]:
    shown = found("spec.nasConfig.graphConfig", graph)
    for sizes, name, word in (
        (graph.input_sizes, "inputSizes", "InputSizes"),
        (graph.output_sizes, "outputSizes", "OutputSizes"),
    ):
        if not sizes:
            yield f"Missing {word} in GraphConfig:\n{shown}"
        for place, size in enumerate(sizes):
            if size < 1:
                yield (
                    f"spec.nasConfig.graphConfig.{name}[{place}] is {size}; a size is a whole "
                    "number from 1 on"
                )
    layers = graph.num_layers or 0
    if layers <= 0:
        yield f"Missing NumLayers in GraphConfig:\n{shown}"
    if layers > MOST_LAYERS:
        yield (
            f"spec.nasConfig.graphConfig.numLayers is {layers}; {MOST_LAYERS} are the most, since "
            "the text of an architecture has to fit into a command line"
        )
