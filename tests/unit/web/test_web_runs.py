"""What is told of a trial's pods, of events, of lines of a log, and why a trial is as it is."""

from __future__ import annotations

import pytest

from katib.api.values import Manifest
from katib.client.http import Access, HttpBackend
from katib.web.happenings import MOST, list_events
from katib.web.log_view import plain_line
from katib.web.pages.trial.page import why
from katib.web.pages.trial.run import pod_row
from served_home import TOKEN, Home, an_event, listening


def a_pod(*states: Manifest, phase: str = "Running", **status: object) -> Manifest:
    containers = [
        {"name": f"c{number}", "restartCount": number, "state": state}
        for number, state in enumerate(states)
    ]
    found = {"phase": phase, "containerStatuses": containers, **status}
    return {"metadata": {"name": "p"}, "spec": {"nodeName": "n"}, "status": found}


def test_a_pod_that_runs_has_no_reason() -> None:
    row = pod_row(a_pod({"running": {}}, {"running": {}}))
    assert row == {"name": "p", "phase": "Running", "node": "n", "restarts": 1, "reason": ""}


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_pod({"waiting": {"reason": "ImagePullBackOff"}}), "c0 ImagePullBackOff"),
        (
            a_pod({"terminated": {"reason": "OOMKilled", "exitCode": 137}}, phase="Failed"),
            "c0 OOMKilled, exit code 137",
        ),
        (
            a_pod({"waiting": {"reason": "ErrImagePull", "message": "not found"}}),
            "c0 ErrImagePull: not found",
        ),
        (a_pod(reason="Evicted", phase="Failed"), "Evicted"),
        ({"metadata": {"name": "p"}}, ""),
    ],
)
def test_why_a_pod_waits_or_has_ended_is_told(pod: Manifest, reason: str) -> None:
    assert pod_row(pod)["reason"] == reason


def a_trial(*conditions: tuple[str, str, str]) -> Manifest:
    found = [
        {"type": type, "status": "True", "reason": reason, "message": message}
        for type, reason, message in conditions
    ]
    return {"status": {"conditions": found}}


@pytest.mark.parametrize(
    ("trial", "text"),
    [
        (a_trial(), ""),
        (a_trial(("Running", "TrialRunning", "Trial is running")), "Trial is running"),
        (
            a_trial(("Running", "", ""), ("Failed", "TrialFailed", "exit code 1")),
            "It failed: exit code 1 (TrialFailed)",
        ),
        (a_trial(("MetricsUnavailable", "", "")), "It ended without its objective metric"),
        (
            a_trial(("EarlyStopped", "TrialEarlyStopped", "Trial is early stopped")),
            "It was stopped early: Trial is early stopped (TrialEarlyStopped)",
        ),
    ],
)
def test_why_a_trial_is_as_it_is_is_told(trial: Manifest, text: str) -> None:
    assert why(trial) == text


def test_what_a_trial_waits_for_comes_first() -> None:
    waiting = {"type": "Progressing", "status": "False", "message": "no room on any node"}
    trial = a_trial(("Created", "TrialCreated", "Trial is created"))
    trial["status"]["conditions"].append(waiting)
    assert why(trial) == "no room on any node"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m and \x1b[1;4mbold\x1b[m", "red and bold"),
        (" 10%\r 50%\r100%", "100%"),
        ("with its end\r", "with its end"),
        ("", ""),
    ],
)
def test_a_line_is_shown_without_what_only_a_terminal_knows(line: str, text: str) -> None:
    assert plain_line(line) == text


def test_events_of_some_objects_are_listed_the_newest_first() -> None:
    home = Home()
    home.tell(an_event("first"))
    for number in range(3):
        event = an_event(f"e{number}")
        event.body["lastTimestamp"] = f"2026-01-01T00:00:0{number}Z"
        event.body["message"] = f"message {number}"
        home.tell(event)
    with listening(home) as port:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        backend = HttpBackend(Access(f"http://127.0.0.1:{port}", headers=lambda: headers))
        rows = list_events(backend, "default", lambda name: name == "one")
        assert list_events(backend, "default", lambda name: name == "two") == []
    assert [row["message"] for row in rows] == ["message 2", "message 1", "message 0", ""]
    assert rows[0]["object"] == "Trial/one"
    assert len(rows) <= MOST
