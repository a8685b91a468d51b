import asyncio
import itertools
import typing
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from msgspec import inspect
from starlette.applications import Starlette

from katib.api.codec import to_manifest
from katib.api.descriptions import ENUMS, REQUIRED, WORDS
from katib.api.values import Condition, ObjectMeta
from katib.api_server.openapi import openapi_routes
from katib.api_server.resources import RESOURCE_TYPES, ResourceType
from katib.api_server.schemas import schema_name
from katib.testing.builders import an_experiment
from katib.testing.resources import a_job, a_suggestion

OURS = [known for known in RESOURCE_TYPES if known.is_ours]
PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
KATIB = "/openapi/v3/apis/kubeflow.org/v1beta1"
PACKAGE = "org.kubeflow.v1beta1"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return Starlette(routes=openapi_routes(RESOURCE_TYPES))


def get(app: Starlette, path: str, accept: str = "application/json") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.get(path, headers={"Accept": accept})

    return asyncio.run(ask())


def document(app: Starlette, path: str = KATIB) -> Any:
    response = get(app, path)
    assert response.status_code == 200
    return response.json()


def schemas(app: Starlette, path: str = KATIB) -> dict[str, Any]:
    found: dict[str, Any] = document(app, path)["components"]["schemas"]
    return found


def test_the_index_leads_to_a_document_for_every_group(app: Starlette) -> None:
    paths = document(app, "/openapi/v3")["paths"]
    assert set(paths) == {
        "api/v1",
        "apis/kubeflow.org/v1beta1",
        "apis/batch/v1",
        "apis/apps/v1",
        "apis/trainer.kubeflow.org/v1alpha1",
        "apis/katib.kubeflow.org/v1alpha1",
        "apis/authorization.k8s.io/v1",
    }
    for place, entry in paths.items():
        response = get(app, entry["serverRelativeURL"])
        assert response.json()["openapi"] == "3.0.0"
        assert response.headers["cache-control"] == "public, immutable"
        assert all(path.startswith(f"/{place}/") for path in response.json()["paths"])


def test_another_hash_leads_to_the_document_as_it_is_now(app: Starlette) -> None:
    index = document(app, "/openapi/v3")["paths"]
    response = get(app, f"{KATIB}?hash=0123")
    assert response.status_code == 301
    assert response.headers["location"] == index["apis/kubeflow.org/v1beta1"]["serverRelativeURL"]


def test_a_document_of_fewer_kinds_has_another_hash(app: Starlette) -> None:
    fewer = Starlette(routes=openapi_routes(RESOURCE_TYPES[:2]))
    place = "apis/kubeflow.org/v1beta1"
    assert (
        document(app, "/openapi/v3")["paths"][place]
        != document(fewer, "/openapi/v3")["paths"][place]
    )


def test_every_reference_leads_somewhere(app: Starlette) -> None:
    for place in document(app, "/openapi/v3")["paths"]:
        found = document(app, f"/openapi/v3/{place}")
        known = {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}
        references = set(values_of("$ref", found))
        assert references
        assert references <= known
    swagger = document(app, "/openapi/v2")
    references = set(values_of("$ref", swagger))
    assert references <= {f"#/definitions/{name}" for name in swagger["definitions"]}


def values_of(name: str, part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get(name), str):
            yield part[name]
        for value in part.values():
            yield from values_of(name, value)
    elif isinstance(part, list):
        for value in part:
            yield from values_of(name, value)


def test_every_field_of_our_kinds_has_a_type_and_is_described(app: Starlette) -> None:
    known = schemas(app)
    for resource_type in OURS:
        for part in parts_of(resource_type):
            schema = known[f"{PACKAGE}.{part.cls.__name__}"]
            fields = {field.encode_name for field in part.fields}
            assert set(schema["properties"]) == fields
            assert schema["description"]
            for field in schema["properties"].values():
                assert field["description"]
                assert "type" in field or "$ref" in field["allOf"][0]


def test_no_description_is_left_of_a_field_that_is_gone() -> None:
    parts = {part.cls.__name__: part for known in OURS for part in parts_of(known)}
    shared = typing.cast(inspect.StructType, inspect.type_info(ObjectMeta))
    parts |= {part.cls.__name__: part for part in structs(shared)}
    fields = {name: {field.encode_name for field in part.fields} for name, part in parts.items()}
    for name, words in WORDS.items():
        assert set(words) <= fields[name], name
    assert all(field in fields[name] for name, field in ENUMS)
    assert all(set(required) <= fields[name] for name, required in REQUIRED.items())


def parts_of(known: ResourceType) -> list[inspect.StructType]:
    """The models below a kind that are Katib's own, the kind included."""
    model = typing.cast(inspect.StructType, inspect.type_info(known.kind.type))
    meta = inspect.type_info(ObjectMeta)
    shared = {part.cls for part in structs(typing.cast(inspect.StructType, meta))}
    return [part for part in structs(model) if part.cls not in shared]


def structs(model: inspect.StructType) -> Iterator[inspect.StructType]:
    yield model
    for field in model.fields:
        types = [field.type]
        if isinstance(field.type, inspect.UnionType):
            types = list(field.type.types)
        for type in types:
            item = type.item_type if isinstance(type, inspect.VarTupleType) else type
            if isinstance(item, inspect.StructType):
                yield from structs(item)


FIELDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a goal is a number": ("ObjectiveSpec", "goal", {"type": "number"}),
    "counts are whole numbers": (
        "ExperimentSpec",
        "maxTrialCount",
        {"type": "integer", "format": "int32"},
    ),
    "bounds are strings": ("FeasibleSpace", "min", {"type": "string"}),
    "the types of an objective are listed": (
        "ObjectiveSpec",
        "type",
        {"enum": ["minimize", "maximize"]},
    ),
    "the resume policies are listed": (
        "ExperimentSpec",
        "resumePolicy",
        {"enum": ["Never", "LongRunning", "FromVolume"]},
    ),
    "a template is open": (
        "TrialTemplate",
        "trialSpec",
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    ),
    "labels are a map of strings": (
        "TrialTemplate",
        "primaryPodLabels",
        {"type": "object", "additionalProperties": {"type": "string"}},
    ),
    "names of metrics are a list": (
        "ObjectiveSpec",
        "additionalMetricNames",
        {"type": "array", "items": {"type": "string"}},
    ),
    "a completion may still be missing": (
        "TrialStatus",
        "completionTime",
        {"type": "string", "format": "date-time", "nullable": True},
    ),
}


@pytest.mark.parametrize("sentence", FIELDS)
def test_the_type_of_a_field_is_the_models(app: Starlette, sentence: str) -> None:
    part, field, wanted = FIELDS[sentence]
    schema = schemas(app)[f"{PACKAGE}.{part}"]["properties"][field]
    assert {name: schema[name] for name in wanted} == wanted


def test_what_the_builders_make_fits_the_schemas(app: Starlette) -> None:
    condition = Condition(type="Created", status="True")
    experiment = an_experiment().with_objective(goal=0.5).build()
    status = msgspec.structs.replace(experiment.status, conditions=(condition,))
    known = schemas(app)
    for resource in (
        msgspec.structs.replace(experiment, status=status),
        a_suggestion(generate_name="one-", finalizers=("some",)),
    ):
        misfits = list(misfits_of(known, resource.kind, to_manifest(resource)))
        assert misfits == []


def test_what_does_not_fit_is_found_by_the_schemas(app: Starlette) -> None:
    manifest = to_manifest(an_experiment().build())
    manifest["spec"]["objective"] |= {"type": "best", "wish": 1, "goal": "0.9"}
    del manifest["spec"]["algorithm"]
    assert set(misfits_of(schemas(app), "Experiment", manifest)) == {
        ".spec lacks algorithm",
        ".spec.objective.type is not among the values",
        ".spec.objective.wish is unknown",
        ".spec.objective.goal is no number",
    }


def misfits_of(known: dict[str, Any], kind: str, manifest: Any) -> Iterator[str]:
    yield from misfits(known, known[f"{PACKAGE}.{kind}"], manifest, "")


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def misfits(known: dict[str, Any], schema: Any, value: Any, path: str) -> Iterator[str]:
    """What a validator of our subset of OpenAPI would say."""
    if "allOf" in schema or "$ref" in schema:
        reference = schema.get("$ref") or schema["allOf"][0]["$ref"]
        schema = known[reference.removeprefix("#/components/schemas/")]
    if value is None and schema.get("nullable"):
        return
    if not isinstance(value, _TYPES[schema["type"]]):
        yield f"{path} is no {schema['type']}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{path} is not among the values"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from misfits(known, schema["items"], item, f"{path}[{index}]")
    elif isinstance(value, dict):
        yield from (
            f"{path} lacks {name}" for name in schema.get("required", ()) if name not in value
        )
        yield from misfits_within(known, schema, value, path)


def misfits_within(known: Any, schema: Any, value: Any, path: str) -> Iterator[str]:
    for name, item in value.items():
        inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if inner is not None:
            yield from misfits(known, inner, item, f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name} is unknown"


def test_a_kind_that_is_not_ours_is_open_below_its_spec(app: Starlette) -> None:
    known = schemas(app, "/openapi/v3/apis/batch/v1")
    job = known["io.k8s.api.batch.v1.Job"]
    assert list(misfits(known, job, to_manifest(a_job()), "")) == []
    assert list(misfits(known, job, {"metadata": {"labels": []}, "wish": 1}, "")) == [
        ".metadata.labels is no object",
        ".wish is unknown",
    ]


def test_every_kind_and_its_list_say_who_they_are(app: Starlette) -> None:
    definitions = document(app, "/openapi/v2")["definitions"]
    for known in RESOURCE_TYPES:
        for suffix in ("", "List"):
            assert definitions[f"{schema_name(known)}{suffix}"][
                "x-kubernetes-group-version-kind"
            ] == [
                {
                    "group": known.group,
                    "version": known.version,
                    "kind": f"{known.kind.name}{suffix}",
                }
            ]


NAMES = {
    "kinds of Kubeflow are named by the reversed group": (
        "trainjobs",
        "org.kubeflow.trainer.v1alpha1.TrainJob",
    ),
    "kinds of the core are named as Kubernetes names them": ("pods", "io.k8s.api.core.v1.Pod"),
    "so are kinds of its short groups": ("deployments", "io.k8s.api.apps.v1.Deployment"),
    "and of its long ones": (
        "selfsubjectaccessreviews",
        "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    ),
}


@pytest.mark.parametrize("sentence", NAMES)
def test_the_name_of_a_schema(sentence: str) -> None:
    plural, name = NAMES[sentence]
    known = next(one for one in RESOURCE_TYPES if one.plural == plural)
    assert schema_name(known) == name


def test_paths_are_those_of_the_verbs(app: Starlette) -> None:
    core = document(app, "/openapi/v3/api/v1")["paths"]
    place = "/api/v1/namespaces/{namespace}"
    assert methods(core[f"{place}/configmaps"]) == {"get", "post", "delete"}
    assert methods(core["/api/v1/configmaps"]) == {"get"}
    assert methods(core[f"{place}/configmaps/{{name}}"]) == {"get", "put", "patch", "delete"}
    assert methods(core[f"{place}/events/{{name}}"]) == {"get"}
    assert methods(core[f"{place}/pods/{{name}}/status"]) == {"get", "put", "patch"}
    assert methods(core[f"{place}/pods/{{name}}/log"]) == {"get"}
    assert methods(core["/api/v1/namespaces/{name}"]) == {"get", "put", "patch", "delete"}
    assert f"{place}/configmaps/{{name}}/status" not in core
    reviews = document(app, "/openapi/v3/apis/authorization.k8s.io/v1")["paths"]
    assert {path.rpartition("/")[2]: methods(item) for path, item in reviews.items()} == {
        "selfsubjectaccessreviews": {"post"},
        "selfsubjectrulesreviews": {"post"},
    }


def methods(item: dict[str, Any]) -> set[str]:
    return set(item) - {"parameters"}


def test_a_path_names_what_stands_in_its_braces(app: Starlette) -> None:
    paths = document(app, "/openapi/v2")["paths"]
    for path, item in paths.items():
        named = [one["name"] for one in item["parameters"]]
        assert named == [part[1:-1] for part in path.split("/") if part.startswith("{")]


def test_kubectl_finds_that_the_server_validates_patches(app: Starlette) -> None:
    for version in (document(app), document(app, "/openapi/v2")):
        one = "/apis/kubeflow.org/v1beta1/namespaces/{namespace}/experiments/{name}"
        patch = version["paths"][one]["patch"]
        assert {"dryRun", "fieldValidation", "force"} <= {
            field["name"] for field in patch["parameters"]
        }
        assert patch["x-kubernetes-group-version-kind"]["kind"] == "Experiment"


def test_version_2_comes_in_the_protocol_buffers_that_kubectl_asks_for(app: Starlette) -> None:
    response = get(app, "/openapi/v2", PROTOBUF)
    # The name that kubectl asks by is no legal one: as a content type it would be refused.
    assert response.headers["content-type"] == (
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
    )
    message = swagger_message()
    message.ParseFromString(response.content)
    swagger = document(app, "/openapi/v2")
    assert message.swagger == "2.0"
    assert (message.info.title, message.info.version) == ("Katib", "v1beta1")
    assert {one.name for one in message.definitions.entries} == set(swagger["definitions"])
    for one in message.definitions.entries:
        check_schema(one.value, swagger["definitions"][one.name])
    assert [one.name for one in message.paths.entries] == list(swagger["paths"])
    for one in message.paths.entries:
        check_operation(one.value.get, swagger["paths"][one.name].get("get"))
        check_operation(one.value.patch, swagger["paths"][one.name].get("patch"))


def check_schema(message: Any, schema: dict[str, Any]) -> None:
    assert message.ref == schema.get("$ref", "")
    assert message.format == schema.get("format", "")
    assert message.description == schema.get("description", "")
    assert list(message.type.value) == ([schema["type"]] if "type" in schema else [])
    assert list(message.required) == schema.get("required", [])
    assert [msgspec.json.decode(one.yaml) for one in message.enum] == schema.get("enum", [])
    marks = {one.name: msgspec.json.decode(one.value.yaml) for one in message.marks}
    assert marks == {name: value for name, value in schema.items() if name.startswith("x-")}
    assert [one.name for one in message.properties.entries] == list(schema.get("properties", {}))
    for one in message.properties.entries:
        check_schema(one.value, schema["properties"][one.name])
    if "items" in schema:
        check_schema(message.items.schema, schema["items"])
    if "additionalProperties" in schema:
        check_schema(message.additional.schema, schema["additionalProperties"])


def check_operation(message: Any, operation: dict[str, Any] | None) -> None:
    if operation is None:
        assert not message.ByteSize()
        return
    marks = {one.name: msgspec.json.decode(one.value.yaml) for one in message.marks}
    assert marks == {name: value for name, value in operation.items() if name.startswith("x-")}
    assert list(message.produces) == operation["produces"]
    assert list(message.consumes) == operation.get("consumes", [])
    for item, wanted in itertools.zip_longest(message.parameters, operation["parameters"]):
        query, body = item.parameter.other.query, item.parameter.body
        if wanted["in"] == "body":
            assert (body.place, body.name, body.required) == ("body", "body", True)
            check_schema(body.schema, wanted["schema"])
        else:
            assert (query.place, query.name) == ("query", wanted["name"])
            assert query.type == wanted["type"]
    (answer,) = message.responses.entries
    assert (answer.name, answer.value.response.description) == ("200", "OK")
    check_schema(answer.value.response.schema.schema, operation["responses"]["200"]["schema"])


#: The messages of ``openapi.v2`` as far as they are sent: fields as name, number, type. A type in
#: brackets is repeated.
_MESSAGES = {
    "Any": (("yaml", 2, "str"),),
    "NamedAny": (("name", 1, "str"), ("value", 2, "Any")),
    "Wrapped": (("schema", 1, "Schema"),),
    "Texts": (("value", 1, "[str]"),),
    "NamedSchema": (("name", 1, "str"), ("value", 2, "Schema")),
    "Schemas": (("entries", 1, "[NamedSchema]"),),
    "Schema": (
        ("ref", 1, "str"),
        ("format", 2, "str"),
        ("description", 4, "str"),
        ("required", 19, "[str]"),
        ("enum", 20, "[Any]"),
        ("additional", 21, "Wrapped"),
        ("type", 22, "Texts"),
        ("items", 23, "Wrapped"),
        ("properties", 25, "Schemas"),
        ("marks", 31, "[NamedAny]"),
    ),
    "Body": (
        ("name", 2, "str"),
        ("place", 3, "str"),
        ("required", 4, "bool"),
        ("schema", 5, "Schema"),
    ),
    "Query": (("place", 2, "str"), ("name", 4, "str"), ("type", 6, "str")),
    "Other": (("query", 3, "Query"),),
    "Parameter": (("body", 1, "Body"), ("other", 2, "Other")),
    "ParametersItem": (("parameter", 1, "Parameter"),),
    "Response": (("description", 1, "str"), ("schema", 2, "Wrapped")),
    "ResponseValue": (("response", 1, "Response"),),
    "NamedResponse": (("name", 1, "str"), ("value", 2, "ResponseValue")),
    "Responses": (("entries", 1, "[NamedResponse]"),),
    "Operation": (
        ("produces", 6, "[str]"),
        ("consumes", 7, "[str]"),
        ("parameters", 8, "[ParametersItem]"),
        ("responses", 9, "Responses"),
        ("marks", 13, "[NamedAny]"),
    ),
    "PathItem": (("get", 2, "Operation"), ("patch", 8, "Operation")),
    "NamedPathItem": (("name", 1, "str"), ("value", 2, "PathItem")),
    "Paths": (("entries", 2, "[NamedPathItem]"),),
    "Info": (("title", 1, "str"), ("version", 2, "str")),
    "Document": (
        ("swagger", 1, "str"),
        ("info", 2, "Info"),
        ("paths", 8, "Paths"),
        ("definitions", 9, "Schemas"),
    ),
}


def swagger_message() -> Any:
    """An empty message of the document's type, read by another encoder than ours."""
    file = descriptor_pb2.FileDescriptorProto(name="swagger.proto", package="sent", syntax="proto3")
    kinds = {"str": 9, "bool": 8}
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, type in fields:
            plain = type.strip("[]")
            added = message.field.add(name=field, number=number, label=3 if "[" in type else 1)
            added.type = typing.cast(Any, kinds.get(plain, 11))
            if plain not in kinds:
                added.type_name = f".sent.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("sent.Document"))()
