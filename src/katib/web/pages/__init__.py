"""The pages, one file each.

A page draws what the site's copies hold, and follows them. What it computes lies elsewhere; what a
visitor does goes through :mod:`katib.web.acting`.
"""

from __future__ import annotations

from katib.web.pages import compare, create, experiment, home, trial
from katib.web.site import Site


def register(site: Site) -> None:
    """Make the pages known to NiceGUI."""
    for page in (home, create, experiment, trial, compare):
        page.register(site)
