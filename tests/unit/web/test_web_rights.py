"""Whose rights a cluster is asked for, and how long its answers are believed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from katib.api.values import Manifest
from katib.web.rights import BELIEVED_SECONDS, ClusterRights, Deed, ForbiddenError, Visitor

ADA = Visitor("ada@example.org", ("data",))


class Cluster:
    """Lets only ``ada@example.org`` list; remembers what it was asked."""

    namespace = "default"
    home: Path | None = None

    def __init__(self) -> None:
        self.reviews: list[Manifest] = []
        self.is_open = True

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        media_type: str = "application/json",
        patience: float | None = None,
    ) -> Manifest:
        self.reviews.append(body["spec"])
        spec = body["spec"]
        is_allowed = (
            self.is_open
            and spec["user"] == ADA.name
            and spec["resourceAttributes"]["verb"] == "list"
        )
        return {"status": {"allowed": is_allowed, "reason": "" if is_allowed else "no rule"}}

    def stream(self, path: str) -> Iterator[bytes]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is open."""


def test_a_review_says_who_wants_what_where() -> None:
    cluster = Cluster()
    ClusterRights(cluster).check(ADA, Deed("list", "trials", "team"))
    assert cluster.reviews == [
        {
            "user": "ada@example.org",
            "groups": ["data"],
            "resourceAttributes": {
                "verb": "list",
                "group": "kubeflow.org",
                "version": "v1beta1",
                "resource": "trials",
                "namespace": "team",
            },
        }
    ]


def test_a_part_of_a_core_resource_is_asked_for_as_such() -> None:
    cluster = Cluster()
    ClusterRights(cluster).check(ADA, Deed("list", "pods/log", "team", "one"))
    assert cluster.reviews[0]["resourceAttributes"] == {
        "verb": "list",
        "version": "v1",
        "resource": "pods",
        "subresource": "log",
        "namespace": "team",
        "name": "one",
    }


@pytest.mark.parametrize(
    ("visitor", "verb"), [(Visitor("bob"), "list"), (ADA, "delete"), (Visitor(), "list")]
)
def test_what_the_cluster_does_not_allow_is_forbidden_in_words(visitor: Visitor, verb: str) -> None:
    with pytest.raises(ForbiddenError) as raised:
        ClusterRights(Cluster()).check(visitor, Deed(verb, "experiments", "team"))
    assert str(raised.value) == (
        f"User: {visitor.name} is not authorized to {verb} kubeflow.org/v1beta1/experiments"
        " in namespace: team ,reason: no rule"
    )


def test_an_answer_is_believed_for_a_while_and_no_longer() -> None:
    cluster, now = Cluster(), 0.0
    rights = ClusterRights(cluster, monotonic=lambda: now)
    deed = Deed("list", "experiments", "team")
    rights.check(ADA, deed)
    cluster.is_open = False
    rights.check(ADA, deed)
    assert len(cluster.reviews) == 1
    now = BELIEVED_SECONDS
    with pytest.raises(ForbiddenError):
        rights.check(ADA, deed)


def test_who_may_ask_in_single_namespaces_only_asks_there() -> None:
    asked: list[tuple[str, Manifest]] = []

    class Near(Cluster):
        def ask(self, method: str, path: str, body: Any = None, *more: Any) -> Manifest:
            asked.append((path, body))
            return super().ask(method, path, body)

    ClusterRights(Near(), is_local=True).check(ADA, Deed("list", "trials", "team"))
    ((path, review),) = asked
    root = "/apis/authorization.k8s.io/v1"
    assert path == f"{root}/namespaces/team/localsubjectaccessreviews"
    assert review["kind"] == "LocalSubjectAccessReview"
    assert review["metadata"] == {"namespace": "team"}
    assert review["spec"]["resourceAttributes"]["namespace"] == "team"
