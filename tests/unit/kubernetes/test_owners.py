from __future__ import annotations

import pytest

from katib.api.values import Key, ObjectMeta, OwnerReference
from katib.kubernetes.owners import MOST_OWNERS, find_trial

TRIAL = OwnerReference(api_version="kubeflow.org/v1beta1", kind="Trial", name="tune-x1", uid="t")


def owner(kind: str, name: str) -> OwnerReference:
    return OwnerReference(api_version="example.org/v1", kind=kind, name=name, uid=f"{kind}/{name}")


class Cluster:
    """Resources by their kinds and names, and whose they are."""

    def __init__(self, **owners: list[OwnerReference]) -> None:
        self.owners, self.asked = owners, list[str]()

    def fetch(self, one: OwnerReference, namespace: str) -> ObjectMeta | None:
        assert namespace == "team-a"
        self.asked.append(one.name)
        found = self.owners.get(one.name)
        return None if found is None else ObjectMeta(owner_references=tuple(found))

    def find(self, *owners: OwnerReference) -> Key | None:
        return find_trial(ObjectMeta(owner_references=owners), "team-a", self.fetch)


def test_a_pod_of_nobody_belongs_to_no_trial() -> None:
    assert Cluster().find() is None


def test_a_pod_may_be_the_trials_own() -> None:
    cluster = Cluster()
    assert cluster.find(TRIAL) == Key("team-a", "tune-x1")
    assert cluster.asked == []


def test_the_chain_of_a_train_job_is_followed() -> None:
    cluster = Cluster(job=[owner("JobSet", "set")], set=[owner("TrainJob", "train")], train=[TRIAL])
    assert cluster.find(owner("Job", "job")) == Key("team-a", "tune-x1")


def test_one_of_several_owners_will_do() -> None:
    cluster = Cluster(job=[], deployment=[TRIAL])
    found = cluster.find(owner("Job", "job"), owner("Deployment", "deployment"))
    assert found == Key("team-a", "tune-x1")


def test_a_trial_of_another_group_is_none_of_ours() -> None:
    other = OwnerReference(api_version="example.org/v1", kind="Trial", name="x", uid="x")
    assert Cluster().find(other) is None


@pytest.mark.parametrize("name", ["a", "gone"])
def test_rings_and_gaps_end_the_search(name: str) -> None:
    cluster = Cluster(a=[owner("A", "b")], b=[owner("A", "a")])
    assert cluster.find(owner("A", name)) is None
    assert len(cluster.asked) <= 2


def test_no_chain_is_followed_for_ever() -> None:
    links = {f"n{at}": [owner("N", f"n{at + 1}")] for at in range(100)}
    cluster = Cluster(**links)
    assert cluster.find(owner("N", "n0")) is None
    assert len(cluster.asked) == MOST_OWNERS
