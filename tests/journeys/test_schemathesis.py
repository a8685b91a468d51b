"""schemathesis along our own OpenAPI: whatever it makes up, the server has an answer.

It runs when ``KATIB_FUZZ_SECONDS`` says how long; ``KATIB_FUZZ_SEED`` is another seed.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from command_line import Katib

from environments import an_environment
from katib.apps.home import Home
from katib.apps.server_record import find_server, log_path

SECONDS = int(os.environ.get("KATIB_FUZZ_SECONDS", "0"))
SEED = os.environ.get("KATIB_FUZZ_SEED", "20")

pytestmark = [
    pytest.mark.journey,
    pytest.mark.timeout(SECONDS + 900),
    pytest.mark.skipif(
        not SECONDS,
        reason="takes minutes to ask what the random requests of test_api_fuzz ask in seconds; set "
        "KATIB_FUZZ_SECONDS to run it",
    ),
]

#: Options that it cannot know how to use: answers without an end, and the 504 that a Kubernetes API
#: server has for versions that are still to come.
LEFT_OUT = ("watch", "follow", "resourceVersion")

#: So few names that what one request creates others find.
NAMES = {"namespace": ["default"], "name": ["one", "two"]}

Document = dict[str, Any]


def merged(client: httpx.Client) -> Document:
    """All documents of the server as one, with few names."""
    whole: Document = {}
    for place in client.get("/openapi/v3").json()["paths"].values():
        document = client.get(place["serverRelativeURL"]).json()
        whole = whole or document
        whole["paths"] |= document["paths"]
        whole["components"]["schemas"] |= document["components"]["schemas"]
    for item in whole["paths"].values():
        for operation in (item, *(found for name, found in item.items() if name != "parameters")):
            operation["parameters"] = _narrowed(operation.get("parameters", []))
    for schema in whole["components"]["schemas"].values():
        _name(schema)
    return whole


def _narrowed(parameters: list[Document]) -> list[Document]:
    kept = [one for one in parameters if one["name"] not in LEFT_OUT]
    return [
        {**one, "schema": {"type": "string", "enum": NAMES[one["name"]]}}
        if one["in"] == "path"
        else one
        for one in kept
    ]


def _name(schema: Document) -> None:
    """Let a resource say what it is, and have one of the few names."""
    properties = schema.get("properties", {})
    for known in schema.get("x-kubernetes-group-version-kind", ()):
        version = "/".join(part for part in (known["group"], known["version"]) if part)
        properties["apiVersion"] = {"type": "string", "enum": [version]}
        properties["kind"] = {"type": "string", "enum": [known["kind"]]}
        schema["required"] = sorted({"apiVersion", "kind", "metadata"} & set(properties))
    if "ownerReferences" in properties:
        for name, values in NAMES.items():
            properties[name] = {"type": "string", "enum": values}
        schema["required"] = ["name"]


def test_what_schemathesis_makes_up_has_an_answer(katib: Katib) -> None:
    python = an_environment("schemathesis", "schemathesis==4.32.5")
    katib("up", "--detach", "--port", "0", check=0)
    home, authority = Home(katib.home), katib.home / "tls" / "ca.crt"
    record = find_server(home)
    assert record is not None
    head = {"authorization": f"Bearer {(katib.home / 'token').read_text().strip()}"}
    trusted = ssl.create_default_context(cafile=str(authority))
    with httpx.Client(base_url=record.address, verify=trusted, headers=head, timeout=60) as client:
        (katib.folder / "openapi.json").write_text(json.dumps(merged(client)))
    ran = subprocess.run(
        [
            *(str(Path(python).with_name("schemathesis")), "run", "openapi.json"),
            *("--url", record.address, "--header", f"Authorization: {head['authorization']}"),
            *("--tls-verify", str(authority), "--checks", "not_a_server_error"),
            *("--request-timeout", "60", "--max-time", str(SECONDS), "--seed", SEED),
            # Its third phase, coverage, breaks down by itself when its time ends.
            *("--phases", "fuzzing,stateful"),
            *("--workers", "2", "--continue-on-failure", "--suppress-health-check", "all"),
            *("--generation-database", "none", "--no-color"),
        ],
        cwd=katib.folder,
        env={**katib.environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 600,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said[-20_000:]
    count = re.search(r"(\d+) generated, (\d+) passed", said)
    assert count is not None, said[-20_000:]
    assert int(count[1]) == int(count[2]) > 0
    print(count[0])
    for log in (log_path(home), home.log):
        assert not log.exists() or "Traceback" not in log.read_text(), log.read_text()[-5000:]
    katib("down", check=0)
