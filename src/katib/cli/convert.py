"""``katib convert``: documents of v1alpha3 as v1beta1 has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from katib.cli.options import HomeOption, open_home
from katib.cli.results import ExitCode

if TYPE_CHECKING:
    from katib.api.values import Manifest


def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML or JSON; - is stdin.")],
    home: HomeOption = None,
) -> None:
    """.

    Prints every document of the files: Experiments of v1alpha3 converted, all others as they are. A
    template that is kept in a ConfigMap is taken from the same files, or else from the home.

    Exits with 2 if an Experiment cannot be converted; then nothing is printed but why.

    Examples:

      katib convert old.yaml > new.yaml
      katib convert old.yaml templates.yaml
      kubectl get experiment tune -o yaml | katib convert -
    """
    from katib.api.codec import dump_yaml
    from katib.apps.door import admission_context
    from katib.cli.files import read_manifests
    from katib.cli.run import find_in
    from katib.conversion.experiment import convert as convert_one
    from katib.conversion.version import is_old
    from katib.errors import AdmissionError

    documents = list(read_manifests(files))
    find = find_in([manifest for _, manifest in documents], _find_in_home(home))
    context = admission_context(find)
    converted: list[Manifest] = []
    refused: list[str] = []
    for path, manifest in documents:
        try:
            if is_old(manifest):
                manifest = convert_one(manifest, context.find_config_map)
            converted.append(manifest)
        except AdmissionError as error:
            refused.append(f"{path}: {error}")
    if refused:
        typer.echo("\n".join(refused), err=True)
        raise typer.Exit(ExitCode.REFUSED)
    typer.echo("---\n".join(map(dump_yaml, converted)), nl=False)


def _find_in_home(path: Path | None) -> Any:
    """``find`` of the home's store, or ``None`` when nothing is there yet."""
    from katib.stores.sqlite import SqliteReader

    home = open_home(path)
    return SqliteReader(home.resources).find if home.resources.exists() else None
