"""The error tree.

::

    KatibError
    ├── AdmissionError          a manifest is refused; carries every FieldError
    ├── ManifestError           a file is not YAML or JSON, or not a resource
    ├── NotFoundError           no such resource            (LookupError)
    ├── AlreadyExistsError      the name is taken
    ├── ConflictError           somebody wrote in between; read again and repeat
    ├── ExpiredError            a watch asked for a version that is no longer kept
    ├── StoreUnavailableError   the disk or the database refuses; nothing was acknowledged
    │   └── ObservationLogAwayError  the server of the observation log is away; it is tried again
    │       └── OutboxFullError  too many reports wait for it; report again later
    ├── StoreAwayError          the API server cannot be reached now; what was wanted is tried again
    ├── RequestRefusedError     the API server refuses a request; carries its causes
    ├── KindNotServedError      the API server does not know a kind
    ├── SchemaError             a database is of an older or a later version
    ├── EntryRefusedError       a metric's name or value is too long to be kept
    ├── HomeLockedError         another engine owns this home
    ├── UnknownNameError        a name that no registry entry carries (LookupError)
    ├── AlgorithmUnavailableError  the service of an algorithm cannot be reached; wait and ask again
    ├── AlgorithmBusyError      an algorithm still computes; ask again later
    ├── AlgorithmCrashedError   an algorithm's process ends, or it raises errors, again and again
    ├── ConfigurationError      the configuration file is not legal, or lacks what is asked of it
    ├── TokenRefusedError       who pushes metrics is no trial of this engine
    ├── RenderError             a trial template and its assignments do not fit
    ├── MissingExtraError       a library is not installed that an extra brings (ImportError)
    └── SettingsError           an algorithm refuses its settings or the search space

Each class takes its facts and words its own message, naming the fix. Errors of lower libraries are
translated by the adapter that calls them and chained as the cause.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

#: How long a value that was found may be when it is printed.
_LONGEST = 80


class KatibError(Exception):
    """The root: everything that Katib raises on purpose."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing that is wrong with one field of a manifest.

    Attributes:
        path: where it is, as ``spec.parameters[1].feasibleSpace.min``.
        problem: ``Invalid value``, ``Required value`` or ``Forbidden``, as Kubernetes words them.
        detail: what would be right.
        found: what was found, already printable; ``None`` when nothing was there.
    """

    path: str
    problem: str
    detail: str
    found: str | None = None

    def __str__(self) -> str:
        found = "" if self.found is None else f"{self.found}: "
        return f"{self.path}: {self.problem}: {found}{self.detail}"


def printed(value: object) -> str:
    """The value as YAML would have it, on one line and not longer than a line."""
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def list_errors(errors: Sequence[FieldError]) -> str:
    """Errors in one line, as Kubernetes lists them: several stand in brackets."""
    texts = [str(error) for error in errors]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


#: Kubernetes' words for programs: what is wrong with a field.
_REASONS = {
    "Required value": "FieldValueRequired",
    "Forbidden": "FieldValueForbidden",
    "Unsupported value": "FieldValueNotSupported",
}


def list_causes(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    """Errors as a ``Status`` of Kubernetes has them in ``details.causes``, for programs."""
    return [
        {
            "reason": _REASONS.get(error.problem, "FieldValueInvalid"),
            "message": str(error).removeprefix(f"{error.path}: "),
            "field": error.path,
        }
        for error in errors
    ]


class AdmissionError(KatibError):
    """A manifest was refused.

    ``errors`` holds all that is wrong with it, in the order of the rules.
    """

    def __init__(self, what: str, errors: Sequence[FieldError]) -> None:
        self.what = what
        self.errors = tuple(errors)
        lines = "\n".join(f"  {error}" for error in self.errors)
        count = "1 error" if len(self.errors) == 1 else f"{len(self.errors)} errors"
        super().__init__(f"{what} is refused, {count}:\n{lines}")


class ManifestError(KatibError):
    """A text is no manifest: ``problem`` says why. Line and column count from 1."""

    def __init__(
        self, source: str, problem: str, line: int | None = None, column: int | None = None
    ) -> None:
        self.problem, self.line, self.column = problem, line, column
        place = "" if line is None else f", line {line}, column {column}"
        super().__init__(f"{source}{place}: {problem}")


class NotFoundError(KatibError, LookupError):
    """No resource of that kind carries that name.

    ``present`` are the namespaces and names of those there are.
    """

    def __init__(
        self, kind: str, namespace: str, name: str, present: Iterable[tuple[str, str]] = ()
    ) -> None:
        self.kind, self.namespace, self.name = kind, namespace, name
        keys = list(present)
        elsewhere = sorted(other for other, same in keys if other and same == name)
        hint = suggest(name, (other for _, other in keys))
        if elsewhere:
            hint = f"; it is in namespace {' and in '.join(elsewhere)}: -n {elsewhere[0]}"
        super().__init__(f'{kind} "{name}" not found in namespace "{namespace}"{hint}')

    def __str__(self) -> str:
        return str(self.args[0])


class AlreadyExistsError(KatibError):
    """The name is taken by another resource of the kind."""

    def __init__(self, kind: str, namespace: str, name: str) -> None:
        super().__init__(f'{kind} "{name}" already exists in namespace "{namespace}"')


class ConflictError(KatibError):
    """The resource was written since it was read, or is no longer the one that was read."""

    def __init__(self, kind: str, name: str, read: str, stored: str, said: str = "") -> None:
        why = f"it was read at version {read or '(none)'} and is now at {stored or '(none)'}"
        super().__init__(
            f'{kind} "{name}" has changed: {said or why}; read it again and repeat the change'
        )


class ExpiredError(KatibError):
    """A watch wants events that are no longer kept; list again and watch from there."""

    def __init__(self, wanted: int = 0, oldest: int = 0, said: str = "") -> None:
        why = f"events after version {wanted} are gone; the oldest kept is {oldest}"
        super().__init__(said or why)


class StoreUnavailableError(KatibError):
    """The store could not write or read. What was acknowledged before is safe."""

    def __init__(self, place: Path | str, problem: str) -> None:
        self.place, self.problem = place, problem
        super().__init__(self._worded())

    def _worded(self) -> str:
        if "://" in str(self.place) and not str(self.place).startswith("sqlite:"):
            fix = "see that the database runs and its address is right"
        else:
            fix = "free the disk or mend the path, then start the same command again"
        return f"cannot use {self.place}: {self.problem}. Nothing that was saved is lost; {fix}"


class ObservationLogAwayError(StoreUnavailableError):
    """The server of the observation log cannot be reached now; what is reported waits for it."""

    def _worded(self) -> str:
        return (
            f"cannot use {self.place}: {self.problem}. Nothing that was saved is lost; see that "
            "what keeps observation logs runs, and can be reached there"
        )


class OutboxFullError(ObservationLogAwayError):
    """The observation log is away, and as many of a trial's reports wait as may."""

    def __init__(self, place: Path | str, waiting: int, problem: str) -> None:
        self.waiting = waiting
        super().__init__(place, problem or "the observation log takes them slower than they come")

    def _worded(self) -> str:
        return (
            f"{self.waiting} entries wait in {self.place}, and no more are taken: {self.problem}. "
            "None of them is lost; see that the observation log can be reached, then report again"
        )


class StoreAwayError(KatibError):
    """The API server cannot be reached, or is too busy; the same is tried again until it can."""

    def __init__(self, place: str, problem: str) -> None:
        self.place, self.problem = place, problem
        super().__init__(
            f"the API server does not answer {place}: {problem}. It is asked again; see that it "
            "runs and can be reached from here"
        )


class RequestRefusedError(KatibError):
    """The API server refuses what it is asked; asking again would not help.

    ``code`` is HTTP's, ``message`` the server's; ``causes`` are its sentences on single fields.
    """

    def __init__(self, request: str, code: int, message: str, causes: Sequence[str] = ()) -> None:
        self.code, self.message, self.causes = code, message, tuple(causes)
        fix = {
            401: "; see that the credentials are valid",
            403: "; grant that to the account, or see what its namespace allows",
        }.get(code, "")
        super().__init__(f"the API server refuses {request} ({code}): {message}{fix}")


class KindNotServedError(KatibError):
    """No resource of a kind can be made: the API server does not know the kind."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(
            f"the cluster does not serve the kind {kind} of {api_version}; install its "
            "CustomResourceDefinition, or correct apiVersion and kind"
        )


class SchemaError(KatibError):
    """A database of observation logs is of another version than this Katib."""

    def __init__(self, place: str, found: str | None, needed: str) -> None:
        if found is not None and found > needed:
            fix = f"a later Katib has upgraded it; use that one, this knows {needed} at most"
        else:
            fix = f"bring it to {needed} with: katib db upgrade"
        has = "has no table of this Katib's" if found is None else f"has revision {found}"
        super().__init__(f"{place} {has}; {fix}")


class EntryRefusedError(KatibError):
    """A log cannot keep an entry as it is; the text says why. Nothing of its report was kept."""


class HomeLockedError(KatibError):
    """Another engine works in this home."""

    def __init__(self, home: Path, holder: str) -> None:
        super().__init__(
            f"{home} is in use by {holder}. Wait for it, stop it (its experiments can be resumed), "
            "or give this command a home of its own with --home DIR or KATIB_HOME"
        )


class UnknownNameError(KatibError, LookupError):
    """A registry has no entry of that name."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        self.what, self.name, self.known = what, name, names
        super().__init__(
            f'unknown {what} "{name}"{suggest(name, names)}; '
            f"known: {', '.join(names) or 'none yet'}"
        )

    def __str__(self) -> str:
        return str(self.args[0])


class ConfigurationError(KatibError):
    """The KatibConfig is not legal, or has no entry that makes a name usable; the text says why."""


class TokenRefusedError(KatibError):
    """Whoever pushes metrics carries a token that is no trial's, or none."""

    def __init__(self) -> None:
        super().__init__(
            "the token is that of no trial here; a trial has its own in the variable "
            "KATIB_METRICS_TOKEN, and it ends with the trial's deletion"
        )


class RenderError(KatibError):
    """A trial's manifest cannot be made from the template and the assignments."""


class AlgorithmUnavailableError(KatibError):
    """An algorithm's service cannot be reached; nothing is wrong with what was asked."""

    def __init__(self, address: str, problem: str) -> None:
        self.address = address
        super().__init__(
            f"the algorithm at {address} cannot be reached: {problem}. It is asked again; see that "
            "its service runs and that the address is right"
        )


class AlgorithmBusyError(KatibError):
    """An algorithm still computes what it was asked; the answer comes with a later ask.

    ``seconds`` tells for how long it has done so.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"asking algorithm {name} for {_rounded(seconds)} s")


class AlgorithmCrashedError(KatibError):
    """An algorithm's process ended, or it raised an error, as often as it was asked."""

    def __init__(self, name: str, problem: str, attempts: int = 1) -> None:
        times = f" {attempts} times in a row" if attempts > 1 else ""
        super().__init__(
            f"algorithm {name} crashed{times}: {problem}. The engine's log says more; if it lacks "
            "memory, raise init.controller.workerMemory in the configuration"
        )


class MissingExtraError(KatibError, ImportError):
    """A library is not installed that only some uses of Katib need."""

    def __init__(self, what: str, library: str, extra: str) -> None:
        self.library, self.extra = library, extra
        super().__init__(
            f"{what} need {library}, which is not installed: pip install 'katib[{extra}]'"
        )


class SettingsError(KatibError):
    """An algorithm refuses its settings or the search space; the message is for the user.

    ``problems`` are its sentences one by one, each with the path of the field that is wrong; what
    is given as a text is wrong with the algorithm as a whole, and has no path.
    """

    def __init__(self, *problems: FieldError | str) -> None:
        self.problems = tuple(
            FieldError("", "Invalid value", one) if isinstance(one, str) else one
            for one in problems
        )
        super().__init__("; ".join(one.detail for one in self.problems))


def _rounded(seconds: float) -> int:
    """Seconds that need not be told anew each second."""
    whole = int(seconds)
    if whole < 10:
        return whole
    return whole - whole % (10 if whole < 120 else 60)


def suggest(name: str, known: Iterable[str]) -> str:
    """The words ``, did you mean "x"?`` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f', did you mean "{near[0]}"?' if near else ""
