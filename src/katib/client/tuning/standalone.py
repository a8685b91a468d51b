"""Calls a tuned function in a container: ``python -m katib.client.tuning.standalone FOLDER x=1``.

The folder holds the function as its ConfigMap does. What it returns and reports is printed as
``name=value``, which the metrics collector of the trial reads.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from katib.client.handle import called, read_values
from katib.client.tuning.documents import HEADER, PICKLED
from katib.errors import KatibError


class UnusableFunctionError(KatibError):
    """A function cannot be called where it has come to; the text says why."""


def call(folder: Path, arguments: Mapping[str, str]) -> None:
    """Call the function of a folder, and print its metrics.

    Raises:
        UnusableFunctionError: it cannot be made out of what is there.
        ValueError: it returned something else than numbers.
    """
    header = json.loads((folder / HEADER).read_text())
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if header.get("version", own) != own:
        raise UnusableFunctionError(
            f"{header['name']} was tuned with Python {header['version']}, and this is {own}: its "
            "code is understood by the same version only; use an image that has it"
        )
    # The user's own modules are inside; on the user's machine, whatever else they read is here.
    sys.path += [entry for entry in header["path"] if os.path.isdir(entry)]
    try:
        function = pickle.loads(zlib.decompress((folder / PICKLED).read_bytes()))
    except ImportError as error:
        raise UnusableFunctionError(
            f"{header['name']} needs {error.name or error}, which this image lacks: {error}"
        ) from error
    trial = os.environ.get("KATIB_TRIAL_NAME", ""), os.environ.get("KATIB_NAMESPACE", "")
    with called(trial[1], trial[0], _print) as handle:
        _print(read_values(function(arguments, handle)), datetime.now(UTC).timestamp())


def _print(values: Mapping[str, str], moment: float) -> str:
    """Say values of one time as the collector expects them; it ends a trial that is to stop."""
    stamp = datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    for name, value in values.items():
        print(f"{stamp} {name}={value}", flush=True)
    return ""


def main(words: Sequence[str]) -> None:
    """Read the command line, and call the function."""
    folder, *pairs = words
    arguments = dict(pair.partition("=")[::2] for pair in pairs)
    call(Path(folder), arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
