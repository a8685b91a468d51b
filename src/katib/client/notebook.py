"""What is shown to those who work in a notebook."""

from __future__ import annotations

import sys


def show_link(namespace: str, name: str) -> None:
    """A link to an experiment's page in the cluster's dashboard; nothing outside of notebooks."""
    shell = sys.modules.get("IPython")
    if shell is None or shell.get_ipython() is None:
        return
    from importlib import import_module

    display = import_module("IPython.display")
    target = f"/_/katib/#/katib/hp_monitor/{namespace}/{name}"
    text = f'Katib Experiment {name} link <a href="{target}" target="_blank">here</a>'
    display.display(display.HTML(text))
