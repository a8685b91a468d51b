from __future__ import annotations

import numpy
import pytest

from katib import search
from katib.models import V1beta1FeasibleSpace, V1beta1ParameterSpec


def declared(kind: str, **space: object) -> V1beta1ParameterSpec:
    return V1beta1ParameterSpec(
        parameter_type=kind,
        feasible_space=V1beta1FeasibleSpace(**space),  # type: ignore[arg-type]  # as they are given
    )


def test_a_parameter_is_declared_by_its_bounds() -> None:
    assert search.double(min=1e-5, max=5e-5) == declared("double", min="1e-05", max="5e-05")
    assert search.double(0, numpy.float64(0.5), 0.25) == declared(
        "double", min="0", max="0.5", step="0.25"
    )
    assert search.int(min=10, max=20, step=2) == declared("int", min="10", max="20", step="2")
    assert search.double(0.001, 1, distribution="logUniform") == declared(
        "double", min="0.001", max="1", distribution="logUniform"
    )


def test_or_by_its_choices() -> None:
    assert search.categorical(["adam", 3, 0.5]) == declared(
        "categorical", list=["adam", "3", "0.5"]
    )
    assert search.categorical(("a", "b")) == declared("categorical", list=["a", "b"])
    assert search.discrete(list=[16, 32]) == declared("discrete", list=["16", "32"])


def test_a_text_is_no_list_of_choices() -> None:
    with pytest.raises(TypeError, match="not the text 'adam'"):
        search.categorical("adam")


def test_nothing_else_is_there() -> None:
    with pytest.raises(AttributeError, match="uniform"):
        _ = search.uniform
