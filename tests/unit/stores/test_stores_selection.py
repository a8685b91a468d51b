from __future__ import annotations

from typing import Any

import pytest

from katib.api import kinds
from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Kind, ObjectMeta, Strings, Unstructured, owner_reference
from katib.stores.selection import label_of, labelled

WIDGETS: Kind[Any] = Kind("example.com/v1", "Widget", "widgets", Unstructured)
TRIAL, SUGGESTION = "katib.kubeflow.org/trial", "katib.kubeflow.org/suggestion"


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        (EXPERIMENTS, ""),
        (SUGGESTIONS, ""),
        (TRIALS, ""),
        (kinds.JOBS, TRIAL),
        (kinds.PODS, TRIAL),
        (kinds.TRAIN_JOBS, TRIAL),
        (WIDGETS, TRIAL),
        (kinds.DEPLOYMENTS, SUGGESTION),
        (kinds.SERVICES, SUGGESTION),
        (kinds.PERSISTENT_VOLUME_CLAIMS, SUGGESTION),
        (kinds.CONFIG_MAPS, None),
        (kinds.SECRETS, None),
        (kinds.PERSISTENT_VOLUMES, None),
        (kinds.ROLES, None),
        (kinds.TRAINING_RUNTIMES, None),
    ],
    ids=str,
)
def test_a_kind_is_watched_by_a_label(kind: Kind[Any], label: str | None) -> None:
    assert label_of(kind) == label


def test_what_a_trial_owns_carries_its_name() -> None:
    trial = Trial(metadata=ObjectMeta(name="one", namespace="default", uid="u"))
    owned = ObjectMeta(
        name="run", labels=Strings(a="1"), owner_references=(owner_reference(trial),)
    )
    assert labelled(owned, TRIAL).labels == {"a": "1", TRIAL: "one"}
    assert labelled(owned, SUGGESTION) == owned
    assert labelled(owned, "") == owned
    assert labelled(owned, None) == owned
    assert labelled(ObjectMeta(name="free"), TRIAL) == ObjectMeta(name="free")
