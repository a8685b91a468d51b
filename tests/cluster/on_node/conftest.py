"""What journeys share in which pods really run: a cluster with a node, and our images there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_cluster import NodeCluster

from node import IMAGE, NETWORKS_IMAGE, Node, find_node_gap


@pytest.fixture(scope="session")
def node() -> Iterator[Node | None]:
    """A node of our own on this machine; none when a cluster is named with its image."""
    if os.environ.get("KATIB_TEST_KUBECONFIG") and os.environ.get("KATIB_TEST_IMAGE"):
        yield None
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
        yield node
    finally:
        node.close()


@pytest.fixture(scope="session")
def node_cluster(node: Node | None, tmp_path_factory: pytest.TempPathFactory) -> NodeCluster:
    """The cluster, which has our image."""
    folder = tmp_path_factory.mktemp("node")
    if node is None:
        named, image = os.environ["KATIB_TEST_KUBECONFIG"], os.environ["KATIB_TEST_IMAGE"]
        return NodeCluster(Path(named), image, folder)
    node.build_image(IMAGE)
    return NodeCluster(node.kubeconfig, IMAGE, folder)


@pytest.fixture(scope="session")
def networks_image(node: Node | None) -> str:
    """The image with the programs that train networks, as the cluster knows it."""
    if node is None:
        named = os.environ.get("KATIB_TEST_NETWORKS_IMAGE")
        return named or pytest.skip("KATIB_TEST_NETWORKS_IMAGE names no image")
    node.build_image(NETWORKS_IMAGE, "--networks")
    return NETWORKS_IMAGE
