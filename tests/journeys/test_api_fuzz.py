"""Nothing that a client may send breaks the server: random requests along its own OpenAPI.

The seed is fixed. ``KATIB_FUZZ_SECONDS`` makes it last longer than 20 seconds, and
``KATIB_FUZZ_SEED`` is another seed.
"""

from __future__ import annotations

import copy
import json
import os
import random
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from command_line import Katib, Manifest, an_experiment

from katib.apps.home import Home
from katib.apps.server_record import find_server, log_path

SECONDS = float(os.environ.get("KATIB_FUZZ_SECONDS", "20"))
SEED = os.environ.get("KATIB_FUZZ_SEED", "20")
CLIENTS = 4

#: How long an answer may take, in seconds; longer than the server itself ever waits, by far.
LONGEST = float(os.environ.get("KATIB_FUZZ_LONGEST", "30"))

pytestmark = [pytest.mark.journey, pytest.mark.timeout(SECONDS + 120)]

NAMES = ("one", "two", "default", "kube-system")
ODD_NAMES = (
    "A", "-", ".", "..", "a b", "a/b", "%", "a%00b", "é", "\U0001f4a5", "x" * 300, "a\nb", "~", "*",
    "status", "log", "namespaces", "a;b", "a?b", "a#b", "\x00", "'", '"', "\\",
)  # fmt: skip
NUMBERS = ("0", "1", "2", "-1", "1.5", "1e3", "9" * 18, "9" * 19, "9" * 5000, "soon", "٣", "0x1")
SELECTORS = (
    "a=1", "a==1", "a!=1", "a in (1,2)", "a notin ()", "!a", "a,", ",,", "=", "a=b=c", "in", "(",
    "a in (", "metadata.name=one", "metadata.name!=one", "status.phase=Running", "spec.x=1",
    "é=1", "a" * 400, "a in (1,(2))", "involvedObject.uid=x",
)  # fmt: skip
TOKENS = ("e30", "bm90aGluZw", "!!!", "eyJ2ZXJzaW9uIjoxfQ", "a" * 1000, "eyJ2ZXJzaW9uIjoiYSJ9")
VALUES: dict[str, tuple[str, ...]] = {
    "labelSelector": SELECTORS,
    "fieldSelector": SELECTORS,
    "continue": TOKENS,
    "resourceVersionMatch": ("Exact", "NotOlderThan", "Any", ""),
    "propagationPolicy": ("Orphan", "Background", "Foreground", "None"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "strict"),
    "dryRun": ("All", "None", ""),
    "fieldManager": ("me", "", "x" * 200, "\x07"),
    "includeObject": ("None", "Metadata", "Object", "All"),
    "container": ODD_NAMES,
    "sinceTime": ("2024-01-31T12:00:00Z", "0001-01-01T00:00:00+23:59", "soon"),
}
#: Options that the server reads and its OpenAPI does not name.
MORE_OPTIONS = (
    "allowWatchBookmarks", "sendInitialEvents", "resourceVersionMatch", "pretty", "includeObject",
    "container", "tailLines", "limitBytes", "sinceSeconds", "sinceTime", "timestamps", "previous",
)  # fmt: skip
ACCEPTS = (
    "application/json", "*/*", "text/plain", "application/vnd.kubernetes.protobuf", "", ";;q=,",
    "application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v9;g=x", "a" * 999,
)  # fmt: skip
TYPES = (
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "text/plain", "",
    "application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml",
    "application/strategic-merge-patch+json", "application/json; charset=utf-99", ";",
)  # fmt: skip
JUNK: tuple[Any, ...] = (
    None, True, 0, -1, 1 << 70, 1e308, "", "a", "\x00", "\ud7ff", "x" * 5000, [], {}, [[]], [None],
    {"": ""}, {"a": {"b": [1]}}, "1", "NaN", "2024-01-31T12:00:00Z", [{"name": "a"}, {"name": "a"}],
    {"$patch": "delete"}, {"$retainKeys": 1}, "${trialParameters.x}", "../..",
)  # fmt: skip
RAW = (
    b"", b"{", b"null", b"[]", b"\xff\xfe", b"k8s\x00", b"k8s\x00\x0a\xff\xff\xff\xff", b'"' * 9,
    b"[" * 20_000, b'{"a":' * 20_000, b"a: &a [*a]", b"a: !!python/object:os.system x", b"---\n---",
    b'{"a":1,"a":2}', b"NaN", b"9" * 5000, b'{"metadata":{"name":"\\ud800"}}', b"\x00" * 3_200_000,
    b"? [a]\n: 1", b"a: &x [1,2]\nb: &y [*x,*x]\nc: [*y,*y]", b"a: 0001-99-99", b"<<: 1",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """A method of a path of our OpenAPI, and the options that it names."""

    method: str
    path: str
    options: tuple[str, ...]
    kind: str
    api_version: str


@dataclass
class Fuzzer:
    """Sends requests until its time is over, and notes what no client should see.

    Attributes:
        codes: how often each code came.
        faults: requests with what was wrong about their answers.
    """

    client: httpx.Client
    operations: list[Operation]
    random: random.Random
    codes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def run(self, deadline: float) -> None:
        while time.monotonic() < deadline and len(self.faults) < 5:
            self._ask(*self._request())

    def _ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        begun = time.monotonic()
        try:
            answer = self.client.request(method, path, headers=headers, content=body)
            problem = _problem(answer)
            self.codes[answer.status_code] += 1
        except httpx.TransportError as error:
            problem = f"{type(error).__name__}: {error}"
        if time.monotonic() - begun > LONGEST:
            problem = problem or f"took {time.monotonic() - begun:.1f} s"
        if problem:
            self.faults.append(f"{method} {path[:300]} {headers} {body[:2000]!r}: {problem}")

    def _request(self) -> tuple[str, str, dict[str, str], bytes]:
        choose, chance = self.random.choice, self.random.random
        operation = choose(self.operations)
        if operation.method == "DELETE" and chance() < 0.7:
            # So that there is something to be read and changed.
            operation = choose([one for one in self.operations if one.method == "POST"])
        method = operation.method
        if chance() < 0.05:
            method = choose(("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"))
        path = operation.path
        for place in ("namespace", "name"):
            name = choose(ODD_NAMES if chance() < 0.15 else NAMES[: 2 if place == "name" else 3])
            path = path.replace(f"{{{place}}}", quote(name, safe="" if chance() < 0.9 else "/"))
        headers = {"accept": choose(ACCEPTS if chance() < 0.3 else ACCEPTS[:1])}
        body = b""
        if method in ("POST", "PUT", "PATCH") or chance() < 0.1:
            kind = choose(
                TYPES if chance() < 0.2 else TYPES[5:9] if method == "PATCH" else TYPES[:1]
            )
            headers["content-type"] = kind
            body = self._body(operation, kind)
        return method, f"{path}?{self._query(operation)}", headers, body

    def _query(self, operation: Operation) -> str:
        names = [*operation.options, *MORE_OPTIONS]
        given = [(name, self._value(name)) for name in names if self.random.random() < 0.06]
        if any(name == "watch" for name, _ in given):
            # The last of its name counts: a watch that begins ends in time to be looked at whole.
            given.append(("timeoutSeconds", "1"))
        return urlencode(given, errors="replace")

    def _value(self, name: str) -> str:
        if self.random.random() < 0.1:
            return self.random.choice(ODD_NAMES)
        if name in ("watch", "force", "pretty", "timestamps", "previous"):
            return self.random.choice(("true", "false", "1", ""))
        return self.random.choice(VALUES.get(name, NUMBERS))

    def _body(self, operation: Operation, media_type: str) -> bytes:
        chance = self.random.random()
        if chance < 0.12:
            return self.random.choice(RAW)
        if media_type == "application/json-patch+json" and chance < 0.9:
            return json.dumps([self._step() for _ in range(self.random.randint(0, 3))]).encode()
        manifest = _manifest(operation, self.random.choice(NAMES[:2]))
        for _ in range(self.random.choice((0, 1, 1, 2, 3, 8))):
            self._spoil(manifest)
        data = json.dumps(manifest).encode()
        return data if chance < 0.95 else data[: self.random.randint(0, len(data))]

    def _step(self) -> Any:
        paths = ("", "/", "/metadata/labels", "/metadata/labels/a", "/spec/a~0b/-", "/spec", "a")
        step = {
            "op": self.random.choice(("add", "remove", "replace", "move", "copy", "test", "x")),
            "path": self.random.choice(paths),
            "from": self.random.choice(paths),
            "value": self.random.choice(JUNK),
        }
        if self.random.random() < 0.2:
            step[self.random.choice(list(step))] = self.random.choice(JUNK)
        return step if self.random.random() < 0.95 else self.random.choice(JUNK)

    def _spoil(self, manifest: Manifest) -> None:
        """Put something else in the place of one part, anywhere."""
        places = list(_places(manifest))
        holder, key = self.random.choice(places)
        if isinstance(holder, dict) and self.random.random() < 0.3:
            del holder[key]
            holder[self.random.choice(("", "x", "\x00", "name", "$patch", "a" * 300))] = 1
        else:
            holder[key] = copy.deepcopy(self.random.choice(JUNK))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _places(value[key])


def _manifest(operation: Operation, name: str) -> Manifest:
    """A good object of the kind, or near it; what it would run does nothing."""
    experiment = an_experiment("true", name, parallelTrialCount=1)
    job = copy.deepcopy(experiment["spec"]["trialTemplate"]["trialSpec"]["spec"])
    specs: dict[str, Any] = {
        "Experiment": {**experiment["spec"], "trialTemplate": {"trialSpec": {}}},
        "Suggestion": {"algorithm": {"algorithmName": "random"}, "requests": 1},
        "Trial": {"objective": experiment["spec"]["objective"], "runSpec": {"kind": "Job"}},
        "Job": {**job, "suspend": True},
        "Pod": job["template"]["spec"],
        "Service": {"ports": [{"port": 80, "name": "a"}]},
        "Deployment": {"selector": {"matchLabels": {"a": "1"}}, "template": job["template"]},
        "TrainJob": {"suspend": True, "runtimeRef": {"name": "torch-distributed"}},
    }
    return {
        "apiVersion": operation.api_version,
        "kind": operation.kind,
        "metadata": {
            "name": name,
            "labels": {"a": "1"},
            "annotations": {"b": "2"},
            "finalizers": [],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "one", "uid": "u"}],
        },
        "spec": specs.get(operation.kind, {}),
        "status": {"conditions": [{"type": "Running", "status": "True"}]},
        "data": {"a": "MQ=="},
    }


def _problem(answer: httpx.Response) -> str:
    """What is wrong with an answer; empty when nothing is."""
    if answer.status_code == 504 and "Too large resource version" in answer.text:
        # As a Kubernetes API server answers to a version that is still to come.
        return ""
    if answer.status_code >= 500:
        return f"{answer.status_code} {answer.text[:500]}"
    if answer.status_code < 400 or answer.request.method == "HEAD":
        return ""
    status = answer.json()
    if (status.get("kind"), status.get("code")) != ("Status", answer.status_code):
        return f"{answer.status_code} without a Status: {answer.text[:500]}"
    return ""


def _operations(client: httpx.Client) -> list[Operation]:
    found = []
    for place in client.get("/openapi/v3").json()["paths"].values():
        document = client.get(place["serverRelativeURL"]).json()
        for path, item in document["paths"].items():
            for method in set(item) - {"parameters"}:
                known = item[method]["x-kubernetes-group-version-kind"]
                version = "/".join(part for part in (known["group"], known["version"]) if part)
                options = tuple(one["name"] for one in item[method].get("parameters", ()))
                found.append(Operation(method.upper(), path, options, known["kind"], version))
    return sorted(found, key=lambda one: (one.path, one.method))


def test_no_request_breaks_the_server(katib: Katib) -> None:
    katib("up", "--detach", "--port", "0", check=0)
    home = Home(katib.home)
    record = find_server(home)
    assert record is not None
    token = (katib.home / "token").read_text().strip()
    trusted = ssl.create_default_context(cafile=str(katib.home / "tls" / "ca.crt"))

    def connect() -> httpx.Client:
        return httpx.Client(
            base_url=record.address,
            verify=trusted,
            headers={"authorization": f"Bearer {token}"},
            timeout=2 * LONGEST,
        )

    with ExitStack() as stack:
        client, *others = [stack.enter_context(connect()) for _ in range(1 + CLIENTS)]
        operations = _operations(client)
        deadline = time.monotonic() + SECONDS
        # Each has connections of its own: a pool that threads share closes some that are in use.
        fuzzers = [
            Fuzzer(own, operations, random.Random(f"{SEED}/{number}"))
            for number, own in enumerate(others)
        ]
        threads = [threading.Thread(target=one.run, args=(deadline,)) for one in fuzzers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert client.get("/readyz").text == "ok"
    faults = [fault for one in fuzzers for fault in one.faults]
    codes = sum((one.codes for one in fuzzers), Counter[int]())
    print(dict(sorted(codes.items())))
    assert not faults, "\n\n".join(faults)
    for log in (log_path(home), home.log):
        assert not log.exists() or "Traceback" not in log.read_text(), log.read_text()[-5000:]
    # It has been let in, and has not only been refused.
    assert {200, 201, 400, 404} <= set(codes)
    katib("down", check=0)
