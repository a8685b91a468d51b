"""The command of a program whose output and end are watched from beside it.

A shell runs the program, leads what it prints into a file, and leaves a marker: a file named after
the shell's process id, which says that the program ended well. The program's words are never made
part of the script: they are the shell's arguments, so that blanks, quotes and dollars in them stay
what they are.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from katib.api.values import Manifest
from katib.errors import RenderError

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
[ "$code" -eq 0 ] || exit "$code"
echo completed > {folder}/$$.pid
"""

# The marker that the collector has left may be another user's, and need not be replaced then.
_END_OR_STOP = """\
if [ "$code" -ne 0 ]; then
  found=
  read -r found 2>/dev/null < {folder}/$$.pid
  if [ "$found" != early-stopped ]; then
    echo Training Container was Failed
    exit "$code"
  fi
  echo Training Container was Early Stopped
  echo completed 2>/dev/null > {folder}/$$.pid
  exit 0
fi
echo completed > {folder}/$$.pid
"""


def wrap(
    container: Manifest, folder: str, output: str = "", is_stoppable: bool = False
) -> Manifest:
    """The container with its command wrapped.

    Args:
        container: of a pod.
        folder: where the marker is left; an absolute path.
        output: the file that gets what the program prints; empty to leave that alone.
        is_stoppable: whether the program may be ended before its time, and the container has then
            ended well.

    Raises:
        RenderError: it has no command, so that the image's own would be lost.
    """
    words = [str(word) for word in (*container.get("command", ()), *container.get("args", ()))]
    if not container.get("command"):
        raise RenderError(
            f'container "{container.get("name", "")}" has no command, and the entry point of its '
            f'image "{container.get("image", "")}" is not known here: write the command into '
            "spec.trialTemplate, so that what the program reports can be read and its end be seen"
        )
    script = write_script(folder, output, is_stoppable)
    # Kubernetes replaces two dollars by one, and what stands in $(...).
    command = ["sh", "-c", script.replace("$", "$$"), "sh"]
    return {**container, "command": command, "args": _meant(words)}


def write_script(folder: str, output: str, is_stoppable: bool) -> str:
    """The script of the shell; arguments as for :func:`wrap`."""
    redirect = f" 1>{shlex.quote(output)} 2>&1" if output else ""
    end = _END_OR_STOP if is_stoppable else _END
    return _RUN.format(redirect=redirect) + end.format(folder=shlex.quote(folder))


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
