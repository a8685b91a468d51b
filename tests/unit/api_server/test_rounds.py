"""Turns of watchers, in a time that only waiting moves on."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from katib.api_server.rounds import AT_ONCE, INTERVAL, SHARE, Place, Rounds

#: Enough watchers to fill a round by what they cost.
MANY = AT_ONCE * 4


class Waiting(selectors.DefaultSelector):
    """Waits in no time, and keeps count of it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready."""
        if timeout is None:
            return super().select()
        self.now += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time is that of its selector."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        super().__init__(self.waiting)

    def time(self) -> float:
        """The seconds that were waited or worked."""
        return self.waiting.now


def now() -> float:
    """The time of the loop."""
    return asyncio.get_running_loop().time()


def work(seconds: float) -> None:
    """Keep the loop's thread busy."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, Loop)
    loop.waiting.now += seconds


@dataclass
class Row:
    """What is followed."""

    end: int = 0
    lost_after: int = 1_000_000

    def is_late(self, position: int) -> bool:
        """Whether one who stands there is about to lose its place."""
        return self.end - position > self.lost_after


@dataclass
class Stage:
    """Rounds, and watchers who take a piece of a row at each turn.

    Attributes:
        cost: the time of a processor that a turn takes, in seconds.
        piece: how much of the row is seen in one turn.
        seen: when something was seen, and up to where.
    """

    cost: float = 0.0
    piece: int = 1_000_000
    row: Row = field(default_factory=Row)
    spent: float = 0.0
    seen: list[tuple[float, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rounds = Rounds(lambda: self.spent)

    def write(self, count: int = 1) -> None:
        """Something happens."""
        self.row.end += count
        self.rounds.hear()

    async def watch(self, place: Place) -> None:
        """See everything, turn by turn."""
        while not self.rounds.is_closed:
            await self.rounds.wait(place, 1000)
            if place.lag:
                place.position += min(place.lag, self.piece)
                self.seen.append((now(), place.position))
                self.spent += self.cost
                work(self.cost)


def run(stage: Stage, watchers: int, test: Callable[[], Awaitable[None]]) -> None:
    """Run a test among so many watchers that wait."""

    async def main() -> None:
        with ExitStack() as stack:
            places = [Place(stage.row) for _ in range(watchers)]
            for place in places:
                stack.enter_context(stage.rounds.joined(place))
            tasks = [asyncio.create_task(stage.watch(place)) for place in places]
            await asyncio.sleep(0)
            await test()
            stage.rounds.close()
            await asyncio.gather(*tasks)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(main())


def test_a_change_after_a_pause_is_seen_at_once_and_the_next_ones_together() -> None:
    stage = Stage()

    async def test() -> None:
        stage.write()
        await asyncio.sleep(INTERVAL / 5)
        stage.write()
        await asyncio.sleep(INTERVAL / 5)
        stage.write()
        await asyncio.sleep(INTERVAL)
        stage.write()
        await asyncio.sleep(INTERVAL * 3)
        stage.write()
        await asyncio.sleep(INTERVAL)

    run(stage, 1, test)
    begun = stage.seen[0][0]
    assert [position for _, position in stage.seen] == [1, 3, 4, 5]
    times = [time - begun for time, _ in stage.seen]
    assert times == pytest.approx([0, INTERVAL, INTERVAL * 2, INTERVAL * 4.4], abs=1e-6)


def test_while_there_is_news_turns_take_a_share_of_the_time() -> None:
    stage = Stage(cost=0.01)

    async def test() -> None:
        for _ in range(10_000):
            stage.write()
            await asyncio.sleep(0.01)

    run(stage, MANY, test)
    taken = stage.seen[-1][0] - stage.seen[0][0]
    assert len(stage.seen) > MANY * 20
    assert stage.spent / taken == pytest.approx(SHARE, rel=0.05)


@pytest.mark.parametrize("is_late", [False, True])
def test_nothing_is_left_to_others_by_who_is_about_to_lose_its_place(is_late: bool) -> None:
    stage = Stage(cost=0.001, piece=10, row=Row(lost_after=400 if is_late else 1_000_000))

    async def test() -> None:
        stage.write(1000)
        for _ in range(600):
            await asyncio.sleep(INTERVAL)
            stage.write()

    run(stage, MANY, test)
    reached = [time for time, position in stage.seen if position == 500]
    a_round = INTERVAL if is_late else MANY * stage.cost / SHARE
    assert max(reached) == pytest.approx(50 * a_round, rel=0.05)


def test_when_nothing_happens_any_more_nobody_holds_back() -> None:
    stage = Stage(cost=0.001, piece=10)

    async def test() -> None:
        stage.write(1000)
        await asyncio.sleep(200 * INTERVAL)

    run(stage, MANY, test)
    ends = [time for time, position in stage.seen if position == 1000]
    assert len(ends) == MANY
    # In the first round it could be that more is to come.
    assert max(ends) == pytest.approx(MANY * stage.cost / SHARE + 99 * INTERVAL, rel=0.02)


def test_who_is_busy_with_its_last_turn_has_no_other_and_holds_nobody_up() -> None:
    stage = Stage()

    async def test() -> None:
        stuck = Place(stage.row)
        with stage.rounds.joined(stuck):
            stage.write()
            await asyncio.sleep(INTERVAL * 4)
            assert not stuck.turn.is_set()
            assert (stuck.lag, stage.rounds.number) == (1, 1)
            # It asks itself, once it is ready for more.
            await stage.rounds.wait(stuck, 1000)
            assert stage.rounds.number == 2

    run(stage, 3, test)
    assert [position for _, position in stage.seen] == [1, 1, 1]


def test_a_wait_ends_by_itself() -> None:
    stage = Stage()

    async def test() -> None:
        place = Place(stage.row)
        with stage.rounds.joined(place):
            begun = now()
            await stage.rounds.wait(place, 7)
            assert now() - begun == pytest.approx(7)
            assert not place.is_waiting

    run(stage, 0, test)


def test_rounds_begin_anew_in_another_loop() -> None:
    stage = Stage()

    async def leave_in_a_round() -> None:
        with stage.rounds.joined(Place(stage.row)):
            stage.write()
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(leave_in_a_round())
    # Nobody is there to hear this one.
    stage.write()

    async def test() -> None:
        stage.write()
        await asyncio.sleep(INTERVAL)

    run(stage, 1, test)
    assert [position for _, position in stage.seen] == [3]
