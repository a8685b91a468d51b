from __future__ import annotations

from pathlib import Path

import pytest

from katib.executors.checkpoints import Checkpoints
from katib.executors.container import Container
from katib.executors.outfit import PodOutfit


def no_container(spec: object, place: str) -> Container:
    raise AssertionError("nothing is added here")


@pytest.fixture
def outfit(tmp_path: Path) -> PodOutfit:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    return PodOutfit(f"{tmp_path}/trial/x1", {}, (), no_container, checkpoints)


PLACES: dict[str, tuple[str, bool, str, str, str]] = {
    "a file": ("/katib/log", False, "/katib/log", "/katib/other", "/katib/other"),
    "a file deep down": ("/a/b/log", False, "/a/b/log", "/a/b/c/d", "/a/b/c/d"),
    "a file spelt in another way": ("//a/./b//log", False, "/a/b/log", "/a/b/log", "/a/b/log"),
    "a file that leaves the root": ("/../../log", False, "/log", "/log", "/log"),
    "a folder": ("/events/", True, "/events", "/events/x", "/events/x"),
}


@pytest.mark.parametrize("case", PLACES)
def test_a_path_is_mapped_into_the_pods_own_folder(case: str, outfit: PodOutfit) -> None:
    path, is_folder, expected, named, found = PLACES[case]
    root = f"{outfit.place}.files"
    assert outfit.map_path(path, is_folder) == root + expected
    assert outfit.paths_of({})(named) == root + found
    outfit.make()
    assert Path(root + (expected if is_folder else str(Path(expected).parent))).is_dir()


@pytest.mark.parametrize(("path", "is_folder"), [("/log", False), ("/", True)])
def test_the_root_itself_stays_what_it_is(path: str, is_folder: bool, outfit: PodOutfit) -> None:
    outfit.map_path(path, is_folder)
    assert outfit.paths_of({})("/bin/sh -c 'ls / /other'") == "/bin/sh -c 'ls / /other'"


def test_nothing_is_made_before_it_is_needed_and_nothing_twice(outfit: PodOutfit) -> None:
    path = Path(outfit.add_file("note", b"1"))
    folder = Path(outfit.map_path("/k/log")).parent
    assert not path.parent.exists()
    outfit.make()
    assert path.read_bytes() == b"1"
    path.unlink()
    folder.rmdir()
    outfit.make()
    assert not path.exists()
    assert not folder.exists()


def test_a_container_needs_a_name(outfit: PodOutfit) -> None:
    with pytest.raises(ValueError, match='found the name ""; it needs one'):
        outfit.add_container({"image": "any"})
    assert outfit.beside is None
