"""The four kinds of patches: the vectors of the RFCs, Kubernetes' examples, and what is refused."""

from __future__ import annotations

import random
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from katib.api.values import Manifest
from katib.api_server.equality import same
from katib.api_server.json_patch import LONGEST, apply_json_patch
from katib.api_server.list_keys import Lists
from katib.api_server.patching import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_MERGE_PATCH,
    Patch,
    PatchError,
    apply_patch,
    merge,
)
from katib.api_server.strategic import merge_strategically

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BETA = "kubeflow.org/v1beta1"


def a_patch(
    content_type: str,
    body: Any,
    api_version: str = BETA,
    kind: str = "Experiment",
    manager: str = "me",
    force: bool | None = None,
) -> Patch:
    text = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return Patch(content_type, text, api_version, kind, manager, NOW, force)


def an_experiment(**spec: Any) -> Manifest:
    return {
        "apiVersion": BETA,
        "kind": "Experiment",
        "metadata": {
            "name": "a",
            "namespace": "team",
            "uid": "u-1",
            "resourceVersion": "7",
            "generation": 2,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"app": "x"},
        },
        "spec": spec,
    }


def refused(
    content_type: str, body: Any, stored: Manifest | None = None, **more: Any
) -> PatchError:
    with pytest.raises(PatchError) as caught:
        apply_patch(
            a_patch(content_type, body, **more),
            an_experiment(maxTrialCount=3) if not stored else stored,
        )
    return caught.value


Operations = list[dict[str, Any]]

# RFC 6902, appendix A, in its order; None stands for an error.
RFC_6902: dict[str, tuple[Any, Operations, Any]] = {
    "A.1 adding an object member": (
        {"foo": "bar"},
        [{"op": "add", "path": "/baz", "value": "qux"}],
        {"baz": "qux", "foo": "bar"},
    ),
    "A.2 adding an array element": (
        {"foo": ["bar", "baz"]},
        [{"op": "add", "path": "/foo/1", "value": "qux"}],
        {"foo": ["bar", "qux", "baz"]},
    ),
    "A.3 removing an object member": (
        {"baz": "qux", "foo": "bar"},
        [{"op": "remove", "path": "/baz"}],
        {"foo": "bar"},
    ),
    "A.4 removing an array element": (
        {"foo": ["bar", "qux", "baz"]},
        [{"op": "remove", "path": "/foo/1"}],
        {"foo": ["bar", "baz"]},
    ),
    "A.5 replacing a value": (
        {"baz": "qux", "foo": "bar"},
        [{"op": "replace", "path": "/baz", "value": "boo"}],
        {"baz": "boo", "foo": "bar"},
    ),
    "A.6 moving a value": (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    "A.7 moving an array element": (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    "A.8 testing a value, with success": (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [
            {"op": "test", "path": "/baz", "value": "qux"},
            {"op": "test", "path": "/foo/1", "value": 2},
        ],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    "A.9 testing a value, with an error": (
        {"baz": "qux"},
        [{"op": "test", "path": "/baz", "value": "bar"}],
        None,
    ),
    "A.10 adding a nested member object": (
        {"foo": "bar"},
        [{"op": "add", "path": "/child", "value": {"grandchild": {}}}],
        {"foo": "bar", "child": {"grandchild": {}}},
    ),
    "A.11 ignoring unrecognised members": (
        {"foo": "bar"},
        [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}],
        {"foo": "bar", "baz": "qux"},
    ),
    "A.12 adding to a target that does not exist": (
        {"foo": "bar"},
        [{"op": "add", "path": "/baz/bat", "value": "qux"}],
        None,
    ),
    "A.14 escaping with a tilde": (
        {"/": 9, "~1": 10},
        [{"op": "test", "path": "/~01", "value": 10}],
        {"/": 9, "~1": 10},
    ),
    "A.15 a text is no number": ({"~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}], None),
    "A.16 adding an array value": (
        {"foo": ["bar"]},
        [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}],
        {"foo": ["bar", ["abc", "def"]]},
    ),
    "an existing member is replaced by add": (
        {"foo": 1},
        [{"op": "add", "path": "/foo", "value": None}],
        {"foo": None},
    ),
    "an index may name the end, and nothing beyond it": (
        {"foo": [1]},
        [{"op": "add", "path": "/foo/2", "value": 3}],
        None,
    ),
    "an index has no leading zero": (
        {"foo": [1, 2]},
        [{"op": "replace", "path": "/foo/01", "value": 3}],
        None,
    ),
    "an index is not negative": ({"foo": [1, 2]}, [{"op": "remove", "path": "/foo/-1"}], None),
    "the dash names no element to remove": (
        {"foo": [1]},
        [{"op": "remove", "path": "/foo/-"}],
        None,
    ),
    "only what is there is replaced": ({}, [{"op": "replace", "path": "/foo", "value": 1}], None),
    "only what is there is removed": ({}, [{"op": "remove", "path": "/foo"}], None),
    "nothing is moved into itself": (
        {"a": {"b": 1}},
        [{"op": "move", "from": "/a", "path": "/a/c"}],
        None,
    ),
    "a copy is another value": (
        {"a": {"b": 1}},
        [
            {"op": "copy", "from": "/a", "path": "/c"},
            {"op": "replace", "path": "/c/b", "value": 2},
        ],
        {"a": {"b": 1}, "c": {"b": 2}},
    ),
    "the whole document is replaced": (
        {"a": 1},
        [{"op": "replace", "path": "", "value": {"b": 2}}],
        {"b": 2},
    ),
    "an empty name is a name": ({"": 1}, [{"op": "remove", "path": "/"}], {}),
    "true is not one": ({"a": True}, [{"op": "test", "path": "/a", "value": 1}], None),
    "one is one point nought": (
        {"a": [1]},
        [{"op": "test", "path": "/a", "value": [1.0]}],
        {"a": [1]},
    ),
}


@pytest.mark.parametrize(("document", "operations", "expected"), RFC_6902.values(), ids=RFC_6902)
def test_json_patch(document: Any, operations: Operations, expected: Any) -> None:
    before = deepcopy(document)
    if expected is None:
        with pytest.raises(PatchError) as caught:
            apply_json_patch(document, operations)
        assert (caught.value.code, caught.value.reason) == (422, "Invalid")
        assert operations[0]["path"] in caught.value.message
    else:
        assert same(apply_json_patch(document, operations), expected)
    assert same(document, before)


# RFC 7386, appendix A: target, patch, result.
RFC_7386: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), RFC_7386)
def test_merge_patch(target: Any, patch: Any, expected: Any) -> None:
    before = deepcopy(target)
    assert merge(target, patch) == expected
    assert target == before


NGINX = {"name": "patch-demo-ctr", "image": "nginx"}
DEMO = {
    "spec": {
        "replicas": 2,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
        "template": {
            "spec": {
                "containers": [NGINX],
                "tolerations": [{"effect": "NoSchedule", "key": "dedicated", "value": "test-team"}],
            }
        },
    }
}


def pod(**spec: Any) -> Manifest:
    return {"spec": spec}


STRATEGIC: dict[str, tuple[Manifest, Manifest, Manifest]] = {
    "a container with another name is added, as the documentation shows": (
        DEMO,
        {"spec": {"template": {"spec": {"containers": [{"name": "ctr-2", "image": "redis"}]}}}},
        {
            "spec": DEMO["spec"]
            | {
                "template": {
                    "spec": {
                        "containers": [{"name": "ctr-2", "image": "redis"}, NGINX],
                        "tolerations": DEMO["spec"]["template"]["spec"]["tolerations"],  # type: ignore[index]  # a literal of mixed values
                    }
                }
            }
        },
    ),
    "tolerations are replaced, as the documentation shows": (
        pod(tolerations=[{"key": "dedicated"}]),
        pod(tolerations=[{"key": "disktype", "value": "ssd"}]),
        pod(tolerations=[{"key": "disktype", "value": "ssd"}]),
    ),
    "keys that are not retained go, as the documentation shows": (
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}}}},
        {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}},
        {"spec": {"strategy": {"type": "Recreate"}}},
    ),
    "a container of the same name is merged": (
        pod(containers=[{"name": "a", "image": "x", "tty": True}, {"name": "b"}]),
        pod(containers=[{"name": "a", "image": "y", "tty": None}]),
        pod(containers=[{"name": "a", "image": "y"}, {"name": "b"}]),
    ),
    "an item is deleted by its name": (
        pod(containers=[{"name": "a"}, {"name": "b"}]),
        pod(containers=[{"$patch": "delete", "name": "a"}]),
        pod(containers=[{"name": "b"}]),
    ),
    "an item that was not there is not added by its deletion": (
        pod(nodeName="n"),
        pod(volumes=[{"$patch": "delete", "name": "a"}]),
        pod(nodeName="n", volumes=[]),
    ),
    "a list is replaced on demand": (
        pod(containers=[{"name": "a"}, {"name": "b"}]),
        pod(containers=[{"$patch": "replace"}, {"name": "c"}]),
        pod(containers=[{"name": "c"}]),
    ),
    "a map is replaced on demand": (
        pod(securityContext={"runAsUser": 1}),
        pod(securityContext={"$patch": "replace", "runAsGroup": 2}),
        pod(securityContext={"runAsGroup": 2}),
    ),
    "a map is emptied on demand": (
        pod(securityContext={"runAsUser": 1}),
        pod(securityContext={"$patch": "delete"}),
        pod(securityContext={}),
    ),
    "a map is merged, said or unsaid": (
        pod(securityContext={"runAsUser": 1}),
        pod(securityContext={"$patch": "merge", "runAsGroup": 2}),
        pod(securityContext={"runAsUser": 1, "runAsGroup": 2}),
    ),
    "lists inside items are merged by their own keys": (
        pod(
            containers=[
                {
                    "name": "a",
                    "env": [{"name": "X", "value": "1"}],
                    "ports": [{"containerPort": 80}],
                }
            ]
        ),
        pod(
            containers=[
                {
                    "name": "a",
                    "env": [{"name": "X", "value": "2"}],
                    "ports": [{"containerPort": 80, "name": "http"}],
                    "volumeMounts": [{"mountPath": "/data", "name": "v"}],
                }
            ]
        ),
        pod(
            containers=[
                {
                    "name": "a",
                    "env": [{"name": "X", "value": "2"}],
                    "ports": [{"containerPort": 80, "name": "http"}],
                    "volumeMounts": [{"mountPath": "/data", "name": "v"}],
                }
            ]
        ),
    ),
    "ports of a service go by port": (
        pod(ports=[{"port": 1, "name": "a"}, {"port": 2}]),
        pod(ports=[{"port": 1, "targetPort": 9}]),
        pod(ports=[{"port": 1, "name": "a", "targetPort": 9}, {"port": 2}]),
    ),
    "conditions go by type, and arguments are one value": (
        {"spec": {"args": ["a", "b"]}, "status": {"conditions": [{"type": "R", "status": "True"}]}},
        {"spec": {"args": ["c"]}, "status": {"conditions": [{"type": "R", "status": "False"}]}},
        {"spec": {"args": ["c"]}, "status": {"conditions": [{"type": "R", "status": "False"}]}},
    ),
    "finalizers are a set, and owners go by uid": (
        {"metadata": {"finalizers": ["a", "b"], "ownerReferences": [{"uid": "1", "name": "x"}]}},
        {"metadata": {"finalizers": ["c", "a"], "ownerReferences": [{"uid": "1", "name": "y"}]}},
        {
            "metadata": {
                "finalizers": ["c", "a", "b"],
                "ownerReferences": [{"uid": "1", "name": "y"}],
            }
        },
    ),
    "members of a set are deleted": (
        {"metadata": {"finalizers": ["a", "b", "c"]}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "c"]}},
        {"metadata": {"finalizers": ["b"]}},
    ),
    "the order of items is set": (
        pod(containers=[{"name": "a"}, {"name": "b"}, {"name": "c"}]),
        {"spec": {"$setElementOrder/containers": [{"name": "c"}, {"name": "a"}]}},
        pod(containers=[{"name": "b"}, {"name": "c"}, {"name": "a"}]),
    ),
    "an item is added where the order says": (
        pod(containers=[{"name": "a"}, {"name": "b"}]),
        {
            "spec": {
                "$setElementOrder/containers": [{"name": "a"}, {"name": "n"}, {"name": "b"}],
                "containers": [{"name": "n", "image": "i"}],
            }
        },
        pod(containers=[{"name": "a"}, {"name": "n", "image": "i"}, {"name": "b"}]),
    ),
    "nothing of a directive is left in a new map": (
        {},
        pod(
            strategy={"$retainKeys": ["type"], "type": "Recreate", "rollingUpdate": None},
            containers=[{"name": "a", "securityContext": {"$patch": "replace", "tty": True}}],
        ),
        pod(
            strategy={"type": "Recreate"},
            containers=[{"name": "a", "securityContext": {"tty": True}}],
        ),
    ),
}


@pytest.mark.parametrize(("stored", "patch", "expected"), STRATEGIC.values(), ids=STRATEGIC)
def test_strategic_merge_patch(stored: Manifest, patch: Manifest, expected: Manifest) -> None:
    before, asked = deepcopy(stored), deepcopy(patch)
    assert merge_strategically(stored, patch, Lists("apps")) == expected
    assert (stored, patch) == (before, asked)


BAD_STRATEGIC: dict[str, tuple[Manifest, int, str]] = {
    "an unknown directive": ({"spec": {"$patch": "append"}}, 400, "unknown patch type: append"),
    "an item without its key": (
        pod(containers=[{"image": "x"}]),
        422,
        "spec.containers: {'image': 'x'} does not contain declared merge key: name",
    ),
    "an item that is no object": (pod(containers=["x"]), 400, "spec.containers: its items"),
    "retained keys that are no list": ({"spec": {"$retainKeys": "a"}}, 400, "retainKeys"),
    "a key that is set and not retained": (
        {"spec": {"$retainKeys": ["a"], "b": 1}},
        400,
        'invalid patch format of retainKeys: "b" is set',
    ),
    "deleted members that are no scalars": (
        {"metadata": {"$deleteFromPrimitiveList/finalizers": [{}]}},
        400,
        "invalid patch format of primitive list",
    ),
    "an order that is no list": (
        {"spec": {"containers": [{"name": "a"}], "$setElementOrder/containers": "a"}},
        400,
        "invalid patch format of setElementOrder list",
    ),
}


@pytest.mark.parametrize(("patch", "code", "words"), BAD_STRATEGIC.values(), ids=BAD_STRATEGIC)
def test_a_bad_strategic_merge_patch(patch: Manifest, code: int, words: str) -> None:
    stored = {"metadata": {}, "spec": {"containers": [{"name": "a"}]}}
    with pytest.raises(PatchError) as caught:
        merge_strategically(stored, patch, Lists(""))
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize("content_type", [JSON_PATCH, MERGE_PATCH, APPLY])
def test_a_body_that_is_no_json_is_a_bad_request(content_type: str) -> None:
    error = refused(content_type, b"{[")
    assert (error.code, error.reason) == (400, "BadRequest")


BAD_BODIES: dict[str, tuple[str, Any, int, str]] = {
    "a JSON Patch is a list": (JSON_PATCH, {}, 400, "error decoding patch: a JSON Patch is a list"),
    "an operation is an object": (JSON_PATCH, [1], 400, "operation 0 is no object"),
    "an operation is one of six": (
        JSON_PATCH,
        [{"op": "merge", "path": "/a"}],
        400,
        'has the op "merge"; use one of add, copy, move, remove, replace, test',
    ),
    "add needs a value": (JSON_PATCH, [{"op": "add", "path": "/a"}], 400, '(add) lacks "value"'),
    "a move needs a source": (JSON_PATCH, [{"op": "move", "path": "/a"}], 400, 'lacks "from"'),
    "an operation has a path": (JSON_PATCH, [{"op": "remove"}], 400, 'lacks "path"'),
    "a path starts with a slash": (
        JSON_PATCH,
        [{"op": "remove", "path": "a"}],
        400,
        'the path "a"',
    ),
    "a tilde is escaped": (JSON_PATCH, [{"op": "remove", "path": "/~2"}], 400, 'the path "/~2"'),
    "the document stays an object": (
        JSON_PATCH,
        [{"op": "replace", "path": "", "value": []}],
        422,
        "the patched Experiment would be no object",
    ),
    "a merge patch is an object": (MERGE_PATCH, [1], 400, "Invalid JSON Patch"),
    "metadata stays an object": (MERGE_PATCH, {"metadata": "x"}, 422, "metadata: Invalid value"),
    "the name is not changed": (
        MERGE_PATCH,
        {"metadata": {"name": "b"}},
        400,
        "the name of the object (b) does not match the name on the URL (a)",
    ),
    "the namespace is not changed": (
        JSON_PATCH,
        [{"op": "replace", "path": "/metadata/namespace", "value": "other"}],
        400,
        "the namespace of the object (other) does not match the namespace on the request (team)",
    ),
    "the uid is not changed": (
        MERGE_PATCH,
        {"metadata": {"uid": "u-2"}},
        422,
        'Experiment.kubeflow.org "a" is invalid: metadata.uid: Invalid value: "u-2": field is '
        "immutable",
    ),
    "the version is not changed": (
        MERGE_PATCH,
        {"apiVersion": "kubeflow.org/v2"},
        400,
        "the API version in the data (kubeflow.org/v2) does not match the expected API version",
    ),
    "the kind is not changed": (
        MERGE_PATCH,
        {"kind": "Trial"},
        400,
        "the kind in the data (Trial)",
    ),
    "YAML without an object is no configuration": (APPLY, b"- a", 400, "error decoding YAML"),
    "an alias is refused": (APPLY, b"a: &x [1]\nb: *x\n", 400, "aliases are not supported"),
    "two configurations are refused": (APPLY, b"a: 1\n---\nb: 2\n", 400, "found 2"),
}


@pytest.mark.parametrize(
    ("content_type", "body", "code", "words"), BAD_BODIES.values(), ids=BAD_BODIES
)
def test_a_patch_that_is_refused(content_type: str, body: Any, code: int, words: str) -> None:
    error = refused(content_type, body)
    assert error.code == code
    assert words in error.message


def test_a_patch_may_not_be_too_long() -> None:
    error = refused(JSON_PATCH, [{"op": "test", "path": "", "value": 1}] * (LONGEST + 1))
    assert (error.code, error.reason) == (413, "RequestEntityTooLarge")
    assert error.message == ("The allowed maximum operations in a JSON patch is 10000, got 10001")


def test_copies_of_copies_are_bounded() -> None:
    doubling = [{"op": "add", "path": "/spec/a", "value": ["x" * 1000]}]
    doubling += [{"op": "copy", "from": "/spec", "path": f"/spec/c{n}"} for n in range(40)]
    error = refused(JSON_PATCH, doubling)
    assert error.code == 422
    assert "exceeding the limit 3145728" in error.message


@pytest.mark.parametrize("content_type", [JSON_PATCH, MERGE_PATCH, APPLY])
def test_endless_nesting_is_refused(content_type: str) -> None:
    error = refused(content_type, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)
    assert (error.code, "nested too deeply" in error.message) == (400, True)


def test_an_unknown_content_type_is_answered_with_the_known_ones() -> None:
    error = refused("application/json", {})
    assert (error.code, error.reason) == (415, "UnsupportedMediaType")
    assert error.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


def test_custom_resources_take_no_strategic_merge_patch() -> None:
    assert refused(STRATEGIC_MERGE_PATCH, {}).code == 415


def test_built_in_kinds_take_strategic_merge_patches() -> None:
    patch = a_patch(
        STRATEGIC_MERGE_PATCH, pod(containers=[{"name": "a", "tty": True}]), "v1", "Pod"
    )
    stored = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}} | pod(
        containers=[{"name": "a", "image": "i"}]
    )
    assert apply_patch(patch, stored)["spec"] == {
        "containers": [{"name": "a", "image": "i", "tty": True}]
    }


OPTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "apply needs a manager": (
        APPLY,
        {"manager": ""},
        "fieldManager: Required value: is required for apply patch",
    ),
    "only apply has force": (
        MERGE_PATCH,
        {"force": True},
        "force: Forbidden: may not be specified for non-apply patch",
    ),
    "a manager is not too long": (MERGE_PATCH, {"manager": "m" * 129}, "fieldManager: Too long"),
    "a manager is printable": (MERGE_PATCH, {"manager": "m\n"}, "printable characters"),
}


@pytest.mark.parametrize(("content_type", "options", "words"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_are_refused(content_type: str, options: dict[str, Any], words: str) -> None:
    error = refused(content_type, {}, **options)
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message.startswith('PatchOptions.meta.k8s.io "" is invalid: ')
    assert words in error.message


def test_only_apply_creates() -> None:
    with pytest.raises(PatchError) as caught:
        apply_patch(a_patch(MERGE_PATCH, {}), None)
    assert (caught.value.code, caught.value.reason) == (404, "NotFound")


def test_a_count_is_changed_and_the_server_keeps_its_own() -> None:
    # As the SDK does: the whole object goes back, times in Python's format.
    body = an_experiment(maxTrialCount=5)
    body["metadata"] |= {
        "creationTimestamp": "2026-01-01T00:00:00+00:00",
        "generation": 1,
        "deletionTimestamp": "2026-01-01T00:00:00Z",
    }
    stored = an_experiment(maxTrialCount=3, parallelTrialCount=2)
    patched = apply_patch(a_patch(MERGE_PATCH + "; charset=utf-8", body), stored)
    assert patched == an_experiment(maxTrialCount=5, parallelTrialCount=2)
    assert stored == an_experiment(maxTrialCount=3, parallelTrialCount=2)


def test_what_names_a_resource_cannot_be_removed() -> None:
    gone: Manifest = {"metadata": {"name": None, "namespace": None, "uid": None}, "kind": None}
    assert apply_patch(a_patch(MERGE_PATCH, gone), an_experiment()) == an_experiment()


def test_the_version_that_a_patch_asks_for_is_left_for_the_caller() -> None:
    patched = apply_patch(
        a_patch(MERGE_PATCH, {"metadata": {"resourceVersion": "5"}}), an_experiment()
    )
    assert patched["metadata"]["resourceVersion"] == "5"


def test_managed_fields_of_another_shape_are_dropped() -> None:
    patch = a_patch(MERGE_PATCH, {"metadata": {"managedFields": "none of it"}})
    assert apply_patch(patch, an_experiment()) == an_experiment()


def a_document(chance: random.Random, depth: int = 4) -> Any:
    """Any JSON value, without ``null`` inside of maps, which a merge patch cannot say."""
    kinds = ["scalar"] if depth == 0 else ["scalar", "list", "map", "map"]
    match chance.choice(kinds):
        case "map":
            names = chance.sample(["a", "b", "c/d", "e~f", "", "g"], chance.randrange(5))
            return {name: a_document(chance, depth - 1) for name in names}
        case "list":
            return [a_document(chance, depth - 1) for _ in range(chance.randrange(4))]
    return chance.choice([0, 1, 1.5, True, False, "", "x", "ü"])


def a_merge_patch(before: Any, after: Any) -> Any:
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch: Manifest = {key: None for key in before if key not in after}
    for key, value in after.items():
        if key not in before or not same(before[key], value):
            fresh = key not in before or not isinstance(before[key], dict)
            patch[key] = value if fresh else a_merge_patch(before[key], value)
    return patch


def operations(before: Any, after: Any, path: str = "") -> Operations:
    """A JSON Patch from one document to another, by the book."""
    if same(before, after):
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [{"op": "replace", "path": path, "value": after}]
    found: Operations = []
    for key in {**before, **after}:
        step = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            found.append({"op": "remove", "path": step})
        elif key not in before:
            found.append({"op": "add", "path": step, "value": after[key]})
        else:
            found += operations(before[key], after[key], step)
    return found


@pytest.mark.parametrize("seed", range(50))
def test_the_difference_of_two_documents_makes_one_the_other(seed: int) -> None:
    chance = random.Random(seed)
    before, after = {"a": a_document(chance)}, {"a": a_document(chance), "h": a_document(chance)}
    assert same(apply_json_patch(before, operations(before, after)), after)
    assert same(merge(before, a_merge_patch(before, after)), after)
    assert same(merge_strategically(before, {"$patch": "replace", **after}, Lists("")), after)
