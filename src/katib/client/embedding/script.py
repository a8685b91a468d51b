"""The script that a trial runs: a function's own text, and a call of it."""

from __future__ import annotations

import ast
import builtins
import dis
import inspect
import re
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType

#: What Kubernetes would expand in the words of a command. A dollar in front of it is taken off.
EXPANDED = re.compile(r"\$(?=[$(])")

#: Instructions that look names up outside of functions, and those that bind such names.
_LOADS = frozenset(("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"))
_STORES = frozenset(("STORE_GLOBAL", "STORE_NAME"))

#: What every module of Python has.
_OF_MODULES = frozenset((*dir(builtins), "__name__", "__file__", "__builtins__", "__annotations__"))

_SCRIPT = """
program_path=$(mktemp -d)
read -r -d '' SCRIPT << '{end}'

{program}
{end}
printf "%s" "$SCRIPT" > "$program_path/ephemeral_script.py"
{entrypoint} "$program_path/ephemeral_script.py\""""

_INSTALLATION = """
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install {words} || exit 1
"""
_OPTIONS = ("--prefer-binary", "--quiet", "--no-warn-script-location")


def program_of(objective: Callable[..., object], argument: str) -> str:
    """The text of a function and a call of it with one argument.

    Args:
        objective: a function that was written with ``def`` and needs nothing from outside of it.
        argument: the text of an expression.

    Raises:
        ValueError: it is another callable, its text cannot be read, or it cannot stand by itself;
            the message says what to change.
    """
    name = getattr(objective, "__name__", type(objective).__name__)
    source = _source_of(objective, name)
    _check_definition(source, name)
    program = f"{source}\n{name}({argument})\n"
    module = compile(program, f"<{name}>", "exec", dont_inherit=True)
    missing = sorted(_outside_names(module))
    if missing:
        raise ValueError(
            f"Objective function {name} uses {', '.join(missing)} from outside of it, and only its "
            "own text is sent to trials: import and define inside of the function what it needs, "
            "or give it to katib.tune, which ships functions with what they use"
        )
    return program


def script_of(program: str, entrypoint: str) -> str:
    """The script of ``bash`` that writes a program into a file and runs it.

    Args:
        program: arrives as it is, whatever dollars, quotes and backslashes are in it; only
            ``${trialParameters.NAME}`` is replaced, by Katib.
        entrypoint: how it is run, as ``python -u``.
    """
    lines = frozenset(program.splitlines())
    end = "EOM"
    while end in lines:
        end += "_"
    # Kubernetes takes a pair of dollars for one, and what is in brackets for a variable.
    program = EXPANDED.sub("$$", program)
    return _SCRIPT.format(program=program, entrypoint=entrypoint, end=end)


def installation_of(packages: Sequence[str], index_urls: Sequence[str]) -> str:
    """The part of a script that installs packages, and ends it when that fails.

    Args:
        packages: requirements as pip reads them.
        index_urls: where they are looked for, the first before the others; none for where pip's
            own configuration says.
    """
    options = [*_OPTIONS]
    for number, url in enumerate(index_urls):
        options += ("--extra-index-url" if number else "--index-url", url)
    words = shlex.join((*options, *map(str, packages)))
    return _INSTALLATION.format(words=words)


def _source_of(objective: Callable[..., object], name: str) -> str:
    """The text of a function, moved to the left."""
    if not isinstance(objective, FunctionType) or name == "<lambda>":
        raise ValueError(
            f"Objective function must be written with def, got {objective!r}: only its own text is "
            "sent to trials; write a function that does what it does, or give it to katib.tune"
        )
    if inspect.iscoroutinefunction(objective) or inspect.isgeneratorfunction(objective):
        raise ValueError(
            f"Objective function {name} would not run when it is called, as it awaits or yields; "
            "write a function that runs it"
        )
    try:
        return textwrap.dedent(inspect.getsource(objective))
    except (OSError, TypeError) as error:
        raise ValueError(
            f"Objective function {name} has no text that could be sent to trials ({error}): write "
            "it into a file or a notebook, or give it to katib.tune"
        ) from error


def _check_definition(source: str, name: str) -> None:
    """See that a text is the definition of a function and needs nothing round it.

    Raises:
        ValueError: it is not, or does.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(
            f"Objective function {name} cannot be taken out of its place ({error}): define it at "
            "the top level of its file, not inside of an expression or another function"
        ) from error
    if len(body) != 1 or not isinstance(body[0], ast.FunctionDef) or body[0].name != name:
        raise ValueError(
            f"Objective function {name} must be written with def: only its own text is sent to "
            "trials, and that does not define the name; or give it to katib.tune"
        )
    if decorators := body[0].decorator_list:
        first = ast.unparse(decorators[0])
        raise ValueError(
            f"Objective function {name} is decorated with @{first}, which trials do not have, as "
            "only its own text is sent: do inside of it what the decorator does, or give it to "
            "katib.tune"
        )


def _outside_names(module: CodeType) -> set[str]:
    """The names that a program uses and neither defines nor finds in Python."""
    used: set[str] = set()
    defined = set(_OF_MODULES)
    for code in _all_code(module):
        for instruction in dis.get_instructions(code):
            if instruction.opname in _LOADS:
                used.add(instruction.argval)
            elif instruction.opname in _STORES:
                defined.add(instruction.argval)
    return used - defined


def _all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _all_code(constant)
