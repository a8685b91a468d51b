"""What every observation log must keep to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread

from katib.api.values import Key
from katib.ports.observation_log import NO_TIME, MetricEntry, ObservationLog

TRIAL = Key("default", "trial-a")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(value: str, seconds: float = 0, name: str = "loss") -> MetricEntry:
    """An entry at noon, or so many seconds later."""
    return MetricEntry(NOON + timedelta(seconds=seconds), name, value)


def values(log: ObservationLog, trial: Key = TRIAL, metric: str | None = None) -> list[str]:
    """The values that are read."""
    return [entry.value for entry in log.read(trial, metric)]


class ObservationLogContract:
    """Inherit, and give a fixture ``log`` that returns an empty log."""

    def test_an_unknown_trial_has_no_entries(self, log: ObservationLog) -> None:
        """And asking for it is no error."""
        assert list(log.read(TRIAL)) == []
        assert list(log.read(TRIAL, "loss")) == []

    def test_entries_come_back_as_they_were(self, log: ObservationLog) -> None:
        """Before a flush and after it: microseconds, no time, any text."""
        texts = ("0.1", "", "nan", "unavailable", "Genotype(['x', 'ü', '\N{SNOWMAN}'])", "a\nb")
        entries = [MetricEntry(NO_TIME, "loss", text) for text in texts]
        entries += [entry("1", seconds=0.000001), entry("2", seconds=0.123456)]
        log.report(TRIAL, entries)
        assert list(log.read(TRIAL)) == entries
        log.flush()
        assert list(log.read(TRIAL)) == entries

    def test_a_time_is_read_in_utc(self, log: ObservationLog) -> None:
        """Aware, so that it can be compared with any other."""
        log.report(TRIAL, [entry("1")])
        log.flush()
        assert log.read(TRIAL)[0].time.utcoffset() == timedelta(0)

    def test_the_order_is_by_time_then_by_arrival(self, log: ObservationLog) -> None:
        """Whatever part of the series is in a buffer and whatever part is not."""
        log.report(TRIAL, [entry("d", 2), entry("a", 1)])
        log.flush()
        log.report(TRIAL, [entry("b", 1), entry("e", 2)])
        log.report(TRIAL, [entry("c", 1)])
        assert values(log) == ["a", "b", "c", "d", "e"]
        log.flush()
        assert values(log) == ["a", "b", "c", "d", "e"]

    def test_equal_reports_are_kept_twice(self, log: ObservationLog) -> None:
        """A log does not judge what it is told."""
        log.report(TRIAL, [entry("1"), entry("1")])
        log.report(TRIAL, [entry("1")])
        log.flush()
        log.flush()
        assert values(log) == ["1", "1", "1"]

    def test_one_metric_can_be_read_alone(self, log: ObservationLog) -> None:
        """By its exact name."""
        log.report(TRIAL, [entry("1"), entry("2", name="Loss"), entry("3", name="loss_2")])
        log.report(TRIAL, [entry("4")])
        assert values(log, metric="loss") == ["1", "4"]
        log.flush()
        assert values(log, metric="loss") == ["1", "4"]
        assert values(log, metric="other") == []

    def test_namespaces_and_trials_do_not_mix(self, log: ObservationLog) -> None:
        """Equal trial names in two namespaces are two trials."""
        others = (Key("other", TRIAL.name), Key(TRIAL.namespace, "trial-b"))
        for number, trial in enumerate((TRIAL, *others)):
            log.report(trial, [entry(str(number))])
        log.flush()
        log.delete(others[0])
        assert values(log) == ["0"]
        assert values(log, others[0]) == []
        assert values(log, others[1]) == ["2"]

    def test_deleting_forgets_all_of_a_trial(self, log: ObservationLog) -> None:
        """The flushed part and the part that waits; a second time is no error."""
        log.report(TRIAL, [entry("1")])
        log.flush()
        log.report(TRIAL, [entry("2")])
        log.delete(TRIAL)
        log.delete(TRIAL)
        log.flush()
        assert values(log) == []

    def test_a_deleted_trial_may_report_again(self, log: ObservationLog) -> None:
        """And then has the new entries only."""
        log.report(TRIAL, [entry("old")])
        log.delete(TRIAL)
        log.report(TRIAL, [entry("new")])
        assert values(log) == ["new"]
        log.flush()
        log.report(TRIAL, [entry("newer")])
        assert values(log) == ["new", "newer"]

    def test_an_empty_report_is_nothing(self, log: ObservationLog) -> None:
        """Not an error, and not a trial."""
        log.report(TRIAL, [])
        log.flush()
        assert values(log) == []

    def test_what_is_given_and_what_is_returned_are_not_shared(self, log: ObservationLog) -> None:
        """The caller may go on with its list."""
        entries = [entry("1")]
        log.report(TRIAL, entries)
        entries.append(entry("2"))
        before = log.read(TRIAL)
        log.report(TRIAL, [entry("3")])
        assert [one.value for one in before] == ["1"]
        assert values(log) == ["1", "3"]

    def test_threads_lose_nothing(self, log: ObservationLog) -> None:
        """Reports, flushes and reads of several threads at once."""

        def work(number: int) -> None:
            for step in range(50):
                log.report(TRIAL, [entry(f"{number}-{step}")])
                if step % 10 == number:
                    log.flush()
                    log.read(TRIAL)

        threads = [Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.flush()
        found = values(log)
        assert len(found) == 200
        for number in range(4):
            mine = [value for value in found if value.startswith(f"{number}-")]
            assert mine == [f"{number}-{step}" for step in range(50)]
