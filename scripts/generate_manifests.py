#!/usr/bin/env python3
"""Write ``manifests/``: what ``katib install`` prints, for kustomize.

::

    .venv/bin/python scripts/generate_manifests.py           # rewrite what has drifted
    .venv/bin/python scripts/generate_manifests.py --check   # only say what has drifted

The base is what ``katib install`` prints without options, a file for each part. An overlay is what
other options change in it. What is in ``manifests/servers`` is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from katib.api.codec import dump_yaml
from katib.api.values import Manifest
from katib.kubernetes.install import InstallOptions, compose, compose_parts

MANIFESTS = Path(__file__).resolve().parent.parent / "manifests"

#: What ``--check`` says first.
ADVICE = "run scripts/generate_manifests.py"

_HEAD = "# Written by scripts/generate_manifests.py.\n"
_KUSTOMIZATION = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Overlay:
    """A variant of the base.

    Attributes:
        options: those of ``katib install`` that make the same.
        purpose: a sentence for who reads the file.
        server: the folder of ``manifests/servers`` that belongs to it.
    """

    options: InstallOptions
    purpose: str
    server: str = ""


OVERLAYS: Mapping[str, Overlay] = {
    "external-database": Overlay(
        InstallOptions(database="postgresql://katib:change-me@database.example.com:5432/katib"),
        "Observation logs in a database that is there already: put its URL into the Secret.",
    ),
    "kubeflow": Overlay(
        InstallOptions(is_kubeflow=True),
        "The web UI in Kubeflow's dashboard, by whose gateway it knows the user.",
    ),
    "leader-election": Overlay(
        InstallOptions(replicas=2), "Two operators, of which one works and the other waits."
    ),
    "mysql": Overlay(
        InstallOptions(database="mysql://katib:katib@katib-mysql:3306/katib"),
        "Observation logs in a MySQL server of its own.",
        "mysql",
    ),
    "namespaced": Overlay(
        InstallOptions(is_namespaced=True),
        "Experiments in one namespace only, with Roles and without webhooks.",
    ),
    "no-webhooks": Overlay(
        InstallOptions(has_webhooks=False), "The operator alone judges experiments."
    ),
    "no-ui": Overlay(InstallOptions(has_ui=False), "No web UI."),
    "postgres": Overlay(
        InstallOptions(database="postgresql://katib:katib@katib-postgres:5432/katib"),
        "Observation logs in a PostgreSQL server of its own.",
        "postgres",
    ),
}


def main() -> None:
    """Rewrite or check all files."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 on drift")
    is_check = parser.parse_args().check
    drifted = find_drift(MANIFESTS)
    if is_check and drifted:
        sys.exit(f"{', '.join(map(str, drifted))}: {ADVICE}")
    for path, text in drifted.items():
        if text is None:
            (MANIFESTS / path).unlink()
        else:
            (MANIFESTS / path).parent.mkdir(parents=True, exist_ok=True)
            (MANIFESTS / path).write_text(text)
        print(f"{path} {'removed' if text is None else 'written'}")


def find_drift(folder: Path) -> dict[Path, str | None]:
    """File → its text as it should be, for those that differ; ``None`` for one that should go."""
    wanted = {Path(path): text for path, text in files()}
    found = {
        path.relative_to(folder): path.read_text()
        for path in folder.rglob("*.yaml")
        if path.parent.parent.name != "servers"
    }
    drifted: dict[Path, str | None] = {
        path: text for path, text in wanted.items() if found.get(path) != text
    }
    return drifted | dict.fromkeys(found.keys() - wanted.keys())


def files() -> Iterator[tuple[str, str]]:
    """Every generated file's path and text."""
    parts = compose_parts(InstallOptions())
    names = []
    for part, resources in parts.items():
        names.append(f"{part}.yaml")
        yield f"base/{part}.yaml", _HEAD + "---\n".join(map(dump_yaml, resources))
    yield "base/kustomization.yaml", _HEAD + _dump({**_KUSTOMIZATION, "resources": names})
    base = {identity(one): one for resources in parts.values() for one in resources}
    for name, overlay in OVERLAYS.items():
        yield from _overlay_files(f"overlays/{name}", overlay, base)


def _overlay_files(
    folder: str, overlay: Overlay, base: Mapping[Identity, Manifest]
) -> Iterator[tuple[str, str]]:
    wanted = {identity(one): one for one in compose(overlay.options)}
    resources, added = ["../../base"], [wanted[one] for one in wanted if one not in base]
    if added:
        resources.append("resources.yaml")
        yield f"{folder}/resources.yaml", _HEAD + "---\n".join(map(dump_yaml, added))
    if overlay.server:
        resources.append(f"../../servers/{overlay.server}")
    patches = [*_deletions(base, wanted), *_changes(base, wanted)]
    content = {**_KUSTOMIZATION, "resources": resources, "patches": patches}
    yield f"{folder}/kustomization.yaml", f"{_HEAD}# {overlay.purpose}\n{_dump(content)}"


def identity(manifest: Manifest) -> Identity:
    """What names a resource."""
    metadata = manifest["metadata"]
    return (
        manifest["apiVersion"],
        manifest["kind"],
        metadata.get("namespace", ""),
        metadata["name"],
    )


def _deletions(
    base: Mapping[Identity, Manifest], wanted: Mapping[Identity, Manifest]
) -> Iterator[Manifest]:
    for api_version, kind, namespace, name in (one for one in base if one not in wanted):
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        patch = {"apiVersion": api_version, "kind": kind, "metadata": metadata, "$patch": "delete"}
        yield {"patch": _dump(patch)}


def _changes(
    base: Mapping[Identity, Manifest], wanted: Mapping[Identity, Manifest]
) -> Iterator[Manifest]:
    """Changed resources: the smallest maps in which something differs are replaced as a whole."""
    for one in (one for one in wanted if one in base and base[one] != wanted[one]):
        _, kind, namespace, name = one
        target = {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}
        yield {"target": target, "patch": _dump(list(_operations(base[one], wanted[one], "")))}


def _operations(old: Manifest, new: Manifest, path: str) -> Iterator[Manifest]:
    """JSON patches that turn one map into the other."""
    # The path is the last: kustomize takes away what ends a patch, be it the end of a text.
    for name in sorted({*old, *new}):
        place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
        if name not in new:
            yield {"op": "remove", "path": place}
        elif name not in old:
            yield {"op": "add", "value": new[name], "path": place}
        elif isinstance(old[name], dict) and isinstance(new[name], dict):
            yield from _operations(old[name], new[name], place)
        elif old[name] != new[name]:
            yield {"op": "replace", "value": new[name], "path": place}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else "")


_Dumper.add_representer(str, _represent_text)


def _dump(value: Any) -> str:
    """YAML in the order given."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100)
    return text


if __name__ == "__main__":
    main()
