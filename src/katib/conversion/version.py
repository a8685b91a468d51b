"""Which documents are of the old version."""

from __future__ import annotations

from katib.api.values import Manifest

API_VERSION = "kubeflow.org/v1alpha3"


def is_old(manifest: Manifest) -> bool:
    """Whether a document is an Experiment of v1alpha3."""
    return manifest.get("apiVersion") == API_VERSION and manifest.get("kind") == "Experiment"
