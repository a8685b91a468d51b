from __future__ import annotations

from typing import Any

import pytest

from katib.api.values import Manifest
from served_home import (
    CONFIG_MAPS_PATH,
    EXPERIMENTS_PATH,
    MERGE,
    PODS_PATH,
    TRIALS_PATH,
    Home,
    a_config_map_manifest,
    a_pod_manifest,
    an_experiment_manifest,
)

DENIED = 'admission webhook "{}.experiment.katib.kubeflow.org" denied the request: '


def test_an_experiment_is_created_with_its_defaults_and_without_a_status() -> None:
    home = Home()
    manifest = an_experiment_manifest()
    del manifest["spec"]["resumePolicy"]
    status = {"trials": 7}
    response = home.ask("POST", EXPERIMENTS_PATH, {**manifest, "status": status})
    assert response.status_code == 201
    created = response.json()
    assert created["spec"]["resumePolicy"] == "Never"
    assert "trials" not in created["status"]
    metadata = created["metadata"]
    assert (metadata["namespace"], metadata["generation"]) == ("default", 1)
    assert metadata["uid"]


def test_what_only_the_server_writes_is_not_taken_from_a_new_object() -> None:
    home = Home()
    manifest = a_config_map_manifest()
    manifest["metadata"].update(
        uid="mine", generation=9, creationTimestamp="2000-01-01T00:00:00Z", deletionTimestamp=None
    )
    metadata = home.json("POST", CONFIG_MAPS_PATH, manifest)["metadata"]
    assert metadata["uid"] != "mine"
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] == "2026-01-01T00:00:00Z"


def test_a_generated_name_is_completed() -> None:
    home = Home()
    manifest = an_experiment_manifest()
    manifest["metadata"] = {"generateName": "random-"}
    name = home.json("POST", EXPERIMENTS_PATH, manifest)["metadata"]["name"]
    assert len(name) == len("random-12345")
    assert home.names(EXPERIMENTS_PATH) == [name]


def test_a_name_that_is_taken_is_a_conflict() -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    response = home.ask("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    assert response.status_code == 409
    assert response.json()["reason"] == "AlreadyExists"
    assert response.json()["message"] == 'configmaps "one" already exists'


def _with(part: str, **values: Any) -> dict[str, Any]:
    manifest = an_experiment_manifest()
    manifest[part] = {**manifest[part], **values}
    return manifest


@pytest.mark.parametrize(
    ("manifest", "code", "message"),
    {
        "no name": (
            _with("metadata", name=""),
            422,
            'Experiment.kubeflow.org "" is invalid: metadata.name: Required value: name or '
            "generateName is required",
        ),
        "a name with capitals": (
            _with("metadata", name="A_B"),
            422,
            'Experiment.kubeflow.org "A_B" is invalid: metadata.name: Invalid value: "A_B": a '
            "lowercase RFC 1123 subdomain",
        ),
        "a name that climbs out": (_with("metadata", name=".."), 422, "is invalid"),
        "another namespace": (
            _with("metadata", namespace="other"),
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        "another version": (
            {**an_experiment_manifest(), "apiVersion": "kubeflow.org/v1"},
            400,
            "the API version in the data (kubeflow.org/v1) does not match the expected API version "
            "(kubeflow.org/v1beta1)",
        ),
        "another kind": ({**an_experiment_manifest(), "kind": "Trial"}, 400, "cannot be handled"),
        "no kind": ({"metadata": {"name": "one"}}, 400, "Object 'Kind' is missing"),
        "a version already": (
            _with("metadata", resourceVersion="1"),
            400,
            "resourceVersion should not be set on objects to be created",
        ),
        "metadata that is a list": ({**an_experiment_manifest(), "metadata": [1]}, 400, "metadata"),
        "a rule broken": (
            _with("spec", parallelTrialCount=-1),
            400,
            DENIED.format("validator") + "spec.parallelTrialCount: Invalid value: -1",
        ),
        "two rules broken": (
            _with("spec", parallelTrialCount=-1, maxFailedTrialCount=-1),
            400,
            DENIED.format("validator") + "[spec.",
        ),
        "another type": (
            _with("spec", parameters="many"),
            400,
            DENIED.format("defaulter") + "",
        ),
    }.values(),
)
def test_an_experiment_that_is_not_legal_is_refused(
    manifest: dict[str, Any], code: int, message: str
) -> None:
    home = Home()
    response = home.ask("POST", EXPERIMENTS_PATH, manifest)
    assert response.status_code == code
    assert message in response.json()["message"]
    assert home.names(EXPERIMENTS_PATH) == []


def test_a_denial_has_no_reason() -> None:
    response = Home().ask("POST", EXPERIMENTS_PATH, _with("spec", parallelTrialCount=-1))
    assert "reason" not in response.json()
    assert response.json()["code"] == 400


@pytest.mark.parametrize(
    ("body", "media_type", "code"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "application/json", 400),
        (b"a: 1\n---\nb: 2\n", "application/yaml", 400),
        (b"a: [", "application/yaml", 400),
        (b"k8s\x00", "application/vnd.kubernetes.protobuf", 415),
        (b" " * (3 * 1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, media_type: str, code: int) -> None:
    response = Home().ask("POST", CONFIG_MAPS_PATH, body, content_type=media_type)
    assert response.status_code == code
    assert response.json()["kind"] == "Status"


def a_job(**spec: Any) -> Manifest:
    pod = {"containers": [{"name": "main", "command": ["true"]}], "restartPolicy": "Never"}
    return {"spec": {"suspend": True, "template": {"spec": pod}, **spec}}


def a_pod(container: Manifest, **spec: Any) -> Manifest:
    return {"spec": {"containers": [{"name": "main", **container}], **spec}}


JOBS_PATH = "/apis/batch/v1/namespaces/default/jobs"
TRAIN_JOBS_PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainjobs"
RUNTIMES_PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainingruntimes"
SERVICES_PATH = "/api/v1/namespaces/default/services"
SPEC = "spec.containers[0]"

UNFIT: dict[str, tuple[str, Manifest, str]] = {
    "a pod of nothing": (PODS_PATH, {}, "spec: Invalid value: must be specified"),
    "a pod of a number": (PODS_PATH, {"spec": 3}, "spec: Invalid value: must be a map"),
    "no containers": (PODS_PATH, {"spec": {}}, "spec.containers: Invalid value: must be a list of"),
    "a container that is a text": (
        PODS_PATH,
        {"spec": {"containers": ["a"]}},
        f"{SPEC}: Invalid value: must be a map",
    ),
    "a command that is a text": (
        PODS_PATH,
        a_pod({"command": "true"}),
        f"{SPEC}.command: Invalid value: must be a list of strings",
    ),
    "a container whose name leads elsewhere": (
        PODS_PATH,
        a_pod({"name": "a/../../b"}),
        f"{SPEC}.name: Invalid value: must be at most 63 lower-case letters, digits and -, with a "
        'letter or a digit first and last, found "a/../../b"',
    ),
    "two containers of a name": (
        PODS_PATH,
        a_pod({}, initContainers=[{"name": "main"}]),
        f"{SPEC}.name: Invalid value: must be another than that of the container before, found",
    ),
    "a variable that is a number": (
        PODS_PATH,
        a_pod({"env": [{"name": "A", "value": 3}]}),
        f'{SPEC}.env[0].value: Invalid value: must be a string, write "3"',
    ),
    "a variable from nothing": (
        PODS_PATH,
        a_pod({"env": [{"name": "A", "valueFrom": 3}]}),
        f"{SPEC}.env[0].valueFrom: Invalid value: must be a map",
    ),
    "a volume that is a text": (
        PODS_PATH,
        a_pod({}, volumes=["a"]),
        "spec.volumes[0]: Invalid value: must be a map",
    ),
    "a time that is too long for a clock": (
        PODS_PATH,
        a_pod({}, activeDeadlineSeconds=1 << 60),
        "spec.activeDeadlineSeconds: Invalid value: must be an integer from 0 to 2147483647",
    ),
    "a job that runs less than nothing": (
        JOBS_PATH,
        a_job(parallelism=-1),
        "spec.parallelism: Invalid value: must be an integer from 0 to 2147483647",
    ),
    "a job without a template": (
        JOBS_PATH,
        {"spec": {}},
        "spec.template: Invalid value: must be specified",
    ),
    "a run of a trial that is none": (
        TRIALS_PATH,
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Trial",
            "spec": {
                "objective": {"type": "minimize", "objectiveMetricName": "loss"},
                "runSpec": {"apiVersion": "batch/v1", "kind": "Job", **a_job(template=3)},
            },
        },
        "spec.runSpec.spec.template: Invalid value: must be a map",
    ),
    "a run of a trial whose kind is a map": (
        TRIALS_PATH,
        {
            "apiVersion": "kubeflow.org/v1beta1",
            "kind": "Trial",
            "spec": {"runSpec": {"apiVersion": "v1", "kind": {"a": 1}}},
        },
        "spec.runSpec.kind: Invalid value: must be a string",
    ),
    "a number of nodes that is a text": (
        TRAIN_JOBS_PATH,
        {"spec": {"trainer": {"numNodes": "two"}}},
        "spec.trainer.numNodes: Invalid value: must be an integer",
    ),
    "a runtime of no jobs": (
        RUNTIMES_PATH,
        {"spec": {"template": {"spec": {"replicatedJobs": {}}}}},
        "spec.template.spec.replicatedJobs: Invalid value: must be a list of maps",
    ),
    "a config map of a number": (
        CONFIG_MAPS_PATH,
        {"data": {"a": 1}},
        "data: Invalid value: has a, which must be a string",
    ),
    "a service of a text": (SERVICES_PATH, {"spec": "a"}, "spec: Invalid value: must be a map"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_what_executors_could_not_read_is_refused(case: str) -> None:
    path, parts, said = UNFIT[case]
    response = Home().ask("POST", path, {"metadata": {"name": "one"}, **parts})
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert said in response.json()["message"]
    assert said.partition(":")[0] in response.json()["details"]["causes"][0]["field"] + ":"


@pytest.mark.parametrize("run", [[3], [], None, "", 0])
def test_a_run_of_a_trial_that_is_no_map_is_refused(run: object) -> None:
    head = {"apiVersion": "kubeflow.org/v1beta1", "kind": "Trial", "metadata": {"name": "one"}}
    response = Home().ask("POST", TRIALS_PATH, {**head, "spec": {"runSpec": run}})
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")


UNFIT_STATUS: dict[str, tuple[object, str]] = {
    "a text": ("x", "status: Invalid value: must be a map"),
    "a count that is a text": ({"active": "x"}, "status.active: Invalid value: must be an integer"),
    "a condition of no type": (
        {"conditions": [{"status": "True"}]},
        "status.conditions[0].type: Invalid value: must be specified",
    ),
    "a time that is none": (
        {"startTime": "soon"},
        "status.startTime: Invalid value: must be a time as 2026-01-31T12:00:00Z",
    ),
}


@pytest.mark.parametrize("case", UNFIT_STATUS)
def test_a_status_that_executors_could_not_read_is_refused(case: str) -> None:
    status, said = UNFIT_STATUS[case]
    home, head = Home(), {"metadata": {"name": "one"}}
    home.json("POST", JOBS_PATH, {**head, **a_job()})
    path = f"{JOBS_PATH}/one/status"
    response = home.ask("PUT", path, {**head, "status": status})
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert said in response.json()["message"]
    # It is looked at by itself: nothing else is written there.
    assert home.json("PUT", path, {**head, "status": {"active": 1}})["status"] == {"active": 1}


def test_fields_that_only_a_cluster_knows_are_let_pass() -> None:
    pod = a_pod({"somethingNew": {"a": 1}}, alsoNew=True)
    stored = Home().json("POST", PODS_PATH, {"metadata": {"name": "one"}, **pod})
    assert stored["spec"] == pod["spec"]


def test_a_body_may_be_yaml() -> None:
    home = Home()
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: b}\n"
    assert home.json("POST", CONFIG_MAPS_PATH, text, content_type="application/yaml")["data"] == {
        "a": "b"
    }


STRICT = (
    'Experiment in version "v1beta1" cannot be handled as a Experiment: strict decoding error: '
    'unknown field "spec.algorithm.name", unknown field "spec.maxTrials"'
)


def test_fields_that_are_not_known_are_refused_told_or_ignored() -> None:
    home = Home()
    manifest = _with("spec", maxTrials=3, algorithm={"name": "x", "algorithmName": "random"})
    strict = home.ask("POST", f"{EXPERIMENTS_PATH}?fieldValidation=Strict", manifest)
    assert (strict.status_code, strict.json()["message"]) == (400, STRICT)
    dry = f"{EXPERIMENTS_PATH}?dryRun=All&fieldValidation="
    warned = home.ask("POST", f"{dry}Warn", manifest).headers.get_list("warning")
    assert warned == [
        '299 - "unknown field \\"spec.algorithm.name\\""',
        '299 - "unknown field \\"spec.maxTrials\\""',
    ]
    assert home.ask("POST", f"{dry}Ignore", manifest).headers.get_list("warning") == []
    assert home.ask("POST", f"{dry}Perhaps", manifest).status_code == 400


def test_a_field_that_stands_twice_is_refused() -> None:
    text = b'{"apiVersion":"kubeflow.org/v1beta1","kind":"Trial","metadata":{"name":"a"},'
    text += b'"spec":{"labels":{"a":"b"},"labels":{}}}'
    response = Home().ask("POST", f"{TRIALS_PATH}?fieldValidation=Strict", text)
    assert 'strict decoding error: duplicate field "spec.labels"' in response.json()["message"]


def test_a_replacement_must_have_been_read_and_changes_all_but_the_status() -> None:
    home = Home()
    created = home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    wanted = {**created, "spec": {**created["spec"], "maxTrialCount": 20}, "status": {"trials": 5}}
    path = f"{EXPERIMENTS_PATH}/one"
    written = home.json("PUT", path, wanted)
    assert written["spec"]["maxTrialCount"] == 20
    assert "trials" not in written["status"]
    assert written["metadata"]["generation"] == 2
    stale = home.ask("PUT", path, wanted)
    assert stale.status_code == 409
    assert stale.json()["message"] == (
        'Operation cannot be fulfilled on experiments.kubeflow.org "one": the object has been '
        "modified; please apply your changes to the latest version and try again"
    )
    unread = {**written, "metadata": {"name": "one"}}
    response = home.ask("PUT", path, unread)
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
    assert "metadata.resourceVersion" in response.json()["message"]


def test_a_change_that_is_not_allowed_is_denied() -> None:
    home = Home()
    created = home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    objective = {**created["spec"]["objective"], "type": "maximize"}
    wanted = {**created, "spec": {**created["spec"], "objective": objective}}
    response = home.ask("PUT", f"{EXPERIMENTS_PATH}/one", wanted)
    assert response.status_code == 400
    assert response.json()["message"].startswith(DENIED.format("validator"))


def test_a_replacement_of_another_object_is_refused() -> None:
    home = Home()
    created = home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    other = {**created, "metadata": {**created["metadata"], "name": "two"}}
    named = home.ask("PUT", f"{CONFIG_MAPS_PATH}/one", other)
    assert named.status_code == 400
    assert "the name of the object (two) does not match the name on the URL (one)" in named.text
    another = {**created, "metadata": {**created["metadata"], "uid": "another"}}
    response = home.ask("PUT", f"{CONFIG_MAPS_PATH}/one", another)
    assert response.status_code == 409
    assert "Precondition failed: UID in precondition: another" in response.json()["message"]
    assert home.ask("PUT", f"{CONFIG_MAPS_PATH}/two", other).status_code == 404


def test_a_built_in_kind_may_be_replaced_unread() -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    wanted = {**a_config_map_manifest(), "data": {"b": "2"}}
    assert home.json("PUT", f"{CONFIG_MAPS_PATH}/one", wanted)["data"] == {"b": "2"}


def test_the_status_is_written_apart_and_alone() -> None:
    home = Home()
    created = home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    path = f"{EXPERIMENTS_PATH}/one/status"
    spec = {**created["spec"], "maxTrialCount": 99}
    written = home.json("PUT", path, {**created, "spec": spec, "status": {"trials": 5}})
    assert written["status"]["trials"] == 5
    assert written["spec"]["maxTrialCount"] == 12
    patched = home.json("PATCH", path, {"status": {"trials": 6}}, content_type=MERGE)
    assert patched["status"]["trials"] == 6
    assert home.ask("DELETE", path).status_code == 405
    assert home.ask("POST", path, created).status_code == 405


def test_the_sdk_changes_a_budget_by_sending_back_all_that_it_read() -> None:
    home = Home()
    home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
    read = home.json("GET", f"{EXPERIMENTS_PATH}/one")
    read["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00+00:00"
    read["spec"]["maxTrialCount"] = 30
    read["status"] = {"trials": 12}
    path = f"{EXPERIMENTS_PATH}/one"
    written = home.json("PATCH", path, read, content_type=MERGE)
    assert written["spec"]["maxTrialCount"] == 30
    assert "trials" not in written["status"]
    again = home.ask("PATCH", path, read, content_type=MERGE)
    assert (again.status_code, again.json()["reason"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (MERGE, b'{"data":{"b":"2"}}'),
        ("application/strategic-merge-patch+json", b'{"data":{"b":"2"}}'),
        ("application/json-patch+json", b'[{"op":"add","path":"/data/b","value":"2"}]'),
    ],
)
def test_a_patch_changes_what_it_names(media_type: str, body: bytes) -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    patched = home.json("PATCH", f"{CONFIG_MAPS_PATH}/one", body, content_type=media_type)
    assert patched["data"] == {"a": "1", "b": "2"}
    missing = home.ask("PATCH", f"{CONFIG_MAPS_PATH}/two", body, content_type=media_type)
    assert missing.status_code == 404
    unknown = home.ask("PATCH", f"{CONFIG_MAPS_PATH}/one", body, content_type="text/plain")
    assert (unknown.status_code, unknown.json()["reason"]) == (415, "UnsupportedMediaType")


def test_what_is_applied_is_created_then_changed_and_others_fields_are_a_conflict() -> None:
    home = Home()
    path = f"{EXPERIMENTS_PATH}/one?fieldManager="
    manifest = an_experiment_manifest()
    kind = "application/apply-patch+yaml"
    assert home.ask("PATCH", f"{path}a", manifest, content_type=kind).status_code == 201
    changed = _with("spec", maxTrialCount=20)
    assert home.json("PATCH", f"{path}a", changed, content_type=kind)["spec"]["maxTrialCount"] == 20
    conflict = home.ask("PATCH", f"{path}b", _with("spec", maxTrialCount=21), content_type=kind)
    assert (conflict.status_code, conflict.json()["reason"]) == (409, "Conflict")
    assert conflict.json()["details"]["causes"][0]["field"] == ".spec.maxTrialCount"
    forced = f"{path}b&force=true"
    taken = home.json("PATCH", forced, _with("spec", maxTrialCount=21), content_type=kind)
    assert taken["spec"]["maxTrialCount"] == 21


def test_a_dry_run_shows_and_writes_nothing() -> None:
    home = Home()
    dry = "?dryRun=All"
    shown = home.json("POST", CONFIG_MAPS_PATH + dry, a_config_map_manifest())
    assert shown["metadata"]["uid"]
    assert home.names(CONFIG_MAPS_PATH) == []
    home.json("POST", CONFIG_MAPS_PATH, a_config_map_manifest())
    version = home.store.version
    path = f"{CONFIG_MAPS_PATH}/one{dry}"
    patched = home.json("PATCH", path, {"data": {"a": "9"}}, content_type=MERGE)
    assert patched["data"] == {"a": "9"}
    assert patched["metadata"]["generation"] == 2
    assert home.ask("POST", CONFIG_MAPS_PATH + dry, a_config_map_manifest()).status_code == 409
    assert home.ask("DELETE", path).status_code == 200
    body = {"dryRun": ["All"]}
    assert home.ask("DELETE", f"{CONFIG_MAPS_PATH}/one", body).status_code == 200
    assert home.ask("DELETE", f"{CONFIG_MAPS_PATH}/one?dryRun=Some").status_code == 400
    assert home.store.version == version
    assert home.names(CONFIG_MAPS_PATH) == ["one"]


def test_namespaces_are_there_when_they_are_used_and_carry_labels() -> None:
    home = Home()
    home.json("POST", CONFIG_MAPS_PATH.replace("default", "team"), a_config_map_manifest())
    always = ["default", "kubeflow", "kubeflow-system"]
    assert home.names("/api/v1/namespaces") == [*always, "team"]
    for media_type in (MERGE, "application/strategic-merge-patch+json"):
        label = {"metadata": {"labels": {"by": media_type.partition("/")[0]}}}
        patched = home.json("PATCH", "/api/v1/namespaces/team", label, content_type=media_type)
        assert patched["metadata"]["labels"]["by"] == "application"
        assert patched["metadata"]["labels"]["kubernetes.io/metadata.name"] == "team"
    new = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}}
    assert home.json("POST", "/api/v1/namespaces", new)["status"] == {"phase": "Active"}
    assert home.json("GET", "/api/v1/namespaces/new")["spec"] == {"finalizers": ["kubernetes"]}
    assert home.ask("POST", "/api/v1/namespaces", new).status_code == 409
    wrong = home.ask("POST", CONFIG_MAPS_PATH.replace("default", "A"), a_config_map_manifest())
    assert (wrong.status_code, wrong.json()["message"]) == (404, 'namespaces "A" not found')


def test_a_namespace_takes_along_what_is_in_it() -> None:
    home = Home()
    pods = PODS_PATH.replace("default", "team")
    home.json("POST", pods, a_pod_manifest())
    home.json("DELETE", "/api/v1/namespaces/team")
    assert home.names(pods) == []
    assert "team" not in home.names("/api/v1/namespaces")
    response = home.ask("DELETE", "/api/v1/namespaces/default")
    assert (response.status_code, response.json()["reason"]) == (403, "Forbidden")
