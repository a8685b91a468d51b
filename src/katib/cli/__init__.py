"""The ``katib`` command: one file per noun.

A command reads its options, calls what the rooms offer and prints; it decides nothing about
experiments. Modules are imported when their command runs, so that ``katib --help`` answers at once.
"""

from __future__ import annotations

import sys

COLLECTOR = "metrics-collector"


def main() -> None:
    """Run the command line; every error of ours is a message and an exit code, not a traceback."""
    if sys.argv[1:2] == [COLLECTOR] and sys.argv[2:] not in (["--help"], ["-h"]):
        # It runs beside every trial of a cluster: nothing of the command line is loaded for it.
        from katib.apps.metrics_collector import main as collect

        sys.exit(collect(sys.argv[2:]))
    from katib.cli.program import build_program
    from katib.cli.results import exit_code_of
    from katib.errors import KatibError

    try:
        build_program()()
    except KatibError as error:
        print(f"katib: {error}", file=sys.stderr)
        sys.exit(exit_code_of(error))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
