"""Exit codes: what a script may rely on."""

from __future__ import annotations

from enum import IntEnum

from katib.errors import (
    AdmissionError,
    ConfigurationError,
    HomeLockedError,
    KatibError,
    ManifestError,
    StoreUnavailableError,
)


class ExitCode(IntEnum):
    """What ``katib`` exits with."""

    OPTIMUM_FOUND = 0
    FAILED = 1
    REFUSED = 2
    UNAVAILABLE = 3
    INTERRUPTED = 130


#: The same, for help texts.
EXIT_CODES = (
    "Exit codes: 0 every experiment found an optimum; 1 one failed, or found none; 2 the input was "
    "refused and nothing was started; 3 the home is locked, its disk refuses or its server is "
    "away; 130 interrupted, and the same command goes on."
)


def exit_code_of(error: KatibError) -> ExitCode:
    """The exit code of an error that ended a command."""
    if isinstance(error, (AdmissionError, ConfigurationError, ManifestError)) or _is_bad(error):
        return ExitCode.REFUSED
    if isinstance(error, (HomeLockedError, StoreUnavailableError)) or _is_away(error):
        return ExitCode.UNAVAILABLE
    return ExitCode.FAILED


def _is_bad(error: KatibError) -> bool:
    from katib.client.exchange.errors import ExportError, ImportRefusedError

    return isinstance(error, (ExportError, ImportRefusedError))


def _is_away(error: KatibError) -> bool:
    from katib.client.backend import AwayError

    return isinstance(error, AwayError)
