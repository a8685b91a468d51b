"""What a pod's containers find when they start: folders, files, and paths that are others here."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from katib.api.values import Key, Manifest
from katib.executors.checkpoints import CheckpointFolder, Checkpoints
from katib.executors.command import CommandError, Paths
from katib.executors.container import Container

#: Kind and name of a ConfigMap or a Secret → its files; ``None`` when there is none.
ReadFiles = Callable[[str, str], Mapping[str, bytes] | None]


def _read_nothing(kind: str, name: str) -> None:
    """Of who knows no resources."""


@dataclass(slots=True)
class PodOutfit:
    """The :class:`~katib.ports.sidecar.Outfit` of one pod.

    What a mapped path stands for lies below ``<place>.files``, and a volume is a folder below
    ``<place>.volumes``. The files that were added lie beside, in the trial's folder.

    Args:
        place: the beginning of the names of the pod's files.
        containers: of the pod, by name.
        volumes: of the pod: empty ones, and those of a ConfigMap or a Secret; those of another type
            are nothing here.
        build: makes one more container, given its part of a pod and its place.
        checkpoints: where the checkpoints of trials are.
        read_files: gives what a ConfigMap or a Secret holds.
    """

    place: str
    containers: Mapping[str, Container]
    volumes: Sequence[Manifest]
    build: Callable[[Manifest, str], Container]
    checkpoints: Checkpoints
    read_files: ReadFiles = _read_nothing
    beside: Container | None = None
    _mapped: dict[str, str] = field(default_factory=dict)
    _folders: list[str] = field(default_factory=list)
    _files: dict[str, bytes] = field(default_factory=dict)
    _kept: list[CheckpointFolder] = field(default_factory=list)
    _is_made: bool = False

    def __call__(self, container: str) -> str:
        """See the port."""
        return self.containers[container].log

    def map_path(self, path: str, is_folder: bool = False) -> str:
        """See the port."""
        path = posixpath.normpath("/" + path.lstrip("/"))
        folder = path if is_folder else posixpath.dirname(path)
        root = f"{self.place}.files"
        # Every path lies below the root, so that it cannot stand for a folder of one pod.
        mapped = path if folder == "/" else folder
        if mapped != "/":
            self._mapped[mapped] = root + mapped
        self._folders.append(root + folder)
        return root + path

    def map_checkpoints(self, path: str, experiment: Key, trial: str, parent: str = "") -> str:
        """See the port."""
        path = posixpath.normpath("/" + path.lstrip("/"))
        folder = self.checkpoints.folder(experiment, trial, parent)
        self._kept.append(folder)
        if path != "/":
            self._mapped[path] = str(folder.path)
        return str(folder.path)

    def add_file(self, name: str, content: bytes) -> str:
        """See the port."""
        path = f"{os.path.dirname(self.place)}/{name}"
        self._files[path] = content
        return path

    def add_container(self, container: Manifest) -> str:
        """See the port."""
        name = str(container.get("name") or "")
        if not name or name in self.containers:
            raise ValueError(
                f'found the name "{name}"; it needs one, and another than the containers of the '
                f"pod: {', '.join(self.containers)}"
            )
        self.beside = self.build(container, f"{self.place}.{name}")
        return self.beside.log

    def paths_of(self, container: Manifest) -> Paths:
        """Which paths of a container are others here."""
        return Paths({**self._mounts_of(container), **self._mapped})

    def make(self) -> None:
        """Make the folders and files, once. May be called from another thread.

        Raises:
            CommandError: a volume is of something that does not exist.
            OSError: the disk refuses.
        """
        if self._is_made:
            return
        _make_folder(os.path.dirname(self.place))
        for folder in self._folders:
            os.makedirs(folder, exist_ok=True)
        self._make_volumes()
        for kept in self._kept:
            kept.make()
        for path, content in self._files.items():
            _write(path, content)
        self._is_made = True

    def _make_volumes(self) -> None:
        for volume in self.volumes:
            self._fill(volume)
        for container in self.containers.values():
            for mounted in self._mounts_of(container.spec).values():
                # It may be one file of a volume.
                if not os.path.exists(mounted):
                    os.makedirs(mounted)

    def _fill(self, volume: Manifest) -> None:
        """Write the files of a volume that has some."""
        if (source := _source_of(volume)) is None:
            return
        kind, name = source
        reference: Manifest = volume["configMap" if kind == "ConfigMap" else "secret"]
        data = self.read_files(kind, name)
        if data is None and reference.get("optional"):
            return
        missing = f'volume "{volume.get("name")}" is of {kind} "{name}", which '
        if data is None:
            raise CommandError(f"{missing}does not exist here")
        for item in reference.get("items") or [{"key": key, "path": key} for key in data]:
            if item.get("key") not in data:
                raise CommandError(f'{missing}has no key "{item.get("key")}"')
            # What leads out of the volume is refused in a cluster; here it stays inside.
            inner = posixpath.normpath("/" + str(item.get("path") or ""))
            path = f"{self.place}.volumes/{volume['name']}{inner}"
            os.makedirs(posixpath.dirname(path), exist_ok=True)
            _write(path, data[item["key"]])

    def _mounts_of(self, container: Manifest) -> dict[str, str]:
        """Where volumes are mounted → their folders."""
        if not self.volumes:
            return {}
        known = {
            name
            for one in self.volumes
            if (one.get("emptyDir") is not None or _source_of(one) is not None)
            and "/" not in (name := str(one.get("name")))
        }
        found: dict[str, str] = {}
        for mount in container.get("volumeMounts") or ():
            path = posixpath.normpath(str(mount.get("mountPath") or ""))
            if mount.get("name") in known and path.startswith("/") and path != "/":
                inner = posixpath.normpath("/" + str(mount.get("subPath") or ""))
                found[path] = f"{self.place}.volumes/{mount['name']}{inner}".rstrip("/")
        return found


def _source_of(volume: Manifest) -> tuple[str, str] | None:
    """Kind and name of what a volume's files come from; ``None`` for a volume without files."""
    if "/" in str(volume.get("name")):
        return None
    if volume.get("configMap") is not None:
        return "ConfigMap", str(volume["configMap"].get("name") or "")
    if volume.get("secret") is not None:
        return "Secret", str(volume["secret"].get("secretName") or "")
    return None


def _make_folder(folder: str) -> None:
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        os.makedirs(folder, exist_ok=True)


def _write(path: str, content: bytes) -> None:
    """Write a file that others see whole or not at all, once it is in use."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        file = os.open(path, flags | os.O_EXCL, 0o644)
    except FileExistsError:
        # Another pod of the trial may be reading it.
        fresh = f"{path}.new"
        file = os.open(fresh, flags | os.O_TRUNC, 0o644)
    else:
        fresh = ""
    try:
        # A file object would ask the system three more questions, for every trial.
        while content:
            content = content[os.write(file, content) :]
    finally:
        os.close(file)
    if fresh:
        os.replace(fresh, path)
