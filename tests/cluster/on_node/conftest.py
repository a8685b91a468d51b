"""What journeys share in which pods really run: a cluster with a node, and our image there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_cluster import NodeCluster

from node import IMAGE, Node, find_node_gap


@pytest.fixture(scope="session")
def node_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeCluster]:
    """An existing cluster that is named with its image, or one of our own on this machine."""
    folder = tmp_path_factory.mktemp("node")
    named, image = os.environ.get("KATIB_TEST_KUBECONFIG"), os.environ.get("KATIB_TEST_IMAGE")
    if named and image:
        yield NodeCluster(Path(named), image, folder)
        return
    gap = find_node_gap()
    if gap:
        pytest.skip(gap)
    node = Node()
    try:
        try:
            node.start()
        except AssertionError as error:
            # Not every machine lets its root run containers; the control plane alone has its tests.
            pytest.skip(f"no node runs on this machine: {error}")
        node.build_image()
        yield NodeCluster(node.kubeconfig, IMAGE, folder)
    finally:
        node.close()
