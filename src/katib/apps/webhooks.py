"""The operator's webhooks: what the API server asks before experiments and pods are made.

An experiment gets its defaults, and is refused with everything that is wrong. A pod that belongs
to a trial gets its collector, unless the run's template has brought it along.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from katib.admission.door import with_default_spec
from katib.api.codec import from_manifest, to_raw, typed
from katib.api.experiment import EXPERIMENTS, Experiment
from katib.api.kinds import kind_of
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, Kind, Manifest, ObjectMeta, OwnerReference, Value
from katib.api_server.bodies import read_body
from katib.api_server.statuses import StatusError
from katib.errors import (
    AdmissionError,
    ConfigurationError,
    KatibError,
    KindNotServedError,
    ManifestError,
    NotFoundError,
    RenderError,
    RequestRefusedError,
)
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.injection import find_role, inject, is_prepared
from katib.kubernetes.owners import find_trial
from katib.kubernetes.reviews import Review, read_review
from katib.kubernetes.sidecars import Cluster
from katib.ports.resource_store import ResourceReader

VALIDATE_EXPERIMENT, MUTATE_EXPERIMENT = "/validate-experiment", "/mutate-experiment"
MUTATE_POD = "/mutate-pod"

_LOG = logging.getLogger(__name__)

#: The legal experiment of a manifest that may change a stored one; an ``AdmissionError`` says that
#: there is none.
Admit = Callable[[Manifest, Experiment | None], Experiment]

Answer = Callable[[Review], bytes]


@dataclass(frozen=True, slots=True)
class Pods:
    """What the pods of trials are given.

    Attributes:
        store: where trials and their experiments are.
        fetch_owner: reads whose a pod is.
        cluster: what its containers are told, as it is now.
    """

    store: ResourceReader
    fetch_owner: Callable[[OwnerReference, str], ObjectMeta | None]
    cluster: Callable[[], Cluster]

    def mutate(self, review: Review) -> bytes:
        """The answer for a pod that is about to be made."""
        pod = review.object
        owners = (pod.get("metadata") or {}).get("ownerReferences") or ()
        metadata = typed(ObjectMeta, to_raw({"ownerReferences": owners}))
        if is_prepared(pod):
            return review.allow()
        try:
            key = find_trial(metadata, review.namespace, self.fetch_owner)
        except RequestRefusedError as error:
            # Most pods are no trial's; they are not to suffer from what we may not read.
            told = f"Katib cannot see whether this pod belongs to a trial: {error}"
            return review.allow(warnings=[told])
        if key is None:
            return review.allow()
        trial = self.store.find(TRIALS, key)
        if trial is None:
            return review.deny(500, "InternalError", f'there is no Trial "{key}" yet; try again')
        try:
            return review.allow(self._with_collector(pod, trial))
        except (RenderError, ConfigurationError) as error:
            return review.deny(400, "BadRequest", str(error))

    def _with_collector(self, pod: Manifest, trial: Trial) -> Manifest:
        labels: Mapping[str, str] = (pod.get("metadata") or {}).get("labels") or {}
        role = find_role(trial, labels)
        return inject(pod, trial, experiment_of(trial, self.store), self.cluster(), role)


def experiment_of(trial: Trial, store: ResourceReader) -> Experiment | None:
    """The experiment that a trial belongs to, if it is there."""
    owner = trial.metadata.controller
    name = "" if owner is None else owner.name
    return store.find(EXPERIMENTS, Key(trial.metadata.namespace, name))


def validate_experiment(admit: Admit, review: Review) -> bytes:
    """The answer for an experiment that is about to be made or changed."""
    old = None if review.old is None else from_manifest(EXPERIMENTS, review.old)
    try:
        admit(review.object, old)
    except AdmissionError as error:
        return review.refuse(error)
    return review.allow()


def mutate_experiment(review: Review) -> bytes:
    """The answer with the defaults of an experiment; what is not legal is for validation to say."""
    return review.allow(with_default_spec(review.object))


def make_app(admit: Admit, pods: Pods) -> Starlette:
    """The application that answers at the paths of the three webhooks."""
    answers: Mapping[str, Answer] = {
        VALIDATE_EXPERIMENT: partial(validate_experiment, admit),
        MUTATE_EXPERIMENT: mutate_experiment,
        MUTATE_POD: pods.mutate,
    }
    routes = [
        Route(path, partial(_answer, answer), methods=["POST"]) for path, answer in answers.items()
    ]
    return Starlette(routes=routes)


async def _answer(answer: Answer, request: Request) -> Response:
    try:
        review = read_review(await read_body(request))
        body = await run_in_threadpool(_decide, answer, review)
    except StatusError as error:
        return Response(str(error), error.code)
    except ManifestError as error:
        return Response(str(error), 400)
    return Response(body, media_type="application/json")


def _decide(answer: Answer, review: Review) -> bytes:
    try:
        return answer(review)
    except KatibError as error:
        # What is away comes back, and whoever asks does so again.
        return review.deny(500, "InternalError", str(error))
    except Exception:
        _LOG.exception("a webhook failed")
        return review.deny(500, "InternalError", "Katib's webhook failed; its log says why")


class _Owner(Value, frozen=True):
    """What is read of a resource of any kind."""

    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


class OwnerReader:
    """Reads the owners of pods from an API server; of each kind ``get`` must be granted.

    Args:
        client: of the cluster.
        find_path: the path of a kind's resource, by its namespace and name; a
            ``KindNotServedError`` says that the API server does not know the kind.
    """

    def __init__(
        self, client: KubernetesClient, find_path: Callable[[Kind[Any], Key], str]
    ) -> None:
        self._client, self._find_path = client, find_path

    def __call__(self, owner: OwnerReference, namespace: str) -> ObjectMeta | None:
        """The owner's metadata; ``None`` when it is gone.

        Raises:
            RequestRefusedError: it may not be read.
            StoreAwayError: the API server cannot be reached.
        """
        try:
            kind = kind_of(owner.api_version, owner.kind)
            path = self._find_path(kind, Key(namespace, owner.name))
            metadata = typed(_Owner, self._client.request("GET", path)).metadata
        except (KindNotServedError, NotFoundError):
            return None
        return metadata if metadata.uid == owner.uid else None
