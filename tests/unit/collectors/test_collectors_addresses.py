from __future__ import annotations

import gc
import socket
from pathlib import Path
from typing import Any

import pytest
from metrics_server import MetricsServer, well

from katib.collectors.addresses import AddressBook
from katib.collectors.listeners import LOOPBACK
from katib.ports.collector import Address


class Folder:
    """The part of an outfit that keeps files; they are made when the pod starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, bytes] = {}

    def add_file(self, name: str, content: bytes) -> str:
        self.files[name] = content
        return str(self.folder / name)

    def make(self) -> None:
        for name, content in self.files.items():
            (self.folder / name).write_bytes(content)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def find_port(folder: Folder, pod: str = "a-1", book: AddressBook | None = None) -> Any:
    return (book or AddressBook()).find_port(folder, pod)  # type: ignore[arg-type]  # a part


def test_a_pod_keeps_its_port(tmp_path: Path) -> None:
    first = Folder(tmp_path)
    port, is_new = find_port(first)
    assert is_new
    assert 0 < port < 1 << 16
    first.make()
    # Another engine finds the pod again.
    second = Folder(tmp_path)
    assert find_port(second) == (port, False)
    assert second.files == first.files
    other, is_new = find_port(second, "a-2")
    assert is_new
    assert other != port


@pytest.mark.parametrize("content", [b"", b"x", b"99999", b"\xff", b"-1"])
def test_a_file_that_holds_no_port_is_none(content: bytes, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    (tmp_path / "a-1.port").write_bytes(content)
    port, is_new = find_port(folder)
    assert is_new
    assert folder.files == {"a-1.port": f"{port}\n".encode()}


def test_no_two_pods_get_the_same_port(tmp_path: Path) -> None:
    book, folder = AddressBook(), Folder(tmp_path)
    ports = [find_port(folder, f"p{number}", book)[0] for number in range(300)]
    assert len(set(ports)) == 300


def test_a_trial_is_asked_at_its_own_port_and_at_the_stated_one() -> None:
    endpoint = AddressBook().open("a", 5000, {"port": "8099", "path": "/m"}, is_new=False)
    assert [str(one) for one in endpoint.addresses()] == [
        "http://127.0.0.1:5000/m",
        "http://127.0.0.1:8099/m",
    ]


def test_a_stated_host_is_the_only_place() -> None:
    stated = {
        "host": "::1",
        "port": 443,
        "path": "/m",
        "scheme": "HTTPS",
        "httpHeaders": [{"name": "A", "value": "b"}],
    }
    endpoint = AddressBook().open("a", 5000, stated, is_new=True)
    assert list(endpoint.addresses()) == [Address("::1", 443, "/m", True, [("A", "b")])]
    assert str(endpoint.stated) == "https://[::1]:443/m"


def test_a_stated_port_is_asked_for_one_trial_at_a_time() -> None:
    book, stated = AddressBook(), {"port": free_port()}
    first = book.open("a", 5000, stated, is_new=True)
    second = book.open("b", 5001, stated, is_new=True)
    assert len(first.addresses()) == 2
    assert [one.port for one in second.addresses()] == [5001]
    assert second.rival == f"trial a has port {stated['port']}"
    elsewhere = book.open("c", 5002, {"port": free_port()}, is_new=True)
    assert len(elsewhere.addresses()) == 2
    # The first trial is over.
    del first
    gc.collect()
    assert len(second.addresses()) == 2
    assert second.rival == ""


def test_a_port_where_another_program_listens_is_left_alone() -> None:
    with MetricsServer(well("loss 1\n")) as server:
        stated = {"port": server.port}
        endpoint = AddressBook().open("a", 5000, stated, is_new=True)
        assert [one.port for one in endpoint.addresses()] == [5000]
        assert endpoint.rival == f"another program listens on port {server.port}"
        # An engine that finds its trial running again does not take it for somebody else.
        assert len(AddressBook().open("a", 5000, stated, is_new=False).addresses()) == 2


def test_a_port_that_only_root_may_use_is_no_rival(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("katib.collectors.listeners.socket.socket.bind", refuse)
    endpoint = AddressBook().open("a", 5000, {"port": 80}, is_new=True)
    assert endpoint.rival == ""


@pytest.mark.parametrize("port", [None, "http", 70_000, "9" * 5000, -1])
def test_a_port_that_is_none_is_no_error(port: object) -> None:
    endpoint = AddressBook().open("a", 5000, {"port": port}, is_new=True)
    assert [one.port for one in endpoint.addresses()] == [5000, 0]
