"""What the home of one machine admits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from katib.admission import AdmissionContext, admit
from katib.admission.context import Lookup
from katib.admission.problems import invalid
from katib.api.experiment import AlgorithmSpec, Experiment
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Manifest, Unstructured
from katib.collectors import COLLECTORS
from katib.configuration import KatibConfig
from katib.configuration.one_machine import (
    OneMachine,
    algorithm_address,
    early_stopping_address,
)
from katib.errors import AdmissionError, AlgorithmCrashedError, FieldError, SettingsError
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.in_process_stopper import check_settings


def admit_here(
    manifest: Manifest,
    context: AdmissionContext,
    old: Experiment | None = None,
    config: KatibConfig | None = None,
    check_algorithm: Callable[[Experiment], None] | None = None,
) -> Experiment:
    """The legal experiment of a manifest, the settings of its algorithms checked too.

    The controllers check the settings again; asked here, a mistake costs no experiment. The
    settings of an algorithm that the configuration gives an address are checked by its service,
    when the controllers ask it.

    Args:
        manifest: of the experiment.
        context: what the home accepts.
        old: the stored experiment that it changes.
        config: how the home is configured.
        check_algorithm: asks the algorithm whether it accepts the experiment; in this process when
            it is left out. It raises ``SettingsError``, or ``AlgorithmCrashedError``.

    Raises:
        AdmissionError: with everything that is wrong.
    """
    experiment = admit(manifest, context, old)
    check = check_algorithm or InProcessSuggester().validate
    wrong = [
        *_check_algorithm(experiment, config, check),
        *_check_early_stopping(experiment, config),
    ]
    if wrong:
        raise AdmissionError(f'Experiment "{experiment.metadata.name}"', wrong)
    return experiment


def _check_algorithm(
    experiment: Experiment, config: KatibConfig | None, check: Callable[[Experiment], None]
) -> Iterator[FieldError]:
    algorithm = experiment.spec.algorithm
    if config and algorithm and algorithm_address(config, algorithm.algorithm_name):
        return
    try:
        check(experiment)
    except SettingsError as error:
        yield from _at_settings("spec.algorithm", algorithm, error)
    except AlgorithmCrashedError as error:
        yield FieldError("spec.algorithm", "Invalid value", str(error))


def _check_early_stopping(
    experiment: Experiment, config: KatibConfig | None
) -> Iterator[FieldError]:
    algorithm = experiment.spec.early_stopping
    if config and algorithm and early_stopping_address(config, algorithm.algorithm_name):
        return
    try:
        check_settings(experiment)
    except SettingsError as error:
        yield from _at_settings("spec.earlyStopping", algorithm, error)


def _at_settings(
    path: str, algorithm: AlgorithmSpec | None, error: SettingsError
) -> Iterator[FieldError]:
    """The problems of an algorithm, each at the setting that it names; at the algorithm if none."""
    settings = algorithm.algorithm_settings if algorithm else ()
    for problem in error.problems:
        named = {
            setting.name: index
            for index, setting in enumerate(settings)
            if setting.name and re.search(rf"(?<!\w){re.escape(setting.name)}(?!\w)", problem)
        }
        if len(named) != 1:
            yield FieldError(path, "Invalid value", problem)
            continue
        [(name, index)] = named.items()
        field = "name" if problem.startswith("unknown setting") else "value"
        found = name if field == "name" else settings[index].value
        yield invalid(f"{path}.algorithmSettings[{index}].{field}", found, problem)


def admission_context(find: Any, config: KatibConfig | None = None) -> AdmissionContext:
    """What an embedded home accepts.

    Args:
        find: ``ResourceReader.find`` of its store.
        config: how the home is configured; hand the same to :func:`admit_here`.
    """
    here = OneMachine(config or KatibConfig(), ALGORITHMS, STOPPING_RULES, COLLECTORS)

    def config_map(key: Key) -> Mapping[str, str] | None:
        found: Unstructured | None = find(CONFIG_MAPS, key)
        return None if found is None else found.body.get("data") or {}

    return AdmissionContext(
        algorithms=Lookup(here.find_algorithm),
        early_stopping_algorithms=Lookup(here.find_early_stopping),
        collector_kinds=Lookup(here.check_collector),
        find_config_map=config_map,
    )
