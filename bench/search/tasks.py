"""All tasks: those that are reported, and others to tune algorithms on.

They are disjoint in function, space and data, and lie in packages of their own: whoever tunes
needs to see nothing of what is reported.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.search.reported import REPORTED
from bench.search.reported.grids import GRIDS as REPORTED_GRIDS
from bench.search.space import Space
from bench.search.tuning import TUNING
from bench.search.tuning.grids import GRIDS as TUNING_GRIDS

SUITES = {"reported": REPORTED, "tuning": TUNING}

#: The spaces of all tables.
GRIDS: Mapping[str, Space] = {**REPORTED_GRIDS, **TUNING_GRIDS}
