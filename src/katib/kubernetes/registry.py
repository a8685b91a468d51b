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
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import urllib3

from katib.api.codec import typed
from katib.api.values import Value
from katib.errors import ConfigurationError

#: How long a registry may take for each answer, in seconds.
ANSWER_WITHIN = 5.0

#: How long one answer may take in all, in seconds, and be, in bytes: whoever names an image chooses
#: who answers.
WHOLE_WITHIN, MOST_BYTES = 15.0, 4 * 2**20

#: How often an answer may lead elsewhere.
REDIRECTS = 3

#: How long what was read is taken for what there is, in seconds: a tag may be moved.
KEPT_FOR = 600.0

#: How long a registry is left alone that did not tell, in seconds: meanwhile the trials that wait
#: for it must not keep those from being looked at that do not.
FAILED_FOR = 20.0

#: How many images are remembered.
REMEMBERED = 1_000

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


class _Answer(NamedTuple):
    """What a registry says."""

    status: int
    challenge: str
    body: bytes

    def expect(self, url: str) -> bytes:
        """The body of an answer that has what was asked for."""
        if self.status != 200:
            raise urllib3.exceptions.HTTPError(f"{url} answers {self.status}")
        return self.body


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
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)
        self._monotonic = monotonic
        #: By image, until when, and what was found; or why nothing was.
        self._known: OrderedDict[str, tuple[float, EntryPoint | str]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, image: str) -> EntryPoint:
        """What an image runs.

        Raises:
            ConfigurationError: its registry cannot be asked, or does not tell everybody.
        """
        with self._lock:
            until, found = self._known.get(image, (0.0, ""))
        if self._monotonic() >= until:
            found = self._ask(image)
        if isinstance(found, str):
            raise _unreadable(image, found)
        return found

    def _ask(self, image: str) -> EntryPoint | str:
        """What an image runs, or why that cannot be read; remembered for a while."""
        found: EntryPoint | str
        try:
            found, kept_for = self._read(parse_image(image)), KEPT_FOR
        except (urllib3.exceptions.HTTPError, msgspec.MsgspecError, OSError) as error:
            found, kept_for = str(error), FAILED_FOR
        with self._lock:
            self._known[image] = self._monotonic() + kept_for, found
            self._known.move_to_end(image)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
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
        answer = self._send(url, {**headers, **token})
        if answer.status == 401 and not token:
            token.update(self._ask_for_token(answer.challenge, image))
            answer = self._send(url, {**headers, **token})
        return typed(type, answer.expect(url))

    def _ask_for_token(self, challenge: str, image: Image) -> Mapping[str, str]:
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.get("realm", "")
        # Who names an image must not choose what else is called from here.
        scheme = f"{image.root.partition(':')[0]}://"
        if not challenge.lower().startswith("bearer ") or not realm.startswith(scheme):
            raise urllib3.exceptions.HTTPError(f"{image.host} asks for credentials")
        scope = asked.get("scope", f"repository:{image.repository}:pull")
        query = urlencode({"service": asked.get("service", ""), "scope": scope})
        answer = self._send(f"{realm}?{query}", {})
        found = msgspec.json.decode(answer.expect(realm), type=dict[str, Any])
        return {"Authorization": f"Bearer {found.get('token') or found.get('access_token') or ''}"}

    def _send(self, url: str, headers: Mapping[str, str]) -> _Answer:
        """One answer, as long as it is short and comes in time, from where it leads."""
        until = self._monotonic() + WHOLE_WITHIN
        for _ in range(REDIRECTS + 1):
            response = self._pool.request(
                "GET", url, headers=headers, preload_content=False, redirect=False
            )
            target = response.get_redirect_location()
            if not target:
                return self._read_answer(response, url, until)
            response.close()
            url, headers = _led(url, target, headers)
        raise urllib3.exceptions.HTTPError(f"it is led on more than {REDIRECTS} times, to {url}")

    def _read_answer(self, response: urllib3.BaseHTTPResponse, url: str, until: float) -> _Answer:
        body = bytearray()
        try:
            while chunk := response.read1(2**16, decode_content=False):
                body += chunk
                if len(body) > MOST_BYTES or self._monotonic() > until:
                    raise urllib3.exceptions.HTTPError(
                        f"the answer of {url} is longer than {MOST_BYTES} bytes or takes more than "
                        f"{WHOLE_WITHIN:g} s"
                    )
        except BaseException:
            response.close()
            raise
        response.release_conn()
        challenge = response.headers.get("WWW-Authenticate", "")
        return _Answer(response.status, challenge, bytes(body))


def _led(url: str, target: str, headers: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """Where an answer leads, and what is said there: another server is shown no token.

    Registries keep their blobs elsewhere. But who names an image must not have anything called from
    here that answers without TLS, as servers do that trust whoever reaches them.
    """
    there = urljoin(url, target)
    old, new = urlsplit(url), urlsplit(there)
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return there, headers
    if new.scheme != "https":
        raise urllib3.exceptions.HTTPError(
            f"{url} leads to {there}, which is another server and not HTTPS"
        )
    return there, {name: value for name, value in headers.items() if name != "Authorization"}


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
