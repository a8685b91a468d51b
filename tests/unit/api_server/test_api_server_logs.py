from __future__ import annotations

import pytest

from katib.api.codec import to_raw
from katib.api.kinds import FUNCTION_CALLS
from katib.api.trial import TRIALS, Trial, TrialSpec
from katib.api_server.services import Pace
from katib.testing.resources import metadata
from served_home import PODS_PATH, TRIALS_PATH, Home, a_pod_manifest

LOG = f"{PODS_PATH}/one/log"
TEXT = b"one\ntwo\nthree\n"


def a_home(text: bytes = TEXT, *containers: str) -> Home:
    home = Home(Pace(polling=0.0))
    home.json("POST", PODS_PATH, a_pod_manifest("one", *containers))
    home.logs.texts["main"] = text
    return home


@pytest.mark.parametrize(
    ("query", "expected"),
    {
        "all": ("", TEXT),
        "the last lines": ("?tailLines=2", b"two\nthree\n"),
        "more lines than there are": ("?tailLines=9", TEXT),
        "no line": ("?tailLines=0", b""),
        "the first bytes": ("?limitBytes=5", b"one\nt"),
        "of the last line": ("?tailLines=1&limitBytes=2", b"th"),
        "written since": ("?sinceSeconds=60", TEXT),
        "written since, with an offset": ("?sinceTime=2026-01-01T00:00:00%2B00:00", TEXT),
        "nothing since": ("?sinceTime=2026-02-01T00:00:00Z", b""),
        "with times": (
            "?timestamps=true&tailLines=1",
            b"2026-01-01T00:00:00.000000000Z three\n",
        ),
        "as the SDK asks": ("?container=main&follow=True", TEXT),
    }.values(),
)
def test_the_part_that_is_wanted_is_shown(query: str, expected: bytes) -> None:
    response = a_home().ask("GET", LOG + query, accept="application/json, */*")
    assert response.status_code == 200
    assert response.content == expected
    assert response.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("lines", [1, 7, 3000, 29_999, 30_000, 40_000])
def test_the_end_of_a_long_log_is_found_across_blocks(lines: int) -> None:
    text = b"".join(b"line %d\n" % number for number in range(30_000))
    home = a_home(text)
    shown = home.ask("GET", f"{LOG}?tailLines={lines}").content
    assert shown == b"".join(text.splitlines(keepends=True)[-lines:])


def test_a_last_line_without_an_end_is_a_line() -> None:
    assert a_home(b"one\ntwo").ask("GET", f"{LOG}?tailLines=1").content == b"two"


def test_times_stand_before_lines_only() -> None:
    text = b"a" * 70_000 + b"\nb\n"
    shown = a_home(text).ask("GET", f"{LOG}?timestamps=true").content
    assert shown.replace(b"2026-01-01T00:00:00.000000000Z ", b"") == text
    assert shown.count(b"2026-01-01T") == 2


def test_a_log_is_followed_until_its_container_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    home = a_home(b"one\n")
    home.logs.is_over = False
    find = home.logs.find

    def grow(source: object) -> object:
        if home.logs.looks == 2:
            home.logs.texts["main"] += b"two\n"
            home.logs.is_over = True
        return find(source)  # type: ignore[arg-type]  # whatever the server asks

    monkeypatch.setattr(home.logs, "find", grow)
    assert home.ask("GET", f"{LOG}?follow=true").content == b"one\ntwo\n"


def test_the_attempt_before_has_its_own_log() -> None:
    home = a_home()
    missing = home.ask("GET", f"{LOG}?previous=true")
    assert missing.status_code == 400
    assert missing.json()["message"] == (
        'previous terminated container "main" in pod "one" not found'
    )
    home.logs.texts["main/previous"] = b"before\n"
    assert home.ask("GET", f"{LOG}?previous=true").content == b"before\n"


@pytest.mark.parametrize(
    ("query", "message"),
    {
        "several": ("", "a container name must be specified for pod one, choose one of: [main b]"),
        "unknown": ("?container=x", "container x is not valid for pod one"),
        "not started": (
            "?container=b",
            'container "b" in pod "one" is waiting to start: ContainerCreating',
        ),
        "two beginnings": (
            "?container=main&sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z",
            "at most one of sinceTime or sinceSeconds may be specified",
        ),
        "no time": ("?container=main&sinceTime=now", 'sinceTime: Invalid value: "now"'),
    }.values(),
)
def test_a_log_that_cannot_be_shown_is_a_bad_request(query: str, message: str) -> None:
    response = a_home(TEXT, "main", "b").ask("GET", LOG + query)
    assert response.status_code == 400
    assert message in response.json()["message"]


def test_the_default_container_may_be_named_by_the_pod() -> None:
    home = Home()
    manifest = a_pod_manifest("one", "a", "main")
    manifest["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "main"}
    home.json("POST", PODS_PATH, manifest)
    home.logs.texts["main"] = TEXT
    assert home.ask("GET", LOG).content == TEXT


def test_a_pod_that_is_not_there_has_no_log() -> None:
    response = Home().ask("GET", LOG)
    assert (response.status_code, response.json()["message"]) == (404, 'pods "one" not found')
    assert a_home().ask("POST", LOG).status_code == 405


@pytest.mark.parametrize("spec", [None, 3, [], "x", {"containers": 1}, {"containers": ["a", {}]}])
def test_a_pod_whose_spec_is_none_has_no_log(spec: object) -> None:
    home = Home(Pace(polling=0.0))
    manifest = {**a_pod_manifest("one"), "spec": spec}
    stored = home.ask("POST", PODS_PATH, manifest)
    response = home.ask("GET", LOG)
    assert response.status_code in ((400, 404) if stored.status_code == 201 else (404,))
    assert response.json()["kind"] == "Status"


def test_the_log_of_a_function_lies_below_its_trial() -> None:
    home = a_home()
    home.logs.texts[""] = b"printed"
    run = {"apiVersion": FUNCTION_CALLS.api_version, "kind": FUNCTION_CALLS.name}
    for name, manifest in (("one", run), ("two", {"apiVersion": "batch/v1", "kind": "Job"})):
        spec = TrialSpec(run_spec=to_raw(manifest))
        home.store.create(TRIALS, Trial(metadata=metadata(name), spec=spec))
    assert home.ask("GET", f"{TRIALS_PATH}/one/log").content == b"printed"
    refused = home.ask("GET", f"{TRIALS_PATH}/two/log")
    assert refused.status_code == 400
    assert "trial two is no call of a function" in refused.json()["message"]
    assert home.ask("GET", f"{TRIALS_PATH}/three/log").status_code == 404
