"""KatibConfig: the file that configures a home.

Here live its models, the reading of its text, the defaults, and the lookups by algorithm and by
collector kind, with the sentences that say why a name cannot be used. ``models`` holds what a file
may say, ``reading`` turns text into it, ``defaults`` and ``quantities`` fill in what was left out,
``lookups`` finds entries, ``one_machine`` knows what an entry can mean without a cluster,
``in_cluster`` what with one, ``environment`` the variables that stand beside the file, and
``databases`` those that name a database. It may know ``api`` and ``errors``; which algorithms are
built in is told to it, and what is done with a setting belongs to its users.
"""

from __future__ import annotations

from katib.configuration.models import KatibConfig
from katib.configuration.reading import read_config, read_config_map, read_file

__all__ = ["KatibConfig", "read_config", "read_config_map", "read_file"]
