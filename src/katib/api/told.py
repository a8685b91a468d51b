"""The run of a trial that somebody else carries out and tells of: a ConfigMap, and what it says.

``state`` begins as ``Asked`` and says in the end how the trial ended; ``reason`` and ``message``
say more. ``report-0``, ``report-1`` … hold what was measured, each as it would be pushed:
``loss=0.25``, or JSON with a ``timestamp``. Who can write the ConfigMap tells, be it by ``kubectl
patch``; once the end is told, nothing is read any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from katib.api.values import Manifest

STATE, REASON, MESSAGE = "state", "reason", "message"

#: What ``state`` says before the end.
ASKED = "Asked"

# What it says in the end. Pruned, a trial is stopped early by whoever carries it out.
COMPLETE, FAILED, STOPPED = "Complete", "Failed", "Stopped"
ENDS = (COMPLETE, FAILED, STOPPED)

_REPORT = "report-"

SUCCESS_CONDITION = f'[data].#({STATE}=="{COMPLETE}")'
FAILURE_CONDITION = f'[data].#({STATE}=="{FAILED}")'

#: A template names a container, and there is none.
NO_CONTAINER = "none"


def report_key(number: int) -> str:
    """The key of a trial's report with that number; the first is 0."""
    return f"{_REPORT}{number}"


def reports_of(data: Mapping[str, str]) -> Sequence[str]:
    """The texts of all reports, in their order."""
    numbered = [
        (int(key.removeprefix(_REPORT)), text)
        for key, text in data.items()
        if key.startswith(_REPORT) and key.removeprefix(_REPORT).isdecimal()
    ]
    return [text for _, text in sorted(numbered)]


def run_of(data: Mapping[str, str]) -> Manifest:
    """The manifest of such a run."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "data": dict(data)}


def template_of(parameters: Sequence[str]) -> Manifest:
    """The trial template of an experiment whose trials others carry out.

    Args:
        parameters: their names; the run holds their values as ``p0``, ``p1`` …
    """
    places = {f"p{index}": name for index, name in enumerate(parameters)}
    values = {place: f"${{trialParameters.{place}}}" for place in places}
    return {
        "primaryContainerName": NO_CONTAINER,
        "successCondition": SUCCESS_CONDITION,
        "failureCondition": FAILURE_CONDITION,
        "trialParameters": [{"name": place, "reference": name} for place, name in places.items()],
        "trialSpec": run_of({STATE: ASKED, **values}),
    }


def is_told(run: Manifest) -> bool:
    """Whether a manifest is that of such a run."""
    return (run.get("apiVersion"), run.get("kind")) == ("v1", "ConfigMap")


#: The metrics of such trials are in their runs.
COLLECTOR: Manifest = {"collector": {"kind": "Push"}}
