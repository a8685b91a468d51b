"""The architecture's gradient is what automatic differentiation makes of its definition."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import torch
from architect import WeightStep, first_order, gradients_of, second_order
from torch import Tensor

Parameters = Mapping[str, Tensor]

torch.manual_seed(3)
TRAINING, VALIDATION = (
    (torch.randn(12, 3, dtype=torch.float64), torch.randn(12, dtype=torch.float64))
    for _ in range(2)
)
ALPHAS = {"alpha": torch.randn(3, dtype=torch.float64)}
WEIGHTS = {
    "first": torch.randn(3, 4, dtype=torch.float64),
    "second": torch.randn(4, dtype=torch.float64),
}
VELOCITY = {name: torch.randn_like(one) for name, one in WEIGHTS.items()}


def loss_on(data: tuple[Tensor, Tensor], at: Parameters) -> Tensor:
    """A mixture of three operations between two layers; smooth in all that it has."""
    images, targets = data
    hidden = images @ at["first"]
    shares = at["alpha"].softmax(dim=0)
    mixed = shares[0] * hidden.tanh() + shares[1] * hidden.sin() + shares[2] * hidden
    loss: Tensor = ((mixed @ at["second"] - targets) ** 2).mean()
    return loss


def training(at: Parameters) -> Tensor:
    return loss_on(TRAINING, at)


def validation(at: Parameters) -> Tensor:
    return loss_on(VALIDATION, at)


def exact(step: WeightStep) -> Tensor:
    """The derivative of the loss in validation after the weights' step, through that step."""
    alpha = ALPHAS["alpha"].clone().requires_grad_()
    weights = {name: one.clone().requires_grad_() for name, one in WEIGHTS.items()}
    slopes = torch.autograd.grad(
        training({"alpha": alpha, **weights}), list(weights.values()), create_graph=True
    )
    ahead = step.after(weights, dict(zip(weights, slopes, strict=True)))
    (gradient,) = torch.autograd.grad(validation({"alpha": alpha, **ahead}), alpha)
    return gradient


STEPS = {
    "a plain step": WeightStep(0.1),
    "with decay": WeightStep(0.1, decay=0.3),
    "with momentum": WeightStep(0.05, momentum=0.9, velocity=VELOCITY),
    "with momentum that some weights do not have yet": WeightStep(
        0.05, momentum=0.9, decay=0.1, velocity={"second": VELOCITY["second"]}
    ),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_the_second_order_is_the_gradient_through_the_weights_step(step: WeightStep) -> None:
    found = second_order(ALPHAS, WEIGHTS, training, validation, step)["alpha"]
    wanted = exact(step)
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)
    plain = first_order(ALPHAS, WEIGHTS, validation)["alpha"]
    assert (found - plain).norm() > 10 * (found - wanted).norm()


def test_the_first_order_is_the_plain_gradient() -> None:
    alpha = ALPHAS["alpha"].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(validation({"alpha": alpha, **WEIGHTS}), alpha)
    torch.testing.assert_close(first_order(ALPHAS, WEIGHTS, validation)["alpha"], wanted)


def test_without_a_step_both_are_the_same() -> None:
    second = second_order(ALPHAS, WEIGHTS, training, validation, WeightStep())["alpha"]
    torch.testing.assert_close(second, first_order(ALPHAS, WEIGHTS, validation)["alpha"])


def test_what_has_no_part_in_the_loss_has_no_gradient_and_nothing_is_touched() -> None:
    weights = {**WEIGHTS, "idle": torch.ones(2, dtype=torch.float64)}
    before = {name: one.clone() for name, one in weights.items()}
    alphas, found = gradients_of(validation, ALPHAS, weights)
    assert found["idle"].tolist() == [0, 0]
    assert set(alphas) == {"alpha"}
    assert all(torch.equal(before[name], one) for name, one in weights.items())
    assert not any(one.requires_grad for one in weights.values())
