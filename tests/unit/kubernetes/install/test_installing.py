"""What an installation consists of, for every choice."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from katib.api.codec import dump_yaml, load_yaml
from katib.api.values import Manifest
from katib.configuration.reading import read_config
from katib.kubernetes.install import InstallOptions, compose
from katib.kubernetes.install.options import TRIAL_RESOURCES

URL = "postgresql://katib:secret@db/katib"

CHOICES = {
    "as it is": InstallOptions(),
    "namespaced": InstallOptions(is_namespaced=True, namespace="team-a"),
    "with a database": InstallOptions(database=URL),
    "without webhooks": InstallOptions(has_webhooks=False),
    "without a UI": InstallOptions(has_ui=False),
    "for Kubeflow's dashboard": InstallOptions(is_kubeflow=True),
    "elsewhere, of another image": InstallOptions(namespace="tuning", image="registry/katib:9"),
}
ALL = pytest.mark.parametrize("options", CHOICES.values(), ids=CHOICES)

#: The kinds here that belong to no namespace.
WIDE = {
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
}


def names_of(manifests: Iterable[Manifest]) -> list[tuple[str, str]]:
    return [(one["kind"], one["metadata"]["name"]) for one in manifests]


def find(manifests: Iterable[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def container_of(options: InstallOptions, name: str) -> Manifest:
    pod = find(compose(options), "Deployment", name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


def unrestricted(pod: Manifest) -> list[str]:
    """What the restricted pod security standard has against a pod."""
    shared = pod.get("securityContext") or {}
    problems = [one for one in ("hostNetwork", "hostPID", "hostIPC") if pod.get(one)]
    problems += [
        f"volume {volume['name']}"
        for volume in pod.get("volumes", [])
        if not volume.keys() & {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    ]
    for container in pod["containers"]:
        context = {**shared, **(container.get("securityContext") or {})}
        if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
            problems.append("runs as root")
        if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
            problems.append("seccompProfile")
        if context.get("allowPrivilegeEscalation") is not False:
            problems.append("allowPrivilegeEscalation")
        if context.get("capabilities") != {"drop": ["ALL"]}:
            problems.append("capabilities")
    return problems


@ALL
def test_every_pod_keeps_the_restricted_standard(options: InstallOptions) -> None:
    deployments = [one for one in compose(options) if one["kind"] == "Deployment"]
    pods = [one["spec"]["template"]["spec"] for one in deployments]
    assert [unrestricted(pod) for pod in pods] == [[]] * (3 if options.has_ui else 2)
    for pod in pods:
        assert pod["securityContext"]["runAsUser"] == 1000
        assert all(one["securityContext"]["readOnlyRootFilesystem"] for one in pod["containers"])


def test_the_judge_of_pods_sees_what_is_wrong() -> None:
    pod = {"hostPID": True, "volumes": [{"name": "a", "hostPath": {}}], "containers": [{}]}
    assert unrestricted(pod) == [
        "hostPID",
        "volume a",
        "runs as root",
        "seccompProfile",
        "allowPrivilegeEscalation",
        "capabilities",
    ]


@ALL
def test_everything_is_in_the_namespace_or_in_none(options: InstallOptions) -> None:
    manifests = compose(options)
    for one in manifests:
        wanted = None if one["kind"] in WIDE else options.namespace
        assert one["metadata"].get("namespace") == wanted, one["metadata"]["name"]
    assert len(names_of(manifests)) == len(set(names_of(manifests)))


def test_a_namespaced_installation_leaves_the_cluster_alone() -> None:
    manifests = compose(InstallOptions(is_namespaced=True, namespace="team-a"))
    wide = {one["kind"] for one in manifests if one["kind"] in WIDE}
    assert wide == {"CustomResourceDefinition"}
    without = compose(InstallOptions(is_namespaced=True, has_crds=False))
    assert [one for one in without if one["kind"] in WIDE] == []
    assert find(manifests, "RoleBinding", "katib-controller")["roleRef"]["kind"] == "Role"
    options = InstallOptions(is_namespaced=True, namespace="team-a")
    assert "--namespace=team-a" in container_of(options, "katib-controller")["args"]


def test_rights_in_all_namespaces_are_for_work_only() -> None:
    manifests = compose(InstallOptions())
    wide = find(manifests, "ClusterRole", "katib-controller")["rules"]
    near = find(manifests, "Role", "katib-controller")["rules"]
    assert {one for rule in wide for one in rule["resources"]}.isdisjoint({"secrets", "leases"})
    assert {one for rule in near for one in rule["resources"]} == {"secrets", "leases"}


def test_webhooks_are_as_katib_has_them() -> None:
    manifests = compose(InstallOptions(namespace="tuning"))
    validating = find(manifests, "ValidatingWebhookConfiguration", "katib.kubeflow.org")
    mutating = find(manifests, "MutatingWebhookConfiguration", "katib.kubeflow.org")
    webhooks = [*validating["webhooks"], *mutating["webhooks"]]
    assert {one["name"]: one["clientConfig"]["service"]["path"] for one in webhooks} == {
        "validator.experiment.katib.kubeflow.org": "/validate-experiment",
        "defaulter.experiment.katib.kubeflow.org": "/mutate-experiment",
        "mutator.pod.katib.kubeflow.org": "/mutate-pod",
    }
    service = {"name": "katib-controller", "namespace": "tuning", "port": 443}
    for one in webhooks:
        assert one["clientConfig"]["service"].items() >= service.items()
        assert one["sideEffects"] == "None"
        assert one["admissionReviewVersions"] == ["v1"]
    ports = find(manifests, "Service", "katib-controller")["spec"]["ports"]
    assert {"name": "webhook", "port": 443, "targetPort": 8443} in ports


def test_our_own_pods_are_not_asked_about() -> None:
    # Or none could start: who answers is one of them.
    manifests = compose(InstallOptions())
    mutating = find(manifests, "MutatingWebhookConfiguration", "katib.kubeflow.org")
    selector = mutating["webhooks"][1]["objectSelector"]["matchExpressions"]
    absent = {one["key"] for one in selector if one["operator"] == "DoesNotExist"}
    for one in (one for one in manifests if one["kind"] == "Deployment"):
        assert absent & one["spec"]["template"]["metadata"]["labels"].keys()


def test_without_webhooks_nothing_of_them_is_left() -> None:
    options = InstallOptions(has_webhooks=False)
    manifests = compose(options)
    assert [kind for kind, _ in names_of(manifests) if "Webhook" in kind] == []
    ports = find(manifests, "Service", "katib-controller")["spec"]["ports"]
    assert "webhook" not in [one["name"] for one in ports]
    assert {"containerPort": 8443} not in container_of(options, "katib-controller")["ports"]


@ALL
def test_the_configuration_can_be_read(options: InstallOptions) -> None:
    text = find(compose(options), "ConfigMap", "katib-config")["data"]["katib-config.yaml"]
    config = read_config(text, "katib-config")
    assert config.init.controller.trial_resources == TRIAL_RESOURCES
    assert config.init.cert_generator.enable is options.serves_webhooks
    assert config.init.controller.enable_leader_election is False


def test_several_operators_agree_on_who_works() -> None:
    manifests = compose(InstallOptions(replicas=2))
    assert find(manifests, "Deployment", "katib-controller")["spec"]["replicas"] == 2
    text = find(manifests, "ConfigMap", "katib-config")["data"]["katib-config.yaml"]
    assert read_config(text, "katib-config").init.controller.enable_leader_election is True


def test_a_further_kind_of_trial_comes_with_its_rights() -> None:
    kinds = (*TRIAL_RESOURCES, "Workflow.v1alpha1.argoproj.io")
    role = find(compose(InstallOptions(trial_resources=kinds)), "ClusterRole", "katib-controller")
    (rule,) = [rule for rule in role["rules"] if rule["apiGroups"] == ["argoproj.io"]]
    assert rule["resources"] == ["workflows"]


def test_sqlite_has_a_volume_and_one_writer() -> None:
    manifests = compose(InstallOptions(storage="3Gi"))
    claim = find(manifests, "PersistentVolumeClaim", "katib-observations")["spec"]
    assert claim["resources"] == {"requests": {"storage": "3Gi"}}
    deployment = find(manifests, "Deployment", "katib-db-manager")["spec"]
    assert deployment["strategy"] == {"type": "Recreate"}
    variables = {
        one["name"]: one for one in container_of(InstallOptions(), "katib-db-manager")["env"]
    }
    path = "sqlite:////var/lib/katib/observations.db"
    assert variables["KATIB_DATABASE_URL"] == {"name": "KATIB_DATABASE_URL", "value": path}


def test_the_url_of_a_database_is_in_a_secret_and_nowhere_else() -> None:
    manifests = compose(InstallOptions(database=URL))
    assert find(manifests, "Secret", "katib-database")["stringData"] == {"url": URL}
    assert [one["kind"] for one in manifests if "secret@db" in str(one)] == ["Secret"]
    assert "PersistentVolumeClaim" not in {one["kind"] for one in manifests}


def test_users_rights_become_part_of_the_roles_that_there_are() -> None:
    manifests = compose(InstallOptions())
    edit = find(manifests, "ClusterRole", "kubeflow-katib-edit")["metadata"]["labels"]
    assert edit == {
        "rbac.authorization.kubeflow.org/aggregate-to-kubeflow-edit": "true",
        "rbac.authorization.kubeflow.org/aggregate-to-kubeflow-katib-admin": "true",
        "rbac.authorization.k8s.io/aggregate-to-admin": "true",
        "rbac.authorization.k8s.io/aggregate-to-edit": "true",
    }
    admin = find(manifests, "ClusterRole", "kubeflow-katib-admin")
    (selector,) = admin["aggregationRule"]["clusterRoleSelectors"]
    assert selector["matchLabels"].items() <= edit.items()
    assert "rules" not in admin
    view = find(manifests, "ClusterRole", "kubeflow-katib-view")["rules"]
    assert {verb for rule in view for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_without_a_ui_nothing_of_it_is_left() -> None:
    manifests = compose(InstallOptions(has_ui=False))
    assert [one for one in names_of(manifests) if "ui" in one[1].split("-")] == []
    policy = find(manifests, "NetworkPolicy", "katib-db-manager")["spec"]
    assert len(policy["ingress"][0]["from"]) == 3


def test_a_ui_that_is_told_the_user_is_reached_by_who_knows_the_user_only() -> None:
    manifests = compose(InstallOptions(is_kubeflow=True))
    (rule,) = find(manifests, "NetworkPolicy", "katib-ui")["spec"]["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}}}
    ]
    policy = find(manifests, "AuthorizationPolicy", "katib-ui")["spec"]
    labels = find(manifests, "Deployment", "katib-ui")["spec"]["template"]["metadata"]["labels"]
    assert policy["selector"]["matchLabels"].items() <= labels.items()
    assert policy["action"] == "ALLOW"
    assert [list(one) for one in policy["rules"]] == [["from"]]
    # Without the mesh's proxy, nobody would keep that policy.
    assert labels["sidecar.istio.io/inject"] == "true"
    arguments = container_of(InstallOptions(is_kubeflow=True), "katib-ui")["args"]
    assert "--user-header=kubeflow-userid" in arguments
    assert "--disable-auth" not in arguments


def test_a_ui_that_asks_for_a_token_does_not_believe_a_header() -> None:
    arguments = container_of(InstallOptions(), "katib-ui")["args"]
    assert arguments == ["ui", "--address=0.0.0.0", "--port=8080"]
    ports = find(compose(InstallOptions()), "Service", "katib-ui")["spec"]["ports"]
    assert ports == [{"name": "ui", "port": 80, "targetPort": 8080}]


def test_only_trials_suggestions_the_ui_and_the_operator_reach_the_database_manager() -> None:
    policy = find(compose(InstallOptions()), "NetworkPolicy", "katib-db-manager")["spec"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 6789}]
    selectors = [one["podSelector"] for one in rule["from"]]
    assert selectors[0] == {"matchLabels": {"katib.kubeflow.org/component": "controller"}}
    assert selectors[-1] == {"matchLabels": {"katib.kubeflow.org/component": "ui"}}
    keys = [one["matchExpressions"][0]["key"] for one in selectors[1:-1]]
    assert keys == ["katib.kubeflow.org/trial", "katib.kubeflow.org/suggestion"]


def test_what_is_printed_is_read_back_the_same() -> None:
    manifests = compose(InstallOptions(database=URL))
    text = "---\n".join(map(dump_yaml, manifests))
    assert list(load_yaml(text, "install")) == manifests
