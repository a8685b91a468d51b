"""DARTS: the whole search runs within one trial, which is told what to search.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from katib.api import names
from katib.api.experiment import Experiment, NasConfig, Operation
from katib.api.suggestion import TrialAssignment
from katib.api.trial import Trial
from katib.api.values import NameValue
from katib.ports.suggester import SuggestionReply
from katib.search.nas.architecture import quoted
from katib.search.nas.operations import (
    PARAMETERLESS,
    config_of,
    found,
    problems_of,
    refusals,
    space_of,
)
from katib.search.settings import SettingsReader, Values
from katib.search.span import at_least

_SEEDS = 2**32

_DEFAULTS: Mapping[str, int | float] = {
    "num_epochs": 50,
    "w_lr": 0.025,
    "w_lr_min": 0.001,
    "w_momentum": 0.9,
    "w_weight_decay": 3e-4,
    "w_grad_clip": 5.0,
    "alpha_lr": 3e-4,
    "alpha_weight_decay": 1e-3,
    "batch_size": 128,
    "num_workers": 4,
    "init_channels": 16,
    "print_step": 50,
    "num_nodes": 4,
    "stem_multiplier": 3,
}

#: The smallest whole number of a setting, and how Katib's users know it.
_WHOLE: Mapping[str, tuple[int, str]] = {
    "num_epochs": (1, "greater than zero"),
    "batch_size": (1, "greater than or equal to one"),
    "num_workers": (0, "greater than or equal to zero"),
    "init_channels": (1, "greater than or equal to one"),
    "print_step": (1, "greater than or equal to one"),
    "num_nodes": (1, "greater than or equal to one"),
    "stem_multiplier": (1, "greater than or equal to one"),
}


class Darts:
    """Tells every trial the same, but for a seed of its own. There is nothing to learn from."""

    def __init__(self, experiment: Experiment, seed: int) -> None:
        config, given = config_of(experiment), SettingsReader(experiment).given
        self._layers = config.graph_config.num_layers or 0
        self._primitives = [name for one in config.operations for name in _primitives(one)]
        self._settings: Mapping[str, int | float | str | None] = {
            **_DEFAULTS,
            **{name: None if text == "None" else text for name, text in given.items()},
        }
        self._seed = int(given["seed"]) if "seed" in given else seed

    @staticmethod
    def validate(experiment: Experiment) -> None:
        """Accept the settings of DARTS, others unseen, and operations with a list of sizes.

        A setting with a name that is not known is for the trial to judge.
        """
        reader = SettingsReader(experiment)
        reader.note(*refusals(experiment, _problems_of))
        _check_settings(reader)
        reader.check_values()

    def tell(self, trials: Sequence[Trial]) -> None:
        """History means nothing: each trial is a search by itself."""

    def suggest(self, index: int, count: int) -> SuggestionReply:
        """As many as asked for; each repeats the search with another seed."""
        return SuggestionReply([self._assignment(index + offset) for offset in range(count)])

    def _assignment(self, index: int) -> TrialAssignment:
        settings = {**self._settings, "seed": (self._seed + index) % _SEEDS}
        texts = {
            "algorithm-settings": quoted(settings),
            "search-space": quoted(self._primitives),
            "num-layers": str(self._layers),
        }
        return TrialAssignment(
            parameter_assignments=tuple(
                NameValue(name=name, value=text) for name, text in texts.items()
            )
        )


def _primitives(operation: Operation) -> Iterator[str]:
    """One for each size in the first parameter, as ``separable_convolution_3x3``."""
    if operation.operation_type in PARAMETERLESS:
        yield operation.operation_type
        return
    first = operation.parameters[0]
    sizes: Sequence[str] = first.feasible_space.list
    if first.parameter_type == names.INT:
        (parameter,) = space_of(Operation(parameters=(first,))).parameters
        sizes = [parameter.value(index) for index in range(parameter.size or 0)]
    for size in sizes:
        yield f"{operation.operation_type}_{size}x{size}"


def _problems_of(config: NasConfig) -> Iterator[str]:
    if (config.graph_config.num_layers or 0) <= 0:
        shown = found("spec.nasConfig.graphConfig", config.graph_config)
        yield f"Missing NumLayers in GraphConfig:\n{shown}"
    yield from problems_of(config)
    for index, operation in enumerate(config.operations):
        if operation.parameters and operation.parameters[0].parameter_type == names.DOUBLE:
            shown = found(
                f"spec.nasConfig.operations[{index}].parameters[0]", operation.parameters[0]
            )
            yield (
                "the first parameter of an operation is its size, and a size is no double; use "
                f"categorical, discrete or int:\n{shown}"
            )


def _check_settings(reader: SettingsReader) -> None:
    for name, default in _DEFAULTS.items():
        if name not in _WHOLE:
            wrong = f"{name} should be greater than or equal to zero"
            reader.number(name, default, at_least(0), wrong)
            continue
        low, words = _WHOLE[name]
        wrong = f"{name} should be {words}"
        if name == "batch_size":
            reader.read(name, default, _BATCH_SIZE, wrong)
        else:
            reader.integer(name, default, at_least(low), wrong)
    zero = "should be greater than or equal to zero"
    reader.integer("seed", None, at_least(0), f"seed {zero}", "random_state")
    reader.seed(f"random_state {zero}")


def _size_or_none(text: str) -> int | None:
    # Katib has always let the text None pass here; it reaches the trial as a null.
    return None if text == "None" else int(text)


def _is_size(size: int | None) -> bool:
    return size is None or size >= 1


_BATCH_SIZE = Values(_size_or_none, "a whole number from 1 on, or None", _is_size)
