from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from katib.api.experiment import EXPERIMENTS
from katib.api.trial import TRIALS, Trial
from katib.api.values import Key, ObjectMeta
from katib.executors.checkpoints import Checkpoints, CheckpointsReconciler
from katib.executors.container import Container
from katib.executors.outfit import PodOutfit
from katib.stores.memory import MemoryStore
from katib.testing.builders import an_experiment
from katib.testing.clocks import FakeClock

TUNE = Key("default", "tune")


def no_container(spec: object, place: str) -> Container:
    raise AssertionError("nothing is added here")


def an_outfit(home: Path, trial: str = "b") -> PodOutfit:
    place = f"{home}/trials/default/{trial}/x1"
    return PodOutfit(place, {}, (), no_container, Checkpoints.beside(home / "trials"))


def files_in(folder: Path) -> dict[str, str]:
    files: Iterable[Path] = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def write(folder: Path, **texts: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the checkpoints of the experiment's trials are."""
    return tmp_path / "checkpoints" / "default" / "tune"


def test_a_trial_finds_an_empty_folder_of_its_own(tmp_path: Path, folder: Path) -> None:
    outfit = an_outfit(tmp_path)
    assert outfit.map_checkpoints("/var/checkpoints/", TUNE, "b") == str(folder / "b")
    assert outfit.paths_of({})("--to=/var/checkpoints/x") == f"--to={folder}/b/x"
    assert not folder.exists()
    outfit.make()
    assert (folder / "b").is_dir()
    assert files_in(folder) == {}


def test_the_root_stays_what_it_is(tmp_path: Path, folder: Path) -> None:
    outfit = an_outfit(tmp_path)
    outfit.map_checkpoints("/", TUNE, "b")
    assert outfit.paths_of({})("/bin/ls /") == "/bin/ls /"


def test_checkpoints_lie_inside_another_mapped_folder(tmp_path: Path, folder: Path) -> None:
    outfit = an_outfit(tmp_path)
    log = outfit.map_path("/var/log/katib/metrics.log")
    outfit.map_checkpoints("/var/log/katib/checkpoints", TUNE, "b")
    paths = outfit.paths_of({})
    assert paths("/var/log/katib/metrics.log") == log
    assert paths("/var/log/katib/checkpoints/x") == f"{folder}/b/x"


def test_a_trial_begins_with_a_copy_of_its_parents(tmp_path: Path, folder: Path) -> None:
    write(folder / "a", weights="1")
    write(folder / "a" / "deep" / "down", step="7")
    (folder / "a" / "best").symlink_to("weights")
    outfit = an_outfit(tmp_path)
    outfit.map_checkpoints("/c", TUNE, "b", "a")
    outfit.make()
    assert files_in(folder / "b") == {"weights": "1", "deep/down/step": "7", "best": "1"}
    assert os.readlink(folder / "b" / "best") == "weights"
    write(folder / "b", weights="2")
    assert files_in(folder / "a")["weights"] == "1"


def test_what_a_trial_has_written_is_not_copied_over(tmp_path: Path, folder: Path) -> None:
    write(folder / "a", weights="1")
    for expected in ("1", "2"):
        outfit = an_outfit(tmp_path)
        outfit.map_checkpoints("/c", TUNE, "b", "a")
        outfit.make()
        assert files_in(folder / "b") == {"weights": expected}
        write(folder / "b", weights="2")


def test_a_copy_that_was_cut_short_is_made_again(tmp_path: Path, folder: Path) -> None:
    write(folder / "a", weights="1")
    write(folder / ".b", weights="half", other="half")
    outfit = an_outfit(tmp_path)
    outfit.map_checkpoints("/c", TUNE, "b", "a")
    outfit.make()
    assert files_in(folder) == {"a/weights": "1", "b/weights": "1"}


def test_a_parent_whose_checkpoints_are_gone_is_named(tmp_path: Path, folder: Path) -> None:
    outfit = an_outfit(tmp_path)
    outfit.map_checkpoints("/c", TUNE, "b", "a")
    with pytest.raises(FileNotFoundError) as caught:
        outfit.make()
    assert str(caught.value) == (
        f'it goes on from the checkpoints of trial "a", and found no folder {folder}/a; only a '
        "trial without that parent can start"
    )
    assert not (folder / "b").exists()


def test_checkpoints_go_with_their_experiment_and_no_others(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    for namespace, name in (("default", "tune"), ("default", "tune-2"), ("other", "tune")):
        store.create(EXPERIMENTS, an_experiment().named(name, namespace).build())
        write(tmp_path / namespace / name / "a", weights="1")
    reconciler = CheckpointsReconciler(store, Checkpoints(tmp_path))
    reconciler.reconcile(TUNE)
    assert len(files_in(tmp_path)) == 3
    keys: list[Key] = []
    store.subscribe(lambda event: keys.extend(reconciler.keys(event)))
    store.delete(EXPERIMENTS, TUNE)
    assert keys == [TUNE]
    reconciler.reconcile(TUNE)
    assert sorted(files_in(tmp_path)) == ["default/tune-2/a/weights", "other/tune/a/weights"]


def test_checkpoints_go_with_their_trial_and_no_others(tmp_path: Path) -> None:
    store = MemoryStore(FakeClock())
    store.create(EXPERIMENTS, an_experiment().named("tune").build())
    for name in ("tune", "a", "b"):
        metadata = ObjectMeta(name=name, namespace="default")
        store.create(TRIALS, Trial(metadata=metadata))
        write(tmp_path / "default" / "tune" / name, weights="1")
    reconciler = CheckpointsReconciler(store, Checkpoints(tmp_path))
    keys: list[Key] = []
    store.subscribe(lambda event: keys.extend(reconciler.keys(event)))
    for name in ("a", "tune"):
        reconciler.reconcile(Key("default", name))
        assert f"default/tune/{name}/weights" in files_in(tmp_path)
        store.delete(TRIALS, Key("default", name))
        reconciler.reconcile(keys.pop())
        assert f"default/tune/{name}/weights" not in files_in(tmp_path)
    assert list(files_in(tmp_path)) == ["default/tune/b/weights"]
