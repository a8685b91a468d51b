"""``katib validate``: what admission says of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from katib.cli.options import ConfigOption, HomeOption, open_config, open_home
from katib.cli.results import ExitCode


def validate(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="YAML or JSON; - is stdin.")],
    config: ConfigOption = None,
    home: HomeOption = None,
) -> None:
    """.

    Prints every error of every Experiment with its path, and exits with 2 if there is one. Nothing
    is created or run.

    Example:

      katib validate experiment.yaml
    """
    from katib.admission import unknown_fields
    from katib.apps.door import admission_context, admit_here
    from katib.cli.files import read_manifests
    from katib.cli.run import find_in
    from katib.errors import AdmissionError

    documents = list(read_manifests(files))
    known = open_config(open_home(home), config)
    context = admission_context(find_in([manifest for _, manifest in documents]), known)
    is_refused = False
    for path, manifest in documents:
        if manifest.get("kind") in ("ConfigMap", "Secret"):
            continue
        for warning in unknown_fields(manifest):
            typer.echo(f"{path}: warning: {warning}", err=True)
        try:
            experiment = admit_here(manifest, context, config=known)
        except AdmissionError as error:
            is_refused = True
            typer.echo(f"{path}: {error}", err=True)
        else:
            typer.echo(f"{path}: experiment {experiment.metadata.name} is valid")
    if is_refused:
        raise typer.Exit(ExitCode.REFUSED)
