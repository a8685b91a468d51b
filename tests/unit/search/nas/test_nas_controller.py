from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from katib.search.algorithms.enas import by_chance
from katib.search.history import Floats
from katib.search.nas.architecture import Architecture
from katib.search.nas.controller import Controller, Loss
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Outline, Weights, first_weights

OUTLINE = Outline(layers=4, operations=3, hidden=3)
ARCHITECTURE = ((2,), (0, 1), (1, 0, 0), (2, 1, 0, 1))


def some_weights(outline: Outline = OUTLINE) -> Floats:
    """Far from the small ones that training starts from, so that every part counts."""
    return np.random.default_rng(3).normal(scale=0.7, size=outline.size)


SETTINGS = {
    "with the defaults": Preferences(),
    "with temperature only": Preferences(tanh_const=None),
    "with tanh only": Preferences(temperature=None),
    "with logits as they are": Preferences(temperature=None, tanh_const=None),
    "with all skip connections wanted": Preferences(skip_target=1.0),
}
LOSSES = {
    "of a good architecture": Loss(0.7, 0.8),
    "of a bad one": Loss(-1.3, 0.8),
    "of the skip penalty alone": Loss(0.0, 1.0),
    "of the cross entropy alone": Loss(1.0, 0.0),
}


@pytest.mark.parametrize("preferences", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_the_gradient_is_that_of_finite_differences(preferences: Preferences, loss: Loss) -> None:
    controller, vector = Controller(OUTLINE, preferences), some_weights()

    def value(at: Floats) -> float:
        return loss.of(controller.judge(Weights.over(at, OUTLINE), ARCHITECTURE))

    weights, gradient = Weights.over(vector, OUTLINE), np.empty(OUTLINE.size)
    controller.gradient(weights, controller.judge(weights, ARCHITECTURE), loss, gradient)
    differences = np.empty(OUTLINE.size)
    for place in range(OUTLINE.size):
        move = np.zeros(OUTLINE.size)
        move[place] = 1e-5
        differences[place] = (value(vector + move) - value(vector - move)) / 2e-5
    assert np.linalg.norm(gradient) > 0.01
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-7)


def test_one_layer_has_a_gradient_too() -> None:
    outline = Outline(layers=1, operations=3, hidden=2)
    controller, vector = Controller(outline, Preferences()), some_weights(outline)
    weights, gradient = Weights.over(vector, outline), np.empty(outline.size)
    episode = controller.judge(weights, ((1,),))
    controller.gradient(weights, episode, Loss(1.0, 1.0), gradient)
    assert episode.skip_penalty == episode.skip_rate == 0
    # What is likelier after a step against the gradient is what was chosen.
    after = controller.judge(Weights.over(vector - 0.01 * gradient, outline), ((1,),))
    assert after.cross_entropy < episode.cross_entropy


def every_architecture(outline: Outline) -> list[Architecture]:
    rows: list[Architecture] = [()]
    for number in range(outline.layers):
        row = [
            (operation, *(bits >> place & 1 for place in range(number)))
            for operation in range(outline.operations)
            for bits in range(2**number)
        ]
        rows = [(*before, after) for before in rows for after in row]
    return rows


def test_the_probabilities_of_all_architectures_come_to_one() -> None:
    outline = Outline(layers=3, operations=2, hidden=4)
    controller = Controller(outline, Preferences())
    weights = Weights.over(some_weights(outline), outline)
    all_of_them = every_architecture(outline)
    assert len(all_of_them) == 64
    chances = [np.exp(-controller.judge(weights, one).cross_entropy) for one in all_of_them]
    assert sum(chances) == pytest.approx(1)


def test_architectures_are_drawn_as_often_as_their_probabilities_say() -> None:
    outline = Outline(layers=2, operations=2, hidden=3)
    controller = Controller(outline, Preferences(temperature=None, tanh_const=None))
    weights = Weights.over(2 * some_weights(outline), outline)
    counts = Counter(
        controller.sample(weights, by_chance(Random(number))).architecture for number in range(3000)
    )
    wanted = {
        one: float(np.exp(-controller.judge(weights, one).cross_entropy))
        for one in every_architecture(outline)
    }
    assert max(wanted.values()) > 3 * min(wanted.values())
    for one, chance in wanted.items():
        assert counts[one] / 3000 == pytest.approx(chance, abs=0.03)


def test_what_is_drawn_is_judged_as_it_was_drawn() -> None:
    controller = Controller(OUTLINE, Preferences())
    weights = Weights.over(some_weights(), OUTLINE)
    drawn = controller.sample(weights, by_chance(Random(1)))
    judged = controller.judge(weights, drawn.architecture)
    assert judged.cross_entropy == drawn.cross_entropy
    assert judged.entropy == drawn.entropy
    assert judged.skip_penalty == drawn.skip_penalty


def test_the_choices_are_shown_in_order() -> None:
    shown: list[tuple[int, ...]] = []

    def choose(chances: Floats) -> Sequence[int]:
        shown.append(chances.shape)
        np.testing.assert_allclose(chances.sum(axis=1), 1)
        return [0] * len(chances)

    outline = Outline(layers=3, operations=4, hidden=2)
    episode = Controller(outline, Preferences()).sample(
        Weights.over(first_weights(outline, 1), outline), choose
    )
    assert shown == [(1, 4), (1, 4), (1, 2), (1, 4), (2, 2)]
    assert episode.architecture == ((0,), (0, 0), (0, 0, 0))


def test_an_even_policy_has_the_entropy_and_penalty_of_one() -> None:
    """Without weights, all probabilities are even: the formulas can be written down."""
    outline = Outline(layers=3, operations=4, hidden=2)
    controller = Controller(outline, Preferences(skip_target=0.4))
    weights = Weights.over(np.zeros(outline.size), outline)
    episode = controller.judge(weights, ((1,), (2, 1), (3, 0, 1)))
    assert episode.cross_entropy == pytest.approx(3 * np.log(4) + 3 * np.log(2))
    assert episode.entropy == pytest.approx(3 * np.log(4) / 4 + 3 * np.log(2) / 2)
    # Both outcomes of three choices, in two layers that have a choice.
    penalty = 3 * (0.5 * np.log(0.5 / 0.6) + 0.5 * np.log(0.5 / 0.4)) / 2
    assert episode.skip_penalty == pytest.approx(penalty)
    assert episode.skip_rate == pytest.approx(2 / 3)


def test_logits_are_cooled_and_then_squeezed() -> None:
    raw = np.array([-10.0, 0.0, 5.0])
    squeezed = Controller(OUTLINE, Preferences()).squash(raw)
    np.testing.assert_allclose(squeezed, 2.25 * np.tanh(raw / 5))
    both_off = Preferences(temperature=None, tanh_const=None)
    np.testing.assert_array_equal(Controller(OUTLINE, both_off).squash(raw), raw)


def test_the_first_weights_are_small_even_and_those_of_the_seed() -> None:
    outline = Outline(layers=2, operations=30, hidden=20)
    first = first_weights(outline, 1)
    assert outline.size == 40 * 80 + 20 + 2 * 30 * 20 + 2 * 400 + 20
    assert np.abs(first).max() <= 0.01
    assert first.std() == pytest.approx(0.01 / np.sqrt(3), rel=0.05)
    np.testing.assert_array_equal(first, first_weights(outline, 1))
    assert not np.array_equal(first, first_weights(outline, 2))


def test_the_parts_of_the_weights_share_their_vector() -> None:
    vector = np.zeros(OUTLINE.size)
    weights = Weights.over(vector, OUTLINE)
    for name in OUTLINE.shapes:
        getattr(weights, name)[...] += 1
    np.testing.assert_array_equal(vector, np.ones(OUTLINE.size))
