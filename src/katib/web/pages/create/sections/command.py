"""A trial template that is a command line: a Job with one container, which a shell runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from katib.api.values import Manifest
from katib.web.pages.create.document import Path, format_path, read, read_list, write
from katib.web.pages.create.starting import a_job

TRIAL_SPEC: Path = ("spec", "trialTemplate", "trialSpec")
_CONTAINERS: Path = (*TRIAL_SPEC, "spec", "template", "spec", "containers")
_SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash")


def find_command(document: Manifest) -> Path | None:
    """Where the command line stands; ``None`` when the template is something else."""
    if read(document, (*TRIAL_SPEC, "kind")) != "Job":
        return None
    if len(read_list(document, _CONTAINERS)) != 1:
        return None
    command = [*read_list(document, (*_CONTAINERS, 0, "command"))]
    arguments = [*read_list(document, (*_CONTAINERS, 0, "args"))]
    words = [*command, *arguments]
    if len(words) != 3 or words[0] not in _SHELLS or words[1] != "-c":
        return None
    if not isinstance(words[2], str):
        return None
    where = ("args", len(arguments) - 1) if arguments else ("command", 2)
    return (*_CONTAINERS, 0, *where)


@dataclass(frozen=True, slots=True)
class Command:
    """The command line. To write one where there is none replaces the template's manifest."""

    def read(self, document: Manifest) -> Any:
        """See :class:`~katib.web.pages.create.places.Place`."""
        way = find_command(document)
        return None if way is None else read(document, way) or None

    def write(self, document: Manifest, value: Any) -> Manifest:
        """See :class:`~katib.web.pages.create.places.Place`."""
        way = find_command(document)
        if way is not None:
            # An empty one is a command line, too, and keeps its container.
            return write(document, way, value or "")
        if value is None:
            return document
        without = write(document, ("spec", "trialTemplate", "configMap"), None)
        return write(without, TRIAL_SPEC, a_job(value))

    def path(self, document: Manifest) -> str:
        """See :class:`~katib.web.pages.create.places.Place`."""
        return format_path(TRIAL_SPEC)


#: The image of the container that runs the command line.
IMAGE: Path = (*_CONTAINERS, 0, "image")
