from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
import pytest

from katib.api.codec import from_manifest
from katib.api.kinds import CONFIG_MAPS
from katib.api.values import Key, Unstructured
from katib.api_server.changes import Changes, Limits, Ring
from katib.api_server.resources import ResourceType, find_resource_type
from katib.api_server.services import Pace
from katib.api_server.statuses import StatusError
from katib.ports.resource_store import EventType
from served_home import (
    CONFIG_MAPS_PATH,
    EXPERIMENTS_PATH,
    TOKEN,
    Home,
    a_config_map_manifest,
    an_event,
    an_experiment_manifest,
    listening,
)

BOOKMARKS = "&allowWatchBookmarks=true"
EVENTS_PATH = "/api/v1/namespaces/default/events"


class Watcher:
    """One open watch."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> Any:
        """The next event."""
        return json.loads(await asyncio.wait_for(anext(self._lines), 20))

    async def told(self, count: int) -> list[tuple[str, str]]:
        """The types and names of the next events."""
        events = [await self.next() for _ in range(count)]
        return [(event["type"], event["object"]["metadata"]["name"]) for event in events]

    async def is_over(self) -> bool:
        """Whether the stream ends here."""
        return await asyncio.wait_for(anext(self._lines, None), 20) is None


class Client:
    """Watches a home over a connection of its own for each watch."""

    def __init__(self, home: Home, client: httpx.AsyncClient) -> None:
        self.home, self._client = home, client

    @asynccontextmanager
    async def watch(self, query: str = "", path: str = CONFIG_MAPS_PATH) -> AsyncIterator[Watcher]:
        """A watch, once the server has begun to answer."""
        async with self._client.stream("GET", f"{path}?watch=true{query}") as response:
            assert response.status_code == 200
            assert response.headers["transfer-encoding"] == "chunked"
            yield Watcher(response.aiter_lines())

    async def status(self, query: str) -> httpx.Response:
        """The answer to a watch that cannot begin."""
        return await self._client.get(f"{CONFIG_MAPS_PATH}?watch=true{query}")


def run(test: Callable[[Client], Any], pace: Pace | None = None) -> None:
    """Run a test against a server that listens."""
    home = Home(pace)
    with listening(home) as port:

        async def work() -> None:
            headers = {"authorization": f"Bearer {TOKEN}", "accept": "application/json"}
            limits = httpx.Limits(max_connections=200)
            address = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(
                base_url=address, headers=headers, limits=limits, timeout=30
            ) as client:
                await test(Client(home, client))

        asyncio.run(work())


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.005)


def write(home: Home, name: str, labels: dict[str, str] | None = None) -> None:
    """Create a config map, in the thread of the test, as a controller would."""
    manifest = a_config_map_manifest(name, labels)
    manifest["metadata"]["namespace"] = "default"
    home.store.create(CONFIG_MAPS, from_manifest(CONFIG_MAPS, manifest))


def relabel(home: Home, name: str, labels: dict[str, str]) -> None:
    """Give a config map other labels."""
    stored = home.store.get(CONFIG_MAPS, Key("default", name))
    manifest = a_config_map_manifest(name, labels)
    manifest["metadata"] |= {"namespace": "default"}
    fresh = from_manifest(CONFIG_MAPS, manifest)
    assert fresh.metadata.labels != stored.metadata.labels
    home.store.update(CONFIG_MAPS, fresh)


def fill(home: Home, name: str, number: int) -> None:
    """Give a config map much text and a number."""
    manifest = a_config_map_manifest(name)
    manifest["metadata"]["namespace"] = "default"
    manifest["data"] = {"number": str(number), "filling": "x" * 20_000}
    home.store.update(CONFIG_MAPS, from_manifest(CONFIG_MAPS, manifest))


def delete(home: Home, name: str) -> None:
    """Delete a config map."""
    home.store.delete(CONFIG_MAPS, Key("default", name))


def test_a_watch_begins_with_what_there_is_and_tells_every_change() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a")
        async with client.watch() as watcher:
            assert await watcher.told(1) == [("ADDED", "a")]
            write(client.home, "b")
            relabel(client.home, "a", {"x": "1"})
            delete(client.home, "b")
            changes = [("ADDED", "b"), ("MODIFIED", "a"), ("DELETED", "b")]
            assert await watcher.told(3) == changes

    run(test)


def test_a_watch_from_a_version_tells_what_came_after_it() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a")
        version = client.home.store.version
        write(client.home, "b")
        async with client.watch(f"&resourceVersion={version}") as watcher:
            write(client.home, "c")
            assert await watcher.told(2) == [("ADDED", "b"), ("ADDED", "c")]

    run(test)


def test_an_object_that_begins_or_ceases_to_fit_is_added_or_deleted() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a", {"x": "1"})
        async with client.watch("&labelSelector=x=1") as watcher:
            assert await watcher.told(1) == [("ADDED", "a")]
            write(client.home, "b")
            relabel(client.home, "b", {"x": "1"})
            relabel(client.home, "a", {"x": "2"})
            relabel(client.home, "a", {"x": "3"})
            delete(client.home, "a")
            relabel(client.home, "b", {"x": "1", "y": "1"})
            delete(client.home, "b")
            seen = [("ADDED", "b"), ("DELETED", "a"), ("MODIFIED", "b"), ("DELETED", "b")]
            assert await watcher.told(4) == seen

    run(test)


def test_one_object_is_watched_by_its_name() -> None:
    async def test(client: Client) -> None:
        version = client.home.store.version
        query = f"&fieldSelector=metadata.name=b&resourceVersion={version}"
        async with client.watch(query) as watcher:
            write(client.home, "a")
            write(client.home, "b")
            assert await watcher.told(1) == [("ADDED", "b")]

    run(test)


def test_another_namespace_is_not_told_of() -> None:
    async def test(client: Client) -> None:
        other = CONFIG_MAPS_PATH.replace("default", "other")
        async with client.watch(path=other) as elsewhere, client.watch() as here:
            write(client.home, "a")
            assert await here.told(1) == [("ADDED", "a")]
            manifest = {**a_config_map_manifest("b"), "kind": "ConfigMap"}
            manifest["metadata"]["namespace"] = "other"
            client.home.store.create(CONFIG_MAPS, from_manifest(CONFIG_MAPS, manifest))
            assert await elsewhere.told(1) == [("ADDED", "b")]

    run(test)


def test_initial_events_end_with_a_bookmark() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a")
        query = f"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan{BOOKMARKS}"
        async with client.watch(query) as watcher:
            assert await watcher.told(1) == [("ADDED", "a")]
            bookmark = await watcher.next()
            assert bookmark["type"] == "BOOKMARK"
            metadata = bookmark["object"]["metadata"]
            assert metadata["annotations"] == {"k8s.io/initial-events-end": "true"}
            assert metadata["resourceVersion"] == str(client.home.store.version)

    run(test)


def test_a_watch_ends_in_time_with_a_bookmark() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a")
        async with client.watch(f"&resourceVersion=1&timeoutSeconds=1{BOOKMARKS}") as watcher:
            bookmark = await watcher.next()
            assert (bookmark["type"], bookmark["object"]["kind"]) == ("BOOKMARK", "ConfigMap")
            assert bookmark["object"]["metadata"]["resourceVersion"] == "1"
            assert await watcher.is_over()

    run(test)


def test_bookmarks_come_now_and_then_and_follow_other_kinds() -> None:
    async def test(client: Client) -> None:
        async with client.watch(BOOKMARKS, EXPERIMENTS_PATH) as watcher:
            write(client.home, "a")
            version = client.home.store.version
            while True:
                bookmark = await watcher.next()
                assert bookmark["type"] == "BOOKMARK"
                if bookmark["object"]["metadata"]["resourceVersion"] == str(version):
                    break

    run(test, Pace(bookmarks=0.01))


def test_a_version_that_is_gone_is_expired() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a", {"number": "0"})
        for number in range(1, Limits().changes + 10):
            relabel(client.home, "a", {"number": str(number)})
        async with client.watch("&resourceVersion=5") as watcher:
            event = await watcher.next()
            assert event["type"] == "ERROR"
            assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
            assert "too old resource version: 5" in event["object"]["message"]
            assert await watcher.is_over()

    run(test)


def test_a_client_that_does_not_read_is_cut_off_and_has_missed_nothing_before() -> None:
    async def test(client: Client) -> None:
        write(client.home, "a")
        async with client.watch("&resourceVersion=1") as watcher:
            # Far more than the buffers between the two, and more than is kept.
            for number in range(3000):
                fill(client.home, "a", number)
            heard = []
            event = await watcher.next()
            while event["type"] == "MODIFIED":
                heard.append(int(event["object"]["metadata"]["resourceVersion"]))
                event = await watcher.next()
            assert 0 < len(heard) < 3000
            assert heard == list(range(2, len(heard) + 2))
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
            assert await watcher.is_over()

    run(test)


def test_who_falls_far_behind_hears_every_change_in_the_end() -> None:
    """More than a turn has room for, and more than the socket takes."""

    async def test(client: Client) -> None:
        write(client.home, "a")
        async with client.watch("&resourceVersion=1") as watcher:
            for number in range(1000):
                fill(client.home, "a", number)
            heard = [await watcher.next() for _ in range(1000)]
            numbers = [event["object"]["data"]["number"] for event in heard]
            assert numbers == [str(number) for number in range(1000)]

    run(test)


def test_a_version_that_is_not_yet_is_too_large() -> None:
    async def test(client: Client) -> None:
        response = await client.status("&resourceVersion=1000")
        assert (response.status_code, response.json()["reason"]) == (504, "Timeout")

    run(test)


def test_a_watch_may_be_a_table() -> None:
    async def test(client: Client) -> None:
        headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        client._client.headers.update(headers)
        write(client.home, "a")
        async with client.watch() as watcher:
            write(client.home, "b")
            tables = [(await watcher.next())["object"] for _ in range(2)]
            assert [table["kind"] for table in tables] == ["Table", "Table"]
            assert [table["rows"][0]["cells"][0] for table in tables] == ["a", "b"]

    run(test)


def test_watched_events_are_passed_on() -> None:
    async def test(client: Client) -> None:
        client.home.tell(an_event("a"))
        async with client.watch(path=EVENTS_PATH) as watcher:
            assert await watcher.told(1) == [("ADDED", "a")]
            client.home.tell(an_event("b"))
            assert await watcher.told(1) == [("ADDED", "b")]
            client.home.tell(an_event("a", count=2))
            assert await watcher.told(1) == [("MODIFIED", "a")]
        await eventually(lambda: not client.home.is_heard)

    run(test, Pace(polling=0.01))


def test_what_watched_events_are_told_as() -> None:
    async def test(client: Client) -> None:
        async with client.watch("&resourceVersion=1", path=EVENTS_PATH) as watcher:
            await eventually(lambda: client.home.is_heard)
            for event in (
                an_event("a"),
                an_event("told before", count=7),
                an_event("elsewhere", namespace="other"),
                an_event("b"),
                an_event("a", count=2),
            ):
                client.home.tell(event)
            # What comes between two looks is told once: the server may look at any moment.
            told: dict[str, str] = {}
            count = 0
            while count != 2:
                event_told = await watcher.next()
                count = event_told["object"]["count"]
                told.setdefault(event_told["object"]["metadata"]["name"], event_told["type"])
            assert told == {"a": "ADDED", "told before": "MODIFIED", "b": "ADDED"}

    run(test, Pace(polling=0.01))


def test_who_knows_a_version_is_told_no_events_of_before() -> None:
    async def test(client: Client) -> None:
        client.home.tell(an_event("before"))
        async with client.watch("&resourceVersion=1", path=EVENTS_PATH) as watcher:
            await eventually(lambda: client.home.is_heard)
            client.home.tell(an_event("after"))
            assert await watcher.told(1) == [("ADDED", "after")]

    run(test, Pace(polling=0.01))


def test_who_reads_events_too_slowly_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        async with client.watch("&resourceVersion=1", path=EVENTS_PATH) as watcher:
            await eventually(lambda: client.home.is_heard)
            client.home.tell(an_event("one too many"))
            event = await watcher.next()
            assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
            assert await watcher.is_over()

    monkeypatch.setattr("katib.api_server.watching._HEARD", 0)
    run(test, Pace(polling=0.01))


def test_many_watchers_hear_every_change_in_order() -> None:
    async def test(client: Client) -> None:
        count, changes = 40, 300
        write(client.home, "first")

        def write_all() -> None:
            for number in range(changes):
                write(client.home, f"c{number}")

        async def hear() -> list[int]:
            async with client.watch("&resourceVersion=1") as watcher:
                events = [await watcher.next() for _ in range(changes)]
            return [int(event["object"]["metadata"]["resourceVersion"]) for event in events]

        hearing = [asyncio.create_task(hear()) for _ in range(count)]
        await asyncio.to_thread(write_all)
        everything = await asyncio.gather(*hearing)
        assert everything == [list(range(2, changes + 2))] * count

    run(test)


def test_a_server_that_closes_ends_all_watches() -> None:
    async def test(client: Client) -> None:
        async with client.watch() as one, client.watch("", EXPERIMENTS_PATH) as other:
            client.home.server.close()
            assert await one.is_over()
            assert await other.is_over()

    run(test)


def test_what_is_written_through_the_server_is_told() -> None:
    async def test(client: Client) -> None:
        async with client.watch("", EXPERIMENTS_PATH) as watcher:
            created = await client._client.post(EXPERIMENTS_PATH, json=an_experiment_manifest())
            event = await watcher.next()
            assert event == {"type": "ADDED", "object": created.json()}

    run(test)


@contextmanager
def changes_of(home: Home, most: int = 10) -> Iterator[Changes]:
    changes = Changes(home.store, Limits(most, most * 30_000))
    yield changes
    changes.close()


def config_maps() -> ResourceType:
    type = find_resource_type("", "v1", "configmaps")
    assert type is not None
    return type


def test_who_reads_too_slowly_is_cut_off_and_nothing_is_kept_for_them() -> None:
    home, type = Home(), config_maps()
    with changes_of(home, 10) as changes:
        assert changes.begin(type, 0) == 0
        for number in range(11):
            write(home, f"c{number}")
        with pytest.raises(StatusError, match="read too slowly"):
            changes.read(type, 0, 100)
        assert len(changes.ring(type).changes) == 10
        with pytest.raises(StatusError, match="too old resource version: 0"):
            changes.begin(type, 0)
        kept = changes.read(type, 1, 100)
        assert [change.event.version for change in kept] == list(range(2, 12))


def test_changes_of_large_objects_are_kept_as_far_as_their_size_allows() -> None:
    home, type = Home(), config_maps()
    with changes_of(home, 10) as changes:
        write(home, "a")
        for number in range(20):
            fill(home, "a", number)
            assert changes.ring(type).size <= 300_000
        kept = list(changes.ring(type).changes.values())
        assert changes.ring(type).size == sum(one.event.size for one in kept)
        assert 200_000 < changes.ring(type).size < 220_000
        assert kept[-1].event.version == home.store.version


def test_one_kind_does_not_cost_another_its_changes() -> None:
    home = Home()
    with changes_of(home, 10) as changes:
        home.json("POST", EXPERIMENTS_PATH, an_experiment_manifest())
        for number in range(20):
            write(home, f"c{number}")
        experiments = find_resource_type("kubeflow.org", "v1beta1", "experiments")
        assert experiments is not None
        assert changes.begin(experiments, 0) == 0
        assert len(changes.read(experiments, 0, 100)) == 1


def test_who_has_much_to_catch_up_on_is_late() -> None:
    home, type = Home(), config_maps()
    with changes_of(home, 8) as changes:
        ring = changes.ring(type)
        for number in range(6):
            write(home, f"c{number}")
            assert not ring.is_late(0)
        write(home, "one-more")
        assert (ring.is_late(0), ring.is_late(1)) == (True, False)
        for number in range(20):
            fill(home, "one-more", number)
        # Eight of 20 kB, where there is room for 240 kB.
        assert len(ring.changes) == 8
        assert (ring.is_late(ring.end - 7), ring.is_late(ring.end - 6)) == (True, False)
        big = Ring(Limits(100, 100_000), 0)
        big.end, big.size = 4, 80_000
        assert (big.is_late(0), big.is_late(1)) == (True, False)


def test_a_piece_is_made_once_for_all_who_have_their_turns_together() -> None:
    home = Home()
    calls = []

    def make() -> tuple[bytes, int]:
        calls.append(1)
        return b"text", 7

    with changes_of(home) as changes:
        pieces = [changes.shared("the same", make) for _ in range(5)]
        assert (pieces, len(calls)) == ([(b"text", 7)] * 5, 1)
        changes.shared("another", make)
        changes.rounds.number += 1
        changes.shared("the same", make)
        assert len(calls) == 3


def test_what_was_there_before_the_server_is_known_to_selectors() -> None:
    home, type = Home(), config_maps()
    write(home, "a", {"x": "1"})
    with changes_of(home) as changes:
        relabel(home, "a", {"x": "2"})
        change = changes.read(type, 0, 10)[-1]
        assert change.before is not None
        assert change.before.metadata.label("x") == "1"
        assert change.event.type is EventType.MODIFIED
        assert isinstance(change.event.resource, Unstructured)


@pytest.mark.parametrize("match", ["Exact", "Any"])
def test_initial_events_of_an_exact_version_cannot_be_had(match: str) -> None:
    response = Home().ask(
        "GET",
        f"{CONFIG_MAPS_PATH}?watch=true&sendInitialEvents=true&resourceVersionMatch={match}",
    )
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")


UNREADABLE = {
    "a word": "soon",
    "a number below zero": "-1",
    "digits of another script": "%D9%A3",
    "more digits than a version can have": "9" * 19,
    "more digits than Python reads": "9" * 5000,
}


@pytest.mark.parametrize("plural", ["configmaps", "events"])
@pytest.mark.parametrize("option", ["resourceVersion", "timeoutSeconds"])
@pytest.mark.parametrize("found", UNREADABLE.values(), ids=UNREADABLE)
def test_a_watch_with_a_number_that_cannot_be_read_does_not_begin(
    plural: str, option: str, found: str
) -> None:
    path = f"/api/v1/namespaces/default/{plural}?watch=true&{option}={found}"
    response = Home().ask("GET", path)
    assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
    assert response.json()["message"].startswith(f"{option}: Invalid value: ")
