from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from katib.api.values import Manifest, ObjectMeta, Strings, Unstructured
from katib.executors.command import (
    CommandError,
    Images,
    Paths,
    build_command,
    build_environment,
    expand,
    plain_data,
)

POD = Unstructured(
    api_version="v1",
    kind="Pod",
    metadata=ObjectMeta(
        name="train-x1",
        namespace="team",
        uid="uid-1",
        labels=Strings({"app.kubernetes.io/name": "train"}),
        annotations=Strings({"note": "hello"}),
    ),
)

EXPANSIONS: dict[str, tuple[str, str]] = {
    "a variable": ("--lr=$(LR)", "--lr=0.1"),
    "two of them": ("$(LR)$(LR)", "0.10.1"),
    "an unknown one stays": ("$(UNKNOWN)", "$(UNKNOWN)"),
    "escaped": ("$$(LR)", "$(LR)"),
    "two dollars are one": ("a$$b", "a$b"),
    "three": ("$$$(LR)", "$0.1"),
    "a shell's own stays": ("${LR} $LR $(", "${LR} $LR $("),
    "dots and dashes": ("$(a.b-c)", "d"),
    "not twice": ("$(REF)", "$(LR)"),
    "no name": ("$(1x)", "$(1x)"),
}


@pytest.mark.parametrize("case", EXPANSIONS)
def test_references_are_expanded_as_kubernetes_does(case: str) -> None:
    text, expected = EXPANSIONS[case]
    assert expand(text, {"LR": "0.1", "a.b-c": "d", "REF": "$(LR)"}) == expected


def read(kind: str, name: str) -> Mapping[str, str] | None:
    found = {("ConfigMap", "settings"): {"a": "1", "b": "2"}, ("Secret", "keys"): {"token": "t"}}
    return found.get((kind, name))


def variables(*env: Manifest, **container: object) -> dict[str, str]:
    """What a container's variables are beside the machine's."""
    found = build_environment({"env": list(env), **container}, POD, {"ADDED": "x"}, read)
    return {name: value for name, value in found.items() if os.environ.get(name) != value}


def from_field(path: str) -> Manifest:
    return {"name": "V", "valueFrom": {"fieldRef": {"fieldPath": path}}}


def from_key(kind: str, name: str, key: str, **more: object) -> Manifest:
    return {"name": "V", "valueFrom": {kind: {"name": name, "key": key, **more}}}


VALUES: dict[str, tuple[Manifest, str | None]] = {
    "a value": ({"name": "V", "value": "1"}, "1"),
    "no value is an empty one": ({"name": "V"}, ""),
    "a reference to an addition": ({"name": "V", "value": "$(ADDED)!"}, "x!"),
    "the pod's name": (from_field("metadata.name"), "train-x1"),
    "the pod's namespace": (from_field("metadata.namespace"), "team"),
    "the pod's uid": (from_field("metadata.uid"), "uid-1"),
    "a label": (from_field("metadata.labels['app.kubernetes.io/name']"), "train"),
    "an annotation": (from_field("metadata.annotations['note']"), "hello"),
    "the address": (from_field("status.podIP"), "127.0.0.1"),
    "a config map's key": (from_key("configMapKeyRef", "settings", "a"), "1"),
    "a secret's key": (from_key("secretKeyRef", "keys", "token"), "t"),
    "an optional key": (from_key("configMapKeyRef", "settings", "z", optional=True), None),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_variable_takes_its_value(case: str) -> None:
    variable, expected = VALUES[case]
    assert variables(variable).get("V") == expected


REFUSED: dict[str, tuple[Manifest, str]] = {
    "no such label": (
        from_field("metadata.labels['z']"),
        r"variable V refers to metadata.labels\['z'\], which the pod does not have",
    ),
    "no such key": (
        from_key("configMapKeyRef", "settings", "z"),
        'variable V refers to key "z" of ConfigMap "settings", which does not exist here',
    ),
    "no such secret": (from_key("secretKeyRef", "none", "z"), 'Secret "none"'),
    "only in a cluster": (
        {"name": "V", "valueFrom": {"resourceFieldRef": {}}},
        "from resourceFieldRef, which only a cluster has; here a value",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_variable_that_has_no_value_is_refused(case: str) -> None:
    variable, words = REFUSED[case]
    with pytest.raises(CommandError, match=words):
        variables(variable)


def test_all_keys_of_a_source_can_be_taken() -> None:
    found = variables(
        {"name": "b", "value": "own"},
        envFrom=[
            {"prefix": "P_", "configMapRef": {"name": "settings"}},
            {"configMapRef": {"name": "settings"}},
        ],
    )
    assert (found["P_a"], found["P_b"], found["a"], found["b"]) == ("1", "2", "1", "own")
    with pytest.raises(CommandError, match='Secret "none", which does not exist here'):
        variables(envFrom=[{"secretRef": {"name": "none"}}])
    assert "V" not in variables(envFrom=[{"secretRef": {"name": "none", "optional": True}}])


def test_later_variables_see_earlier_ones() -> None:
    found = variables(
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)"}, {"name": "C", "value": "2"}
    )
    assert found["B"] == "1$(C)"


def test_the_own_interpreter_comes_first() -> None:
    path = build_environment({}, POD, {}, read)["PATH"]
    assert path.split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_secret_is_decoded() -> None:
    body = {"data": {"a": base64.b64encode(b"x").decode()}, "stringData": {"b": "y"}}
    assert plain_data(Unstructured(api_version="v1", kind="Secret", body=body)) == {
        "a": "x",
        "b": "y",
    }
    body = {"data": {"a": "x"}}
    assert plain_data(Unstructured(api_version="v1", kind="ConfigMap", body=body)) == {"a": "x"}


@pytest.mark.parametrize("value", ["plain text", base64.b64encode(b"\xff").decode()])
def test_a_secret_that_is_no_base64_of_a_text_is_told(value: str) -> None:
    secret = Unstructured(api_version="v1", kind="Secret", body={"data": {"a": value}})
    with pytest.raises(CommandError, match="no base64 of a text: encode it"):
        plain_data(secret)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "opt").mkdir()
    (tmp_path / "opt" / "train.py").touch()
    (tmp_path / "python").touch()
    return tmp_path


def words(container: Manifest, images: Images) -> list[str]:
    return list(build_command(container, {"LR": "0.1"}, images).words)


def test_command_and_arguments_are_expanded_and_joined() -> None:
    container = {"name": "main", "command": ["python", "-u"], "args": ["--lr=$(LR)", 3]}
    command = build_command(container, {"LR": "0.1"}, Images({}, "/work"))
    assert list(command.words) == ["python", "-u", "--lr=0.1", "3"]
    assert (command.directory, command.environment) == ("/work", {"LR": "0.1"})


def test_a_directory_stands_for_an_images_files(folder: Path) -> None:
    images = Images({"trainer": folder}, "/work")
    container = {
        "image": "docker.io/team/trainer:v1",
        "command": ["python", "/opt/train.py", "/etc/x"],
    }
    command = build_command(container, {}, images)
    assert list(command.words) == ["python", str(folder / "opt/train.py"), "/etc/x"]
    assert command.directory == str(folder)
    inner = build_command({**container, "workingDir": "/opt"}, {}, images)
    assert inner.directory == str(folder / "opt")


def test_a_program_runs_in_the_place_of_the_images_own(folder: Path) -> None:
    images = Images({"trainer": folder / "python"}, "/work")
    container = {"image": "trainer", "command": ["python3", "train.py"]}
    assert words(container, images) == [str(folder / "python"), "train.py"]
    assert words({"image": "trainer", "args": ["--lr=$(LR)"]}, images) == [
        str(folder / "python"),
        "--lr=0.1",
    ]


@pytest.mark.parametrize(
    "image", ["docker.io/team/trainer:v1", "docker.io/team/trainer", "trainer:v1", "trainer"]
)
def test_an_image_is_found_with_or_without_registry_and_tag(image: str) -> None:
    place = Path("/somewhere")
    assert Images({image: place}, "/").find("docker.io/team/trainer:v1") == place
    assert Images({image: place}, "/").find("docker.io/team/other:v1") is None


@pytest.mark.parametrize("place", ["", "opt"])
def test_a_container_without_a_command_says_what_to_do(folder: Path, place: str) -> None:
    images = Images({"trainer": folder / place} if place else {}, "/work")
    with pytest.raises(
        CommandError,
        match=r'"main" has no command.*"trainer" cannot be read.*--image trainer=PROGRAM',
    ):
        words({"name": "main", "image": "trainer"}, images)


def test_a_container_without_an_image_too() -> None:
    with pytest.raises(CommandError, match="--image NAME=PROGRAM"):
        words({"name": "main"}, Images({}, "/work"))


HERE = Paths({"/katib": "/home/t1/katib", "/out": "/home/t1/out", "/katib/tmp": "/scratch"})

MAPPED: dict[str, tuple[str, str]] = {
    "a path alone": ("/katib/mnist.log", "/home/t1/katib/mnist.log"),
    "the folder itself": ("/katib", "/home/t1/katib"),
    "the folder with a slash": ("/katib/", "/home/t1/katib/"),
    "what lies beside it": ("/katib/model.pt", "/home/t1/katib/model.pt"),
    "behind an equal sign": ("--log-path=/katib/mnist.log", "--log-path=/home/t1/katib/mnist.log"),
    "in quotes": ("open('/katib/a')", "open('/home/t1/katib/a')"),
    "behind the letter of an option": ("-o/katib/a", "-o/home/t1/katib/a"),
    "behind an option inside a script": ("run -o/katib/a", "run -o/home/t1/katib/a"),
    "in a URL of a file": ("file:///katib/a", "file:///home/t1/katib/a"),
    "in a list of paths": ("/katib:/out", "/home/t1/katib:/home/t1/out"),
    "redirected to": ("echo 1 >/katib/a", "echo 1 >/home/t1/katib/a"),
    "the longest counts": ("/katib/tmp/a", "/scratch/a"),
    "another folder that begins alike": ("/katib-data/a /katib.d /katibs", ""),
    "a part of a longer path": ("/data/katib/a ../katib ./katib ~/katib $HOME/katib", ""),
    "behind a variable": ("${HOME}/katib $(pwd)/katib $(ROOT)/katib", ""),
    "a host in a URL": ("http://katib/a", ""),
    "no path at all": ("katib", ""),
}


@pytest.mark.parametrize("case", MAPPED)
def test_paths_are_mapped_wherever_they_stand(case: str) -> None:
    text, expected = MAPPED[case]
    assert HERE(text) == (expected or text)


def test_a_path_is_mapped_once() -> None:
    assert Paths({"/a": "/b", "/b": "/a"})("/a/x /b/x") == "/b/x /a/x"


def test_a_path_with_signs_is_no_expression() -> None:
    assert Paths({"/a.b": "/c"})("/a.b/x /aXb/x") == "/c/x /aXb/x"


def test_the_words_and_the_directory_of_a_command_are_mapped() -> None:
    container = {
        "command": ["/katib/train", "$(PLACE)/b"],
        "args": ["--log=/katib/$(NAME).log"],
        "workingDir": "/out",
    }
    # A value may be this machine's path already, below a folder of the same name.
    environment = {"PLACE": "/katib/home", "NAME": "mnist"}
    command = build_command(container, environment, Images({}, "/work"), HERE)
    assert list(command.words) == [
        "/home/t1/katib/train",
        "/katib/home/b",
        "--log=/home/t1/katib/mnist.log",
    ]
    assert command.directory == "/home/t1/out"


def test_paths_are_mapped_in_a_containers_own_variables_only() -> None:
    container = {
        "envFrom": [{"configMapRef": {"name": "places"}}],
        "env": [
            {"name": "LOG", "value": "/katib/mnist.log"},
            {"name": "AGAIN", "value": "$(LOG) $(GIVEN)"},
            from_field("metadata.annotations['place']"),
        ],
    }
    pod = Unstructured(
        api_version="v1",
        kind="Pod",
        metadata=ObjectMeta(name="p", annotations=Strings({"place": "/out"})),
    )
    found = build_environment(
        container, pod, {"GIVEN": "/katib/x"}, lambda _kind, _name: {"DATA": "/out/data"}, HERE
    )
    assert {name: found[name] for name in ("LOG", "AGAIN", "V", "GIVEN", "DATA")} == {
        "LOG": "/home/t1/katib/mnist.log",
        "AGAIN": "/home/t1/katib/mnist.log /katib/x",
        "V": "/home/t1/out",
        "GIVEN": "/katib/x",
        "DATA": "/home/t1/out/data",
    }


def test_the_variables_of_a_trial_that_runs_this_engine_are_not_passed_on() -> None:
    script = (
        "from katib.executors.command import build_environment as build\n"
        "from katib.api.values import Unstructured\n"
        "pod = Unstructured(api_version='v1', kind='Pod')\n"
        "found = build({}, pod, {'KATIB_TRIAL_NAME': 'inner'}, lambda kind, name: None)\n"
        "print({name: found[name] for name in found if name.startswith('KATIB_')})\n"
    )
    outer = {
        "KATIB_TRIAL_NAME": "outer",
        "KATIB_METRICS_FILE": "/outer",
        "KATIB_PARAMETER_LR": "1",
        "KATIB_PARAMETERS_FILE": "/outer.json",
        "KATIB_HOME": "/home",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=outer, capture_output=True, text=True, check=True
    )
    assert done.stdout == "{'KATIB_HOME': '/home', 'KATIB_TRIAL_NAME': 'inner'}\n"
