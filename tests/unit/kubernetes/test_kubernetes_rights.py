"""The table of rights: no more than is needed, and nothing that leads to more."""

from __future__ import annotations

import pytest

from katib.errors import ConfigurationError
from katib.kubernetes.rights import Right, Scope, rights, rules, ui_rights

RESOURCES = ("Job.v1.batch", "PyTorchJob.v1.kubeflow.org", "TFJob.v1.kubeflow.org")


def test_nothing_can_create_roles_or_act_as_others() -> None:
    table = rights(RESOURCES)
    assert [right for right in table if "rbac" in right.group or "*" in right.group] == []
    dangerous = {"*", "escalate", "bind", "impersonate", "deletecollection"}
    assert [right for right in table if dangerous & {*right.verbs, *right.resources}] == []


def test_of_secrets_only_our_own_can_be_read() -> None:
    (secrets,) = [right for right in rights(RESOURCES) if "secrets" in right.resources]
    assert secrets.scope is Scope.CORE
    assert secrets.names == ("katib-webhook-cert",)


def test_without_webhooks_their_rights_are_missing() -> None:
    everything, without = rights(RESOURCES), rights(RESOURCES, has_webhooks=False)
    assert "admissionregistration.k8s.io" not in {one.group for one in without}
    assert set(without) < set(everything)


def test_trials_may_be_of_the_kinds_that_are_named() -> None:
    runs = [right for right in rights(RESOURCES) if right.why == "run trials"]
    assert [(one.group, one.resources) for one in runs] == [
        ("batch", ("jobs",)),
        ("kubeflow.org", ("pytorchjobs", "tfjobs")),
    ]
    assert {one.verbs for one in runs} == {("get", "list", "watch", "create", "delete")}


def test_a_kind_that_is_written_otherwise_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"write Kind\.version\.group"):
        rights(("jobs",))


def test_a_rule_has_names_only_where_it_is_for_some() -> None:
    right = Right(scope=Scope.CORE, resources=("pods",), verbs=("get",), why="a test")
    plain = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
    assert right.rule == plain
    named = Right(
        scope=Scope.WORK, resources=("pods",), verbs=("get",), names=("one",), why="a test"
    )
    assert rules([right, named], Scope.WORK) == [{**plain, "resourceNames": ["one"]}]


def test_every_right_says_what_it_is_for() -> None:
    assert [right for right in rights(RESOURCES) if len(right.why) < 8] == []


@pytest.mark.parametrize("is_namespaced", [True, False])
def test_the_ui_reads_and_writes_experiments_and_nothing_else(is_namespaced: bool) -> None:
    table = ui_rights(is_namespaced=is_namespaced)
    writing = {"create", "update", "patch", "delete", "deletecollection", "*"}
    written = {(one.resources, verb) for one in table for verb in one.verbs if verb in writing}
    reviews = "localsubjectaccessreviews" if is_namespaced else "subjectaccessreviews"
    assert written == {
        (("experiments",), "create"),
        (("experiments",), "patch"),
        (("experiments",), "delete"),
        ((reviews,), "create"),
    }
    assert "secrets" not in {resource for one in table for resource in one.resources}
    if is_namespaced:
        assert {one.scope for one in table} == {Scope.WORK}
