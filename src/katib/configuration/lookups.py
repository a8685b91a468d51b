"""Entries of a KatibConfig, found by name, or the reason why there is none that can be used."""

from __future__ import annotations

from collections.abc import Iterable

from katib.configuration.models import (
    CONFIG_MAP,
    EarlyStoppingConfig,
    KatibConfig,
    MetricsCollectorConfig,
    SuggestionConfig,
)
from katib.errors import ConfigurationError, suggest

#: Collector kinds that bring their own container or need none, so that they have no entry.
KINDS_WITHOUT_ENTRY = ("Custom", "Push")


def find_suggestion(
    config: KatibConfig, algorithm: str, known: Iterable[str] = ()
) -> SuggestionConfig:
    """The entry of a search algorithm; the last one, when there are several.

    Args:
        config: where to look.
        algorithm: its name.
        known: names that can be used without an entry, for advice.

    Raises:
        ConfigurationError: there is no entry, or it says neither image nor address.
    """
    entries = {entry.algorithm_name: entry for entry in config.runtime.suggestions}
    what = "suggestion config for algorithm"
    if algorithm not in entries:
        raise _not_found(what, algorithm, {*entries, *known})
    entry = entries[algorithm]
    if not entry.address:
        _require_image(entry.image, f"algorithm name: {algorithm}")
    return entry


def find_early_stopping(
    config: KatibConfig, algorithm: str, known: Iterable[str] = ()
) -> EarlyStoppingConfig:
    """The entry of an early stopping rule; as :func:`find_suggestion`."""
    entries = {entry.algorithm_name: entry for entry in config.runtime.early_stoppings}
    what = "early stopping config for algorithm"
    if algorithm not in entries:
        raise _not_found(what, algorithm, {*entries, *known})
    entry = entries[algorithm]
    if not entry.address:
        _require_image(entry.image, f"algorithm name: {algorithm}")
    return entry


def find_collector(
    config: KatibConfig, kind: str, known: Iterable[str] = ()
) -> MetricsCollectorConfig:
    """The entry of a collector kind; as :func:`find_suggestion`, but there are no addresses."""
    entries = {entry.kind: entry for entry in config.runtime.metrics_collectors}
    if kind not in entries:
        raise _not_found("metrics collector config for kind", kind, {*entries, *known})
    _require_image(entries[kind].image, f"metrics collector kind: {kind}")
    return entries[kind]


def _not_found(what: str, name: str, known: set[str]) -> ConfigurationError:
    names = sorted(known - {""})
    advice = f"{suggest(name, names)}; known: {', '.join(names)}" if names else ""
    return ConfigurationError(f"failed to find {what}: {name} in ConfigMap: {CONFIG_MAP}{advice}")


def _require_image(image: str, whose: str) -> None:
    if not image.strip():
        raise ConfigurationError(f"required value for image configuration of {whose}")
