from __future__ import annotations

import pytest

from katib.kubernetes.version import Version, knows_grpc_probes, knows_sidecars

VERSIONS = {
    "old": (("1", "20"), False),
    "the last without": (("1", "28"), False),
    "the first with": (("1", "29"), True),
    "with a suffix": (("1", "31+"), True),
    "a later one": (("2", "0"), True),
    "nothing said": (("", ""), False),
}


@pytest.mark.parametrize(("version", "wanted"), VERSIONS.values(), ids=VERSIONS.keys())
def test_which_servers_have_sidecars(version: tuple[str, str], wanted: bool) -> None:
    major, minor = version
    assert knows_sidecars(Version(major=major, minor=minor)) is wanted


@pytest.mark.parametrize(
    ("minor", "wanted"), [("20", False), ("23", False), ("24", True), ("24+", True), ("33", True)]
)
def test_which_servers_ask_containers_by_grpc(minor: str, wanted: bool) -> None:
    assert knows_grpc_probes(Version(major="1", minor=minor)) is wanted
