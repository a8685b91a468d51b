"""What the kubectl program makes of discovery, OpenAPI and tables."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from katib.api.codec import to_manifest
from katib.api.suggestion import TrialAssignment
from katib.api_server.discovery import discovery_routes
from katib.api_server.openapi import openapi_routes
from katib.api_server.resources import RESOURCE_TYPES
from katib.api_server.tables import as_table
from katib.testing.builders import CREATED_AT, a_running_trial, an_experiment

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl here")

Kubectl = Callable[..., str]


async def version(_: Request) -> Response:
    return Response(b'{"major":"1","minor":"32","gitVersion":"v1.32.0"}')


async def trials(_: Request) -> Response:
    known = next(one for one in RESOURCE_TYPES if one.plural == "trials")
    trial = a_running_trial(an_experiment().build(), "one", TrialAssignment(name="one"))
    table = as_table(known, [to_manifest(trial)], CREATED_AT.replace(hour=3))
    return Response(msgspec.json.encode(table), media_type="application/json")


async def created(request: Request) -> Response:
    return Response(await request.body(), 201, media_type="application/json")


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """Runs kubectl against a server that has discovery, OpenAPI, a trial and room for jobs."""
    routes = [
        *discovery_routes(RESOURCE_TYPES),
        *openapi_routes(RESOURCE_TYPES),
        Route("/version", version),
        Route("/apis/kubeflow.org/v1beta1/namespaces/default/trials", trials),
        Route("/apis/batch/v1/namespaces/default/jobs", created, methods=["POST"]),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes), port=0, lifespan="off", ws="none", log_level="warning"
    )
    server, socket = uvicorn.Server(config), config.bind_socket()
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    address = f"http://127.0.0.1:{socket.getsockname()[1]}"
    home = tmp_path_factory.mktemp("home")
    yield lambda *words, stdin="": run(home, address, words, stdin)
    server.should_exit = True
    thread.join()
    socket.close()


def run(home: Path, address: str, words: tuple[str, ...], stdin: str) -> str:
    command = ["kubectl", f"--server={address}", "--token=any", *words]
    environment = {**os.environ, "HOME": str(home), "KUBECONFIG": os.devnull}
    done = subprocess.run(
        command, env=environment, input=stdin, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def rows(printed: str) -> list[list[str]]:
    return [line.split() for line in printed.splitlines()]


def test_it_lists_every_resource_once(kubectl: Kubectl) -> None:
    head, *listed = rows(kubectl("api-resources"))
    assert head == ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"]
    assert sorted(row[0] for row in listed) == sorted(known.plural for known in RESOURCE_TYPES)
    assert ["experiments", "kubeflow.org/v1beta1", "true", "Experiment"] in listed
    assert ["pods", "po", "v1", "true", "Pod"] in listed
    assert ["namespaces", "ns", "v1", "false", "Namespace"] in listed


def test_it_finds_the_resources_of_a_category(kubectl: Kubectl) -> None:
    listed = kubectl("api-resources", "--categories=katib", "--output=name").split()
    assert listed == [
        f"{plural}.kubeflow.org" for plural in ("experiments", "suggestions", "trials")
    ]


def test_it_explains_fields_with_types_and_values(kubectl: Kubectl) -> None:
    lines = rows(kubectl("explain", "experiment.spec.objective", "--recursive"))
    assert ["FIELD:", "objective", "<ObjectiveSpec>"] in lines
    assert ["type", "<string>", "-required-"] in lines
    assert ["enum:", "minimize,", "maximize"] in lines
    assert ["metricStrategies", "<[]NameValue>"] in lines


def test_it_explains_a_kind_by_its_plural(kubectl: Kubectl) -> None:
    printed = kubectl("explain", "trials")
    assert "One run of the program." in printed
    assert "What is run, and how it is judged." in printed
    assert ["spec", "<TrialSpec>"] in rows(printed)


def test_it_explains_from_version_2_in_protocol_buffers(kubectl: Kubectl) -> None:
    printed = kubectl("explain", "experiment.spec.objective", "--output=plaintext-openapiv2")
    assert ["objectiveMetricName", "<string>", "-required-"] in rows(printed)


def test_it_trusts_the_server_to_validate(kubectl: Kubectl) -> None:
    # The template would be refused by a client that judged it by the schema of a Job.
    job = '{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"one"},"spec":{"wish":1}}'
    assert kubectl("create", "--filename=-", stdin=job) == "job.batch/one created\n"


def test_it_prints_the_table(kubectl: Kubectl) -> None:
    assert rows(kubectl("get", "trials")) == [
        ["NAME", "TYPE", "STATUS", "AGE"],
        ["one", "Running", "True", "3h"],
    ]
