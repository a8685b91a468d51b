"""What the home of one machine admits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from katib.admission import AdmissionContext, admit
from katib.admission.context import Lookup
from katib.api.experiment import Experiment
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Manifest, Unstructured
from katib.collectors import COLLECTORS
from katib.configuration import KatibConfig
from katib.configuration.one_machine import (
    OneMachine,
    algorithm_address,
    early_stopping_address,
)
from katib.errors import AlgorithmCrashedError, FieldError, SettingsError, UnknownNameError
from katib.search.algorithms import ALGORITHMS
from katib.search.stopping import STOPPING_RULES
from katib.suggesters.in_process import InProcessSuggester
from katib.suggesters.in_process_stopper import check_settings as check_stopping


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
    check = check_algorithm or InProcessSuggester().validate

    def check_settings(experiment: Experiment) -> Iterator[FieldError]:
        algorithm, stopping = experiment.spec.algorithm, experiment.spec.early_stopping
        if not (config and algorithm and algorithm_address(config, algorithm.algorithm_name)):
            yield from check_algorithm_settings(experiment, check)
        if not (config and stopping and early_stopping_address(config, stopping.algorithm_name)):
            yield from check_stopping_settings(experiment)

    return admit(manifest, replace(context, check_settings=check_settings), old)


def check_algorithm_settings(
    experiment: Experiment, check: Callable[[Experiment], None]
) -> Iterator[FieldError]:
    """What the experiment's algorithm finds wrong, as ``check`` says it."""
    try:
        check(experiment)
    except UnknownNameError:
        return  # That is for admission to say.
    except SettingsError as error:
        yield from _placed(error, "spec.algorithm")
    except AlgorithmCrashedError as error:
        yield FieldError("spec.algorithm", "Invalid value", str(error))


def check_stopping_settings(experiment: Experiment) -> Iterator[FieldError]:
    """What the experiment's early stopping rule, a built-in one, finds wrong."""
    try:
        check_stopping(experiment)
    except SettingsError as error:
        yield from _placed(error, "spec.earlyStopping")


def _placed(error: SettingsError, path: str) -> Iterator[FieldError]:
    """The problems, those without a place of their own at that path."""
    for problem in error.problems:
        yield problem if problem.path else replace(problem, path=path)


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
