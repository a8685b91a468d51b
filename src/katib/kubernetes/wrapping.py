"""The command of a program whose output and end are watched from beside it.

A shell runs the program, leads what it prints into a file, and leaves a marker: a file named after
the shell's process id, which says whether the program ended well. The program's words are never
made part of the script: they are the shell's arguments, so that blanks, quotes and dollars in them
stay what they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence

from katib.api.values import Manifest
from katib.errors import RenderError
from katib.kubernetes.registry import EntryPoint

# A word as one writes it for a shell, which Katib's own wrapping hands it to.
_QUOTED = re.compile(
    r"""(?P<option>--?[\w.-]+=)?(?:"(?P<double>[^"$`\\]*)"|'(?P<single>[^']*)')""", re.ASCII
)

# SIGTERM reaches the shell alone; the program must hear of it, as it would without a shell. The
# first `wait` ends when that happens, and the program goes on for as long as it needs to.
_RUN = """\
trap 'kill -TERM "$child" 2>/dev/null' TERM
"$@"{redirect} &
child=$!
wait "$child"
code=$?
while [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null; do
  wait "$child"
  code=$?
done
"""

_END = """\
if [ "$code" -ne 0 ]; then
  echo failed > {folder}/$$.pid
  exit "$code"
fi
echo completed > {folder}/$$.pid
"""

# The marker that the collector has left may be another user's, and need not be replaced then.
_END_OR_STOP = """\
if [ "$code" -ne 0 ]; then
  found=
  read -r found 2>/dev/null < {folder}/$$.pid
  if [ "$found" != early-stopped ]; then
    echo Training Container was Failed
    echo failed > {folder}/$$.pid
    exit "$code"
  fi
  echo Training Container was Early Stopped
  echo completed 2>/dev/null > {folder}/$$.pid
  exit 0
fi
echo completed > {folder}/$$.pid
"""


def with_command(container: Manifest, find: Callable[[str], EntryPoint]) -> Manifest:
    """The container with what its image runs, where it does not say itself.

    Args:
        container: of a pod.
        find: what an image runs; a ``ConfigurationError`` says that this cannot be read.

    Raises:
        RenderError: the image runs nothing.
    """
    if container.get("command"):
        return container
    image = str(container.get("image", ""))
    found = find(image)
    args = container.get("args") or [literal(word) for word in found.args]
    words = [*(literal(word) for word in found.command), *args]
    if not words:
        raise RenderError(
            f'container "{container.get("name", "")}" has no command, and neither has its image '
            f'"{image}"; write the command into spec.trialTemplate'
        )
    return {**container, "command": words, "args": []}


def wrap(
    container: Manifest, folder: str, output: str = "", is_stoppable: bool = False
) -> Manifest:
    """The container with its command wrapped.

    Args:
        container: of a pod, with its command.
        folder: where the marker is left; an absolute path.
        output: the file that gets what the program prints; empty to leave that alone.
        is_stoppable: whether the program may be ended before its time, and the container has then
            ended well.
    """
    words = [str(word) for word in (*container["command"], *(container.get("args") or ()))]
    script = write_script(folder, output, is_stoppable)
    command = ["sh", "-c", literal(script), "sh"]
    return {**container, "command": command, "args": _meant(words)}


def write_script(folder: str, output: str, is_stoppable: bool) -> str:
    """The script of the shell; arguments as for :func:`wrap`."""
    redirect = f" 1>{shlex.quote(output)} 2>&1" if output else ""
    end = _END_OR_STOP if is_stoppable else _END
    return _RUN.format(redirect=redirect) + end.format(folder=shlex.quote(folder))


def literal(word: str) -> str:
    """The word as Kubernetes hands it on unchanged, which takes two dollars for one."""
    return word.replace("$", "$$")


def _meant(words: Sequence[str]) -> list[str]:
    """The words that the template's author means.

    Katib joins them with blanks and has a shell read that line. Who wrote for it quoted words whose
    value holds blanks, and may have written the whole line as one word.
    """
    if len(words) == 1 and re.search(r"\s", words[0].strip()):
        return ["sh", "-c", words[0]]
    return [_unquoted(word) for word in words]


def _unquoted(word: str) -> str:
    found = _QUOTED.fullmatch(word)
    if found is None:
        return word
    inner = found["single"] if found["double"] is None else found["double"]
    return (found["option"] or "") + inner
