"""What the configuration of a cluster lets experiments use."""

from __future__ import annotations

import pytest

from katib.configuration import KatibConfig
from katib.configuration.in_cluster import InCluster
from katib.errors import ConfigurationError

MISSING = "failed to find metrics collector config for kind: StdOut in ConfigMap: katib-config"


def test_an_operator_that_knows_katibs_image_needs_no_entry() -> None:
    InCluster(KatibConfig(), collector_kinds=("StdOut",)).check_collector("StdOut")


def test_without_an_entry_and_an_image_it_is_said_where_either_is_named() -> None:
    with pytest.raises(ConfigurationError) as refused:
        InCluster(KatibConfig()).check_collector("StdOut")
    assert str(refused.value) == (
        f"{MISSING}; the operator was not told Katib's image either: name it in its variable "
        "KATIB_IMAGE or with --image"
    )


def test_an_image_is_not_missed_by_kinds_that_it_does_not_have() -> None:
    with pytest.raises(ConfigurationError) as refused:
        InCluster(KatibConfig(), collector_kinds=("File",)).check_collector("StdOut")
    assert "KATIB_IMAGE" not in str(refused.value)


def test_a_collector_that_nobody_runs_needs_neither() -> None:
    InCluster(KatibConfig()).check_collector("Push")
