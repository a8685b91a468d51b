"""Server-side apply: who owns which field, what goes and what clashes."""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from katib.api.codec import from_manifest, to_manifest
from katib.api.experiment import EXPERIMENTS
from katib.api.values import Manifest
from katib.api_server.applying import LAST_APPLIED, track
from katib.api_server.fields import (
    Fields,
    UnreadableFieldsError,
    in_words,
    members,
    read_fields,
    write_fields,
)
from katib.api_server.list_keys import Lists
from katib.api_server.patching import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    ApplyConflictError,
    Patch,
    PatchError,
    apply_patch,
)
from katib.testing.builders import an_experiment

BETA = "kubeflow.org/v1beta1"
NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
FIRST = "2026-01-02T03:04:05Z"
LATER = NOW + timedelta(hours=1)
SECOND = "2026-01-02T04:04:05Z"


def experiment(metadata: Manifest | None = None, **spec: Any) -> Manifest:
    return {
        "apiVersion": BETA,
        "kind": "Experiment",
        "metadata": {"name": "a", "namespace": "team", **(metadata or {})},
        "spec": spec,
    }


def nothing(metadata: Manifest | None = None) -> Manifest:
    """What a manager applies that gives everything up."""
    return {key: value for key, value in experiment(metadata).items() if key != "spec"}


def pod(*containers: Manifest, **spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {"containers": [*containers], **spec},
    }


def applied(
    stored: Manifest | None,
    wanted: Manifest | bytes,
    manager: str = "alice",
    force: bool | None = None,
    now: datetime = NOW,
    subresource: str = "",
    kind: str = "Experiment",
    api_version: str = BETA,
) -> Manifest:
    """The outcome of server-side apply; nothing that went in may have changed."""
    body = wanted if isinstance(wanted, bytes) else msgspec.json.encode(wanted)
    patch = Patch(APPLY, body, api_version, kind, manager, now, force, subresource)
    before = deepcopy(stored)
    result = apply_patch(patch, stored)
    assert stored == before
    return result


def applied_pod(stored: Manifest | None, wanted: Manifest, manager: str = "alice") -> Manifest:
    return applied(stored, wanted, manager, kind="Pod", api_version="v1")


def conflict(
    stored: Manifest, wanted: Manifest, manager: str = "bob", **more: Any
) -> ApplyConflictError:
    with pytest.raises(ApplyConflictError) as caught:
        applied(stored, wanted, manager, **more)
    return caught.value


def created(document: Manifest, manager: str = "kubectl-create", now: datetime = NOW) -> Manifest:
    with_uid = {**document, "metadata": {**document["metadata"], "uid": "u-1"}}
    return track(None, with_uid, manager, document["apiVersion"], now)


def updated(stored: Manifest, manager: str, now: datetime = LATER, **spec: Any) -> Manifest:
    after = {**stored, "spec": {**stored["spec"], **spec}}
    return track(stored, after, manager, stored["apiVersion"], now)


def owners(document: Manifest) -> dict[tuple[str, str], list[str]]:
    """The paths of every manager and operation, as conflicts would name them."""
    return {
        (entry["manager"], entry["operation"]): sorted(
            in_words(path) for path in read_fields(entry["fieldsV1"])
        )
        for entry in document["metadata"].get("managedFields", [])
    }


def plain(document: Manifest) -> Manifest:
    metadata = {k: v for k, v in document["metadata"].items() if k != "managedFields"}
    return {**document, "metadata": metadata}


def test_apply_creates_what_is_not_there() -> None:
    wanted = experiment(
        {"labels": {"app": "x"}}, maxTrialCount=3, algorithm={"algorithmName": "tpe"}
    )
    result = applied(None, wanted)
    assert plain(result) == wanted
    assert result["metadata"]["managedFields"] == [
        {
            "manager": "alice",
            "operation": "Apply",
            "apiVersion": BETA,
            "time": FIRST,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:algorithm": {".": {}, "f:algorithmName": {}},
                    "f:maxTrialCount": {},
                },
            },
        }
    ]


def test_a_configuration_may_be_yaml() -> None:
    text = b"apiVersion: kubeflow.org/v1beta1\nkind: Experiment\nspec: {maxTrialCount: 3}\n"
    assert applied(None, text)["spec"] == {"maxTrialCount": 3}


def test_an_asterisk_is_no_alias() -> None:
    text = b"apiVersion: kubeflow.org/v1beta1\nkind: Experiment\nspec: {x: 'a & b * c'}\n"
    assert applied(None, text)["spec"] == {"x": "a & b * c"}


def test_what_is_null_is_as_good_as_absent() -> None:
    result = applied(
        None, experiment({"creationTimestamp": None}, maxTrialCount=None, resumePolicy="Never")
    )
    assert plain(result) == experiment(resumePolicy="Never")
    assert owners(result) == {("alice", "Apply"): [".spec.resumePolicy"]}


def test_the_same_again_changes_nothing_not_even_the_time() -> None:
    stored = applied(None, experiment(maxTrialCount=3))
    assert applied(stored, experiment(maxTrialCount=3), now=LATER) == stored


def test_a_changed_value_changes_the_time() -> None:
    result = applied(
        applied(None, experiment(maxTrialCount=3)), experiment(maxTrialCount=4), now=LATER
    )
    assert result["spec"] == {"maxTrialCount": 4}
    assert result["metadata"]["managedFields"][0]["time"] == SECOND


def test_what_a_manager_gives_up_goes() -> None:
    stored = applied(
        None,
        experiment(
            {"labels": {"app": "x"}, "annotations": {"note": "y"}},
            maxTrialCount=3,
            earlyStopping={"algorithmName": "medianstop"},
        ),
    )
    # Admission filled in a default within the part that is given up.
    stored["spec"]["earlyStopping"]["algorithmSettings"] = [{"name": "start_step", "value": "4"}]
    result = applied(stored, experiment({"annotations": {"note": "y"}}, maxTrialCount=3))
    assert plain(result) == experiment({"annotations": {"note": "y"}}, maxTrialCount=3)


def test_a_label_that_nobody_owns_outlives_the_others() -> None:
    stored = applied(None, experiment({"labels": {"app": "x"}}))
    stored["metadata"]["labels"]["injected"] = "y"
    assert applied(stored, nothing())["metadata"]["labels"] == {"injected": "y"}


def test_defaults_are_nobodys_and_may_be_set_by_anyone() -> None:
    stored = applied(None, experiment(maxTrialCount=3))
    stored["spec"]["parallelTrialCount"] = 3
    result = applied(stored, experiment(parallelTrialCount=5), "bob")
    assert result["spec"] == {"maxTrialCount": 3, "parallelTrialCount": 5}
    assert owners(result) == {
        ("alice", "Apply"): [".spec.maxTrialCount"],
        ("bob", "Apply"): [".spec.parallelTrialCount"],
    }


def test_two_managers_share_what_they_agree_on() -> None:
    stored = applied(applied(None, experiment(maxTrialCount=3)), experiment(maxTrialCount=3), "bob")
    without_alice = applied(stored, nothing())
    assert without_alice["spec"] == {"maxTrialCount": 3}
    assert owners(without_alice) == {("bob", "Apply"): [".spec.maxTrialCount"]}
    assert applied(without_alice, nothing(), "bob")["spec"] == {}


def test_giving_up_a_map_spares_what_others_own_in_it() -> None:
    objective = {"type": "maximize", "objectiveMetricName": "acc"}
    stored = applied(None, experiment(objective=objective))
    stored = applied(stored, experiment(objective={"goal": 0.9}), "bob")
    result = applied(stored, nothing())
    assert result["spec"] == {"objective": {"goal": 0.9}}


def test_a_value_of_another_applier_is_a_conflict() -> None:
    stored = applied(None, experiment(maxTrialCount=3))
    error = conflict(stored, experiment(maxTrialCount=4))
    assert error.message == (
        'Apply failed with 1 conflict: conflict with "alice": .spec.maxTrialCount'
    )
    assert (error.code, error.reason) == (409, "Conflict")
    assert [cause.cause for cause in error.causes] == [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "alice"',
            "field": ".spec.maxTrialCount",
        }
    ]


def test_a_value_from_the_client_side_is_a_conflict() -> None:
    stored = created(experiment(maxTrialCount=3), "kubectl-client-side-apply")
    assert conflict(stored, experiment(maxTrialCount=4), "kubectl").message == (
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using '
        "kubeflow.org/v1beta1: .spec.maxTrialCount"
    )


def test_several_conflicts_are_listed_by_manager() -> None:
    stored = applied(None, experiment(maxTrialCount=3, algorithm={"algorithmName": "tpe"}))
    stored = updated(stored, "kubectl-edit", parallelTrialCount=2)
    wanted = experiment(
        maxTrialCount=4, parallelTrialCount=4, algorithm={"algorithmName": "random"}
    )
    assert conflict(stored, wanted).message == (
        'Apply failed with 3 conflicts: conflicts with "alice":\n'
        "- .spec.algorithm.algorithmName\n"
        "- .spec.maxTrialCount\n"
        'conflicts with "kubectl-edit" using kubeflow.org/v1beta1:\n'
        "- .spec.parallelTrialCount"
    )


def test_force_takes_a_field_over() -> None:
    stored = applied(None, experiment(maxTrialCount=3, resumePolicy="Never"))
    result = applied(stored, experiment(maxTrialCount=4), "bob", force=True, now=LATER)
    assert result["spec"] == {"maxTrialCount": 4, "resumePolicy": "Never"}
    assert owners(result) == {
        ("alice", "Apply"): [".spec.resumePolicy"],
        ("bob", "Apply"): [".spec.maxTrialCount"],
    }
    assert conflict(result, experiment(maxTrialCount=3), "alice").causes[0].manager == '"bob"'


def test_a_scalar_in_place_of_a_map_is_a_conflict_with_the_owner_of_the_map() -> None:
    stored = applied(None, experiment(algorithm={"algorithmName": "tpe"}))
    wanted = experiment(algorithm="tpe")
    assert [cause.field for cause in conflict(stored, wanted).causes] == [".spec.algorithm"]
    result = applied(stored, wanted, "bob", force=True)
    assert owners(result) == {("bob", "Apply"): [".spec.algorithm"]}


def test_lists_of_custom_resources_are_one_value() -> None:
    lr, momentum = {"name": "lr"}, {"name": "momentum"}
    stored = applied(None, experiment(parameters=[lr]))
    assert owners(stored) == {("alice", "Apply"): [".spec.parameters"]}
    wanted = experiment(parameters=[momentum])
    assert [cause.field for cause in conflict(stored, wanted).causes] == [".spec.parameters"]
    assert applied(stored, wanted, "bob", force=True)["spec"] == {"parameters": [momentum]}


def test_finalizers_and_owners_of_custom_resources_are_not() -> None:
    one, other = {"uid": "1", "name": "x"}, {"uid": "2", "name": "y"}
    stored = applied(None, nothing({"finalizers": ["a"], "ownerReferences": [one]}))
    both = applied(stored, nothing({"finalizers": ["b"], "ownerReferences": [other]}), "bob")
    assert both["metadata"]["finalizers"] == ["a", "b"]
    assert both["metadata"]["ownerReferences"] == [one, other]
    assert owners(both)["bob", "Apply"] == [
        '.metadata.finalizers[="b"]',
        '.metadata.ownerReferences[uid="2"]',
        '.metadata.ownerReferences[uid="2"].name',
        '.metadata.ownerReferences[uid="2"].uid',
    ]
    alone = applied(both, nothing())
    assert alone["metadata"]["finalizers"] == ["b"]
    assert alone["metadata"]["ownerReferences"] == [other]
    assert "finalizers" not in applied(alone, nothing(), "bob")["metadata"]


def test_lists_of_built_in_kinds_go_by_key() -> None:
    stored = applied_pod(
        None, pod({"name": "main", "image": "i", "ports": [{"containerPort": 80}]})
    )
    both = applied_pod(stored, pod({"name": "sidecar", "image": "s"}, {"name": "main"}), "bob")
    assert both["spec"]["containers"] == [
        {"name": "sidecar", "image": "s"},
        {"name": "main", "image": "i", "ports": [{"containerPort": 80}]},
    ]
    assert owners(both)["alice", "Apply"] == [
        '.spec.containers[name="main"]',
        '.spec.containers[name="main"].image',
        '.spec.containers[name="main"].name',
        '.spec.containers[name="main"].ports[containerPort=80,protocol="TCP"]',
        '.spec.containers[name="main"].ports[containerPort=80,protocol="TCP"].containerPort',
    ]
    without_alice = applied_pod(both, pod())
    assert without_alice["spec"]["containers"] == [
        {"name": "sidecar", "image": "s"},
        {"name": "main"},
    ]
    with pytest.raises(ApplyConflictError) as caught:
        applied_pod(both, pod({"name": "main", "image": "j"}), "bob")
    assert caught.value.causes[0].field == '.spec.containers[name="main"].image'


def test_items_of_others_keep_their_places() -> None:
    stored = applied_pod(None, pod({"name": "a"}, {"name": "b"}, {"name": "c"}))
    result = applied_pod(stored, pod({"name": "c"}, {"name": "n"}), "bob")
    assert [one["name"] for one in result["spec"]["containers"]] == ["a", "b", "c", "n"]
    swapped = applied_pod(stored, pod({"name": "c"}, {"name": "a"}), "bob")
    assert [one["name"] for one in swapped["spec"]["containers"]] == ["b", "c", "a"]


BAD_LISTS: dict[str, tuple[list[Any], str]] = {
    "an item lacks its key": (
        [{"image": "x"}],
        "failed to create typed patch object: .spec.containers: element 0: associative list with "
        'keys has an element that omits key field "name" (and doesn\'t have default value)',
    ),
    "an item is there twice": (
        [{"name": "a"}, {"name": "a"}],
        "failed to create typed patch object: .spec.containers: duplicate entries for key "
        '[name="a"]',
    ),
}


@pytest.mark.parametrize(("containers", "message"), BAD_LISTS.values(), ids=BAD_LISTS)
def test_a_keyed_list_has_its_keys(containers: list[Any], message: str) -> None:
    for stored in (None, pod({"name": "b"})):
        with pytest.raises(PatchError) as caught:
            applied_pod(stored, pod(*containers))
        assert (caught.value.code, caught.value.message) == (400, message)


def test_a_resource_without_a_record_belongs_to_whoever_was_first() -> None:
    stored = experiment({"uid": "u-1"}, maxTrialCount=3)
    assert conflict(stored, experiment(maxTrialCount=4)).causes[0].manager == (
        '"before-first-apply" using kubeflow.org/v1beta1'
    )
    result = applied(stored, experiment(maxTrialCount=4), force=True)
    assert owners(result) == {
        ("alice", "Apply"): [".spec.maxTrialCount"],
        ("before-first-apply", "Update"): [".spec"],
    }


def test_kubectl_takes_over_what_it_applied_from_the_client() -> None:
    first = experiment(maxTrialCount=3, resumePolicy="Never")
    text = msgspec.json.encode(first).decode()
    stored = created(
        experiment({"annotations": {LAST_APPLIED: text}}, **first["spec"]),
        "kubectl-client-side-apply",
    )
    wanted = experiment(maxTrialCount=4, resumePolicy="Never")
    result = applied(stored, wanted, "kubectl")
    assert result["spec"] == wanted["spec"]
    kept = msgspec.json.decode(result["metadata"]["annotations"][LAST_APPLIED])
    assert kept["spec"] == wanted["spec"]
    # Another manager's right is not taken, nor does another name than kubectl's help.
    edited = updated(stored, "kubectl-edit", maxTrialCount=9)
    assert conflict(edited, wanted, "kubectl").causes[0].manager.startswith('"kubectl-edit"')
    assert conflict(stored, wanted).causes[0].manager.startswith('"kubectl-client-side-apply"')


def test_kubectl_hands_its_own_fields_from_one_side_to_the_other() -> None:
    stored = created(experiment(maxTrialCount=3, resumePolicy="Never"), "kubectl-client-side-apply")
    result = applied(stored, experiment(maxTrialCount=3, resumePolicy="Never"), "kubectl")
    ours = next(one for one in result["metadata"]["managedFields"] if one["operation"] == "Apply")
    body = [{"op": "replace", "path": "/metadata/managedFields", "value": [ours]}]
    patch = Patch(JSON_PATCH, msgspec.json.encode(body), BETA, "Experiment", "kubectl", NOW)
    migrated = track(result, apply_patch(patch, result), "kubectl", BETA, NOW)
    assert [manager for manager, _ in owners(migrated)] == ["kubectl"]
    # Now what kubectl leaves out is nobody's any more.
    assert applied(migrated, experiment(maxTrialCount=3), "kubectl")["spec"] == {"maxTrialCount": 3}


def test_the_status_is_governed_by_its_own_address() -> None:
    stored = applied(None, {**experiment(maxTrialCount=3), "status": {"trials": 1}})
    assert "status" not in stored
    wanted = {**experiment(maxTrialCount=9), "status": {"trials": 2}}
    result = applied(stored, wanted, subresource="status")
    assert (result["spec"], result["status"]) == ({"maxTrialCount": 3}, {"trials": 2})
    entries = result["metadata"]["managedFields"]
    assert [entry.get("subresource") for entry in entries] == [None, "status"]
    assert entries[1]["fieldsV1"] == {"f:status": {"f:trials": {}}}
    error = conflict(result, {**wanted, "status": {"trials": 3}}, subresource="status")
    assert error.causes[0].manager == '"alice" with subresource "status"'


REFUSED: dict[str, tuple[Manifest, int, str]] = {
    "managed fields are not applied": (
        experiment({"managedFields": []}),
        400,
        "metadata.managedFields must be nil",
    ),
    "the version is that of the address": (
        {**experiment(), "apiVersion": "kubeflow.org/v1"},
        400,
        "Incorrect version specified in apply patch. Specified patch version: kubeflow.org/v1, "
        "expected: kubeflow.org/v1beta1",
    ),
    "the kind is that of the address": (
        {**experiment(), "kind": "Trial"},
        400,
        "Incorrect kind specified in apply patch. Specified patch kind: Trial, expected: "
        "Experiment",
    ),
    "a uid names a resource that is there": (
        experiment({"uid": "u-1"}),
        409,
        "uid mismatch: the provided object specified uid u-1, and no existing object was found",
    ),
    "metadata is an object": (
        {**experiment(), "metadata": "x"},
        400,
        "metadata: an object is expected",
    ),
}


@pytest.mark.parametrize(("wanted", "code", "message"), REFUSED.values(), ids=REFUSED)
def test_a_configuration_that_is_refused(wanted: Manifest, code: int, message: str) -> None:
    with pytest.raises(PatchError) as caught:
        applied(None, wanted)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_a_creation_is_recorded() -> None:
    result = created(experiment({"labels": {"app": "x"}}, maxTrialCount=3))
    (entry,) = result["metadata"]["managedFields"]
    assert entry == {
        "manager": "kubectl-create",
        "operation": "Update",
        "apiVersion": BETA,
        "time": FIRST,
        "fieldsType": "FieldsV1",
        "fieldsV1": {
            "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
            "f:spec": {".": {}, "f:maxTrialCount": {}},
        },
    }


def test_an_update_takes_the_fields_that_it_changes() -> None:
    stored = applied(None, experiment(maxTrialCount=3, resumePolicy="Never"))
    result = updated(stored, "kubectl-edit", maxTrialCount=4)
    assert owners(result) == {
        ("alice", "Apply"): [".spec.resumePolicy"],
        ("kubectl-edit", "Update"): [".spec.maxTrialCount"],
    }
    error = conflict(result, experiment(maxTrialCount=3, resumePolicy="Never"), "alice")
    assert error.causes[0].manager == '"kubectl-edit" using kubeflow.org/v1beta1'


def test_an_update_that_removes_a_field_removes_its_owners() -> None:
    stored = applied(None, experiment(maxTrialCount=3, resumePolicy="Never"))
    after = {**stored, "spec": {"resumePolicy": "Never"}}
    result = track(stored, after, "kubectl-edit", BETA, LATER)
    assert owners(result) == {("alice", "Apply"): [".spec.resumePolicy"]}


def test_an_update_that_changes_nothing_leaves_the_record() -> None:
    stored = created(experiment(maxTrialCount=3))
    newer = {**stored, "metadata": {**stored["metadata"], "resourceVersion": "9"}}
    for manager in ("kubectl-create", "somebody"):
        result = track(stored, newer, manager, BETA, LATER)
        assert result["metadata"]["managedFields"] == stored["metadata"]["managedFields"]


def test_an_update_without_managed_fields_keeps_the_record() -> None:
    stored = created(experiment(maxTrialCount=3))
    result = track(stored, experiment(maxTrialCount=3), "kubectl-replace", BETA, LATER)
    assert owners(result) == owners(stored)


@pytest.mark.parametrize(
    "nonsense",
    [
        "x",
        [1],
        [{"operation": "Delete"}],
        [{"operation": "Update", "manager": 3, "fieldsV1": {"f:spec": {}}}],
        [{"operation": "Update", "fieldsV1": {"spec": {}}}],
        [{"operation": "Update", "fieldsV1": {"k:{": {}}}],
        [{"operation": "Update", "fieldsV1": {"f:spec": 1}}],
        [{"operation": "Update", "fieldsType": "FieldsV2", "fieldsV1": {"f:spec": {}}}],
    ],
)
def test_managed_fields_beyond_sense_are_ignored(nonsense: Any) -> None:
    stored = created(experiment(maxTrialCount=3))
    sent = experiment({"managedFields": nonsense}, maxTrialCount=4)
    result = track(stored, sent, "kubectl-create", BETA, LATER)
    assert owners(result) == owners(stored)
    # A stored record beyond sense is as good as none.
    broken = experiment({"uid": "u-1", "managedFields": nonsense}, maxTrialCount=3)
    assert "managedFields" not in updated(broken, "me", maxTrialCount=4)["metadata"]
    assert ("alice", "Apply") in owners(applied(broken, experiment(maxTrialCount=3)))


def test_an_empty_entry_ends_the_record() -> None:
    stored = created(experiment(maxTrialCount=3))
    sent = experiment({"managedFields": [{}]}, maxTrialCount=3)
    assert "managedFields" not in track(stored, sent, "me", BETA, LATER)["metadata"]


def test_a_resource_without_a_record_goes_on_so() -> None:
    stored = experiment({"uid": "u-1"}, maxTrialCount=3)
    assert "managedFields" not in updated(stored, "me", maxTrialCount=4)["metadata"]


def test_many_updaters_become_one() -> None:
    document = created(experiment())
    for number in range(20):
        now = LATER + timedelta(minutes=number)
        document = updated(document, f"m{number:02}", now, **{f"field{number:02}": number})
    found = owners(document)
    assert len(found) == 10
    assert sorted(found)[0] == ("ancient-changes", "Update")
    assert [manager for manager, _ in found][-1] == "m19"
    everything = {path for paths in found.values() for path in paths}
    assert {f".spec.field{number:02}" for number in range(20)} <= everything


def test_the_record_survives_the_store() -> None:
    document = created(to_manifest(an_experiment().build()))
    document = applied(
        document,
        experiment(
            {"name": document["metadata"]["name"], "namespace": "default"}, maxTrialCount=12
        ),
    )
    stored = to_manifest(from_manifest(EXPERIMENTS, document))
    assert stored["metadata"]["managedFields"] == document["metadata"]["managedFields"]
    assert ("alice", "Apply") in owners(stored)


def test_a_merge_patch_of_the_whole_object_keeps_the_record() -> None:
    stored = created(experiment(maxTrialCount=3))
    body = deepcopy(stored)
    body["spec"]["maxTrialCount"] = 4
    body["metadata"]["managedFields"][0]["time"] = "2026-01-02T03:04:05+00:00"
    patch = Patch(MERGE_PATCH, msgspec.json.encode(body), BETA, "Experiment", "sdk", LATER)
    result = track(stored, apply_patch(patch, stored), "sdk", BETA, LATER)
    assert owners(result) == {
        ("kubectl-create", "Update"): [".spec"],
        ("sdk", "Update"): [".spec.maxTrialCount"],
    }


def test_fields_are_read_in_any_spelling() -> None:
    spaced: Manifest = {
        "f:spec": {"f:ports": {'k:{ "protocol":"TCP", "containerPort":80 }': {".": {}}}}
    }
    assert read_fields(spaced) == {("f:spec", "f:ports", 'k:{"containerPort":80,"protocol":"TCP"}')}


@pytest.mark.parametrize("tree", ["x", {"spec": {}}, {"f:a": []}, {"k:3": {}}, {"v:": {}}])
def test_fields_that_make_no_sense_are_refused(tree: Any) -> None:
    with pytest.raises(UnreadableFieldsError):
        read_fields(tree)


def a_spec(chance: random.Random, depth: int = 3) -> Manifest:
    """A map of scalars, lists and maps that are not empty."""
    found: Manifest = {}
    for name in chance.sample("abcdef", chance.randrange(1, 5)):
        match chance.choice(["scalar", "list", "map"] if depth else ["scalar"]):
            case "map":
                found[name] = a_spec(chance, depth - 1)
            case "list":
                found[name] = [chance.randrange(3) for _ in range(chance.randrange(3))]
            case _:
                found[name] = chance.choice([1, 2, True, "x"])
    return found


@pytest.mark.parametrize("seed", range(50))
def test_fields_come_back_as_they_were_written(seed: int) -> None:
    chance = random.Random(seed)
    document = pod(*({"name": name, **a_spec(chance)} for name in "xyz"), **a_spec(chance))
    paths = sorted(members(document, Lists("")))
    some: Fields = frozenset(chance.sample(paths, len(paths) // 2))
    assert read_fields(write_fields(some)) == some
    assert read_fields(msgspec.json.decode(msgspec.json.encode(write_fields(some)))) == some


@pytest.mark.parametrize("seed", range(50))
def test_a_lone_manager_gets_exactly_what_it_applies_last(seed: int) -> None:
    chance = random.Random(seed)
    document = None
    for _ in range(4):
        wanted = experiment(**a_spec(chance))
        document = applied(document, wanted)
        assert plain(document) == wanted


@pytest.mark.parametrize("seed", range(50))
def test_a_guest_leaves_no_trace(seed: int) -> None:
    chance = random.Random(seed)
    host = applied(None, experiment(own=a_spec(chance), shared={"host": a_spec(chance)}))
    both = applied(host, experiment(guests=a_spec(chance), shared={"guest": 1}), "guest")
    assert both["spec"].keys() == {"own", "shared", "guests"}
    assert applied(both, nothing(), "guest") == host


@pytest.mark.parametrize("seed", range(50))
def test_a_conflict_names_exactly_the_values_that_force_changes(seed: int) -> None:
    chance = random.Random(seed)
    flat: Manifest = {name: chance.randrange(2) for name in "abcd"}
    wanted: Manifest = {name: chance.randrange(2) for name in "bcde"}
    host = applied(None, experiment(**flat))
    changed = {f".spec.{name}" for name in "bcd" if flat[name] != wanted[name]}
    forced = applied(host, experiment(**wanted), "guest", force=True)
    assert forced["spec"] == flat | wanted
    assert set(owners(host)["alice", "Apply"]) - set(owners(forced)["alice", "Apply"]) == changed
    if changed:
        error = conflict(host, experiment(**wanted))
        assert {cause.field for cause in error.causes} == changed
    else:
        assert applied(host, experiment(**wanted), "guest") == forced
