"""What a home admits, on one machine and in a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from katib.admission import AdmissionContext, admit
from katib.admission.context import Lookup
from katib.api.experiment import Experiment
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Manifest, Unstructured
from katib.apps.algorithms import Places, places_of
from katib.collectors import COLLECTORS
from katib.configuration import KatibConfig
from katib.configuration.in_cluster import InCluster
from katib.configuration.one_machine import OneMachine
from katib.errors import (
    AlgorithmCrashedError,
    ConfigurationError,
    FieldError,
    SettingsError,
    UnknownNameError,
)
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
    checks = SettingsChecks(places_of(config or KatibConfig()), check)
    return admit(manifest, replace(context, check_settings=checks.find_problems), old)


@dataclass(frozen=True, slots=True)
class SettingsChecks:
    """What the algorithms that are asked in this process find wrong with an experiment.

    Attributes:
        places: where algorithms are asked.
        check: asks the search algorithm; raises ``SettingsError``, or ``AlgorithmCrashedError``.
    """

    places: Places
    check: Callable[[Experiment], None]

    def find_problems(self, experiment: Experiment) -> Iterator[FieldError]:
        """The problems, with their places; none of algorithms that are asked elsewhere."""
        if _is_here(self.places.find_algorithm, experiment):
            yield from _check_algorithm(experiment, self.check)
        if _is_here(self.places.find_early_stopping, experiment):
            yield from _check_early_stopping(experiment)


def _is_here(find: Callable[[Experiment], str], experiment: Experiment) -> bool:
    try:
        return not find(experiment)
    except ConfigurationError:
        return False  # That is for admission to say.


def _check_algorithm(
    experiment: Experiment, check: Callable[[Experiment], None]
) -> Iterator[FieldError]:
    try:
        check(experiment)
    except UnknownNameError:
        return  # That is for admission to say.
    except SettingsError as error:
        yield from _placed(error, "spec.algorithm")
    except AlgorithmCrashedError as error:
        yield FieldError("spec.algorithm", "Invalid value", str(error))


def _check_early_stopping(experiment: Experiment) -> Iterator[FieldError]:
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
    return _context(here, find)


class ClusterDoor:
    """Admits experiments of a cluster.

    Args:
        here: what can be used there now.
        find: ``ResourceReader.find`` of its store.
        checks: of the settings.
    """

    def __init__(self, here: Callable[[], InCluster], find: Any, checks: SettingsChecks) -> None:
        self._here, self._find, self._checks = here, find, checks

    def admit(self, manifest: Manifest, old: Experiment | None = None) -> Experiment:
        """The legal experiment of a manifest, which may change a stored one.

        Raises:
            AdmissionError: with everything that is wrong.
            ConfigurationError: Katib's own configuration is not legal.
        """
        context = _context(self._here(), self._find)
        checked = replace(context, calls_functions=False, check_settings=self._checks.find_problems)
        return admit(manifest, checked, old)


class _Usable(Protocol):
    """What names stand for in a home; a ``ConfigurationError`` says why one stands for nothing."""

    def find_algorithm(self, name: str) -> object:
        """A search algorithm."""
        ...

    def find_early_stopping(self, name: str) -> object:
        """An early stopping rule."""
        ...

    def check_collector(self, kind: str) -> None:
        """A kind of metrics collector."""
        ...


def _context(here: _Usable, find: Any) -> AdmissionContext:
    def config_map(key: Key) -> Mapping[str, str] | None:
        found: Unstructured | None = find(CONFIG_MAPS, key)
        return None if found is None else found.body.get("data") or {}

    return AdmissionContext(
        algorithms=Lookup(here.find_algorithm),
        early_stopping_algorithms=Lookup(here.find_early_stopping),
        collector_kinds=Lookup(here.check_collector),
        find_config_map=config_map,
    )
