"""The gradient of the architecture: how the loss in validation changes with the alphas.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, section
2.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

#: Parameters of a network, by name.
Parameters = Mapping[str, Tensor]
#: The loss that a network with these parameters has on some data.
Loss = Callable[[Parameters], Tensor]


@dataclass(frozen=True)
class WeightStep:
    """The step of the weights that the architecture looks ahead by.

    Attributes:
        rate: the learning rate; 0 for none, which is the first-order approximation.
        momentum: of stochastic gradient descent.
        decay: of the weights.
        velocity: the steps so far, as momentum remembers them; what is not in it has made none.
    """

    rate: float = 0.0
    momentum: float = 0.0
    decay: float = 0.0
    velocity: Parameters | None = None

    def after(self, weights: Parameters, gradients: Parameters) -> Parameters:
        """The weights when it is made."""
        velocity = self.velocity or {}
        return {
            name: weight
            - self.rate
            * (
                self.momentum * velocity.get(name, torch.zeros_like(weight))
                + gradients[name]
                + self.decay * weight
            )
            for name, weight in weights.items()
        }


def first_order(alphas: Parameters, weights: Parameters, validation: Loss) -> Parameters:
    """The weights are taken for the best they can be; the paper's xi is 0."""
    return gradients_of(validation, alphas, weights)[0]


def second_order(
    alphas: Parameters, weights: Parameters, training: Loss, validation: Loss, step: WeightStep
) -> Parameters:
    """The weights follow the architecture by one step.

    The product with a matrix of second derivatives is a difference of two gradients. (eq. 7, 8)
    """
    _, slopes = gradients_of(training, alphas, weights)
    ahead = step.after(weights, slopes)
    direct, pull = gradients_of(validation, alphas, ahead)
    length = torch.sqrt(sum(((one**2).sum() for one in pull.values()), torch.zeros(())))
    epsilon = 0.01 / length.clamp_min(1e-12)
    above, below = (
        gradients_of(
            training,
            alphas,
            {name: one + sign * epsilon * pull[name] for name, one in weights.items()},
        )[0]
        for sign in (1, -1)
    )
    return {
        name: gradient - step.rate * (above[name] - below[name]) / (2 * epsilon)
        for name, gradient in direct.items()
    }


def gradients_of(
    loss: Loss, alphas: Parameters, weights: Parameters
) -> tuple[Parameters, Parameters]:
    """The gradients of both, at these values; nothing else is touched."""
    both = {
        name: one.detach().requires_grad_()
        for part in (alphas, weights)
        for name, one in part.items()
    }
    found = torch.autograd.grad(loss(both), list(both.values()), allow_unused=True)
    by_name = {
        name: torch.zeros_like(both[name]) if gradient is None else gradient
        for name, gradient in zip(both, found, strict=True)
    }
    return {name: by_name[name] for name in alphas}, {name: by_name[name] for name in weights}
