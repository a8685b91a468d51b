"""Which trials a text asks for."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from katib.api import names
from katib.client.trial_table import TrialTable
from katib.errors import UnknownNameError
from katib.testing.builders import an_experiment
from katib.web.filtering import Condition, Filter, FilterError
from trial_manifests import Metrics, a_table

STATUSES = ("Succeeded", "Failed", "EarlyStopped")


@pytest.fixture(scope="module")
def table() -> TrialTable:
    def observe(point: Mapping[str, str]) -> Metrics:
        return {"loss": float(point["lr"]) * 10}

    builder = an_experiment().with_parameter("lr", min="0", max="1")
    builder.with_parameter("batch size", names.DISCRETE, list=["16", "32"])
    builder.with_parameter("optimizer", names.CATEGORICAL, list=["sgd", "adam", "ada delta"])
    return a_table(builder.build(), 60, observe, STATUSES)


def test_a_text_is_words_and_conditions() -> None:
    found = Filter.of('  Adam lr < 0.01 loss>=2 "two words" status!=Failed|Killed "batch size"=16 ')
    assert found.words == ("adam", "two words")
    assert found.conditions == (
        Condition("lr", "<", "0.01"),
        Condition("loss", ">=", "2"),
        Condition("status", "!=", "Failed|Killed"),
        Condition("batch size", "=", "16"),
    )
    assert Filter.of("") == Filter()


def kept(table: TrialTable, text: str) -> list[int]:
    fits = Filter.of(text).fits(table)
    assert 0 < fits.sum() < len(table), "the text must choose some"
    rows: list[int] = fits.nonzero()[0].tolist()
    return rows


def test_numbers_of_parameters_and_metrics_are_compared(table: TrialTable) -> None:
    rates, losses = table.parameters["lr"].numbers, table.metrics["loss"].values
    assert kept(table, "lr<0.5") == (rates < 0.5).nonzero()[0].tolist()
    assert kept(table, "loss >= 5 lr<=0.9") == (
        ((losses >= 5) & (rates <= 0.9)).nonzero()[0].tolist()
    )
    assert kept(table, '"batch size"=16') == [
        row for row, text in enumerate(table.parameters["batch size"].texts) if text == "16"
    ]


def test_a_trial_without_a_value_meets_no_condition_on_it(table: TrialTable) -> None:
    rows = kept(table, "loss!=1000")
    assert {table.statuses[row] for row in rows} == {"Succeeded", "EarlyStopped"}


def test_words_are_compared_whole_and_several_may_be_named(table: TrialTable) -> None:
    texts = table.parameters["optimizer"].texts
    assert kept(table, "optimizer=ADAM") == [n for n, text in enumerate(texts) if text == "adam"]
    assert kept(table, 'optimizer=sgd|"ada delta"') == [
        n for n, text in enumerate(texts) if text != "adam"
    ]
    assert kept(table, "status!=succeeded") == [
        n for n, status in enumerate(table.statuses) if status != "Succeeded"
    ]


def test_a_word_may_stand_in_the_name_the_status_or_an_assignment(table: TrialTable) -> None:
    assert kept(table, "00007") == [7]
    assert {table.statuses[row] for row in kept(table, "early")} == {"EarlyStopped"}
    texts = table.parameters["optimizer"].texts
    assert kept(table, '"ada delta"') == [n for n, text in enumerate(texts) if text == "ada delta"]


def test_a_name_that_is_not_there_is_told_with_the_nearest(table: TrialTable) -> None:
    with pytest.raises(UnknownNameError, match=r'unknown parameter or metric "losss".*"loss"'):
        Filter.of("losss<1").fits(table)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lr<small", "small is no number"),
        ("lr<1|2", "only be compared with = and !="),
        ("optimizer<adam", "adam is no number"),
        ("status>Failed", "only = and != compare words"),
    ],
)
def test_what_cannot_be_compared_is_told(table: TrialTable, text: str, reason: str) -> None:
    with pytest.raises(FilterError, match=f'^filter "{text.replace("|", ".")}": .*{reason}'):
        Filter.of(text).fits(table)
