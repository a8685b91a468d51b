"""From a container to a command line: words, environment, working directory, mapped paths."""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from katib.api.values import Manifest, Unstructured
from katib.errors import KatibError
from katib.executors.process import Command

#: Variables of the trial in which this engine may itself run; its own trials have others.
_OF_A_TRIAL = ("KATIB_TRIAL_NAME", "KATIB_NAMESPACE", "KATIB_PARAMETER", "KATIB_METRICS_")

_REFERENCE = re.compile(r"\$(\$|\(([-._a-zA-Z][-._a-zA-Z0-9]*)\))")

#: Reads the data of a ``ConfigMap`` or a ``Secret`` by kind and name; ``None`` when there is none.
ReadData = Callable[[str, str], Mapping[str, str] | None]


class CommandError(KatibError):
    """A container cannot be started here; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Images:
    """What stands for container images on this machine.

    Attributes:
        paths: image name, with or without its tag → a directory whose files the image would hold,
            or a program (an interpreter) that runs in the place of the image's.
        directory: where programs work when the container does not say.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    directory: str = field(default_factory=os.getcwd)

    def find(self, image: str) -> Path | None:
        """The path given for an image."""
        plain = image.rsplit("/", 1)[-1]
        for name in (image, image.split(":")[0], plain, plain.split(":")[0]):
            if name in self.paths:
                return self.paths[name]
        return None


class Paths:
    """Absolute paths of a container that are other paths on this machine.

    A path is replaced wherever it stands in a text, with all that lies below it, unless it is a
    part of a longer path. Of paths inside each other the longest counts.

    Args:
        places: path → what takes its place; both absolute, without a slash at the end.
    """

    __slots__ = ("_pattern", "_places")

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self._pattern = _one_of(tuple(places)) if places else None

    def __call__(self, text: str) -> str:
        """The text with this machine's paths."""
        if self._pattern is None or "/" not in text:
            return text
        return self._pattern.sub(lambda match: self._places[match[0]], text)


@lru_cache(maxsize=256)
def _one_of(paths: tuple[str, ...]) -> re.Pattern[str]:
    """Any of the paths, where a path begins: also in ``-o/path`` and in ``file:///path``."""
    longest_first = "|".join(re.escape(path) for path in sorted(paths, key=len, reverse=True))
    begins = r"(?:(?<![\w./~)}*?%@+-])|(?<=^-\w)|(?<=\s-\w)|(?<=://))"
    return re.compile(rf"{begins}(?:{longest_first})(?![\w.~%@+-])")


_AS_THEY_ARE = Paths({})


def build_command(
    container: Manifest,
    environment: Mapping[str, str],
    images: Images,
    paths: Paths = _AS_THEY_ARE,
) -> Command:
    """The command line of a container.

    Args:
        container: of a pod.
        environment: the container's variables.
        images: what stands for its image.
        paths: which of its paths are others here.

    Raises:
        CommandError: it has no command, and its image's own cannot be known here.
    """
    words = [
        # Mapped first: what a reference stands for is mapped already, or lies on this machine.
        expand(paths(str(word)), environment)
        for word in (*(container.get("command") or ()), *(container.get("args") or ()))
    ]
    image = str(container.get("image", ""))
    place = images.find(image)
    if not container.get("command"):
        if place is None or not place.is_file():
            raise CommandError(
                f'container "{container.get("name")}" has no command, and the entry point of image '
                f'"{image}" cannot be read here: write the command into the template, or say which '
                f"program stands for the image with --image {image or 'NAME'}=PROGRAM"
            )
        words = [str(place), *words]
    elif place is not None and place.is_file():
        words = [str(place), *words[1:]]
    directory = paths(str(container.get("workingDir") or ""))
    if place is not None and place.is_dir():
        words = [inside(place, word) for word in words]
        directory = inside(place, directory) if directory else str(place)
    return Command(words, environment, directory or images.directory)


def build_environment(
    container: Manifest,
    pod: Unstructured,
    additions: Mapping[str, str],
    read: ReadData,
    paths: Paths = _AS_THEY_ARE,
) -> dict[str, str]:
    """The variables of a container: this machine's, then the additions, then the container's own.

    Paths are mapped in the container's own only.

    The directory of the interpreter that runs Katib comes first on ``PATH``, so that ``python3`` in
    a template is the one with the user's packages.

    Raises:
        CommandError: a variable refers to something that is not there.
    """
    environment = {**_machine_environment(), **additions}
    for source in container.get("envFrom") or ():
        taken = _all_from(source, read)
        environment.update({name: paths(value) for name, value in taken.items()})
    for variable in container.get("env") or ():
        name = str(variable.get("name", ""))
        if "valueFrom" in variable:
            found = _value_from(name, variable["valueFrom"], pod, read)
            value = None if found is None else paths(found)
        else:
            value = expand(paths(str(variable.get("value", ""))), environment)
        if value is not None:
            environment[name] = value
    return environment


def machine_path() -> str:
    """The folders in which containers find programs, unless they say otherwise."""
    return _machine_environment()["PATH"]


@cache
def _machine_environment() -> Mapping[str, str]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_OF_A_TRIAL)
    }
    own = str(Path(sys.executable).parent)
    environment["PATH"] = f"{own}{os.pathsep}{environment.get('PATH', os.defpath)}"
    return environment


def plain_data(source: Unstructured) -> Mapping[str, str]:
    """The texts that a ConfigMap or a Secret holds; a Secret's ``data`` is base64.

    Raises:
        CommandError: it is not, or holds bytes that are no text.
    """
    data = source.body.get("data") or {}
    if source.kind == "Secret":
        try:
            data = {key: base64.b64decode(str(value)).decode() for key, value in data.items()}
        except ValueError as error:
            raise CommandError(
                f'Secret "{source.metadata.name}" holds a value that is no base64 of a text: '
                "encode it, or write it under stringData as it is"
            ) from error
    return {**data, **(source.body.get("stringData") or {})}


def files_of(source: Unstructured) -> Mapping[str, bytes]:
    """The files that a volume of a ConfigMap or a Secret has.

    Raises:
        CommandError: a value that is to be base64 is none.
    """
    coded = {**(source.body.get("binaryData") or {})}
    plain = {**(source.body.get("stringData") or {})}
    if source.kind == "Secret":
        coded |= source.body.get("data") or {}
    else:
        plain = {**(source.body.get("data") or {}), **plain}
    try:
        files = {key: base64.b64decode(str(value), validate=True) for key, value in coded.items()}
    except ValueError as error:
        raise CommandError(
            f'{source.kind} "{source.metadata.name}" holds a value that is no base64'
        ) from error
    return {**files, **{key: str(value).encode() for key, value in plain.items()}}


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable and ``$$`` by ``$``, as Kubernetes does.

    A reference to an unknown variable stays as it is.
    """
    if "$" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return environment.get(match[2], match[0])

    return _REFERENCE.sub(value, text)


def inside(root: Path, word: str) -> str:
    """An absolute path as it is under ``root``, when there is such a file there."""
    if not word.startswith("/") or word == "/bin/sh":
        return word
    mapped = root / word.lstrip("/")
    return str(mapped) if mapped.exists() else word


def _all_from(source: Manifest, read: ReadData) -> Mapping[str, str]:
    for kind, reference in (("ConfigMap", "configMapRef"), ("Secret", "secretRef")):
        if reference in source:
            name = str(source[reference].get("name", ""))
            data = read(kind, name)
            if data is None and not source[reference].get("optional"):
                raise CommandError(f'envFrom names {kind} "{name}", which does not exist here')
            prefix = str(source.get("prefix") or "")
            return {f"{prefix}{key}": value for key, value in (data or {}).items()}
    raise CommandError(f"envFrom: {', '.join(source)} is neither a configMapRef nor a secretRef")


def _value_from(name: str, source: Manifest, pod: Unstructured, read: ReadData) -> str | None:
    if "fieldRef" in source:
        path = str(source["fieldRef"].get("fieldPath", ""))
        found = _field(pod, path)
        if found is None:
            raise CommandError(f"variable {name} refers to {path}, which the pod does not have")
        return found
    for kind, reference in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
        if reference in source:
            where: Any = source[reference]
            data = read(kind, str(where.get("name", ""))) or {}
            value = data.get(str(where.get("key", "")))
            if value is None and not where.get("optional"):
                raise CommandError(
                    f'variable {name} refers to key "{where.get("key")}" of {kind} '
                    f'"{where.get("name")}", which does not exist here'
                )
            return value
    raise CommandError(
        f"variable {name} takes its value from {', '.join(source)}, which only a cluster has; "
        "here a value, a fieldRef, a configMapKeyRef or a secretKeyRef is possible"
    )


def _field(pod: Unstructured, path: str) -> str | None:
    metadata = pod.metadata
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed:
        values = metadata.labels if keyed[1] == "labels" else metadata.annotations
        return None if values is None else values.get(keyed[2])
    known = {
        "metadata.name": metadata.name,
        "metadata.namespace": metadata.namespace,
        "metadata.uid": metadata.uid,
        "spec.nodeName": os.uname().nodename,
        "status.podIP": "127.0.0.1",
        "status.hostIP": "127.0.0.1",
    }
    return known.get(path)
