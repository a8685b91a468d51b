"""What the operator's account may do, asked of a real API server."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from installing import apply

from katib.api.values import Manifest
from katib.kubernetes.client import KubernetesClient
from katib.kubernetes.install import InstallOptions
from katib.kubernetes.rights import Scope, rights

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl")

#: Where experiments are that are not the operator's own.
ELSEWHERE = "kube-public"

#: How long a role may take to become part of another, in seconds.
AGGREGATED_WITHIN = 30.0


class Call(NamedTuple):
    """Something that may be allowed: to whom is asked elsewhere."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        place = "/".join(filter(None, (self.group, self.resource, self.name)))
        return f"{self.verb} {place}"


#: What an operator must never be able to do, wherever it is tried.
FORBIDDEN: tuple[Call, ...] = (
    Call("create", "rbac.authorization.k8s.io", "roles"),
    Call("create", "rbac.authorization.k8s.io", "rolebindings"),
    Call("create", "rbac.authorization.k8s.io", "clusterroles"),
    Call("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
    Call("escalate", "rbac.authorization.k8s.io", "roles"),
    Call("bind", "rbac.authorization.k8s.io", "clusterroles", "cluster-admin"),
    Call("impersonate", "", "users", "admin"),
    Call("impersonate", "", "serviceaccounts"),
    Call("create", "", "serviceaccounts"),
    Call("create", "", "serviceaccounts/token"),
    Call("get", "", "secrets"),
    Call("list", "", "secrets"),
    Call("get", "", "secrets", "katib-database"),
    Call("create", "", "secrets"),
    Call("create", "", "pods"),
    Call("create", "", "pods/exec"),
    Call("delete", "", "pods"),
    Call("get", "", "nodes"),
    Call("create", "", "namespaces"),
    Call("delete", "", "namespaces"),
    Call("list", "", "configmaps"),
    Call("update", "", "configmaps", "katib-config"),
    Call("delete", "", "persistentvolumes"),
    Call("delete", "", "persistentvolumeclaims"),
    Call("update", "apps", "deployments"),
    Call("patch", "apps", "deployments"),
    Call("update", "batch", "jobs"),
    Call("create", "apps", "daemonsets"),
    Call("create", "kubeflow.org", "experiments"),
    Call("delete", "kubeflow.org", "experiments"),
    Call("delete", "", "events"),
    Call("update", "apiextensions.k8s.io", "customresourcedefinitions"),
    Call("create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    Call("delete", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    Call("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "another"),
)


@dataclass(frozen=True)
class Account:
    """The account of an installed operator.

    Attributes:
        client: of who may ask for others.
        options: of the installation.
    """

    client: KubernetesClient
    options: InstallOptions

    def may(self, call: Call, namespace: str) -> bool:
        """Whether it is allowed a call; an empty namespace is all of them."""
        plural, _, below = call.resource.partition("/")
        asked = {
            "verb": call.verb,
            "group": call.group,
            "resource": plural,
            "subresource": below,
            "name": call.name,
            "namespace": namespace,
        }
        user = f"system:serviceaccount:{self.options.namespace}:katib-controller"
        groups = ["system:serviceaccounts", "system:authenticated"]
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": groups, "resourceAttributes": asked},
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        answer = self.client.request("POST", path, body=msgspec.json.encode(review))
        status: Manifest = msgspec.json.decode(answer)["status"]
        return bool(status["allowed"])


def calls_of(options: InstallOptions, scope: Scope) -> list[Call]:
    """Everything that the table of rights allows in a scope."""
    table = rights(options.trial_resources, has_webhooks=options.serves_webhooks)
    return [
        Call(verb, right.group, resource, name)
        for right in table
        if right.scope is scope
        for verb in right.verbs
        for resource in right.resources
        for name in right.names or ("",)
    ]


@pytest.fixture(scope="module")
def wide(administrator: KubernetesClient, kubeconfig: Path) -> Iterator[Account]:
    """The operator of a whole cluster; nothing of it is left for other tests."""
    options = InstallOptions(namespace="katib-wide", has_crds=False)
    apply(kubeconfig, options)
    yield Account(administrator, options)
    apply(kubeconfig, options, "delete")


@pytest.fixture(scope="module")
def near(administrator: KubernetesClient, kubeconfig: Path) -> Iterator[Account]:
    """The operator of one namespace."""
    options = InstallOptions(namespace="katib-near", has_crds=False, is_namespaced=True)
    body = msgspec.json.encode({"metadata": {"name": options.namespace}})
    administrator.request("POST", "/api/v1/namespaces", body=body)
    apply(kubeconfig, options)
    yield Account(administrator, options)
    administrator.request("DELETE", f"/api/v1/namespaces/{options.namespace}")


def test_an_operator_may_do_its_work_everywhere(wide: Account) -> None:
    for namespace in (wide.options.namespace, ELSEWHERE, ""):
        calls = calls_of(wide.options, Scope.WORK)
        assert len(calls) > 60
        assert [str(call) for call in calls if not wide.may(call, namespace)] == []
    calls = calls_of(wide.options, Scope.CLUSTER)
    assert [str(call) for call in calls if not wide.may(call, "")] == []


def test_what_is_for_its_own_namespace_it_may_do_there_only(wide: Account) -> None:
    calls = calls_of(wide.options, Scope.CORE)
    assert [str(call) for call in calls if not wide.may(call, wide.options.namespace)] == []
    assert [str(call) for call in calls if wide.may(call, ELSEWHERE) or wide.may(call, "")] == []


@pytest.mark.parametrize("call", FORBIDDEN, ids=str)
def test_nothing_else_is_allowed(wide: Account, call: Call) -> None:
    places = (wide.options.namespace, ELSEWHERE, "")
    assert [place for place in places if wide.may(call, place)] == []


def test_an_operator_of_one_namespace_may_do_its_work_there(near: Account) -> None:
    calls = [*calls_of(near.options, Scope.WORK), *calls_of(near.options, Scope.CORE)]
    assert [str(call) for call in calls if not near.may(call, near.options.namespace)] == []


def test_an_operator_of_one_namespace_may_do_nothing_elsewhere(near: Account) -> None:
    calls = [*calls_of(near.options, Scope.WORK), *calls_of(near.options, Scope.CORE)]
    assert [str(call) for call in calls if near.may(call, ELSEWHERE) or near.may(call, "")] == []
    calls = calls_of(InstallOptions(), Scope.CLUSTER)
    assert calls
    assert [str(call) for call in calls if near.may(call, "")] == []


@pytest.mark.parametrize("call", FORBIDDEN, ids=str)
def test_an_operator_of_one_namespace_is_allowed_nothing_else(near: Account, call: Call) -> None:
    assert not near.may(call, near.options.namespace)


@pytest.mark.parametrize(
    ("role", "call", "allowed"),
    [
        ("edit", Call("create", "kubeflow.org", "experiments"), True),
        ("edit", Call("update", "kubeflow.org", "experiments/status"), False),
        ("view", Call("list", "kubeflow.org", "trials"), True),
        ("view", Call("delete", "kubeflow.org", "trials"), False),
        ("admin", Call("delete", "kubeflow.org", "experiments"), True),
        ("kubeflow-katib-admin", Call("patch", "kubeflow.org", "experiments"), True),
        ("kubeflow-katib-admin", Call("get", "", "pods/log"), True),
        ("kubeflow-katib-admin", Call("get", "", "secrets"), False),
    ],
    ids=str,
)
def test_people_get_their_rights_by_the_roles_they_have(
    wide: Account, role: str, call: Call, allowed: bool
) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{role}"
    deadline = time.monotonic() + AGGREGATED_WITHIN
    while allows(msgspec.json.decode(wide.client.request("GET", path)), call) is not allowed:
        assert time.monotonic() < deadline, f"{role}: {call}"
        time.sleep(0.1)


def allows(role: Manifest, call: Call) -> bool:
    """Whether one of a role's rules is about a call."""
    return any(
        call.group in rule.get("apiGroups", ())
        and call.resource in rule.get("resources", ())
        and call.verb in rule["verbs"]
        for rule in role.get("rules") or ()
    )


def test_a_second_time_nothing_is_changed(wide: Account, kubeconfig: Path) -> None:
    before = versions(wide)
    apply(kubeconfig, wide.options)
    assert versions(wide) == before


def versions(account: Account) -> dict[str, int]:
    """The generations of what has one."""
    client, namespace = account.client, account.options.namespace
    found: dict[str, int] = {}
    for path in (
        f"/apis/apps/v1/namespaces/{namespace}/deployments",
        f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    ):
        for one in msgspec.json.decode(client.request("GET", path))["items"]:
            found[f"{path}/{one['metadata']['name']}"] = one["metadata"]["generation"]
    return found
