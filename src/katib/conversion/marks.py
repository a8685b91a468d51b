"""Stand-ins for what only a trial will know: its name, its namespace, its parameters' values.

A mark is one character of Unicode's private use areas that the template itself does not use. So it
passes through Go's functions and through YAML as any text does, and is found again in what comes
out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_PRIVATE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE))
# More would only try the same once more: whether a text is a number shows early.
_MOST_SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that gets its value when a trial is made.

    Attributes:
        name: of the trial parameter that will stand for it.
        reference: of that trial parameter.
        what: as errors call it.
        samples: values it may have.
        is_value: whether it is a parameter's value, of which not even emptiness is known.
    """

    name: str
    reference: str
    what: str
    samples: tuple[str, ...]
    is_value: bool = True


class Marks:
    """The marks of one template.

    Args:
        text: the template, whose own characters are no marks.
    """

    def __init__(self, text: str) -> None:
        used = set(text)
        letters = map(chr, itertools.chain(*_PRIVATE))
        self._free = (letter for letter in letters if letter not in used)
        self._unknown: dict[str, Unknown] = {}

    def make(self, unknown: Unknown) -> str:
        """A new mark."""
        mark = next(self._free)
        self._unknown[mark] = unknown
        return mark

    def find(self, text: str) -> list[Unknown]:
        """What the marks in a text stand for, in order."""
        return [self._unknown[letter] for letter in text if letter in self._unknown]

    def replace(self, text: str, name: Callable[[Unknown], str]) -> str:
        """The text with something else for each mark."""
        if not self.find(text):
            return text
        return "".join(
            name(self._unknown[letter]) if letter in self._unknown else letter for letter in text
        )

    def samples(self, text: str) -> Iterator[str]:
        """Texts that may come of it, the same mark having the same value throughout."""
        found = list(dict.fromkeys(self.find(text)))
        choices = itertools.product(*(unknown.samples for unknown in found))
        for values in itertools.islice(choices, _MOST_SAMPLES):
            chosen = dict(zip(found, values, strict=True))
            yield self.replace(text, chosen.__getitem__)

    def is_true(self, text: str) -> bool:
        """Whether Go takes the text for true, that is, whether it is not empty.

        Raises:
            ValueError: that depends on a value.
        """
        found = self.find(text)
        if text and len(found) == len(text) and all(unknown.is_value for unknown in found):
            self.check_known(text)
        return text != ""

    def check_known(self, text: str) -> None:
        """Raise ``ValueError`` if the text is not known before there is a trial."""
        found = self.find(text)
        if found:
            raise ValueError(
                f"this depends on {found[0].what}, which is not known before there is a trial; "
                "v1beta1 has no conditions, so leave the decision to the program"
            )
