"""From text to a KatibConfig, and where in the text something is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
import yaml

from katib.api.codec import load_yaml, to_raw, typed
from katib.api.values import Manifest
from katib.configuration.defaults import with_defaults
from katib.configuration.models import (
    API_VERSION,
    CONFIG_MAP,
    FILE_NAME,
    KIND,
    CertGeneratorConfig,
    ControllerConfig,
    EarlyStoppingConfig,
    InitConfig,
    KatibConfig,
    MetricsCollectorConfig,
    RuntimeConfig,
    SuggestionConfig,
    parse_trial_resources,
)
from katib.configuration.quantities import parse_quantity
from katib.errors import ConfigurationError, ManifestError

#: Where something is in a document: keys and positions, from the top.
Place = tuple[str | int, ...]

T = TypeVar("T")

_PARSE = f"failed to parse {FILE_NAME} in ConfigMap: {CONFIG_MAP}"
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):(?P<port>[0-9]{1,5})")
_OWN_FIELDS = {field.encode_name for field in msgspec.structs.fields(SuggestionConfig)} - {
    "container"
}


def read_file(path: Path) -> KatibConfig:
    """The configuration in a file, with its defaults.

    Raises:
        ConfigurationError: the file cannot be read, or is no legal configuration.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{_PARSE}: {path} cannot be read: {reason}") from error
    return read_config(text, str(path))


def read_config(text: str, source: str) -> KatibConfig:
    """The configuration in a text: a KatibConfig, or a ConfigMap that holds one.

    Args:
        text: YAML or JSON; unknown fields are ignored, an empty text is an empty configuration.
        source: the name used in errors, as the file's path.

    Raises:
        ConfigurationError: it is no legal configuration; the message has the line.
    """
    reader = _Reader(text, source)
    if reader.document.get("kind") != "ConfigMap":
        return reader.config()
    inner = _held_text(reader.section(reader.document, "data", ()))
    line, node = reader.find(("data", FILE_NAME))
    if node.style not in ("|", ">"):
        # The lines of a quoted text are not those of the file.
        return _Reader(inner, f"{source}, {FILE_NAME}").config()
    # Empty lines in front give every line of the block its number in the whole file.
    return _Reader("\n" * line + inner, source).config()


def read_config_map(data: Mapping[str, str] | None, source: str = CONFIG_MAP) -> KatibConfig:
    """The configuration in a ConfigMap's data; ``None`` when there is no such ConfigMap.

    Raises:
        ConfigurationError: there is no ConfigMap, it lacks the key, or the text is not legal.
    """
    if data is None:
        raise ConfigurationError(
            f'ConfigMap "{CONFIG_MAP}" not found; create it in Katib\'s own namespace, with the '
            f"configuration under the key {FILE_NAME}"
        )
    return _Reader(_held_text(data), source).config()


def _held_text(data: Mapping[str, Any]) -> str:
    text = data.get(FILE_NAME)
    if not isinstance(text, str):
        raise ConfigurationError(f"failed to find {FILE_NAME} in ConfigMap: {CONFIG_MAP}")
    return text


class _Reader:
    """One text on its way to a configuration."""

    def __init__(self, text: str, source: str) -> None:
        self._text, self._source = text, source
        try:
            documents = list(load_yaml(text, source))
        except ManifestError as error:
            raise ConfigurationError(f"{_PARSE}: {error}") from error
        if len(documents) > 1:
            raise ConfigurationError(
                f"{_PARSE}: {source} holds {len(documents)} documents, and must hold one"
            )
        self.document: Manifest = documents[0] if documents else {}

    def config(self) -> KatibConfig:
        for name, right in (("apiVersion", API_VERSION), ("kind", KIND)):
            found = self.document.get(name)
            if found not in (None, "", right):
                self._refuse((name,), found, f"must be {right}, or left out")
        init = self.section(self.document, "init", ())
        runtime = self.section(self.document, "runtime", ())
        config = KatibConfig(
            init=InitConfig(
                controller=self._part(ControllerConfig, init, "controller"),
                cert_generator=self._part(CertGeneratorConfig, init, "certGenerator"),
            ),
            runtime=RuntimeConfig(
                suggestions=tuple(self._suggestions(runtime)),
                early_stoppings=tuple(
                    self._entries(EarlyStoppingConfig, runtime, "earlyStoppings")
                ),
                metrics_collectors=tuple(
                    self._entries(MetricsCollectorConfig, runtime, "metricsCollectors")
                ),
            ),
        )
        config = with_defaults(config)
        self._check_kinds(config.init.controller)
        self._check_memory(config.init.controller)
        return config

    def section(self, parent: Mapping[str, Any], name: str, path: Place) -> Manifest:
        """The map under a key, without nulls, which mean the same as absence."""
        return self._map(parent.get(name), (*path, name))

    def find(self, path: Place) -> tuple[int, Any]:
        """A place's line, from 1, and its node; of what is around it, when it is not there."""
        node, line = yaml.compose(self._text, yaml.SafeLoader), 1
        for name in path:
            found = next((child for child in _children(node) if child[0] == name), None)
            if found is None:
                break
            _, start, node = found
            line = start.start_mark.line + 1
        return line, node

    def _map(self, value: Any, path: Place) -> Manifest:
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._refuse(path, value, "must be a map")
        return {key: item for key, item in value.items() if item is not None}

    def _part(self, type: type[T], init: Manifest, name: str) -> T:
        return self._typed(type, self.section(init, name, ("init",)), ("init", name))

    def _suggestions(self, runtime: Manifest) -> Iterator[SuggestionConfig]:
        for path, entry in self._items(runtime, "suggestions"):
            own = {name: value for name, value in entry.items() if name in _OWN_FIELDS}
            rest = {name: value for name, value in entry.items() if name not in _OWN_FIELDS}
            if "persistentVolumeClaimSpec" in own:
                own["persistentVolumeClaimSpec"] = self._claim(own, path)
            yield self._typed(SuggestionConfig, {**own, "container": rest}, path)

    def _entries(self, type: type[T], runtime: Manifest, name: str) -> Iterator[T]:
        for path, entry in self._items(runtime, name):
            yield self._typed(type, entry, path)

    def _items(self, runtime: Manifest, name: str) -> Iterator[tuple[Place, Manifest]]:
        items = runtime.get(name) or []
        if not isinstance(items, list):
            self._refuse(("runtime", name), items, "must be a list")
        for index, item in enumerate(items):
            path = ("runtime", name, index)
            entry = self._map(item, path)
            if "resources" in entry:
                entry["resources"] = self._resources(entry, path)
            if "address" in entry and name != "metricsCollectors":
                self._check_address(entry["address"], (*path, "address"))
            yield path, entry

    def _resources(self, entry: Manifest, path: Place) -> Manifest:
        resources = self.section(entry, "resources", path)
        for group in {"requests", "limits"} & resources.keys():
            place = (*path, "resources", group)
            amounts = self.section(resources, group, place[:-1])
            resources[group] = {
                name: self._quantity(amount, (*place, name)) for name, amount in amounts.items()
            }
        return resources

    def _quantity(self, amount: Any, path: Place) -> str:
        is_whole = isinstance(amount, float) and amount.is_integer()
        text = (
            amount if isinstance(amount, str) else json.dumps(int(amount) if is_whole else amount)
        )
        try:
            parse_quantity(text)
        except ValueError:
            self._refuse(path, amount, "must be a quantity, as 500m, 2 or 1.5Gi")
        return text

    def _claim(self, entry: Manifest, path: Place) -> Manifest:
        name = "persistentVolumeClaimSpec"
        claim = self.section(entry, name, path)
        return {**claim, "resources": self._resources(claim, (*path, name))}

    def _check_address(self, address: Any, path: Place) -> None:
        found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if address != "" and (found is None or not 0 < int(found["port"]) < 2**16):
            self._refuse(path, address, "must be host:port of a gRPC service, as localhost:6789")

    def _check_kinds(self, controller: ControllerConfig) -> None:
        try:
            parse_trial_resources(controller.trial_resources)
        except ConfigurationError as error:
            self._fail(("init", "controller", "trialResources"), str(error), error)

    def _check_memory(self, controller: ControllerConfig) -> None:
        place = ("init", "controller", "workerMemory")
        try:
            is_legal = controller.worker_memory_bytes >= 0
        except ValueError:
            is_legal = False
        if not is_legal:
            right = "must be a quantity from 0 on, as 2Gi; 0 is no limit"
            self._refuse(place, controller.worker_memory, right)

    def _typed(self, type: type[T], value: Manifest, path: Place) -> T:
        try:
            return typed(type, to_raw(value))
        except msgspec.ValidationError as error:
            problem, _, place = str(error).partition(" - at `$")
            names = re.findall(r"\w+", place)
            self._fail((*path, *names), problem.replace("`", ""), error)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            self._fail(path, f"must be JSON: {error}", error)

    def _refuse(self, path: Place, found: Any, right: str) -> NoReturn:
        self._fail(path, f"{json.dumps(found, default=str)} {right}")

    def _fail(self, path: Place, problem: str, cause: Exception | None = None) -> NoReturn:
        line, _ = self.find(path)
        raise ConfigurationError(
            f"{_PARSE}: {self._source}, line {line}: {_dotted(path)}: {problem}"
        ) from cause


def _dotted(path: Place) -> str:
    """A path as people write it, ``runtime.suggestions[0].image``."""
    parts = (f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return "".join(parts).removeprefix(".")


def _children(node: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """What lies directly below a node: its name, the node that begins it, its value."""
    if isinstance(node, yaml.MappingNode):
        yield from ((key.value, key, value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from ((index, item, item) for index, item in enumerate(node.value))
