"""Who may do what: the operator, the web UI, and the people who have experiments."""

from __future__ import annotations

from typing import Any

from katib.api.experiment import EXPERIMENTS
from katib.api.suggestion import SUGGESTIONS
from katib.api.trial import TRIALS
from katib.api.values import Manifest
from katib.kubernetes.install.options import InstallOptions
from katib.kubernetes.install.parts import CONTROLLER, UI, resource
from katib.kubernetes.rights import Scope, rights, rules, ui_rights

_RBAC = "rbac.authorization.k8s.io"
_API = f"{_RBAC}/v1"

#: A role with this label and "true" becomes part of the role of that name.
_INTO_KUBEFLOW = "rbac.authorization.kubeflow.org/aggregate-to-kubeflow-"
_INTO_OURS = f"{_INTO_KUBEFLOW}katib-admin"
_INTO_CLUSTER = f"{_RBAC}/aggregate-to-"

_KINDS = [kind.plural for kind in (EXPERIMENTS, SUGGESTIONS, TRIALS)]
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]


def operator_roles(options: InstallOptions) -> list[Manifest]:
    """The operator's rights, given to its account."""
    table = rights(options.trial_resources, has_webhooks=options.serves_webhooks)
    core, work = rules(table, Scope.CORE), rules(table, Scope.WORK)
    if options.is_namespaced:
        return _role(CONTROLLER, options, [*core, *work])
    wide = [*work, *rules(table, Scope.CLUSTER)]
    return [*_role(CONTROLLER, options, core), *_cluster_role(CONTROLLER, options, wide)]


def ui_roles(options: InstallOptions) -> list[Manifest]:
    """The web UI's rights, given to its account; it uses them for users who have them, too."""
    table = ui_rights(is_namespaced=options.is_namespaced)
    work = rules(table, Scope.WORK)
    if options.is_namespaced:
        return _role(UI, options, work)
    return _cluster_role(UI, options, [*work, *rules(table, Scope.CLUSTER)])


def user_roles() -> list[Manifest]:
    """What people may do with experiments.

    They become part of Kubeflow's roles, and of the admin, edit and view roles of every cluster.
    """
    edit: list[Manifest] = [
        _rule(EXPERIMENTS.api_version, _KINDS, [*_READ, *_WRITE]),
        _rule("v1", ["pods"], ["list"]),
        _rule("v1", ["pods/log"], ["get"]),
        _rule("v1", ["events"], _READ),
    ]
    view = [_rule(EXPERIMENTS.api_version, _KINDS, _READ), _rule("v1", ["events"], _READ)]
    ours = {"clusterRoleSelectors": [{"matchLabels": {_INTO_OURS: "true"}}]}
    admin = _user_role("admin", aggregationRule=ours)
    edit_role = _user_role("edit", rules=edit)
    edit_role["metadata"]["labels"][_INTO_OURS] = "true"
    for name in ("admin", "edit"):
        edit_role["metadata"]["labels"][f"{_INTO_CLUSTER}{name}"] = "true"
    view_role = _user_role("view", rules=view)
    view_role["metadata"]["labels"][f"{_INTO_CLUSTER}view"] = "true"
    return [admin, edit_role, view_role]


def _user_role(name: str, **body: Any) -> Manifest:
    labels = {f"{_INTO_KUBEFLOW}{name}": "true"}
    return resource(
        _API, "ClusterRole", f"kubeflow-katib-{name}", metadata={"labels": labels}, **body
    )


def _rule(api_version: str, resources: list[str], verbs: list[str]) -> Manifest:
    group, slash, _ = api_version.partition("/")
    return {"apiGroups": [group if slash else ""], "resources": resources, "verbs": verbs}


def _role(name: str, options: InstallOptions, rules: list[Manifest]) -> list[Manifest]:
    namespace = options.namespace
    return [
        resource(_API, "Role", name, namespace, rules=rules),
        resource(_API, "RoleBinding", name, namespace, **_binding("Role", name, options)),
    ]


def _cluster_role(name: str, options: InstallOptions, rules: list[Manifest]) -> list[Manifest]:
    return [
        resource(_API, "ClusterRole", name, rules=rules),
        resource(_API, "ClusterRoleBinding", name, **_binding("ClusterRole", name, options)),
    ]


def _binding(kind: str, name: str, options: InstallOptions) -> Manifest:
    account = {"kind": "ServiceAccount", "name": name, "namespace": options.namespace}
    return {
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": name},
        "subjects": [account],
    }
