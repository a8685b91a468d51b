"""A pod's containers as processes: their words, variables and folders, as Kubernetes reads them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from katib.api.values import Manifest

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")
_FIELD = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]")


@dataclass(frozen=True, slots=True)
class Volumes:
    """The volumes of a pod, as folders of this machine.

    Where a container would see a volume, its words and variables name the folder instead.

    Attributes:
        pod: the manifest.
        folder: of the pod's own.
        read: the ConfigMap of a name, in the pod's namespace.
    """

    pod: Manifest
    folder: Path
    read: Callable[[str], Manifest]

    def make(self) -> None:
        """Make the folders; what an annotation or a ConfigMap holds is a file in one."""
        for volume in self.pod["spec"].get("volumes") or ():
            place = self.folder / volume["name"]
            place.mkdir(parents=True, exist_ok=True)
            for item in (volume.get("downwardAPI") or {}).get("items") or ():
                text = field_of(self.pod, item["fieldRef"]["fieldPath"])
                (place / item["path"]).write_text(text)
            if "configMap" in volume:
                found = self.read(volume["configMap"]["name"])
                for key, text in (found.get("data") or {}).items():
                    (place / key).write_text(text)
                for key, encoded in (found.get("binaryData") or {}).items():
                    (place / key).write_bytes(base64.b64decode(encoded))

    def moved(self, container: Manifest, text: str) -> str:
        """The text with the folders of this machine."""
        mounts = container.get("volumeMounts") or ()
        for mount in sorted(mounts, key=lambda one: -len(one["mountPath"])):
            place = self.folder / mount["name"] / mount.get("subPath", "")
            text = text.replace(mount["mountPath"].rstrip("/"), str(place))
        return text


def variables_of(container: Manifest, pod: Manifest, given: Mapping[str, str]) -> Mapping[str, str]:
    """What a container is told by its ``env``, which may refer to what it is given anyway."""
    found: dict[str, str] = {}
    for one in container.get("env") or ():
        if "valueFrom" in one:
            found[one["name"]] = field_of(pod, one["valueFrom"]["fieldRef"]["fieldPath"])
        else:
            found[one["name"]] = expand(one.get("value", ""), {**given, **found})
    return found


def words_of(container: Manifest, variables: Mapping[str, str]) -> Sequence[str]:
    """What a container runs; its image says nothing here."""
    words = (*container["command"], *(container.get("args") or ()))
    return [expand(word, variables) for word in words]


def expand(text: str, variables: Mapping[str, str]) -> str:
    """The text with the values of variables: ``$(NAME)``; two dollars are one."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[1] is None else variables.get(found[1], found[0])

    return _REFERENCE.sub(value, text)


def field_of(pod: Manifest, path: str) -> str:
    """What the downward API gives."""
    keyed = _FIELD.fullmatch(path)
    if keyed is not None:
        return str((pod["metadata"].get(keyed[1]) or {}).get(keyed[2], ""))
    return str(pod["metadata"][path.removeprefix("metadata.")])
