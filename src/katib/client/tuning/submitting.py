"""Brings a tuned function to an engine: creates its documents, or goes on with those there are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from katib.api import names
from katib.api.values import Manifest
from katib.client.backend import AwayError, Backend, RefusedError
from katib.client.requests import core_path, path_of
from katib.client.tuning.following import has_failed, is_over
from katib.errors import KatibError, printed

#: What is done when the name is taken.
Exists = Literal["error", "resume", "replace"]

#: What may differ between the calls that go on with one experiment.
_BUDGET = ("maxTrialCount", "parallelTrialCount", "maxFailedTrialCount")

#: How long a deletion may take, in seconds.
LONGEST_DELETION = 60.0

_MERGE_PATCH = "application/merge-patch+json"


class ExperimentExistsError(KatibError):
    """The name of an experiment is taken, or what has it is another search."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is brought to an engine.

    Attributes:
        experiment: the Experiment.
        config_map: what holds its function; ``None`` where a file does.
    """

    experiment: Manifest
    config_map: Manifest | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of the experiment."""
        metadata = self.experiment["metadata"]
        return metadata["namespace"], metadata["name"]


def submit(backend: Backend, submission: Submission, exists: Exists) -> None:
    """Create the experiment, or go on with the one of its name.

    Args:
        backend: where.
        submission: what.
        exists: what is done when there is one of that name.

    Raises:
        ExperimentExistsError: there is, and it cannot be gone on with.
        RefusedError: the server says why.
        AwayError: the server does not answer.
    """
    found = find(backend, submission)
    if found is not None and exists == "error":
        raise ExperimentExistsError(_taken(found, submission))
    if found is not None and exists == "resume":
        _resume(backend, submission, found)
        return
    if found is not None:
        _delete(backend, submission)
    if submission.config_map is not None:
        _put_config_map(backend, submission.config_map)
    _create(backend, submission)


def _create(backend: Backend, submission: Submission) -> None:
    namespace, name = submission.key
    try:
        created = backend.ask("POST", path_of("experiments", namespace), submission.experiment)
    except AwayError as error:
        # Whether it was created is not known; looked at once more, it is.
        found = None if error.is_late else find(backend, submission)
        if found is None:
            raise
        created = found
    except RefusedError as error:
        if error.code != 409:
            raise
        raise ExperimentExistsError(
            f"somebody else has just created an experiment {name}; choose another name="
        ) from error
    if submission.config_map is not None:
        _own(backend, submission.config_map, created)


def _own(backend: Backend, config_map: Manifest, experiment: Manifest) -> None:
    """Let the function go with its experiment."""
    owner = {
        "apiVersion": experiment["apiVersion"],
        "kind": experiment["kind"],
        "name": experiment["metadata"]["name"],
        "uid": experiment["metadata"]["uid"],
    }
    metadata = config_map["metadata"]
    path = core_path("configmaps", metadata["namespace"], metadata["name"])
    backend.ask("PATCH", path, {"metadata": {"ownerReferences": [owner]}}, _MERGE_PATCH)


def find(backend: Backend, submission: Submission) -> Manifest | None:
    """The experiment of that name, if there is one."""
    try:
        return backend.ask("GET", path_of("experiments", *submission.key))
    except RefusedError as error:
        if error.code == 404:
            return None
        raise


def pause(backend: Backend, namespace: str, name: str) -> None:
    """Let no trial of an experiment begin, and end those that run; :func:`submit` goes on with it.

    Raises:
        RefusedError: the server says why.
        AwayError: the server does not answer.
    """
    _patch(backend, (namespace, name), {"metadata": {"annotations": {names.ANNOTATION_ASKED: "0"}}})
    query = {"labelSelector": f"{names.LABEL_EXPERIMENT}={name}"}
    for trial in backend.ask("GET", path_of("trials", namespace, query=query))["items"]:
        if not (trial.get("status") or {}).get("completionTime"):
            with suppress(RefusedError):
                backend.ask("DELETE", path_of("trials", namespace, trial["metadata"]["name"]))


def _resume(backend: Backend, submission: Submission, found: Manifest) -> None:
    """Give the experiment that there is the budget that is wanted, if that is more."""
    name, wanted = submission.key[1], submission.experiment["spec"]
    different = list(_differences(_without_budget(wanted), found["spec"], "spec"))
    if different:
        raise ExperimentExistsError(
            f"experiment {name} cannot be resumed, since it is another search: "
            f"{'; '.join(different)}. Choose another name=, or begin it afresh with "
            'exists="replace"'
        )
    if why := has_failed(found):
        raise ExperimentExistsError(
            f'experiment {name} cannot be resumed: {why}. Begin it afresh with exists="replace", '
            "or choose another name="
        )
    trials = int((found.get("status") or {}).get("trials") or 0)
    budget = {key: wanted[key] for key in _BUDGET if key in wanted}
    if (wanted.get("maxTrialCount") or trials + 1) <= trials:
        # As many as are wanted have been made; those that were interrupted are still made up for.
        budget = {}
    changes: Manifest = {"metadata": {"annotations": {names.ANNOTATION_ASKED: None}}}
    if budget and not (is_over(found) and budget.items() <= found["spec"].items()):
        changes["spec"] = budget
    _patch(backend, submission.key, changes)


def _patch(backend: Backend, key: tuple[str, str], changes: Manifest) -> None:
    backend.ask("PATCH", path_of("experiments", *key), changes, _MERGE_PATCH)


def _without_budget(spec: Manifest) -> Manifest:
    return {name: value for name, value in spec.items() if name not in _BUDGET}


def _differences(ours: Any, theirs: Any, path: str) -> Iterator[str]:
    """Where what is stored says something else than ours; what it says beside that is a default."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name, value in ours.items():
            yield from _differences(value, theirs.get(name), f"{path}.{name}")
    elif _is_list(ours) and _is_list(theirs) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _differences(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield _difference(ours, theirs, path)


def _difference(ours: object, theirs: object, path: str) -> str:
    if path.endswith(".trialSpec.spec.function"):
        return (
            "its function was another one or has changed since, or it is called by another Python, "
            "in another folder or with other paths of modules"
        )
    return f"{path} is {printed(theirs)} there, and {printed(ours)} here"


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _taken(found: Manifest, submission: Submission) -> str:
    status: Manifest = found.get("status") or {}
    state = "has ended" if is_over(found) else "has not ended"
    return (
        f"there is an experiment {submission.key[1]} already, of {status.get('trials') or 0} "
        f'trials, which {state}: go on with it with exists="resume", begin it afresh with '
        'exists="replace", or choose another name='
    )


def _delete(backend: Backend, submission: Submission) -> None:
    """Delete the experiment of that name, and wait until all that it owned is gone."""
    namespace, name = submission.key
    backend.ask("DELETE", path_of("experiments", namespace, name))
    deadline = time.monotonic() + LONGEST_DELETION
    query = {"labelSelector": f"{names.LABEL_EXPERIMENT}={name}", "limit": "1"}
    while (
        find(backend, submission) is not None
        or backend.ask("GET", path_of("trials", namespace, query=query))["items"]
    ):
        if time.monotonic() > deadline:
            raise ExperimentExistsError(
                f"experiment {name} is deleted, and what it has started has not ended after "
                f"{LONGEST_DELETION:.0f} s; call again when it has, or choose another name="
            )
        time.sleep(0.05)


def _put_config_map(backend: Backend, config_map: Manifest) -> None:
    try:
        backend.ask(
            "POST", core_path("configmaps", config_map["metadata"]["namespace"]), config_map
        )
    except RefusedError as error:
        # Its name says what is in it.
        if error.code != 409:
            raise
