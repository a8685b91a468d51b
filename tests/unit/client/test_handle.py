from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy
import pytest

import katib
from katib.client.handle import EarlyStopped, called, read_values
from katib.client.routes import UnreportableError, find_here


class Engine:
    """Hears reports; says to stop when one is above a limit."""

    def __init__(self, worst: float = float("inf")) -> None:
        self.heard: list[tuple[dict[str, str], float]] = []
        self.worst = worst

    def ask(self, values: Mapping[str, str], moment: float) -> str:
        self.heard.append((dict(values), moment))
        return "too bad" if any(float(text) > self.worst for text in values.values()) else ""


def test_reports_go_to_the_engine() -> None:
    engine = Engine()
    with called("default", "one", engine.ask) as trial:
        assert (trial.namespace, trial.name) == ("default", "one")
        trial.report(loss=0.5, timestamp=10)
        trial.report({"val/acc": numpy.float32(0.25)}, timestamp="1970-01-01T00:00:20Z")
        katib.report_metrics({"loss": "0.10"}, timestamp=30)
        assert not trial.should_stop
    assert engine.heard == [
        ({"loss": "0.5"}, 10),
        ({"val/acc": "0.25"}, 20),
        ({"loss": "0.10"}, 30),
    ]
    assert find_here() is None


@pytest.mark.parametrize("is_handle", [True, False])
def test_a_report_raises_when_the_trial_is_to_stop(is_handle: bool) -> None:
    engine = Engine(worst=1)
    with called("default", "one", engine.ask) as trial:
        report: Any = trial.report if is_handle else katib.report_metrics
        report({"loss": 1})
        with pytest.raises(EarlyStopped, match="too bad") as caught:
            report({"loss": 2})
        assert trial.should_stop
        assert caught.value.reason == "too bad"
        assert not isinstance(caught.value, Exception)


def test_one_may_look_instead() -> None:
    engine = Engine(worst=1)
    with called("default", "one", engine.ask) as trial:
        trial.report(loss=2, raises=False)
        assert trial.should_stop
        with pytest.raises(EarlyStopped):
            trial.report(loss=0)


def test_what_is_no_number_is_not_reported() -> None:
    engine = Engine()
    with (
        called("default", "one", engine.ask) as trial,
        pytest.raises(UnreportableError, match=r"good .* loss"),
    ):
        trial.report(loss="good")
    assert engine.heard == []


def test_a_call_that_raises_leaves_no_way_behind() -> None:
    with pytest.raises(ValueError, match="no"), called("default", "one", Engine().ask):
        raise ValueError("no")
    assert find_here() is None
    os.environ.pop("KATIB_TRIAL_NAME", None)


NUMBERS: dict[str, tuple[object, str]] = {
    "a float": (0.1, "0.1"),
    "an integer": (10**30, "1" + "0" * 30),
    "nan": (float("nan"), "nan"),
    "infinity": (float("-inf"), "-inf"),
    "a number of NumPy": (numpy.float64(0.5), "0.5"),
    "an array of one number": (numpy.array(3.0), "3.0"),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_of_any_kind_may_be_returned(case: str) -> None:
    value, text = NUMBERS[case]
    assert read_values({"loss": value}) == {"loss": text}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "returned None, which is of type NoneType; numbers by metric are expected"),
        (0.5, "returned 0.5, which is of type float"),
        ({"loss": "0.5"}, "returned '0.5', which is of type str for metric 'loss'"),
        ({"loss": True}, "returned True, which is of type bool"),
        ({"loss": None}, "returned None, which is of type NoneType for metric 'loss'"),
        ({"loss": [1, 2]}, r"returned \[1, 2\], which is of type list"),
        ({"": 1}, "returned 1, which is of type int for metric ''"),
        ({"loss": "x" * 1000}, "x{78}…, which"),
    ],
)
def test_what_is_no_number_is_named(found: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_values(found)
