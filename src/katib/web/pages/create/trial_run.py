"""One trial of a draft: an experiment of its own that is made, followed and deleted again.

It goes through the API server like any other, so that it shows what a trial of the experiment will
do on this very machine or cluster.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from katib.api import names
from katib.api.values import Manifest
from katib.client.backend import Backend
from katib.client.requests import path_of
from katib.web import looks
from katib.web.pages.create.document import read, write

#: Algorithms whose trials are told other things than parameters; all others draw at random here,
#: since one trial is no search, and schedules refuse a budget of one.
_OF_THEIR_OWN = frozenset({"darts", "enas", "pbt", "regularized-evolution"})

_ENDED = (names.SUCCEEDED, names.FAILED)

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"

#: How long a name may be before a tail is added.
_STEM = 28


def trial_document(document: Manifest) -> Manifest:
    """An experiment with one trial of the template of another."""
    name = str(read(document, ("metadata", "name")) or "experiment")[:_STEM].rstrip("-.")
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(5))
    metadata = {"name": f"{name}-try-{tail}"}
    namespace = read(document, ("metadata", "namespace"))
    tried = {
        **document,
        "metadata": {**metadata, **({"namespace": namespace} if namespace else {})},
    }
    tried.pop("status", None)
    algorithm = read(document, ("spec", "algorithm", "algorithmName"))
    changes: Mapping[tuple[str, ...], Any] = {
        ("spec", "maxTrialCount"): 1,
        ("spec", "parallelTrialCount"): 1,
        ("spec", "maxFailedTrialCount"): 0,
        ("spec", "resumePolicy"): names.NEVER,
        ("spec", "earlyStopping"): None,
        ("spec", "objective", "goal"): None,
        # Or its log would be gone before it is read.
        ("spec", "trialTemplate", "retain"): True,
    }
    for path, value in changes.items():
        tried = write(tried, path, value)
    if algorithm in _OF_THEIR_OWN:
        return tried
    return write(tried, ("spec", "algorithm"), {"algorithmName": "random"})


@dataclass(frozen=True, slots=True)
class Sight:
    """How far the trial is.

    Attributes:
        trial: its name; empty before there is one.
        assignments: what it was given.
        manifest: of its run.
        metrics: what was observed.
        state: in one word.
        told: what is waited for, or how it ended.
        has_begun: whether its program runs, or has run.
        is_over: whether nothing will change.
        is_good: whether it has ended well.
    """

    trial: str = ""
    assignments: Sequence[Manifest] = ()
    manifest: Manifest = field(default_factory=dict)
    metrics: Sequence[Manifest] = ()
    state: str = "Created"
    told: str = ""
    has_begun: bool = False
    is_over: bool = False
    is_good: bool = False


def look(backend: Backend, namespace: str, name: str) -> Sight:
    """How far the trial of an experiment is.

    Raises:
        KatibError: nobody answers.
    """
    experiment = backend.ask("GET", path_of("experiments", namespace, name))
    query = {"labelSelector": f"{names.LABEL_EXPERIMENT}={quote(name)}"}
    trials = backend.ask("GET", path_of("trials", namespace, query=query)).get("items") or ()
    return sight_of(experiment, trials[0] if trials else None)


def sight_of(experiment: Manifest, trial: Manifest | None) -> Sight:
    """What an experiment with one trial shows."""
    decisive = looks.decisive(experiment) or {}
    is_over = decisive.get("type") in _ENDED
    waiting = looks.waiting_of(trial or {}) or looks.waiting_of(experiment)
    if trial is None:
        told = str(decisive.get("message") or "") if is_over else waiting
        return Sight(state=looks.status_of(experiment), told=told, is_over=is_over)
    spec, status = trial.get("spec") or {}, trial.get("status") or {}
    true = [one for one in status.get("conditions") or () if one.get("status") == "True"]
    last: Mapping[str, str] = true[-1] if true else {}
    is_over = bool(status.get("completionTime"))
    state = last.get("type") or "Pending"
    return Sight(
        trial=trial["metadata"]["name"],
        assignments=spec.get("parameterAssignments") or (),
        manifest=spec.get("runSpec") or {},
        metrics=(status.get("observation") or {}).get("metrics") or (),
        state=state,
        told=last.get("message") or "" if is_over else waiting,
        has_begun=is_over or any(one["type"] == names.RUNNING for one in true),
        is_over=is_over,
        is_good=is_over and state == names.SUCCEEDED,
    )
