"""What holds where the file says nothing: a row gives a text, and what is then found in places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from katib.configuration import KatibConfig, read_config

CONTROLLER = KatibConfig().init.controller
REQUESTS = {"cpu": "50m", "memory": "10Mi", "ephemeral-storage": "500Mi"}
LIMITS = {"cpu": "500m", "memory": "100Mi", "ephemeral-storage": "5Gi"}
NEGATIVE = "{cpu: -1, memory: -1, ephemeral-storage: -1}"

#: Each list of the runtime section, and what names an entry of it.
LISTS = {
    "suggestions": "algorithmName",
    "earlyStoppings": "algorithmName",
    "metricsCollectors": "kind",
}
ATTRIBUTES = {
    "suggestions": "suggestions",
    "earlyStoppings": "early_stoppings",
    "metricsCollectors": "metrics_collectors",
}


def controller(text: str) -> Any:
    return read_config(f"init: {{controller: {text}}}", "file").init.controller


def certificate(text: str) -> tuple[bool, str, str]:
    found = read_config(f"init: {{certGenerator: {text}}}", "file").init.cert_generator
    return found.enable, found.webhook_service_name, found.webhook_secret_name


def suggestion(text: str) -> Any:
    return entry("suggestions", text)


def entry(section: str, text: str) -> Any:
    config = read_config(f"runtime: {{{section}: [{text}]}}", "file")
    (found,) = getattr(config.runtime, ATTRIBUTES[section])
    return found


CONTROLLER_ROWS = {
    "An empty controller section gets every default": ("{}", {}),
    "`experimentSuggestionName` is `default` unless written": (
        "{experimentSuggestionName: ''}",
        {"experiment_suggestion_name": "default"},
    ),
    "Another `experimentSuggestionName` is accepted": (
        "{experimentSuggestionName: mine}",
        {"experiment_suggestion_name": "mine"},
    ),
    "`metricsAddr` is `:8080` unless written": ("{metricsAddr: ''}", {"metrics_addr": ":8080"}),
    "`healthzAddr` is `:18080` unless written": ("{healthzAddr: }", {"healthz_addr": ":18080"}),
    "`injectSecurityContext` is `false` unless written": (
        "{injectSecurityContext: }",
        {"inject_security_context": False},
    ),
    "`enableGRPCProbeInSuggestion` is `true` unless written": (
        "{enableGRPCProbeInSuggestion: }",
        {"enable_grpc_probe_in_suggestion": True},
    ),
    "A written `false` for `enableGRPCProbeInSuggestion` is kept": (
        "{enableGRPCProbeInSuggestion: false}",
        {"enable_grpc_probe_in_suggestion": False},
    ),
    "`trialResources` are `Job.v1.batch` unless one is written": (
        "{trialResources: []}",
        {"trial_resources": ("Job.v1.batch",)},
    ),
    "`workerMemory` is `2Gi` unless written": ("{workerMemory: ''}", {"worker_memory": "2Gi"}),
    "A `workerMemory` of 0 is kept": ("{workerMemory: '0'}", {"worker_memory": "0"}),
    "`webhookPort` is 8443 unless written": ("{webhookPort: }", {"webhook_port": 8443}),
    "`enableLeaderElection` is `false` unless written": (
        "{enableLeaderElection: }",
        {"enable_leader_election": False},
    ),
    "`leaderElectionID` is `3fbc96e9.katib.kubeflow.org` unless written": (
        "{leaderElectionID: ''}",
        {"leader_election_id": "3fbc96e9.katib.kubeflow.org"},
    ),
    "A fully specified controller section is kept": (
        "{experimentSuggestionName: a, metricsAddr: ':1', healthzAddr: ':2', "
        "injectSecurityContext: true, enableGRPCProbeInSuggestion: false, "
        "trialResources: [Pod.v1.], webhookPort: 3, enableLeaderElection: true, "
        "leaderElectionID: b}",
        {
            "experiment_suggestion_name": "a",
            "metrics_addr": ":1",
            "healthz_addr": ":2",
            "inject_security_context": True,
            "enable_grpc_probe_in_suggestion": False,
            "trial_resources": ("Pod.v1.",),
            "webhook_port": 3,
            "enable_leader_election": True,
            "leader_election_id": "b",
        },
    ),
}


@pytest.mark.parametrize(("text", "expected"), CONTROLLER_ROWS.values(), ids=CONTROLLER_ROWS.keys())
def test_controllers(text: str, expected: Mapping[str, Any]) -> None:
    assert controller(text) == msgspec.structs.replace(CONTROLLER, **expected)


def test_the_defaults_are_these_and_no_others() -> None:
    assert msgspec.to_builtins(msgspec.structs.asdict(CONTROLLER)) == {
        "experiment_suggestion_name": "default",
        "metrics_addr": ":8080",
        "healthz_addr": ":18080",
        "inject_security_context": False,
        "enable_grpc_probe_in_suggestion": True,
        "trial_resources": ("Job.v1.batch",),
        "worker_memory": "2Gi",
        "observations": "",
        "webhook_port": 8443,
        "enable_leader_election": False,
        "leader_election_id": "3fbc96e9.katib.kubeflow.org",
    }


CERTIFICATE_ROWS = {
    "An empty certificate generator stays disabled, with empty names": ("{}", (False, "", "")),
    "An enabled certificate generator serves `katib-controller` and `katib-webhook-cert`": (
        "{enable: true}",
        (True, "katib-controller", "katib-webhook-cert"),
    ),
    "A Secret alone enables the certificate generator, and the Service gets its default": (
        "{webhookSecretName: mine}",
        (True, "katib-controller", "mine"),
    ),
    "A Service alone enables the certificate generator, and the Secret gets its default": (
        "{webhookServiceName: mine}",
        (True, "mine", "katib-webhook-cert"),
    ),
    "A name enables the certificate generator, even beside `enable: false`": (
        "{enable: false, webhookServiceName: a, webhookSecretName: b}",
        (True, "a", "b"),
    ),
}


@pytest.mark.parametrize(
    ("text", "expected"), CERTIFICATE_ROWS.values(), ids=CERTIFICATE_ROWS.keys()
)
def test_certificates(text: str, expected: tuple[bool, str, str]) -> None:
    assert certificate(text) == expected


POLICY_ROWS = {
    "An absent pull policy becomes `IfNotPresent`": ("{}", "IfNotPresent"),
    "An empty pull policy becomes `IfNotPresent`": ("{imagePullPolicy: ''}", "IfNotPresent"),
    "A pull policy that does not exist becomes `IfNotPresent`": (
        "{imagePullPolicy: junk}",
        "IfNotPresent",
    ),
    "The pull policy `Always` is kept": ("{imagePullPolicy: Always}", "Always"),
    "The pull policy `Never` is kept": ("{imagePullPolicy: Never}", "Never"),
}


@pytest.mark.parametrize("section", LISTS)
@pytest.mark.parametrize(("text", "expected"), POLICY_ROWS.values(), ids=POLICY_ROWS.keys())
def test_pull_policies(section: str, text: str, expected: str) -> None:
    assert entry(section, text).image_pull_policy == expected


RESOURCE_ROWS = {
    "A container without resources gets the six defaults": ("{}", REQUESTS, LIMITS),
    "Written quantities are kept as they were written": (
        "{requests: {cpu: 1, memory: 1e3, ephemeral-storage: 0.5Gi}, "
        "limits: {cpu: 2.5, memory: 2Ki, ephemeral-storage: 3M}}",
        {"cpu": "1", "memory": "1000", "ephemeral-storage": "0.5Gi"},
        {"cpu": "2.5", "memory": "2Ki", "ephemeral-storage": "3M"},
    ),
    "A quantity of zero gets the default": (
        "{requests: {cpu: 0, memory: '0'}, limits: {cpu: 0m, ephemeral-storage: '0.0Gi'}}",
        REQUESTS,
        LIMITS,
    ),
    "A missing quantity gets the default beside written ones": (
        "{requests: {cpu: 7m}, limits: {memory: 400Mi}}",
        {**REQUESTS, "cpu": "7m"},
        {**LIMITS, "memory": "400Mi"},
    ),
    "A negative quantity removes that request or limit": (
        "{requests: {cpu: -1}, limits: {memory: '-5Mi'}}",
        {name: amount for name, amount in REQUESTS.items() if name != "cpu"},
        {name: amount for name, amount in LIMITS.items() if name != "memory"},
    ),
    "All quantities negative leave requests and limits empty": (
        f"{{requests: {NEGATIVE}, limits: {NEGATIVE}}}",
        {},
        {},
    ),
    "Other resources, such as GPUs, are kept": (
        "{limits: {nvidia.com/gpu: 2}}",
        REQUESTS,
        {**LIMITS, "nvidia.com/gpu": "2"},
    ),
    "Requests and limits get their defaults independently": (
        "{requests: {cpu: 4}, limits: {memory: 1Mi}}",
        {**REQUESTS, "cpu": "4"},
        {**LIMITS, "memory": "1Mi"},
    ),
}


@pytest.mark.parametrize("section", LISTS)
@pytest.mark.parametrize(
    ("text", "requests", "limits"), RESOURCE_ROWS.values(), ids=RESOURCE_ROWS.keys()
)
def test_resources(
    section: str, text: str, requests: dict[str, str], limits: dict[str, str]
) -> None:
    found = entry(section, f"{{resources: {text}}}").resources
    assert (dict(found.requests), dict(found.limits)) == (requests, limits)


CLAIM = "persistent_volume_claim_spec"
VOLUME = "persistent_volume_spec"
SUGGESTION_ROWS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "An empty `volumeMountPath` becomes `/opt/katib/data`": (
        "{volumeMountPath: ''}",
        {"volume_mount_path": "/opt/katib/data"},
    ),
    "A written `volumeMountPath` is kept": (
        "{volumeMountPath: /mine}",
        {"volume_mount_path": "/mine"},
    ),
    "An empty claim becomes `ReadWriteOnce` with 1Gi of storage": (
        "{persistentVolumeClaimSpec: {}}",
        {CLAIM: {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    "An absent claim becomes an empty one with its defaults": (
        "{}",
        {CLAIM: {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    "Written parts of a claim are kept": (
        "{persistentVolumeClaimSpec: {accessModes: [ReadWriteMany], storageClassName: fast, "
        "resources: {requests: {storage: 5Gi}}}}",
        {
            CLAIM: {
                "accessModes": ["ReadWriteMany"],
                "storageClassName": "fast",
                "resources": {"requests": {"storage": "5Gi"}},
            }
        },
    ),
    "An empty volume stays empty": ("{persistentVolumeSpec: {}}", {VOLUME: {}}),
    "A volume is deleted with its claim, even if `Retain` was written": (
        "{persistentVolumeSpec: {hostPath: {path: /tmp}, persistentVolumeReclaimPolicy: Retain}}",
        {VOLUME: {"hostPath": {"path": "/tmp"}, "persistentVolumeReclaimPolicy": "Delete"}},
    ),
    "A volume without a reclaim policy gets `Delete`": (
        "{persistentVolumeSpec: {hostPath: {path: /tmp}}}",
        {VOLUME: {"hostPath": {"path": "/tmp"}, "persistentVolumeReclaimPolicy": "Delete"}},
    ),
    "The service account and the volume's labels are kept": (
        "{serviceAccountName: me, persistentVolumeLabels: {type: local}}",
        {"service_account_name": "me", "persistent_volume_labels": {"type": "local"}},
    ),
}


@pytest.mark.parametrize(("text", "expected"), SUGGESTION_ROWS.values(), ids=SUGGESTION_ROWS.keys())
def test_suggestions(text: str, expected: Mapping[str, Any]) -> None:
    found = suggestion(text)
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.rule("The fields of a container stand in a suggestion's entry and are kept")
def test_container_fields() -> None:
    found = suggestion(
        "{algorithmName: a, image: i, name: n, command: [c], env: [{name: A, value: null}], "
        "container: odd}"
    )
    rest = {"name": "n", "command": ["c"], "env": [{"name": "A", "value": None}]}
    assert found.container == {**rest, "container": "odd"}
    assert found.to_container() == {
        **rest,
        "container": "odd",
        "image": "i",
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": REQUESTS, "limits": LIMITS},
    }


@pytest.mark.rule("`waitAllProcesses` is unset unless written")
@pytest.mark.parametrize(
    ("text", "expected"),
    [("{}", None), ("{waitAllProcesses: false}", False), ("{waitAllProcesses: true}", True)],
)
def test_wait_all_processes(text: str, expected: bool | None) -> None:
    assert entry("metricsCollectors", text).wait_all_processes is expected


def test_the_default_configuration_is_that_of_an_empty_file() -> None:
    assert read_config("", "file") == read_config("{}", "file") == KatibConfig()
