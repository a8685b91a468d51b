"""What an image runs when nobody says: read from its registry, as anybody may.

A container without a command runs the entry point of its image, and without arguments those of
the image, too. Who wraps the command must know them. Registries are asked without credentials:
those for private images are in Secrets of users, which Katib has no right to read.
"""

from __future__ import annotations

import platform
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
import urllib3

from katib.api.values import Value
from katib.errors import ConfigurationError

#: How long a registry may take for each answer, in seconds.
ANSWER_WITHIN = 5.0

#: How long what was read is taken for what there is, in seconds: a tag may be moved.
KEPT_FOR = 600.0

DOCKER_HUB, DOCKER_HOST = "docker.io", "registry-1.docker.io"

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Image:
    """An image by its parts.

    Attributes:
        host: of its registry.
        repository: its name there.
        reference: its tag or digest.
    """

    host: str
    repository: str
    reference: str

    @property
    def root(self) -> str:
        """Where the registry tells of it. As usual, one on this machine speaks no TLS."""
        is_local = self.host.split(":")[0] in ("localhost", "127.0.0.1")
        return f"{'http' if is_local else 'https'}://{self.host}/v2/{self.repository}"


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What an image runs.

    Attributes:
        command: of its own; empty when it has none.
        args: what follows, unless a container says otherwise.
    """

    command: Sequence[str] = ()
    args: Sequence[str] = ()


class _Platform(Value, frozen=True):
    os: str = ""
    architecture: str = ""


class _Descriptor(Value, frozen=True):
    digest: str = ""
    platform: _Platform = msgspec.field(default_factory=_Platform)


class _Manifest(Value, frozen=True):
    """A manifest, or an index of those for several platforms."""

    manifests: tuple[_Descriptor, ...] = ()
    config: _Descriptor = msgspec.field(default_factory=_Descriptor)


class _Run(msgspec.Struct, frozen=True, rename="pascal"):
    entrypoint: list[str] | None = None
    cmd: list[str] | None = None


class _Config(Value, frozen=True):
    config: _Run = msgspec.field(default_factory=_Run)


def parse_image(text: str) -> Image:
    """The parts of an image's name, with Docker's defaults."""
    name, at, digest = text.partition("@")
    path, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
    host, slash, rest = path.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, rest = DOCKER_HUB, path
    if host == DOCKER_HUB and "/" not in rest:
        rest = f"library/{rest}"
    return Image(
        DOCKER_HOST if host == DOCKER_HUB else host, rest, digest if at else tag or "latest"
    )


class Registries:
    """Reads entry points of images. May be used by any thread.

    Args:
        monotonic: seconds, as :meth:`katib.ports.clock.Clock.monotonic`.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        timeout = urllib3.Timeout(connect=ANSWER_WITHIN, read=ANSWER_WITHIN)
        self._pool = urllib3.PoolManager(timeout=timeout, retries=urllib3.Retry(0, redirect=3))
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, EntryPoint]] = {}
        self._lock = threading.Lock()

    def find(self, image: str) -> EntryPoint:
        """What an image runs.

        Raises:
            ConfigurationError: its registry cannot be asked, or does not tell everybody.
        """
        now = self._monotonic()
        with self._lock:
            kept = self._known.get(image)
        if kept is not None and now - kept[0] < KEPT_FOR:
            return kept[1]
        try:
            found = self._read(parse_image(image))
        except (urllib3.exceptions.HTTPError, msgspec.MsgspecError, OSError) as error:
            raise _unreadable(image, str(error)) from error
        with self._lock:
            self._known[image] = now, found
        return found

    def _read(self, image: Image) -> EntryPoint:
        asked = {"Accept": ", ".join((*_INDEXES, *_MANIFESTS))}
        token: dict[str, str] = {}
        manifest = self._get(image, f"manifests/{image.reference}", asked, token, _Manifest)
        if manifest.manifests:
            digest = _choose(manifest.manifests).digest
            manifest = self._get(image, f"manifests/{digest}", asked, token, _Manifest)
        run = self._get(image, f"blobs/{manifest.config.digest}", {}, token, _Config).config
        return EntryPoint(tuple(run.entrypoint or ()), tuple(run.cmd or ()))

    def _get(
        self, image: Image, path: str, headers: Mapping[str, str], token: dict[str, str], type: Any
    ) -> Any:
        """One answer; the token that the registry gives to everybody is got when it asks for it."""
        url = f"{image.root}/{path}"
        answer = self._pool.request("GET", url, headers={**headers, **token})
        if answer.status == 401 and not token:
            token.update(self._ask_for_token(answer.headers.get("WWW-Authenticate", ""), image))
            answer = self._pool.request("GET", url, headers={**headers, **token})
        if answer.status != 200:
            raise urllib3.exceptions.HTTPError(f"{url} answers {answer.status}")
        return msgspec.json.decode(answer.data, type=type)

    def _ask_for_token(self, challenge: str, image: Image) -> Mapping[str, str]:
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.get("realm", "")
        # Who names an image must not choose what else is called from here.
        scheme = f"{image.root.partition(':')[0]}://"
        if not challenge.lower().startswith("bearer ") or not realm.startswith(scheme):
            raise urllib3.exceptions.HTTPError(f"{image.host} asks for credentials")
        scope = asked.get("scope", f"repository:{image.repository}:pull")
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        answer = self._pool.request("GET", f"{realm}?{query}")
        if answer.status != 200:
            raise urllib3.exceptions.HTTPError(f"{realm} answers {answer.status}")
        found = msgspec.json.decode(answer.data, type=dict[str, Any])
        return {"Authorization": f"Bearer {found.get('token') or found.get('access_token') or ''}"}


def _choose(manifests: Sequence[_Descriptor]) -> _Descriptor:
    """That for Linux on a machine such as this one; entry points hardly ever differ."""
    here = _ARCHITECTURES.get(platform.machine(), platform.machine())
    linux = [one for one in manifests if one.platform.os == "linux"] or manifests
    return next((one for one in linux if one.platform.architecture == here), linux[0])


def _unreadable(image: str, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f'the entry point of the image "{image}" cannot be read: {problem}. Write the command into '
        "spec.trialTemplate, so that it need not be known"
    )
