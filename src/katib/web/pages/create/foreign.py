"""Algorithms that only the server knows: those that its KatibConfig names."""

from __future__ import annotations

from collections.abc import Sequence

from katib.client.backend import Backend, RefusedError
from katib.client.requests import core_path
from katib.configuration import read_config_map
from katib.configuration.models import CONFIG_MAP
from katib.errors import ConfigurationError

#: Where Katib is installed unless somebody has chosen otherwise.
_USUAL = "kubeflow"


def list_foreign_algorithms(backend: Backend) -> Sequence[str]:
    """The names of algorithms in the KatibConfig, where the server shows it; else none.

    Raises:
        KatibError: nobody answers.
    """
    for namespace in dict.fromkeys((backend.namespace, _USUAL)):
        try:
            found = backend.ask("GET", core_path("configmaps", namespace, CONFIG_MAP))
            config = read_config_map(found.get("data") or {})
        except RefusedError as error:
            if error.code not in (403, 404):
                raise
            continue
        except ConfigurationError:
            # Whoever reads it in the server says what is wrong with it.
            continue
        return [one.algorithm_name for one in config.runtime.suggestions]
    return ()
