"""A network of mixtures, the architecture in it, and the search over both."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from cell_operations import make_operation
from genotype import best_edges
from image_data import load
from run_trial import Search, Settings
from supernet import Plan, Supernet

OPERATIONS = [
    "skip_connection",
    "max_pooling_3x3",
    "avg_pooling_5x5",
    "separable_convolution_3x3",
    "dilated_convolution_5x5",
]
GIVEN = {
    "num_epochs": 2,
    "w_lr": "0.05",
    "w_lr_min": 0.001,
    "w_momentum": 0.9,
    "w_weight_decay": 3e-4,
    "w_grad_clip": 5.0,
    "alpha_lr": 0.01,
    "alpha_weight_decay": 1e-3,
    "batch_size": "20",
    "num_workers": 4,
    "init_channels": 2,
    "print_step": 50,
    "num_nodes": 2,
    "stem_multiplier": 1,
}
CPU = torch.device("cpu")


def a_plan(layers: int = 2) -> Plan:
    return Plan(OPERATIONS, layers, 2, 2, 1, (8, 8, 1), 10)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_keeps_the_channels_and_halves_by_its_stride(name: str, stride: int) -> None:
    for size in (8, 7):
        made = make_operation(name, 4, stride)(torch.rand(2, 4, size, size))
        assert made.shape == (2, 4, -(-size // stride), -(-size // stride))


@pytest.mark.parametrize("name", ["max_poling_3x3", "max_pooling", "max_pooling_2x2", "none"])
def test_an_operation_that_nobody_knows(name: str) -> None:
    with pytest.raises(SystemExit) as caught:
        make_operation(name, 4, 1)
    assert str(caught.value.code).startswith(
        f'search-space has "{name}", which is not known here; use skip_connection, '
        "separable_convolution_3x3"
    )


@pytest.mark.parametrize(
    ("layers", "reductions"), [(1, []), (2, [1]), (3, [1, 2]), (8, [2, 5]), (6, [2, 4])]
)
def test_which_cells_reduce(layers: int, reductions: list[int]) -> None:
    network = Supernet(a_plan(layers))
    assert [place for place, cell in enumerate(network.cells) if cell.is_reduction] == reductions
    assert network(torch.rand(2, 1, 8, 8)).shape == (2, 10)
    assert len(network.alpha_names) == (2 if layers == 1 else 4)


def test_weights_and_alphas_are_trained_apart() -> None:
    """Alphas do not follow the loss in training, nor weights the one in validation."""
    search = Search(a_plan(), Settings.of({**GIVEN, "alpha_lr": 0}), CPU)
    training, validation = load((8, 8, 1), 10, 50)
    alphas = [one.clone() for one in search.network.normal]
    search.run_epoch(training, validation)
    assert all(torch.equal(*pair) for pair in zip(alphas, search.network.normal, strict=True))
    still = Search(a_plan(), Settings.of({**GIVEN, "w_lr": 0, "w_lr_min": 0}), CPU)
    weights = still.network.head.weight.clone()
    still.run_epoch(training, validation)
    assert torch.equal(weights, still.network.head.weight)
    assert not torch.equal(alphas[0], still.network.normal[0])


def test_no_operation_is_never_chosen_and_two_edges_are_kept() -> None:
    numbers = torch.tensor([[0.1, 0.2, 9.0], [0.5, 0.4, 0.0], [0.3, 0.35, 0.0]])
    assert best_edges([numbers], ["a", "b"]) == [[("a", 1), ("b", 2)]]


def test_the_text_of_a_genotype_has_no_blanks() -> None:
    text = Supernet(a_plan(1)).genotype.text
    assert " " not in text
    assert text.startswith("Genotype(normal=[[('")
    assert text.endswith("normal_concat=range(2,4),reduce=[],reduce_concat=range(2,4))")


@pytest.mark.parametrize("unrolled", ["false", "True"])
def test_a_search_that_was_interrupted_ends_as_one_that_was_not(
    unrolled: str, tmp_path: Path
) -> None:
    settings = Settings.of({**GIVEN, "unrolled": unrolled})
    training, validation = load((8, 8, 1), 10, 50)
    whole, first, second = (Search(a_plan(), settings, CPU) for _ in range(3))
    for _ in range(2):
        whole.run_epoch(training, validation)
    first.run_epoch(training, validation)
    first.save(tmp_path)
    second.restore(tmp_path)
    second.run_epoch(training, validation)
    assert (second.epoch, second.top1) == (2, whole.top1)
    assert second.genotype == whole.genotype
    for name, one in whole.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], one)


def test_a_checkpoint_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "search.pt").write_text("not a checkpoint")
    search = Search(a_plan(), Settings.of(GIVEN), CPU)
    with pytest.raises(SystemExit, match=r"search\.pt holds no search of this network .*; delete"):
        search.restore(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_epochs": "many"}, "algorithm-settings: num_epochs is 'many'"),
        ({"batch_size": None}, "algorithm-settings: batch_size is None"),
        ({"unrolled": "yes"}, "algorithm-settings: unrolled is 'yes': it has to be true or false"),
    ],
)
def test_settings_that_are_wrong(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(SystemExit) as caught:
        Settings.of({**GIVEN, **wrong})
    assert str(caught.value.code).startswith(message)


def test_a_setting_that_is_missing_and_one_that_nobody_knows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Settings.of({**GIVEN, "num_epoch": 3})
    assert capsys.readouterr().out == "The setting num_epoch is not known here and has no effect\n"
    with pytest.raises(SystemExit, match=r"algorithm-settings: .*'num_epochs'"):
        Settings.of({name: value for name, value in GIVEN.items() if name != "num_epochs"})
