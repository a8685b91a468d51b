from __future__ import annotations

import pytest

from katib.collectors.near_miss import LONGEST_LINE, near_misses

CASES: dict[str, tuple[str, str, bool]] = {
    "a colon": ("Loss: 0.5", "loss", True),
    "a blank": ("loss 0.5", "loss", True),
    "another case": ("LOSS=0.5", "loss", True),
    "a longer name": ("val_loss=0.3", "loss", True),
    "a dictionary": ("{'loss': 0.5}", "loss", True),
    "JSON": ('{"loss": "0.5"}', "loss", True),
    "another joint": ("val_loss=0.3", "val-loss", True),
    "a sentence": ("the loss is 0.5", "loss", True),
    "an arrow and nan": ("loss -> nan", "loss", True),
    "collected": ("loss=0.5", "loss", False),
    "collected with blanks": ("epoch 1: loss = nan", "loss", False),
    "no number": ("loss function: cross entropy", "loss", False),
    "another metric": ("accuracy: 0.5", "loss", False),
    "a metric with signs of its own": ("f1(macro): 0.5", "f1(macro)", True),
    "a metric of signs only": ("%%: 0.5", "%%", True),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_nearly_a_report(case: str) -> None:
    line, metric, is_near = CASES[case]
    assert near_misses(f"start\n{line}\nend\n", [metric]) == ([line] if is_near else [])


def test_the_default_report_is_nearly_one_where_another_is_wanted() -> None:
    assert near_misses("loss=0.5\nacc=1\n", ["loss"], is_default=False) == ["loss=0.5"]


def test_lines_that_differ_in_numbers_only_are_shown_once() -> None:
    tail = "".join(f"epoch {epoch}: loss: 0.{epoch}\r" for epoch in range(9)) + "Loss 3\n"
    assert near_misses(tail, ["loss"]) == ["epoch 0: loss: 0.0", "Loss 3"]


def test_at_most_five_lines_are_shown() -> None:
    tail = "\n".join(f"{letter} loss: 1" for letter in "abcdefg")
    assert near_misses(tail, ["loss"]) == [f"{letter} loss: 1" for letter in "abcde"]


def test_long_lines_are_cut() -> None:
    (line,) = near_misses("loss: 1 " + "x" * 1000, ["loss"])
    assert len(line) == LONGEST_LINE
