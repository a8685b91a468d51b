"""Names of trials: eight characters that look random, never repeat, and survive a restart."""

from __future__ import annotations

import hashlib

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_LENGTH = 8
_SPACE = len(_ALPHABET) ** _LENGTH


def trial_name(experiment: str, uid: str, index: int) -> str:
    """The name of the experiment's trial with that index, as ``random-gw7wzdw2``.

    The suffix is ``multiplier * index + shift`` modulo the number of suffixes. The multiplier has
    no factor in common with that number (a power of 3), so different indexes give different names.
    """
    digest = hashlib.sha256(uid.encode()).digest()
    multiplier = int.from_bytes(digest[:8], "big") * 3 + 1
    shift = int.from_bytes(digest[8:16], "big")
    number = (multiplier * index + shift) % _SPACE
    suffix = ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        suffix += _ALPHABET[digit]
    return f"{experiment}-{suffix}"
