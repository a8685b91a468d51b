"""The rules of the experiment's name, namespace and labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from katib.admission.problems import Problems, invalid, required
from katib.api.values import ObjectMeta

LONGEST_NAME = 40
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_RANDOM = "x" * 5

_LABEL = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_DOMAIN = 253


def check_metadata(metadata: ObjectMeta) -> Problems:
    """The name becomes part of the names of trials, services and folders; labels are copied."""
    name = metadata.name
    path = "metadata.name"
    if not name and metadata.generate_name:
        # A store completes it by five random characters.
        name, path = metadata.generate_name + _RANDOM, "metadata.generateName"
    if not name:
        yield required(path)
    elif not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        yield invalid(
            path,
            metadata.name or metadata.generate_name,
            "name must consist of lower case alphanumeric characters or '-', start with an "
            "alphabetic character, and end with an alphanumeric character (as 'tune-2'; a name "
            f"may not be longer than {LONGEST_NAME} characters)",
        )
    if not _NAMESPACE.fullmatch(metadata.namespace):
        yield invalid(
            "metadata.namespace",
            metadata.namespace,
            "namespace must consist of lower case alphanumeric characters or '-', and start and "
            "end with an alphanumeric character (at most 63 characters)",
        )
    yield from _check_labels(metadata.labels or {})


def _check_labels(labels: Mapping[str, str]) -> Problems:
    for key, value in labels.items():
        domain, slash, name = key.rpartition("/")
        if not _LABEL.fullmatch(name) or (slash and not _is_domain(domain)):
            yield invalid(
                "metadata.labels",
                key,
                "a label's key must have at most 63 alphanumeric characters, '-', '_' or '.', "
                "start and end with an alphanumeric character, and may have a DNS subdomain and "
                "'/' before it (as 'example.com/team')",
            )
        if value and not _LABEL.fullmatch(value):
            yield invalid(
                "metadata.labels",
                value,
                f"the value of {key} must be empty or have at most 63 alphanumeric characters, "
                "'-', '_' or '.', and start and end with an alphanumeric character",
            )


def _is_domain(text: str) -> bool:
    return len(text) <= _LONGEST_DOMAIN and _DOMAIN.fullmatch(text) is not None
