"""``katib render``: the manifest that a trial would get."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from katib.api.experiment import Experiment
    from katib.api.values import NameValue


def render(
    file: Annotated[Path, typer.Argument(help="YAML or JSON with one Experiment; - is stdin.")],
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter's value; repeat it."),
    ] = None,
) -> None:
    """.

    Parameters that are not set get the value of a random suggestion.

    Example:

      katib render experiment.yaml --set lr=0.01
    """
    from katib.api.codec import dump_yaml
    from katib.apps.door import admission_context, admit_here
    from katib.cli.files import read_manifests
    from katib.cli.run import find_in
    from katib.errors import ManifestError
    from katib.rendering import render as render_trial

    manifests = [manifest for _, manifest in read_manifests([file])]
    find = find_in(manifests)
    found = [one for one in manifests if one.get("kind") not in ("ConfigMap", "Secret")]
    if len(found) != 1:
        raise ManifestError(str(file), f"holds {len(found)} experiments; render takes one")
    context = admission_context(find)
    experiment = admit_here(found[0], context)
    name = f"{experiment.metadata.name}-xxxxxxxx"
    text = _template_text(experiment, context.find_config_map)
    assignments = _assignments(experiment, values or [])
    namespace = experiment.metadata.namespace
    typer.echo(dump_yaml(render_trial(experiment, name, namespace, assignments, text)), nl=False)


def _template_text(experiment: Experiment, find_config_map: object) -> str | None:
    from katib.api.values import Key

    template = experiment.spec.trial_template
    source = None if template is None else template.config_map
    if source is None or not callable(find_config_map):
        return None
    data = find_config_map(Key(source.config_map_namespace, source.config_map_name)) or {}
    text = data.get(source.template_path)
    return None if text is None else str(text)


def _assignments(experiment: Experiment, values: list[str]) -> list[NameValue]:
    from msgspec.structs import replace

    from katib.api.values import NameValue
    from katib.search.algorithms.random import RandomSearch

    known = [parameter.name for parameter in experiment.spec.parameters]
    chosen: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or name not in known:
            raise typer.BadParameter(
                f"--set {text}: must be NAME=VALUE with one of the parameters {', '.join(known)}"
            )
        chosen[name] = value
    plain = replace(experiment.spec.algorithm, algorithm_settings=())  # type: ignore[type-var]  # admitted, so it is there
    spec = replace(experiment.spec, algorithm=plain)
    drawn = RandomSearch(replace(experiment, spec=spec), 0).suggest(0, 1).assignments[0]
    return [
        NameValue(name=one.name, value=chosen.get(one.name, one.value))
        for one in drawn.parameter_assignments
    ]
