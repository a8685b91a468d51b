from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import pytest

from katib.search.history import Floats
from katib.search.nas.controller import Controller
from katib.search.nas.learning import Knowledge, Learner, Lesson
from katib.search.nas.preferences import Preferences
from katib.search.nas.weights import Outline, Weights

OUTLINE = Outline(layers=2, operations=3, hidden=4)
QUICK = Preferences(hidden_size=4, learning_rate=0.01, train_steps=3)

LESSONS = [
    Lesson(((number % 3,), (number // 3 % 3, number % 2)), reward=number % 5 / 5)
    for number in range(12)
]


def a_learner(preferences: Preferences = QUICK, seed: int = 1) -> Learner:
    return Learner(Controller(OUTLINE, preferences), preferences, seed)


def vector_of(weights: Weights) -> Floats:
    return np.concatenate([getattr(weights, name).ravel() for name in OUTLINE.shapes])


def taught(lessons: Sequence[Lesson]) -> Floats:
    return vector_of(a_learner().learn(lessons))


ORDERS = {
    "one after another": [LESSONS[:number] for number in range(13)],
    "in steps of three": [LESSONS[:number] for number in range(0, 13, 3)],
    "with one that came late": [LESSONS[:9] + LESSONS[10:], LESSONS],
    "with one that came very late": [LESSONS[1:], LESSONS],
    "with some that are gone again": [LESSONS[::-1], LESSONS],
    "with more than there are now": [[*LESSONS, *LESSONS], LESSONS],
}


@pytest.mark.parametrize("sequence", ORDERS.values(), ids=ORDERS)
def test_what_is_kept_changes_nothing(sequence: list[list[Lesson]]) -> None:
    learner = a_learner()
    weights = [vector_of(learner.learn(lessons)) for lessons in sequence]
    np.testing.assert_array_equal(weights[-1], taught(LESSONS))


def test_asking_again_changes_nothing() -> None:
    learner = a_learner()
    first = vector_of(learner.learn(LESSONS)).copy()
    np.testing.assert_array_equal(vector_of(learner.learn(LESSONS)), first)
    assert not np.array_equal(first, vector_of(learner.learn(LESSONS[:1])))


def chance(weights: Weights, lesson: Lesson) -> float:
    judged = Controller(OUTLINE, QUICK).judge(weights, lesson.architecture)
    return float(np.exp(-judged.cross_entropy))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("level", [0, 100, -100])
def test_the_better_of_two_becomes_likelier(sign: int, level: int) -> None:
    """Wherever the rewards lie: what counts is how much better one is than usual."""
    one, other = LESSONS[1].architecture, LESSONS[5].architecture
    lessons = [Lesson(one, level + sign), Lesson(other, level - sign)] * 10
    before, after = a_learner().learn([]), a_learner().learn(lessons)
    ratios = [chance(after, lesson) / chance(before, lesson) for lesson in lessons[:2]]
    good, bad = ratios[::sign]
    assert good > 1.5 * bad


@pytest.mark.parametrize("train_steps", [50, 200])
@pytest.mark.parametrize(("reward", "low", "high"), [(1.0, 1.2, 1.4), (-1.0, 0.65, 0.8)])
def test_one_trial_moves_the_policy_only_so_far(
    train_steps: int, reward: float, low: float, high: float
) -> None:
    """By a fifth, and what the last step adds to it, however many steps there are."""
    preferences = Preferences(
        hidden_size=4, learning_rate=0.01, train_steps=train_steps, skip_weight=None
    )
    # The first is as good as usual, and teaches nothing by itself.
    lessons = [Lesson(LESSONS[0].architecture, 0.0), Lesson(LESSONS[5].architecture, reward)]
    before, after = (a_learner(preferences).learn(lessons[:count]) for count in (1, 2))
    assert low <= chance(after, lessons[1]) / chance(before, lessons[1]) <= high


def test_skip_connections_come_near_the_target() -> None:
    """With rewards that say nothing, the penalty alone decides."""
    rates = []
    for wanted in (0.9, 0.1):
        preferences = Preferences(
            hidden_size=4, learning_rate=0.01, train_steps=50, skip_target=wanted, skip_weight=5.0
        )
        controller = Controller(OUTLINE, preferences)
        lessons = [Lesson(lesson.architecture, 0.0) for lesson in LESSONS]
        weights = Learner(controller, preferences, 1).learn(lessons)
        chances = []
        for first in range(3):
            with_skip = controller.judge(weights, ((first,), (0, 1))).cross_entropy
            without = controller.judge(weights, ((first,), (0, 0))).cross_entropy
            chances.append(1 / (1 + np.exp(with_skip - without)))
        rates.append(np.mean(chances))
    assert rates[0] > 0.6
    assert rates[1] < 0.4


def test_entropy_adds_to_the_reward() -> None:
    plain = Preferences(hidden_size=4, learning_rate=0.01, train_steps=3, entropy_weight=None)
    much = Preferences(hidden_size=4, learning_rate=0.01, train_steps=3, entropy_weight=5.0)
    one, other = (vector_of(a_learner(kind).learn(LESSONS)) for kind in (plain, much))
    assert not np.array_equal(one, other)


def test_a_baseline_that_never_moves_is_zero() -> None:
    """As in Katib: then rewards count as they are."""
    preferences = Preferences(hidden_size=4, learning_rate=0.01, train_steps=5, baseline_decay=1.0)
    lessons = [Lesson(LESSONS[1].architecture, 1.0)] * 12
    before, after = a_learner(preferences).learn([]), a_learner(preferences).learn(lessons)
    assert chance(after, lessons[0]) > 1.5 * chance(before, lessons[0])


@pytest.mark.parametrize("reward", [1e308, -1e308, 1e-308])
def test_rewards_of_any_size_leave_finite_weights(reward: float) -> None:
    lessons = [Lesson(LESSONS[0].architecture, reward), *LESSONS]
    assert np.isfinite(taught(lessons)).all()


def test_a_step_of_adam_is_that_of_the_paper() -> None:
    random = np.random.default_rng(2)
    weights, gradients = random.normal(size=6), random.normal(size=(3, 6))
    knowledge = Knowledge(weights.copy(), np.zeros(6), np.zeros(6))
    first = second = np.zeros(6)
    for number, gradient in enumerate(gradients, start=1):
        knowledge.follow(gradient.copy(), 0.01, np.empty(6))
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = second / (1 - 0.999**number)
        weights = weights - 0.01 * first / (1 - 0.9**number) / (np.sqrt(corrected) + 1e-8)
    np.testing.assert_allclose(knowledge.weights, weights, rtol=1e-12)


@pytest.mark.parametrize(("count", "steps"), [(1, 4), (20, 80), (26, 98), (40, 126), (50, 136)])
def test_later_trials_have_fewer_steps(
    count: int, steps: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Four each for 20 trials; three each up to the 26th, two up to the 40th, then one."""
    preferences = Preferences(hidden_size=4, train_steps=4, log_every_steps=1)
    lessons = [LESSONS[number % 12] for number in range(count)]
    with caplog.at_level(logging.INFO, logger="katib.search.nas.learning"):
        a_learner(preferences).learn(lessons)
    assert len(caplog.messages) == steps


def test_every_so_many_steps_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    preferences = Preferences(hidden_size=4, train_steps=5, log_every_steps=4)
    with caplog.at_level(logging.INFO, logger="katib.search.nas.learning"):
        a_learner(preferences).learn(LESSONS[:2])
    assert [message.split(":")[0] for message in caplog.messages] == ["step 4", "step 8"]
    for word in ("loss", "entropy", "gradient norm", "baseline", "skip rate"):
        assert word in caplog.messages[0]
